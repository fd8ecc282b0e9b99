//! The change feed of a database of this process or of another one.

use std::time::Duration;

use convofold::Change;
#[cfg(feature = "serve")]
use convofold::{ChangesError, Seq};
#[cfg(feature = "serve")]
use convofold_server::ClientError;

#[cfg(feature = "serve")]
use crate::client_error::blames_log;
use crate::error::CliError;

/// The events of a database in the order of arrival.
#[derive(Debug)]
pub enum Changes {
    /// Opened by this process.
    Here(convofold::Changes),
    /// Of the process that holds it.
    #[cfg(feature = "serve")]
    Elsewhere {
        /// The feed.
        changes: convofold_server::Changes,
        /// The first event that was asked for.
        from: Seq,
    },
}

/// What a feed has within a time.
#[derive(Debug)]
pub enum Next {
    /// An event.
    Change(Box<Change>),
    /// Nothing yet.
    Nothing,
    /// This feed has no more events.
    End,
}

impl Changes {
    /// The next event; `None` if there is none yet.
    ///
    /// # Errors
    /// [`CliError`] if the log cannot be read.
    pub fn try_next(&mut self) -> Result<Option<Change>, CliError> {
        match self {
            Self::Here(changes) => changes.try_next().map_err(|error| CliError::log(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere { changes, from } => changes.next_change().map_err(|error| feed_error(error, *from)),
        }
    }

    /// The next event, waiting up to this time for it. A feed that the holder of the database ends has no more events.
    ///
    /// # Errors
    /// [`CliError`] if the log cannot be read.
    #[cfg_attr(
        not(feature = "serve"),
        expect(unused_variables, reason = "a database opened for reading does not change")
    )]
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Next, CliError> {
        match self {
            Self::Here(changes) => {
                let change = changes.try_next().map_err(|error| CliError::log(&error))?;
                Ok(change.map_or(Next::End, |change| Next::Change(Box::new(change))))
            }
            #[cfg(feature = "serve")]
            Self::Elsewhere { changes, from } => match changes.next_timeout(timeout) {
                Ok(convofold_server::Next::Change(change)) => Ok(Next::Change(change)),
                Ok(convofold_server::Next::Nothing) => Ok(Next::Nothing),
                Ok(convofold_server::Next::End) | Err(ClientError::Ended { .. }) => Ok(Next::End),
                Err(error) => Err(feed_error(error, *from)),
            },
        }
    }
}

#[cfg(feature = "serve")]
fn feed_error(error: ClientError, from: Seq) -> CliError {
    match error {
        ClientError::Dropped { first_seq } => CliError::log(&ChangesError::Dropped { seq: from, first_seq }),
        error if blames_log(&error) => CliError::unreadable_log(&error.words()),
        error => error.into(),
    }
}
