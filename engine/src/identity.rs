//! What makes two deliveries one event (spec I1-I3).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

/// The identity of an event within its conversation.
///
/// It comes from the source where the source gives one (Airship's envelope `id`, SuperOffice's `EventId` and `Event`),
/// and from the event's content otherwise. Identities are ordered by the bytes of their text, which decides between
/// events of one time and rank (spec T2).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity(Form);

/// Canonical UUIDs and content hashes are held in 16 bytes, because nearly every identity is one of the two; the order
/// of their bytes is the order of their text.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Uuid([u8; 16], u8),
    Content(ContentHash),
    Text(Box<str>, u8),
}

impl Identity {
    /// The identity that a source gives: its own id, and the part of it that this event is.
    ///
    /// `part` tells events apart that share one id: SuperOffice's three `Event`s, in the order of their names. It is 0
    /// where an id names one event.
    #[must_use]
    pub fn given(id: &str, part: u8) -> Self {
        Self(match parse_uuid(id) {
            Some(bytes) => Form::Uuid(bytes, part),
            None => Form::Text(id.into(), part),
        })
    }

    /// The same as [`Identity::given`] with the canonical text of a UUID, from its 16 bytes.
    #[must_use]
    pub fn from_uuid(bytes: [u8; 16], part: u8) -> Self {
        Self(Form::Uuid(bytes, part))
    }

    /// The 16 bytes of the id where its text is a UUID in canonical form.
    #[must_use]
    pub fn uuid(&self) -> Option<[u8; 16]> {
        match self.0 {
            Form::Uuid(bytes, _) => Some(bytes),
            Form::Content(_) | Form::Text(..) => None,
        }
    }

    /// The identity of an event that its source gave none.
    #[must_use]
    pub fn of_content(content: ContentHash) -> Self {
        Self(Form::Content(content))
    }

    /// The id as its source wrote it, or the 32 hexadecimal digits of the content hash.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Text(text, _) => Cow::Borrowed(text),
            Form::Uuid(bytes, _) => Cow::Owned(format_uuid(bytes)),
            Form::Content(content) => Cow::Owned(content.to_string()),
        }
    }

    /// How long [`Identity::text`] is.
    pub(crate) fn text_bytes(&self) -> usize {
        match &self.0 {
            Form::Text(text, _) => text.len(),
            Form::Uuid(..) => 36,
            Form::Content(_) => 32,
        }
    }

    /// Which of the events that share one id this is; see [`Identity::given`].
    #[must_use]
    pub fn part(&self) -> u8 {
        match self.0 {
            Form::Text(_, part) | Form::Uuid(_, part) => part,
            Form::Content(_) => 0,
        }
    }

    /// Whether the identity is the hash of the event's content, the source having given none.
    #[must_use]
    pub fn is_content(&self) -> bool {
        matches!(self.0, Form::Content(_))
    }

    /// 64 bits that differ for different identities but for rare accidents: to look identities up, never to compare.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let bits = match &self.0 {
            Form::Text(text, _) => xxh3_64(text.as_bytes()),
            Form::Uuid(bytes, _) => xxh3_64(bytes),
            // A hash already; half of it will do.
            Form::Content(ContentHash([first @ .., _, _, _, _, _, _, _, _])) => u64::from_be_bytes(*first),
        };
        bits ^ u64::from(self.part()).rotate_left(56)
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_text = match (&self.0, &other.0) {
            (Form::Uuid(a, _), Form::Uuid(b, _)) => a.cmp(b),
            (Form::Content(a), Form::Content(b)) => a.cmp(b),
            _ => self.text().cmp(&other.text()),
        };
        by_text.then(self.part().cmp(&other.part())).then(self.is_content().cmp(&other.is_content()))
    }
}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, {})", self.text(), self.part())
    }
}

/// The 128-bit hash of everything in an event that the fold can see (spec I1); see [`crate::Event::content`].
///
/// It is XXH3, chosen for speed and the same on every machine. It does not withstand somebody who sets out to make two
/// contents collide; all that such a person could lose is an event of their own conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The hash with these 128 bits.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// The 128 bits; hashes are ordered as numbers.
    #[must_use]
    pub fn bits(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The lower half of the bits: to look contents up, never to compare.
    pub(crate) fn low_bits(self) -> u64 {
        let ContentHash([_, _, _, _, _, _, _, _, low @ ..]) = self;
        u64::from_be_bytes(low)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.bits())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// The bytes of a UUID in its canonical form only (lower case, four hyphens), so that the order of the bytes is the
/// order of the texts and the text can be given back.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = hex_digit(text[at])? << 4 | hex_digit(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = HEX_DIGITS[usize::from(digit)];
    (value < 16).then_some(value)
}

/// The value of every digit, and 16 for what is none: a branch for each would be guessed wrong every other time.
const HEX_DIGITS: [u8; 256] = {
    let mut values = [16; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

fn format_uuid(bytes: &[u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(*bytes));
    [&hex[0..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a8c66fc6-210c-11e6-a195-90e2ba211bf8";

    #[test]
    fn an_id_is_given_back_as_it_was_written() {
        for id in [UUID, "A8C66FC6-210C-11E6-A195-90E2BA211BF8", "a8c66fc6210c11e6a19590e2ba211bf8", "x", ""] {
            assert_eq!(Identity::given(id, 0).text(), id);
        }
    }

    #[test]
    fn a_uuid_is_the_same_from_its_text_and_from_its_bytes() {
        let identity = Identity::given(UUID, 2);
        assert_eq!(identity.uuid().map(|bytes| Identity::from_uuid(bytes, 2)), Some(identity));
        assert_eq!(Identity::given("x", 0).uuid(), None);
    }

    #[test]
    fn t2_identities_are_ordered_by_the_bytes_of_their_text() {
        let mut ids = vec![UUID, "a8c66fc6-210c-11e6-a195-90e2ba211bf9", "A8", "a9", "a8c66fc6", "", "z"];
        let mut identities: Vec<_> = ids.iter().map(|id| Identity::given(id, 0)).collect();
        ids.sort_unstable();
        identities.sort();
        let sorted: Vec<_> = identities.iter().map(|identity| identity.text().into_owned()).collect();
        assert_eq!(sorted, ids);
    }

    #[test]
    fn i1_the_parts_of_one_id_are_different_events() {
        assert_ne!(Identity::given(UUID, 0), Identity::given(UUID, 1));
        assert_ne!(Identity::given(UUID, 0).fingerprint(), Identity::given(UUID, 1).fingerprint());
    }

    #[test]
    fn ids_made_by_counting_have_fingerprints_that_differ() {
        let counted = |n: u128| Identity::from_uuid((n << 64 | n << 32 | n).to_be_bytes(), 0).fingerprint();
        let all: std::collections::HashSet<_> = (0..1000).map(counted).collect();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn i1_a_content_hash_is_never_an_id_that_is_written_alike() {
        let content = ContentHash::from_bits(7);
        let alike = Identity::given(&content.to_string(), 0);
        assert_ne!(Identity::of_content(content), alike);
        assert_ne!(Identity::of_content(content).cmp(&alike), Ordering::Equal);
    }
}
