//! How a command treats a damaged database.

use convofold::StateHash;

use crate::torture::limits::{Disgrace, Ran};

/// How a command treats a damaged database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All events are there.
    Whole,
    /// Events are missing, and the command reports it.
    ToldLess,
    /// All events are there, and a command that reads all conversations refuses one, with a reason and a hint.
    FoundByReading,
    /// The command refuses, with a reason and a hint.
    Refused,
    /// The command refuses without a reason or a hint, or shows internals.
    RefusedUnclearly,
    /// The state is wrong and nothing reports it.
    SilentLoss,
    /// It hung, panicked, died of a signal or ran out of memory.
    Disgraced(Disgrace),
}

impl Outcome {
    /// The outcome of `convofold hash`, if the whole database has this hash.
    pub(super) fn of(ran: &Ran, hash: StateHash) -> Self {
        if let Some(disgrace) = ran.disgrace() {
            return Self::Disgraced(disgrace);
        }
        let says = |what: &str| ran.stderr.contains(what);
        let is_whole = ran.stdout.trim() == hash.to_string();
        let is_clear = says("error: ") && says("hint: ") && !says("panicked");
        match ran.code() {
            Some(0) if is_whole => Self::Whole,
            Some(0) if says("lost") || says("missing") => Self::ToldLess,
            Some(0) => Self::SilentLoss,
            _ if is_clear && ran.stdout.is_empty() => Self::Refused,
            _ => Self::RefusedUnclearly,
        }
    }

    /// The outcome of `convofold export` of a database that is [`Outcome::Whole`] according to its hash: opening reads no
    /// conversations.
    pub(super) fn of_reading(ran: &Ran) -> Self {
        if let Some(disgrace) = ran.disgrace() {
            return Self::Disgraced(disgrace);
        }
        let says = |what: &str| ran.stderr.contains(what);
        match ran.code() {
            Some(0) => Self::Whole,
            _ if says("error: ") && says("hint: ") && !says("panicked") => Self::FoundByReading,
            _ => Self::RefusedUnclearly,
        }
    }

    pub(super) fn breaks_a_promise(self) -> bool {
        match self {
            Self::Whole | Self::ToldLess | Self::FoundByReading | Self::Refused => false,
            Self::RefusedUnclearly | Self::SilentLoss | Self::Disgraced(_) => true,
        }
    }

    pub(super) fn in_words(self) -> String {
        match self {
            Self::Whole => "whole".to_owned(),
            Self::ToldLess => "told less".to_owned(),
            Self::FoundByReading => "found by reading".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::RefusedUnclearly => "REFUSED UNCLEARLY".to_owned(),
            Self::SilentLoss => "SILENT LOSS".to_owned(),
            Self::Disgraced(disgrace) => disgrace.to_string().to_uppercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn outcome(code: i32, stdout: &str, stderr: &str) -> Outcome {
        let status = Some(ExitStatus::from_raw(code << 8));
        Outcome::of(&Ran { status, stdout: stdout.to_owned(), stderr: stderr.to_owned() }, StateHash::default())
    }

    #[test]
    fn what_was_said_decides_between_a_loss_and_a_silent_one() {
        let whole = format!("{}\n", StateHash::default());
        assert_eq!(outcome(0, &whole, ""), Outcome::Whole);
        assert_eq!(outcome(0, "ff\n", "note: removed a file\n"), Outcome::SilentLoss);
        assert_eq!(outcome(0, "ff\n", "note: 7 events are lost\n"), Outcome::ToldLess);
        assert_eq!(outcome(1, "", "error: it is damaged\nhint: repair it\n"), Outcome::Refused);
        assert_eq!(outcome(1, "", "error: it is damaged\n"), Outcome::RefusedUnclearly);
        assert_eq!(outcome(1, "", "thread panicked at\nerror: x\nhint: y\n"), Outcome::RefusedUnclearly);
        assert_eq!(outcome(101, "", ""), Outcome::Disgraced(Disgrace::Panic));
    }
}
