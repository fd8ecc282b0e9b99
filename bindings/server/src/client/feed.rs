//! The change feed.

use std::collections::VecDeque;
use std::time::Duration;

use convofold::{Change, Seq};
use serde::Deserialize;

use super::error::ClientError;
use super::request::path;
use super::{Body, Client};

/// The change feed of the process that holds a database; see [`Convofold::changes`](convofold::Convofold::changes).
pub struct Changes {
    body: Body,
    /// The beginning of a line.
    line: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
    from_seq: Seq,
}

/// A line of the feed.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Change(Box<Change>),
    Resync { resync: Resync },
}

#[derive(Deserialize)]
struct Resync {
    first_seq: Seq,
}

impl Client {
    /// The events from this one on, in the order of arrival. The feed ends with the last durable event, or waits for more.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn changes(&self, from_seq: Seq, waits: bool) -> Result<Changes, ClientError> {
        let since = from_seq.max(1) - 1;
        let body = self.stream(&path("/api/v1/changes", &[("since", since), ("wait", u64::from(waits))]))?;
        Ok(Changes { body, line: Vec::new(), ready: VecDeque::new(), from_seq })
    }
}

impl Changes {
    /// The value of a header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.body.header(name)
    }

    /// The next event; `None` at the end of a feed that does not wait.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Dropped`] if it is not in the log any more.
    pub fn next_change(&mut self) -> Result<Option<Change>, ClientError> {
        loop {
            match self.next_timeout(Duration::MAX)? {
                Next::Change(change) => return Ok(Some(*change)),
                Next::Nothing => {}
                Next::End => return Ok(None),
            }
        }
    }

    /// The next event, or nothing after this time.
    ///
    /// # Errors
    /// As for [`Changes::next_change`].
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Next, ClientError> {
        loop {
            while let Some(line) = self.ready.pop_front() {
                // Silence is broken by empty lines.
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                match serde_json::from_slice(&line) {
                    Ok(Line::Change(change)) if change.seq < self.from_seq => {}
                    Ok(Line::Change(change)) => return Ok(Next::Change(change)),
                    // An event that is still to come is waited for.
                    Ok(Line::Resync { resync }) if resync.first_seq <= self.from_seq => {}
                    Ok(Line::Resync { resync }) => return Err(ClientError::Dropped { first_seq: resync.first_seq }),
                    Err(error) => return Err(self.body.unexpected(error)),
                }
            }
            match self.body.next_part_timeout(timeout)? {
                None => return Ok(Next::Nothing),
                Some(None) => return Ok(Next::End),
                Some(Some(part)) => {
                    for piece in part.split_inclusive(|byte| *byte == b'\n') {
                        self.line.extend_from_slice(piece);
                        if piece.ends_with(b"\n") {
                            self.ready.push_back(std::mem::take(&mut self.line));
                        }
                    }
                }
            }
        }
    }
}

/// What came within the time.
#[derive(Debug)]
pub enum Next {
    /// An event.
    Change(Box<Change>),
    /// Nothing.
    Nothing,
    /// The end of a feed that does not wait.
    End,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}
