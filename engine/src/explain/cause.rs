//! Events that make a value.

use crate::effect::Seq;

/// An event that makes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) seq: Seq,
    /// Its part in it, if that is not plain from the rule.
    pub(super) role: Option<&'static str>,
}

/// The events that make a value. Without any other one, the value is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes(Vec<Cause>);

impl Causes {
    /// These events, in their plain part.
    pub(super) fn of(events: impl IntoIterator<Item = Seq>) -> Self {
        Self(events.into_iter().map(|seq| Cause { seq, role: None }).collect())
    }

    pub(super) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds an event with its part.
    pub(super) fn and(mut self, event: Option<Seq>, role: &'static str) -> Self {
        self.0.extend(event.map(|seq| Cause { seq, role: Some(role) }));
        self
    }

    /// Sorts them by sequence number. An event that is there twice is there once, in its plain part if it has that.
    pub(super) fn settle(&mut self) {
        self.0.sort_by_key(|cause| (cause.seq, cause.role.is_some()));
        self.0.dedup_by_key(|cause| cause.seq);
    }

    /// The cause that is this event, after [`Causes::settle`].
    pub(super) fn get(&self, seq: Seq) -> Option<&Cause> {
        self.0.binary_search_by_key(&seq, |cause| cause.seq).ok().and_then(|index| self.0.get(index))
    }

    pub(super) fn seqs(&self) -> impl Iterator<Item = Seq> {
        self.0.iter().map(|cause| cause.seq)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether these are the same events.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.seqs().eq(other.seqs())
    }
}
