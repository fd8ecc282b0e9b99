//! Comparison of two images or two states of one conversation, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use convofold_engine::{ConversationImage, Difference, Fact, State};

use super::Problem;
use crate::check::audit::differences;

/// The origin of the conversation that is compared with the fold.
#[derive(Clone, Copy, Debug)]
pub(super) enum CompareAs {
    Live,
    Checkpoint { generation: u64 },
}

impl CompareAs {
    fn problem(self, id: &Arc<str>, field: String, expected: String, found: String) -> Problem {
        let id = id.clone();
        match self {
            Self::Live => Problem::Conversation { id, field, expected, found },
            Self::Checkpoint { generation } => {
                Problem::CheckpointConversation { generation, id, field, expected, found }
            }
        }
    }
}

/// Whether two images are equal, except for the number of duplicates, which is not in the log.
pub(super) fn same_memory(expected: &ConversationImage, found: &ConversationImage) -> bool {
    let ConversationImage { id, facts, conflicts, contexts, sessions, arrivals } = expected;
    *id == found.id
        && *facts == found.facts
        && *conflicts == found.conflicts
        && *contexts == found.contexts
        && *sessions == found.sessions
        && arrivals.late == found.arrivals.late
}

/// The fields in which two images differ.
pub(super) fn images(of: CompareAs, expected: &ConversationImage, found: &ConversationImage) -> Vec<Problem> {
    let mut parts = Parts { of, id: &expected.id, problems: Vec::new() };
    parts.compare("id", &expected.id, &found.id);
    parts.compare("arrivals.late", &expected.arrivals.late, &found.arrivals.late);
    parts.list("facts", [expected, found].map(|image| image.facts.iter()), fact);
    parts.list("conflicts", [expected, found].map(|image| image.conflicts.iter()), fact);
    parts.list("contexts", [expected, found].map(|image| image.contexts.iter()), Parts::compare);
    parts.list("sessions", [expected, found].map(|image| image.sessions.iter()), Parts::compare);
    parts.problems
}

/// The fields in which two states differ.
pub(super) fn states(of: CompareAs, id: &Arc<str>, expected: Option<&State>, found: Option<&State>) -> Vec<Problem> {
    let problem = |Difference { field, expected, found, .. }| of.problem(id, field, expected, found);
    differences(expected, found).into_iter().map(problem).collect()
}

/// The names of the bookmarks that differ.
pub(super) fn unequal_bookmarks<'a>(
    expected: &'a BTreeMap<String, Vec<u8>>,
    found: &'a BTreeMap<String, Vec<u8>>,
) -> Vec<&'a String> {
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    names.into_iter().filter(|name| expected.get(*name) != found.get(*name)).collect()
}

struct Parts<'a> {
    of: CompareAs,
    id: &'a Arc<str>,
    problems: Vec<Problem>,
}

impl Parts<'_> {
    fn compare<T: Debug + PartialEq>(&mut self, field: &str, expected: &T, found: &T) {
        if expected != found {
            let problem = self.of.problem(self.id, field.to_owned(), format!("{expected:?}"), format!("{found:?}"));
            self.problems.push(problem);
        }
    }

    fn list<T: Debug + PartialEq>(
        &mut self,
        field: &str,
        lists: [impl Iterator<Item = T>; 2],
        mut compare: impl FnMut(&mut Self, &str, &T, &T),
    ) {
        let [expected, found] = lists.map(Iterator::collect::<Vec<_>>);
        self.compare(&format!("{field}.len"), &expected.len(), &found.len());
        for (place, (expected, found)) in expected.iter().zip(&found).enumerate().filter(|(_, (a, b))| a != b) {
            compare(self, &format!("{field}[{place}]"), expected, found);
        }
    }
}

/// Adds the fields in which two facts differ.
fn fact(parts: &mut Parts<'_>, field: &str, expected: &Fact<'_>, found: &Fact<'_>) {
    let before = parts.problems.len();
    macro_rules! compare {
        ($($part:ident)*) => {
            $(parts.compare(&format!(concat!("{}.", stringify!($part)), field), &expected.$part, &found.$part);)*
        };
    }
    compare!(seq at kind direction sent started active unread identity check text context session);
    if parts.problems.len() == before {
        parts.compare(field, expected, found);
    }
}
