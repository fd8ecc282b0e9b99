//! The head mark: a small file beside sled that says how far the log is known to reach.
//!
//! sled takes damage in what was written since it was opened for the end of its file, and opens with less. The blocks it
//! still has are whole and chained, so only something outside of it can tell that some are missing. The mark is written on
//! a slower beat than commits, so it catches what was cut off before it; an unclean end after it is ordinary.

use std::fs;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::block::Tail;
use crate::directory::{doing, write_durably};
use crate::error::OpenError;

const HEAD: &str = "HEAD";

/// The last block that is known to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) last_block_no: u64,
    pub(crate) last_seq: u64,
}

impl Head {
    pub(crate) fn of(tail: &Tail) -> Self {
        Self { last_block_no: tail.block_no - 1, last_seq: tail.last_seq() }
    }

    fn lines(self) -> String {
        format!("block {}\nseq {}\n", self.last_block_no, self.last_seq)
    }

    pub(crate) fn write(self, dir: &Path) -> io::Result<()> {
        let lines = self.lines();
        write_durably(dir, HEAD, &format!("{lines}check {:016x}\n", xxh3_64(lines.as_bytes())))
    }

    /// What the mark says.
    pub(crate) fn read(dir: &Path) -> Result<HeadMark, OpenError> {
        let path = dir.join(HEAD);
        match fs::read(&path) {
            Ok(text) => Ok(Self::parse(&text).map_or(HeadMark::Unreadable, HeadMark::At)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadMark::None),
            Err(error) => Err(doing("reading", &path)(error)),
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.lines();
        let last_block_no = lines.next()?.strip_prefix("block ")?.parse().ok()?;
        let last_seq = lines.next()?.strip_prefix("seq ")?.parse().ok()?;
        let check = u64::from_str_radix(lines.next()?.strip_prefix("check ")?, 16).ok()?;
        let head = Self { last_block_no, last_seq };
        (xxh3_64(head.lines().as_bytes()) == check).then_some(head)
    }
}

/// What there is of a head mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadMark {
    /// Nothing: the store is new.
    None,
    /// Something that is not what was written. It is reported, and written anew.
    Unreadable,
    /// The mark.
    At(Head),
}

impl HeadMark {
    pub(crate) fn head(self) -> Option<Head> {
        if let Self::At(head) = self { Some(head) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Head::read(dir.path()).unwrap(), HeadMark::None);
        let head = Head { last_block_no: 12, last_seq: 3_400 };
        head.write(dir.path()).unwrap();
        assert_eq!(Head::read(dir.path()).unwrap(), HeadMark::At(head));
        let text = fs::read(dir.path().join(HEAD)).unwrap();
        for bit in 0..text.len() * 8 {
            let mut damaged = text.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Head::parse(&damaged), None | Some(Head { last_block_no: 12, last_seq: 3_400 })));
        }
    }
}
