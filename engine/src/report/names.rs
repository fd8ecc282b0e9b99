//! The names of agents with an id: of several, the latest one counts.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::report::groups::AgentOfTenant;

/// The latest name of each agent with an id. The keys are without names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(HashMap<AgentOfTenant, Named>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    /// The latest name, with the time of the last event of the conversation that has it.
    latest: (i64, Option<Arc<str>>),
    /// No conversation has another name, or none.
    is_only: bool,
}

impl Named {
    fn add(&mut self, other: &Self) {
        self.is_only &= other.is_only && self.latest.1 == other.latest.1;
        // A conversation without a name does not take it from the others.
        let is_later = if self.latest.1.is_some() == other.latest.1.is_some() {
            self.latest < other.latest
        } else {
            other.latest.1.is_some()
        };
        if is_later {
            self.latest = other.latest.clone();
        }
    }
}

impl Names {
    /// Adds the name that an agent has in a conversation, whose last event was at this time.
    pub(crate) fn add(&mut self, agent: &AgentOfTenant, at: i64, name: Option<Arc<str>>) {
        self.add_named(agent, &Named { latest: (at, name), is_only: true });
    }

    fn add_named(&mut self, agent: &AgentOfTenant, named: &Named) {
        match self.0.get_mut(agent) {
            Some(known) => known.add(named),
            None => drop(self.0.insert(agent.clone(), named.clone())),
        }
    }

    /// Adds the names of other conversations.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(agent, named)| self.add_named(agent, named));
    }

    /// The latest names, with the times of [`Names::add`].
    pub(crate) fn all(&self) -> impl Iterator<Item = (AgentOfTenant, i64, Option<Arc<str>>)> {
        self.0.iter().map(|(agent, Named { latest: (at, name), .. })| (agent.clone(), *at, name.clone()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn latest(&self, agent: &AgentOfTenant) -> Option<Arc<str>> {
        self.0.get(agent).and_then(|named| named.latest.1.clone())
    }

    /// Whether each agent has the same name in all conversations, so that any of them tells it.
    pub(crate) fn are_constant(&self) -> bool {
        self.0.values().all(|named| named.is_only)
    }

    /// Replaces the names of one conversation. `false` if the latest names depend on the other conversations.
    pub(crate) fn replace(&mut self, before: &Self, after: &Self) -> bool {
        let can_tell = before.0.iter().all(|(agent, old)| {
            let is_constant = || self.0.get(agent).is_some_and(|known| known.is_only);
            match after.0.get(agent) {
                Some(new) if new.latest.1 == old.latest.1 => new.latest >= old.latest || is_constant(),
                Some(new) => new.latest.1.is_some() && new.latest >= old.latest,
                None => is_constant(),
            }
        });
        self.merge(after);
        can_tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> AgentOfTenant {
        AgentOfTenant { id: Some("a".into()), ..AgentOfTenant::default() }
    }

    fn names(named: &[(i64, Option<&str>)]) -> Names {
        let mut names = Names::default();
        named.iter().for_each(|(at, name)| names.add(&agent(), *at, name.map(Arc::from)));
        names
    }

    #[test]
    fn the_latest_name_counts_in_any_order() {
        for named in
            [[(1, Some("Ann")), (2, Some("Anna")), (3, None)], [(3, None), (2, Some("Anna")), (1, Some("Ann"))]]
        {
            let names = names(&named);
            assert_eq!(names.latest(&agent()).as_deref(), Some("Anna"));
            assert!(!names.are_constant());
        }
        assert!(names(&[(1, Some("Ann")), (2, Some("Ann"))]).are_constant());
        assert!(!names(&[(1, None), (2, Some("Ann"))]).are_constant());
    }

    #[test]
    fn a_name_is_replaced_only_by_a_later_one() {
        let replace = |all: &[_], before: &[_], after: &[_]| {
            let mut all = names(all);
            let can_tell = all.replace(&names(before), &names(after));
            can_tell.then(|| all.latest(&agent()).map(|name| name.to_string()))
        };
        let ann = Some(Some("Ann".to_owned()));
        assert_eq!(replace(&[(1, Some("Ann")), (5, Some("Ann"))], &[(5, Some("Ann"))], &[(3, Some("Ann"))]), ann);
        assert_eq!(replace(&[(1, Some("Ann")), (5, Some("Ann"))], &[(5, Some("Ann"))], &[]), ann);
        let anna = Some(Some("Anna".to_owned()));
        assert_eq!(replace(&[(5, Some("Ann"))], &[(5, Some("Ann"))], &[(6, Some("Anna"))]), anna);
        assert_eq!(replace(&[(1, Some("Ann")), (5, Some("Anna"))], &[(5, Some("Anna"))], &[(4, Some("Anna"))]), None);
        assert_eq!(replace(&[(1, Some("Ann")), (5, Some("Anna"))], &[(5, Some("Anna"))], &[]), None);
        assert_eq!(replace(&[(5, Some("Ann"))], &[(5, Some("Ann"))], &[(6, None)]), None);
    }
}
