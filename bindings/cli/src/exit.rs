//! The exit codes, in one table: what is documented is what is returned.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well; that there is nothing to show is well, too.
    Success,
    /// Something failed: reading, writing, a damaged database.
    Failure,
    /// The arguments make no sense.
    Usage,
    /// A replay or an ingest went through, and some of what it read cannot be an event.
    Rejected,
    /// The conversation is not known.
    NotFound,
    /// Another process has the database open.
    InUse,
    /// Damage was found, or something is lost.
    Damaged,
    /// A replay was stopped at a consistent point and can be continued.
    Interrupted,
}

impl Exit {
    /// Every way to end, with its code and what `--help` says of it.
    pub const ALL: [(Self, u8, &'static str); 8] = [
        (Self::Success, 0, "all is well (also when there is nothing to show)"),
        (Self::Failure, 1, "something failed: reading, writing, a damaged database"),
        (Self::Usage, 2, "the arguments make no sense"),
        (Self::Rejected, 3, "everything was read, but something in it was rejected (replay, ingest)"),
        (Self::NotFound, 4, "no such conversation (show, history)"),
        (Self::InUse, 5, "another process has the database open"),
        (Self::Damaged, 6, "damage was found, or something is lost (verify, audit, repair)"),
        (Self::Interrupted, 130, "the replay was stopped and can be continued"),
    ];

    /// The number that the process returns.
    #[must_use]
    pub fn code(self) -> u8 {
        Self::ALL.iter().find(|(exit, _, _)| *exit == self).map_or(1, |(_, code, _)| *code)
    }

    /// The table for `--help`.
    #[must_use]
    pub fn help() -> String {
        let mut text = String::from("Exit codes:\n");
        for (_, code, meaning) in Self::ALL {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {code:>3}  {meaning}");
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_a_code_of_its_own() {
        let codes: std::collections::BTreeSet<_> = Exit::ALL.iter().map(|(exit, _, _)| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
    }
}
