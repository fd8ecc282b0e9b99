//! Errors of a client of `convofold serve`, as those of a command.

use convofold_server::ClientError;

use crate::error::{CliError, chain};
use crate::exit::Exit;

pub(crate) const BAD_REQUEST: u16 = 400;

/// The errors of a database elsewhere read as those of one that is opened here.
impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Write(error) => error.into(),
            ClientError::Query(error) => Self::page(&error.into()),
            ClientError::Problem(refusal) => match (refusal.cause, refusal.status) {
                (Some(cause), _) => Self::unreadable(&cause),
                (None, 401) => Self::new(Exit::Failure, refusal.detail)
                    .hint("--token-file FILE or CONVOFOLD_TOKEN gives a token; `convofold token add` makes one"),
                (None, _) => Self::new(Exit::Failure, refusal.detail),
            },
            ClientError::Url { .. } => Self::new(Exit::Usage, error.to_string()),
            ClientError::Ended { .. } => {
                Self::new(Exit::Failure, chain(&error)).hint("the output is incomplete: run the command again")
            }
            error => Self::new(Exit::Failure, chain(&error)),
        }
    }
}

/// The error of a request that the database could not answer, in the words of the library; or that of the connection.
pub(crate) fn blamed(error: ClientError, failed: impl FnOnce(String) -> CliError) -> CliError {
    match error.cause() {
        Some(cause) => failed(cause.to_owned()),
        None => error.into(),
    }
}

/// The server refuses the bounds of a moment, or a report, with the same words.
pub(crate) fn refused(error: ClientError) -> CliError {
    match error {
        ClientError::Problem(refusal) if refusal.status == BAD_REQUEST => CliError::new(Exit::Usage, refusal.detail),
        error => error.into(),
    }
}

/// Whether the log cannot be read.
pub(crate) fn blames_log(error: &ClientError) -> bool {
    let report = match error {
        ClientError::Problem(refusal) => refusal.report.as_ref(),
        _ => None,
    };
    report.and_then(|report| report.get("log")).and_then(serde_json::Value::as_bool) == Some(true)
}
