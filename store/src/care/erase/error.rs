//! Errors of an erasure.

use std::io;
use std::path::PathBuf;

use crate::care::rewrite::RewriteError;
use crate::open::error::OpenError;
use crate::write::error::CloseError;

/// Why nothing was erased, or not everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The database is in use, or cannot be opened. Nothing has changed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database could not be closed after a checkpoint was written. Nothing was erased.
    #[error("a checkpoint could not be written before the erasure")]
    Close(#[from] CloseError),
    /// Conversations are open, and their later events would make conversations under the old ids. Nothing has changed.
    /// Close them, or erase them with [`Erase::open_too`](super::Erase::open_too).
    #[error("{conversations} of the conversations are still open")]
    StillOpen {
        /// Their number.
        conversations: u64,
    },
    /// A legal hold keeps some of the conversations, or a subject ([`Convofold::hold`](crate::Convofold::hold)). Nothing has
    /// changed.
    #[error("a legal hold keeps {}", kept(*conversations))]
    Held {
        /// How many. 0 if it has a subject of whom there is no conversation: the files beside the storage can be about it.
        conversations: u64,
    },
    /// The storage was not written again.
    #[error(transparent)]
    Rewrite(RewriteError),
    /// Something of the subject would be left, so the copy is not used. Nothing has changed.
    #[error("the erasure would leave something: {what}")]
    Left {
        /// What, without naming the subject.
        what: String,
    },
    /// Another file of the directory contains something of the subject. Remove it, and try again. Nothing has changed, except what
    /// [`Erase::beside`](super::Erase::beside) removed.
    #[error("{}, line {line}, contains an id, a number or a text of what is to be erased", file.display())]
    Beside {
        /// The file.
        file: PathBuf,
        /// The number of the line, from 1.
        line: u64,
    },
    /// The directory contains a compressed file, or another storage, which cannot be searched. Move it to another place, or remove
    /// it. Nothing has changed.
    #[error("{} is compressed, and may contain what is to be erased", path.display())]
    Unsearchable {
        /// The file, or the folder of the storage.
        path: PathBuf,
    },
    /// A bookmark of the host contains something of the subject. Set another value, or remove the bookmark, and try again:
    /// earlier values are erased. Nothing has changed.
    #[error("the bookmark {name} contains an id, a number or a text of what is to be erased")]
    InBookmark {
        /// Its name, quoted; `(name)` if the name contains it.
        name: String,
    },
    /// Writing HEAD failed. Everything is erased, or nothing is; the next opening removes the storage that is not used.
    #[error("moving to the erased storage failed")]
    Move(#[source] io::Error),
}

fn kept(conversations: u64) -> String {
    match conversations {
        0 => "the subject, of whom there is no conversation".to_owned(),
        conversations => format!("{conversations} of the conversations"),
    }
}

/// Whatever ends a rewriting.
impl<E> From<E> for EraseError
where
    RewriteError: From<E>,
{
    fn from(error: E) -> Self {
        Self::Rewrite(error.into())
    }
}
