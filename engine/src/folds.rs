//! The folds of one conversation: the current one, and earlier ones from which it can be folded again.

use std::sync::Arc;

use crate::event::At;
use crate::fact::Fact;
use crate::fold::{Fold, Lists};
use crate::timeline::Timeline;

/// The minimum number of steps between two saved folds. So a short conversation has none. Small in tests, as are the
/// other sizes of long conversations.
const STEPS_PER_SAVED: usize = if cfg!(test) { 16 } else { 1_024 };

/// The number of bytes that are copied in the time of a step.
const BYTES_PER_STEP: usize = 64;

/// The fold of a conversation's facts.
///
/// A late event costs one step for each event after it, and at most as many before it: copies of the fold are saved in
/// intervals that double with the distance from the end. So there are logarithmically many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folds {
    /// The fold of the facts with a time.
    timed: Fold,
    /// The number of facts in it.
    steps: usize,
    /// The fold of all facts, if some have no time.
    whole: Option<Box<Fold>>,
    /// Earlier values of `timed`, in order.
    saved: Vec<Saved>,
}

/// A fold of the first `steps` facts.
#[derive(Clone, Debug)]
struct Saved {
    steps: usize,
    fold: Arc<Fold>,
}

impl Folds {
    /// The fold of all facts. It must be settled.
    pub(crate) fn whole(&self) -> &Fold {
        self.whole.as_deref().unwrap_or(&self.timed)
    }

    /// About the number of steps of [`Folds::settle`] with the same arguments.
    pub(crate) fn steps_to_settle(&self, kept: usize, facts: &Timeline) -> usize {
        let from = if self.steps <= kept { self.steps } else { self.saved_before(kept).map_or(0, |saved| saved.steps) };
        // Settling the fold will probably take as long as last time.
        facts.len() - from + self.timed.steps_settled()
    }

    /// A copy of what [`Folds::settle`] starts from.
    pub(crate) fn base(&self, kept: usize) -> Self {
        if self.steps <= kept {
            return Self { timed: self.timed.clone(), steps: self.steps, whole: None, saved: self.saved.clone() };
        }
        let saved = self.saved.iter().take_while(|saved| saved.steps <= kept).cloned();
        let mut base = Self { saved: saved.collect(), ..Self::default() };
        base.revert();
        base
    }

    /// Folds all facts. The first `kept` are those that were folded last time.
    pub(crate) fn settle(&mut self, kept: usize, facts: &Timeline, lists: Lists<'_>) {
        if self.steps > kept {
            self.saved.retain(|saved| saved.steps <= kept);
            self.revert();
        }
        if self.steps < facts.timed_len() {
            facts.timed_after(self.steps).for_each(|fact| self.step(&fact, lists));
        }
        self.timed.settle();
        self.whole = self.with_untimed(facts, lists);
    }

    /// Folds the fact at this index if it is the next one, so that it need not be unpacked later. Returns whether it was.
    /// [`Folds::settle`] must follow.
    pub(crate) fn follow(&mut self, place: usize, fact: &Fact<'_>, lists: Lists<'_>) -> bool {
        let is_next = self.steps == place && matches!(fact.at, At::Timed(_));
        if is_next {
            self.step(fact, lists);
        }
        is_next
    }

    fn step(&mut self, fact: &Fact<'_>, lists: Lists<'_>) {
        self.save();
        self.timed.step(fact, fact.at.alone(), lists);
        self.steps += 1;
    }

    /// Continues from the last saved fold.
    fn revert(&mut self) {
        let last = self.saved.last();
        self.timed = last.map(|saved| (*saved.fold).clone()).unwrap_or_default();
        self.steps = last.map_or(0, |saved| saved.steps);
    }

    /// A fold of the first facts, at most `facts` of them, and their number. It must be settled before it is read.
    pub(crate) fn near(&self, facts: usize) -> (usize, Fold) {
        let Self { timed, steps, .. } = self.base(facts);
        (steps, timed)
    }

    fn saved_before(&self, kept: usize) -> Option<&Saved> {
        self.saved.iter().rfind(|saved| saved.steps <= kept)
    }

    /// Saves the fold if enough steps were taken since the last time to pay for the copy.
    fn save(&mut self) {
        let since = self.steps - self.saved.last().map_or(0, |saved| saved.steps);
        if since < STEPS_PER_SAVED.max(self.timed.copied_bytes() / BYTES_PER_STEP) {
            return;
        }
        self.saved.push(Saved { steps: self.steps, fold: Arc::new(self.timed.clone()) });
        self.thin();
    }

    /// Drops saved folds whose neighbours are not further apart than from the end.
    fn thin(&mut self) {
        let mut before = 0;
        let mut index = 0;
        while let (Some(saved), Some(next)) = (self.saved.get(index), self.saved.get(index + 1)) {
            if next.steps - before <= self.steps - next.steps {
                self.saved.remove(index);
            } else {
                before = saved.steps;
                index += 1;
            }
        }
    }

    /// Adds the closes without a usable time (T3): after all other events, at the time of the latest of them.
    fn with_untimed(&self, facts: &Timeline, lists: Lists<'_>) -> Option<Box<Fold>> {
        if facts.len() == facts.timed_len() {
            return None;
        }
        let mut whole = Box::new(self.timed.clone());
        for (at, fact) in facts.untimed_in_order(lists) {
            whole.step(&fact, at, lists);
            whole.clock_suspicions.push(at);
        }
        whole.settle();
        Some(whole)
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let copies = self.saved.iter().map(|saved| &*saved.fold).chain(self.whole.as_deref());
        self.timed.heap_bytes() + copies.map(|fold| size_of::<Fold>() + fold.copied_bytes()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_between_saved_folds_doubles_towards_the_start() {
        let mut folds = Folds::default();
        for _ in 0..10_000 {
            folds.save();
            folds.steps += 1;
        }
        let saved: Vec<_> = folds.saved.iter().map(|saved| saved.steps).collect();
        assert!(saved.len() <= 2 * 10, "{saved:?}");
        let mut before = 0;
        for steps in saved {
            assert!(steps - before <= 10_000 - steps + 2 * STEPS_PER_SAVED, "{steps} after {before}");
            before = steps;
        }
    }
}
