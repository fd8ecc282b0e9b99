//! When other versions of events counted than today (rule I2).

use super::{Reach, Versions};
use crate::conversation::Conversation;
use crate::moment::Moment;
use crate::time::Time;

/// The times at which a smaller version of an event, the one that counts today, had not happened, and another one had.
#[derive(Debug)]
pub(crate) struct Revival {
    /// The times of the versions that had happened.
    pub(crate) versions: Vec<Time>,
    /// The time of the version that counts.
    until: Time,
}

impl Revival {
    /// Whether another version counts at this time.
    pub(crate) fn includes(&self, at: Time) -> bool {
        at < self.until && self.versions.iter().any(|version| *version <= at)
    }
}

/// All of them in a conversation.
pub(crate) fn revivals(conversation: &Conversation) -> Vec<Revival> {
    let facts = &conversation.facts;
    let latest = facts.timed_len().checked_sub(1).and_then(|last| facts.get(last)).map(|fact| fact.at.alone());
    let reach = Reach { moment: Moment::LATEST, latest, left_out: &[] };
    let revival = |versions: &Versions<'_>| {
        let until = reach.when(&versions.counting?);
        let times = versions.lost.iter().map(|fact| reach.when(fact)).filter(|at| *at < until);
        let versions: Vec<_> = times.collect();
        (!versions.is_empty()).then_some(Revival { versions, until })
    };
    Versions::of(facts, conversation.conflicts.iter(), conversation.lists()).iter().filter_map(revival).collect()
}
