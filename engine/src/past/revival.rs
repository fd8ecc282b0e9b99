//! When other versions of events counted than today (rule I2).

use super::{Reach, Versions};
use crate::conversation::Conversation;
use crate::moment::Moment;
use crate::time::Time;

/// The times at which a smaller version of an event, the one that counts today, had not happened, and another one had.
#[derive(Debug)]
pub(crate) struct Revivals {
    /// The times of the other versions, in order.
    versions: Vec<Time>,
    /// By the beginning: when the first version had happened, and the last end of this and the spans before it.
    spans: Vec<(Time, Time)>,
}

impl Revivals {
    /// All of them in a conversation.
    pub(crate) fn of(conversation: &Conversation) -> Self {
        let facts = &conversation.facts;
        let latest = facts.timed_len().checked_sub(1).and_then(|last| facts.get(last)).map(|fact| fact.at.alone());
        let reach = Reach { moment: Moment::LATEST, latest, left_out: &[] };
        let (mut all, mut spans) = (Vec::new(), Vec::new());
        for versions in Versions::of(facts, conversation.conflicts.iter(), conversation.lists()) {
            let Some(until) = versions.counting.map(|counting| reach.when(&counting)) else { continue };
            let times = versions.lost.iter().map(|fact| reach.when(fact)).filter(|at| *at < until);
            let first = all.len();
            all.extend(times);
            spans.extend(all.iter().skip(first).min().map(|began| (*began, until)));
        }
        all.sort_unstable();
        all.dedup();
        spans.sort_unstable();
        let mut last = Time::MIN;
        for (_, until) in &mut spans {
            last = last.max(*until);
            *until = last;
        }
        Self { versions: all, spans }
    }

    /// The times of the other versions, in order.
    pub(crate) fn versions(&self) -> &[Time] {
        &self.versions
    }

    /// Whether another version counts at this time.
    pub(crate) fn include(&self, at: Time) -> bool {
        let begun = self.spans.partition_point(|(began, _)| *began <= at);
        begun.checked_sub(1).and_then(|last| self.spans.get(last)).is_some_and(|(_, until)| at < *until)
    }
}
