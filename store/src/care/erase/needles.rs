//! The ids, names and texts that an erasure searches for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use aho_corasick::AhoCorasick;
use convofold_engine::{Personal, Subjects};

use super::EraseError;
use super::find::Replacements;

/// Shorter ids and names are in every file, by accident.
const MIN_ID_BYTES: usize = 8;
/// The same for texts.
const MIN_TEXT_BYTES: usize = 16;
/// A longer text is searched for by its beginning.
const MAX_TEXT_BYTES: usize = 64;
/// Ids of conversations and subjects from this length on are searched for as words, in files that are text.
const MIN_WORD_BYTES: usize = 4;

/// The ids, names and texts of the erased conversations and of the subjects, as far as they can be searched for.
#[derive(Debug)]
pub(super) struct Needles {
    search: AhoCorasick,
    needles: Vec<Needle>,
    /// The length of the longest one.
    pub(super) max_bytes: usize,
    /// The ids of the conversations, of every length.
    pub(super) conversations: BTreeSet<String>,
}

#[derive(Debug)]
struct Needle {
    kind: Kind,
    /// It occurs in a conversation of somebody else, or is no id and occurs in what is kept.
    is_of_others: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    is_id: bool,
    /// The id of a conversation, or what a subject is named by: nobody else's, whatever mentions it.
    is_own: bool,
    /// Too short for the files of the storage, and searched for as a word.
    is_word: bool,
}

impl Needles {
    /// Those of the conversations that are replaced.
    pub(super) fn of(subjects: &Subjects, replaced: &Replacements) -> Result<Self, EraseError> {
        let mut found = BTreeMap::<Vec<u8>, Kind>::new();
        for conversation in replaced.conversations.values() {
            conversation.before.each_personal(|personal| {
                if let Some((needle, is_id)) = needle(personal) {
                    found.entry(needle.as_bytes().to_vec()).or_default().is_id |= is_id;
                }
            })?;
        }
        let conversations = replaced.conversations.values().map(|it| it.before.id.to_string()).collect();
        Self::with_own(found, subjects, conversations)
    }

    /// The values by which subjects are named, and the ids of these conversations.
    pub(super) fn of_ids(subjects: &Subjects, conversations: BTreeSet<String>) -> Result<Self, EraseError> {
        Self::with_own(BTreeMap::new(), subjects, conversations)
    }

    fn with_own(
        mut found: BTreeMap<Vec<u8>, Kind>,
        subjects: &Subjects,
        conversations: BTreeSet<String>,
    ) -> Result<Self, EraseError> {
        let own = conversations.iter().map(String::as_str).chain(subjects.spellings());
        for own in own.filter(|own| own.len() >= MIN_WORD_BYTES) {
            let is_word = own.len() < MIN_ID_BYTES;
            found.insert(own.as_bytes().to_vec(), Kind { is_id: true, is_own: true, is_word });
        }
        // What it is replaced by is no id of before, even if the conversation was erased before.
        let search = AhoCorasick::new(found.keys());
        let search = search.map_err(|error| EraseError::Left { what: format!("cannot search for it: {error}") })?;
        let max_bytes = found.keys().map(Vec::len).max().unwrap_or_default();
        let needle = |kind| Needle { kind, is_of_others: AtomicBool::new(false) };
        Ok(Self { search, needles: found.into_values().map(needle).collect(), max_bytes, conversations })
    }

    /// Notes which of them are in a text of somebody else.
    pub(super) fn note_others(&self, text: &str) {
        self.each_in(text.as_bytes(), Needle::note);
    }

    /// Notes which of them are no ids, and in a text that is kept.
    pub(super) fn note_kept(&self, text: &str) {
        self.each_in(text.as_bytes(), |needle| {
            if !needle.kind.is_id {
                needle.note();
            }
        });
    }

    /// Whether these bytes of the storage contain one that is of nobody else.
    pub(super) fn are_in(&self, bytes: &[u8]) -> bool {
        let mut is_left = false;
        self.each_in(bytes, |needle| is_left |= !needle.kind.is_word && !needle.is_of_others());
        is_left
    }

    /// Whether a text of the host contains one that is of nobody else.
    pub(super) fn are_in_text(&self, bytes: &[u8]) -> bool {
        let mut is_left = false;
        self.each_in(bytes, |needle| is_left |= needle.kind.is_own || !needle.is_of_others());
        is_left
    }

    fn each_in(&self, bytes: &[u8], mut take: impl FnMut(&Needle)) {
        // A shorter one can be within a longer one.
        for hit in self.search.find_overlapping_iter(bytes) {
            let Some(needle) = self.needles.get(hit.pattern().as_usize()) else { continue };
            if !needle.kind.is_word || is_word(bytes, hit.range()) {
                take(needle);
            }
        }
    }

    /// Number of those that others have too.
    pub(super) fn of_others(&self) -> u64 {
        self.needles.iter().filter(|needle| needle.is_of_others()).count() as u64
    }
}

impl Needle {
    fn note(&self) {
        self.is_of_others.store(true, Ordering::Relaxed);
    }

    fn is_of_others(&self) -> bool {
        self.is_of_others.load(Ordering::Relaxed)
    }
}

/// Whether the bytes before and after this range are no part of a longer word or number.
fn is_word(bytes: &[u8], range: std::ops::Range<usize>) -> bool {
    // Bytes of other letters than those of ASCII are at least 128.
    let continues = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 128);
    let before = range.start.checked_sub(1).and_then(|before| bytes.get(before));
    !continues(before) && !continues(bytes.get(range.end))
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
