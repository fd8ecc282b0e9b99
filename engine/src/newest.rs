//! The time of the newest event (rule T1).

/// The time of the newest event of a conversation, or of all.
///
/// It is ordered so that the largest one of several conversations is the newest event of all of them: an event whose
/// clock is credible counts before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Newest {
    is_credible: bool,
    at_ms: i64,
}

impl Newest {
    /// An event at this time. Its clock is not credible if its own time is more than a day after `occurred`, or if it is
    /// a close without a usable time.
    #[must_use]
    pub fn new(at_ms: i64, is_credible: bool) -> Self {
        Self { is_credible, at_ms }
    }

    /// The time in milliseconds since the epoch.
    #[must_use]
    pub fn at_ms(self) -> i64 {
        self.at_ms
    }

    /// Whether the clock of the event is credible.
    #[must_use]
    pub fn is_credible(self) -> bool {
        self.is_credible
    }
}

/// The largest of many values that can be replaced, in constant time and space.
///
/// If the largest one is replaced by a smaller one, the new largest one is not known until a larger one is added.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Largest {
    /// The largest value, and how many are equal to it: 0 if it was replaced.
    top: Option<(Newest, u64)>,
}

impl Largest {
    pub(crate) fn get(&self) -> Option<Newest> {
        self.top.filter(|(_, count)| *count > 0).map(|(top, _)| top)
    }

    pub(crate) fn replace(&mut self, before: Option<Newest>, now: Newest) {
        if before == Some(now) {
            return;
        }
        let Some((top, count)) = &mut self.top else {
            self.top = Some((now, 1));
            return;
        };
        if before == Some(*top) {
            *count = count.saturating_sub(1);
        }
        if now > *top {
            (*top, *count) = (now, 1);
        } else if now == *top {
            *count += 1;
        }
    }
}

/// An unknown value differs from no other.
impl PartialEq for Largest {
    fn eq(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (self.get(), other.get()) else { return true };
        one == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(at_ms: i64) -> Newest {
        Newest::new(at_ms, true)
    }

    #[test]
    fn t1_a_credible_clock_counts_before_all_others() {
        let mut largest = Largest::default();
        assert_eq!(largest.get(), None);
        let ahead = Newest::new(9_000, false);
        for (now, expected) in [(ahead, ahead), (sure(5), sure(5)), (sure(3), sure(5)), (sure(7), sure(7))] {
            largest.replace(None, now);
            assert_eq!(largest.get(), Some(expected));
        }
    }

    #[test]
    fn a_replaced_largest_value_is_unknown_until_a_larger_one_comes() {
        let mut largest = Largest::default();
        [sure(3), sure(5), sure(5)].into_iter().for_each(|value| largest.replace(None, value));
        largest.replace(Some(sure(5)), sure(4));
        assert_eq!(largest.get(), Some(sure(5)), "the other one");
        largest.replace(Some(sure(5)), sure(1));
        assert_eq!(largest.get(), None);
        largest.replace(Some(sure(1)), sure(2));
        assert_eq!(largest.get(), None);
        largest.replace(Some(sure(4)), sure(5));
        assert_eq!(largest.get(), Some(sure(5)));
    }
}
