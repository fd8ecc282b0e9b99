//! The events of a conversation at a moment, as they were accepted.

use std::collections::HashMap;

use super::Past;
use crate::conflict::{Conflict, conflict_of};
use crate::effect::Seq;
use crate::event::Event;
use crate::fact::Fact;
use crate::time::Time;

impl<'a> Past<'a> {
    /// Every event of the set, also those that lost to another one in it.
    fn all(&self) -> impl Iterator<Item = Fact<'a>> {
        self.in_order().map(|(_, fact)| fact).chain(self.lost.iter().copied())
    }

    /// The time of the first event in the set.
    #[must_use]
    pub fn first_at(&self) -> Option<Time> {
        let counting = self.in_order().next().map(|(at, _)| at);
        self.lost.iter().map(|fact| self.reach.when(fact)).chain(counting).min()
    }

    /// The events of the set with their sequence numbers, in no order. A database that was given exactly these has the
    /// state of this one.
    #[must_use]
    pub fn events(&self) -> Vec<(Seq, Event)> {
        // The facts of a conversation always make events.
        self.all().filter_map(|fact| Some((fact.seq, fact.event(self.id, self.lists).ok()?))).collect()
    }

    /// The events of the set that lost to another one in it (rule I2), in the order of their arrival.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Conflict> {
        if self.lost.is_empty() {
            return Vec::new();
        }
        let counting: HashMap<_, _> = self.in_order().map(|(_, fact)| (fact.identity(self.lists), fact)).collect();
        let mut lost = self.lost.clone();
        lost.sort_by_key(|fact| fact.seq);
        let pairs = lost.iter().filter_map(|loser| Some((counting.get(&loser.identity(self.lists))?, loser)));
        pairs.filter_map(|(winner, loser)| conflict_of((self.id, self.lists), winner, loser).ok()).collect()
    }
}
