//! The identity of an event (rules I1 to I3).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

/// The identity of an event within its conversation.
///
/// It is the source's own id if the source gives one (Airship's envelope `id`, SuperOffice's `EventId` with `Event`),
/// and the hash of the event's content otherwise. Identities are ordered by the bytes of their text, which decides
/// between events of the same time and rank (rule T2).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity(Form);

/// Nearly every identity is a canonical UUID or a content hash, so these take 16 bytes. The order of these bytes is the
/// order of the text.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Uuid([u8; 16], u8),
    Content(ContentHash),
    Text(Box<str>, u8),
}

impl Identity {
    /// The identity that a source gives: its id, and the part of the id that this event is.
    ///
    /// `part` distinguishes events that share one id: SuperOffice's three `Event`s, in the order of their names. It is
    /// 0 if an id belongs to one event.
    #[must_use]
    pub fn given(id: &str, part: u8) -> Self {
        Self(match parse_uuid(id) {
            Some(bytes) => Form::Uuid(bytes, part),
            None => Form::Text(id.into(), part),
        })
    }

    /// Like [`Identity::given`] with the canonical text of a UUID, from its 16 bytes.
    #[must_use]
    pub fn from_uuid(bytes: [u8; 16], part: u8) -> Self {
        Self(Form::Uuid(bytes, part))
    }

    /// The 16 bytes of the id if its text is a UUID in canonical form.
    #[must_use]
    pub fn uuid(&self) -> Option<[u8; 16]> {
        match self.0 {
            Form::Uuid(bytes, _) => Some(bytes),
            Form::Content(_) | Form::Text(..) => None,
        }
    }

    /// The identity of an event to which its source gave none.
    #[must_use]
    pub fn of_content(content: ContentHash) -> Self {
        Self(Form::Content(content))
    }

    /// The id as the source wrote it, or the content hash as 32 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Text(text, _) => Cow::Borrowed(text),
            Form::Uuid(bytes, _) => Cow::Owned(format_uuid(bytes)),
            Form::Content(content) => Cow::Owned(content.to_string()),
        }
    }

    /// The length of [`Identity::text`] in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match &self.0 {
            Form::Text(text, _) => text.len(),
            Form::Uuid(..) => 36,
            Form::Content(_) => 32,
        }
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Text(text, _) => text.len(),
            Form::Uuid(..) | Form::Content(_) => 0,
        }
    }

    /// The part of an id that several events share; see [`Identity::given`].
    #[must_use]
    pub fn part(&self) -> u8 {
        match self.0 {
            Form::Text(_, part) | Form::Uuid(_, part) => part,
            Form::Content(_) => 0,
        }
    }

    /// Whether the identity is the content hash, because the source gave none.
    #[must_use]
    pub fn is_content(&self) -> bool {
        matches!(self.0, Form::Content(_))
    }

    /// 64 bits for lookups. Different identities share them in rare cases, so they never prove equality.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let bits = match &self.0 {
            Form::Text(text, _) => xxh3_64(text.as_bytes()),
            Form::Uuid(bytes, _) => xxh3_64(bytes),
            // It is a hash already; half of it is enough.
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

/// The 128-bit hash of everything in an event that the fold can see (rule I1); see [`crate::Event::content`].
///
/// It is XXH3, which is fast and the same on every machine. It does not resist an attacker who constructs collisions;
/// such an attacker can only lose an event of their own conversation.
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

    /// The lower 64 bits, for lookups. They never prove equality.
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

/// The bytes of a UUID, in canonical form only (lower case, four hyphens). So the order of the bytes is the order of
/// the texts, and the text can be restored.
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

/// The value of every hexadecimal digit, and 16 for other bytes. A table avoids branches that the processor
/// mispredicts.
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
    fn an_id_keeps_its_spelling() {
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
