//! Questions that are asked elsewhere.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use tokio::task::spawn_blocking;

use super::Relayed;
use super::session::Holder;
use crate::problem::Problem;
use crate::routes::json_text;

/// Answers questions.
pub trait Answers: Send + Sync + 'static {
    /// Answers a question. Blocks.
    fn answer(&self, asked: &Asked) -> Reply;

    /// What each partition of a cluster answers to the same question. Blocks.
    ///
    /// # Errors
    /// The [`Reply`] that refuses the question.
    fn answer_parts(&self, asked: &Asked) -> Result<PartAnswers, Reply>;
}

/// A question: a GET request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The path, such as `/api/v1/totals`, decoded.
    pub path: String,
    /// The parameters, in their order.
    pub params: Vec<(String, String)>,
    /// The token of who asks.
    pub token: Option<String>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// JSON.
    Json(String),
    /// What is wrong, with a status such as 400.
    Problem {
        /// The status.
        status: u16,
        /// What is wrong, and what was expected.
        detail: String,
    },
}

/// The answers of the partitions to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartAnswers {
    /// The JSON of each.
    pub answers: Vec<Box<str>>,
    /// How many messages of the log they reflect, all together.
    pub log_seq: u64,
    /// The partitions that do not answer, each with the reasons.
    pub missing: Vec<String>,
    /// The partitions whose answers may be old, each with the reason.
    pub stale: Vec<String>,
}

impl Asked {
    /// The question of a request.
    pub(super) fn of(uri: &Uri, holder: Holder) -> Result<Self, Problem> {
        let params = serde_urlencoded::from_str(uri.query().unwrap_or_default());
        let params = params.map_err(|error| Problem::bad_request(error.to_string()))?;
        Ok(Self { path: decoded(uri.path())?, params, token: holder.token })
    }

    /// The same with another value of a parameter.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.retain(|(known, _)| known != name);
        self.params.push((name.to_owned(), value.to_string()));
        self
    }
}

impl Reply {
    /// The JSON, or the problem.
    pub(super) fn into_json(self) -> Result<String, Problem> {
        match self {
            Self::Json(text) => Ok(text),
            Self::Problem { status, detail } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                Err(Problem::new(status, detail))
            }
        }
    }
}

impl Relayed {
    /// The JSON of an answer.
    pub(super) async fn ask(&self, asked: Asked) -> Result<String, Problem> {
        let answers = self.answers.clone();
        spawn_blocking(move || answers.answer(&asked)).await?.into_json()
    }

    /// The answers of the partitions.
    pub(super) async fn ask_parts(&self, asked: Asked) -> Result<PartAnswers, Problem> {
        let answers = self.answers.clone();
        match spawn_blocking(move || answers.answer_parts(&asked)).await? {
            Ok(parts) => Ok(parts),
            Err(reply) => Err(reply.into_json().err().unwrap_or_else(|| Problem::unavailable("no answer"))),
        }
    }
}

/// Answers every other path.
pub(super) async fn relay(State(relayed): State<Relayed>, request: Request) -> Result<Response, Problem> {
    if request.method() != Method::GET {
        let detail = "a cluster answers questions, and takes events at /webhooks and /api/v1/events";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    let (mut parts, _) = request.into_parts();
    let holder = Holder::from_request_parts(&mut parts, &relayed).await?;
    relayed.ask(Asked::of(&parts.uri, holder)?).await.map(json_text)
}

/// A path without percent-encoding.
fn decoded(path: &str) -> Result<String, Problem> {
    // The value of a parameter, in which these characters mean something else.
    let value = format!("path={}", path.replace('+', "%2B").replace('&', "%26"));
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(&value);
    let pairs = pairs.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(pairs.into_iter().map(|(_, path)| path).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded() {
        assert_eq!(decoded("/api/v1/conversations/a%2Fb+c&d=%20").unwrap(), "/api/v1/conversations/a/b+c&d= ");
    }
}
