//! The exit codes, in one table for `--help` and for the process.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, also if there is nothing to show.
    Success,
    /// Something failed: reading, writing, a damaged database.
    Failure,
    /// Invalid arguments.
    Usage,
    /// A replay or an ingest completed, but rejected some input or could not read all of it.
    Rejected,
    /// No such conversation, or no such hold.
    NotFound,
    /// Another process has the database open.
    InUse,
    /// Damage found, or data lost.
    Damaged,
    /// Two sides of a comparison differ.
    Different,
    /// Partitions of a cluster are missing in the answer, or their part of it may be old.
    Incomplete,
    /// A replay was stopped at a consistent point and can be resumed.
    Interrupted,
}

impl Exit {
    /// Every exit, with its code and its description in `--help`.
    pub const ALL: [(Self, u8, &'static str); 10] = [
        (Self::Success, 0, "success (also if there is nothing to show)"),
        (Self::Failure, 1, "failure: reading, writing, a damaged database"),
        (Self::Usage, 2, "invalid arguments"),
        (Self::Rejected, 3, "completed, but some input was rejected or unreadable (replay, ingest)"),
        (Self::NotFound, 4, "no such conversation (show, history, diff --id), or no such hold (hold)"),
        (Self::InUse, 5, "another process has the database open and does not answer"),
        (Self::Damaged, 6, "damage found, or data lost (verify, audit, repair, hash)"),
        (Self::Different, 7, "the two sides differ (diff)"),
        (Self::Incomplete, 8, "partitions of a cluster are missing in the answer, or their part of it may be old"),
        (Self::Interrupted, 130, "replay stopped; the same command resumes it"),
    ];

    /// The exit code of the process.
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
