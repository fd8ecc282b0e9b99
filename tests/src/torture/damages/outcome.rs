//! What a command made of a damaged database.

use convofold::StateHash;

use crate::torture::limits::{Disgrace, Ran};

/// What a command made of a damaged database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything is there.
    Whole,
    /// Less is there, and it says so.
    ToldLess,
    /// It says why it does not open, and what to do.
    Refused,
    /// It does not open, and does not say why or what to do; or it shows its bowels.
    RefusedUnclearly,
    /// Something else is there than should be, and nobody would notice.
    SilentLoss,
    /// It ended as nothing should.
    Disgraced(Disgrace),
}

impl Outcome {
    /// Of `convofold hash`, where the whole database has this hash.
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

    pub(super) fn breaks_a_promise(self) -> bool {
        match self {
            Self::Whole | Self::ToldLess | Self::Refused => false,
            Self::RefusedUnclearly | Self::SilentLoss | Self::Disgraced(_) => true,
        }
    }

    pub(super) fn in_words(self) -> String {
        match self {
            Self::Whole => "whole".to_owned(),
            Self::ToldLess => "told less".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::RefusedUnclearly => "REFUSED UNCLEARLY".to_owned(),
            Self::SilentLoss => "SILENT LOSS".to_owned(),
            Self::Disgraced(disgrace) => disgrace.to_string().to_uppercase(),
        }
    }
}
