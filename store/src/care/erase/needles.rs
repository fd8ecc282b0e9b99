//! What the proof searches for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use aho_corasick::AhoCorasick;
use convofold_engine::Personal;

use super::EraseError;
use super::find::Replacements;

/// Shorter ids and names are in every file, by accident.
const MIN_ID_BYTES: usize = 8;
/// The same for texts.
const MIN_TEXT_BYTES: usize = 16;
/// A longer text is searched for by its beginning.
const MAX_TEXT_BYTES: usize = 64;

/// The ids, names and texts of the erased conversations, as far as they can be searched for.
pub(super) struct Needles {
    search: AhoCorasick,
    /// Whether each occurs in a conversation of somebody else, or is no id and occurs in what is kept.
    is_of_others: Vec<AtomicBool>,
    is_id: Vec<bool>,
    /// The length of the longest one.
    pub(super) max_bytes: usize,
    /// The ids of the conversations, of every length.
    pub(super) conversations: BTreeSet<String>,
}

impl Needles {
    pub(super) fn of(replaced: &Replacements) -> Result<Self, EraseError> {
        let mut found = BTreeMap::<Vec<u8>, bool>::new();
        for conversation in replaced.conversations.values() {
            conversation.before.each_personal(|personal| {
                if let Some((needle, is_id)) = needle(personal) {
                    *found.entry(needle.as_bytes().to_vec()).or_default() |= is_id;
                }
            })?;
        }
        // What it is replaced by is no id of before, even if the conversation was erased before.
        let search = AhoCorasick::new(found.keys());
        let search = search.map_err(|error| EraseError::Left { what: format!("cannot search for it: {error}") })?;
        Ok(Self {
            search,
            is_of_others: found.iter().map(|_| AtomicBool::new(false)).collect(),
            max_bytes: found.keys().map(Vec::len).max().unwrap_or_default(),
            is_id: found.into_values().collect(),
            conversations: replaced.conversations.values().map(|it| it.before.id.to_string()).collect(),
        })
    }

    /// Notes which of them are in a text of somebody else.
    pub(super) fn note_others(&self, text: &str) {
        self.each_in(text.as_bytes(), |needle| self.note(needle));
    }

    /// Notes which of them are no ids, and in a text that is kept.
    pub(super) fn note_kept(&self, text: &str) {
        self.each_in(text.as_bytes(), |needle| {
            if self.is_id.get(needle) == Some(&false) {
                self.note(needle);
            }
        });
    }

    fn note(&self, needle: usize) {
        if let Some(of_others) = self.is_of_others.get(needle) {
            of_others.store(true, Ordering::Relaxed);
        }
    }

    /// Whether these bytes contain one that is of nobody else.
    pub(super) fn are_in(&self, bytes: &[u8]) -> bool {
        let mut is_left = false;
        self.each_in(bytes, |needle| {
            is_left |= self.is_of_others.get(needle).is_some_and(|of_others| !of_others.load(Ordering::Relaxed));
        });
        is_left
    }

    fn each_in(&self, bytes: &[u8], mut take: impl FnMut(usize)) {
        // A shorter one can be within a longer one.
        let mut overlapping = self.search.find_overlapping_iter(bytes);
        overlapping.by_ref().for_each(|hit| take(hit.pattern().as_usize()));
    }

    /// Number of those that others have too.
    pub(super) fn of_others(&self) -> u64 {
        self.is_of_others.iter().filter(|of_others| of_others.load(Ordering::Relaxed)).count() as u64
    }
}

fn needle(personal: Personal<'_>) -> Option<(&str, bool)> {
    match personal {
        Personal::Id(id) => (id.len() >= MIN_ID_BYTES).then_some((id, true)),
        Personal::Name(name) => (name.len() >= MIN_ID_BYTES).then_some((name, false)),
        Personal::Text(text) => {
            let end = text.floor_char_boundary(MAX_TEXT_BYTES);
            (text.len() >= MIN_TEXT_BYTES).then_some((text.get(..end)?, false))
        }
        _ => None,
    }
}
