//! Why a server does not start, or does not end well.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use convofold::{CloseError, OpenError};

use crate::tokens::TokenError;

/// Why a server did not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Settings are missing, invalid, or contradict each other.
    #[error("invalid settings: {why}")]
    Settings {
        /// What is wrong.
        why: String,
    },
    /// Others could read and write without a token.
    #[error("{listen} can be reached by others, but there are no tokens")]
    NoTokens {
        /// The address.
        listen: SocketAddr,
    },
    /// Tokens and texts would cross the network in clear.
    #[error("{listen} can be reached by others, but TLS is not set up")]
    NoTls {
        /// The address.
        listen: SocketAddr,
    },
    /// The address is in use, or does not exist.
    #[error("cannot listen on {listen}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the certificate {}: {why}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The tokens cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The table of rejects cannot be read, or is damaged.
    #[error("cannot use the rejects in {}: {why}", path.display())]
    Rejects {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The table of alerts cannot be read or written.
    #[error("cannot use the table of alerts in {}", path.display())]
    Alerts {
        /// The file, or its folder.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The runtime, a signal handler or the server failed.
    #[error("the server failed")]
    Failed(#[from] io::Error),
    /// The database was not closed cleanly. Everything that was answered is durable.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// The database was not closed within the grace period. Everything that was answered is durable.
    #[error("the database was not closed within {grace}")]
    Grace {
        /// The grace period.
        grace: crate::Span,
    },
}
