//! The identity of an event (rules I1 to I3).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::event::{AIRSHIP, SUPEROFFICE};
use crate::fact::FactIdentity;

/// The identity of an event within its conversation.
///
/// It is the source's own id if the source gives one (Airship's envelope `id`, SuperOffice's `EventId` with `Event`),
/// and the hash of the event's content otherwise. Identities of two sources are never equal. The identity of an event
/// has the source of the event, whatever [`Draft::identity`](crate::Draft::identity) was given.
///
/// Identities are ordered by the bytes of their text, then by source, then a given id before a hash, which decides
/// between events of the same time and rank (rule T2).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity(Form);

/// Nearly every identity is a canonical UUID or a content hash of a source that this crate knows, so these take 16
/// bytes. The order of these bytes is the order of the text.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Uuid([u8; 16], u8, Origin),
    Content(ContentHash, Origin),
    Text(Box<str>, u8, Origin),
    /// The identity of an event of any other source: its text, then the source.
    Other {
        packed: Box<str>,
        text_bytes: u32,
        part: u8,
        is_content: bool,
    },
}

/// The source of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    /// It belongs to no event yet.
    None,
    Airship,
    SuperOffice,
}

impl Origin {
    fn of(source: &str) -> Option<Self> {
        match source {
            "" => Some(Self::None),
            AIRSHIP => Some(Self::Airship),
            SUPEROFFICE => Some(Self::SuperOffice),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Airship => AIRSHIP,
            Self::SuperOffice => SUPEROFFICE,
        }
    }
}

impl Identity {
    /// The identity that a source gives: its id, and the part of the id that this event is.
    ///
    /// `part` distinguishes events that share one id: SuperOffice's three `Event`s, in the order of their names. It is
    /// 0 if an id belongs to one event.
    #[must_use]
    pub fn given(id: &str, part: u8) -> Self {
        Self(match parse_uuid(id) {
            Some(bytes) => Form::Uuid(bytes, part, Origin::None),
            None => Form::Text(id.into(), part, Origin::None),
        })
    }

    /// Like [`Identity::given`] with the canonical text of a UUID, from its 16 bytes.
    #[must_use]
    pub fn from_uuid(bytes: [u8; 16], part: u8) -> Self {
        Self(Form::Uuid(bytes, part, Origin::None))
    }

    /// The same id, given by this source.
    #[must_use]
    pub fn of_source(self, source: &str) -> Self {
        match (Origin::of(source), self.0) {
            (Some(origin), Form::Uuid(bytes, part, _)) => Self(Form::Uuid(bytes, part, origin)),
            (Some(origin), Form::Content(content, _)) => Self(Form::Content(content, origin)),
            (Some(origin), Form::Text(text, part, _)) => Self(Form::Text(text, part, origin)),
            (_, form) => Self(form).with_source(source),
        }
    }

    /// [`Identity::of_source`] from or to a source that this crate does not know.
    fn with_source(self, source: &str) -> Self {
        if self.source() == source {
            return self;
        }
        let (text, part, is_content) = (self.text(), self.part(), self.is_content());
        if Origin::of(source).is_some() {
            let content = u128::from_str_radix(&text, 16).ok().filter(|_| is_content);
            let known = content.map(|bits| Self::of_content(ContentHash::from_bits(bits)));
            return known.unwrap_or_else(|| Self::given(&text, part)).of_source(source);
        }
        // The lengths of ids are limited; a longer one that a host allowed keeps as much as can be counted.
        let text_bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self(Form::Other { packed: [&*text, source].concat().into(), text_bytes, part, is_content })
    }

    /// The source whose event has it; empty if it belongs to no event yet.
    #[must_use]
    pub fn source(&self) -> &str {
        match &self.0 {
            Form::Uuid(_, _, origin) | Form::Content(_, origin) | Form::Text(_, _, origin) => origin.name(),
            Form::Other { packed, text_bytes, .. } => packed.get(*text_bytes as usize..).unwrap_or_default(),
        }
    }

    /// The 16 bytes of the id if its text is a UUID in canonical form.
    #[must_use]
    pub fn uuid(&self) -> Option<[u8; 16]> {
        match &self.0 {
            Form::Uuid(bytes, ..) => Some(*bytes),
            Form::Content(..) | Form::Text(..) => None,
            Form::Other { .. } => parse_uuid(&self.text()),
        }
    }

    /// The identity of an event to which its source gave none.
    #[must_use]
    pub const fn of_content(content: ContentHash) -> Self {
        Self(Form::Content(content, Origin::None))
    }

    /// The id as the source wrote it, or the content hash as 32 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Text(text, ..) => Cow::Borrowed(text),
            Form::Uuid(bytes, ..) => Cow::Owned(format_uuid(bytes)),
            Form::Content(content, _) => Cow::Owned(content.to_string()),
            Form::Other { packed, text_bytes, .. } => {
                Cow::Borrowed(packed.get(..*text_bytes as usize).unwrap_or(packed))
            }
        }
    }

    /// The length of [`Identity::text`] in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match &self.0 {
            Form::Text(text, ..) => text.len(),
            Form::Uuid(..) => 36,
            Form::Content(..) => ContentHash::DIGITS,
            Form::Other { text_bytes, .. } => *text_bytes as usize,
        }
    }

    /// The part of an id that several events share; see [`Identity::given`].
    #[must_use]
    pub fn part(&self) -> u8 {
        match self.0 {
            Form::Text(_, part, _) | Form::Uuid(_, part, _) | Form::Other { part, .. } => part,
            Form::Content(..) => 0,
        }
    }

    /// Whether the identity is the content hash, because the source gave none.
    #[must_use]
    pub fn is_content(&self) -> bool {
        matches!(self.0, Form::Content(..) | Form::Other { is_content: true, .. })
    }

    /// 64 bits for lookups. Different identities share them in rare cases, so they never prove equality.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        match (&self.0, self.in_fact()) {
            (Form::Content(content, _), _) => content.fingerprint(),
            (_, FactIdentity::Content) => self.clone().of_source("").fingerprint(),
            (_, identity) => identity.fingerprint(),
        }
    }

    /// The identity as a fact contains it: without its source.
    pub(crate) fn in_fact(&self) -> FactIdentity<'_> {
        match &self.0 {
            Form::Content(..) | Form::Other { is_content: true, .. } => FactIdentity::Content,
            Form::Uuid(bytes, part, _) => FactIdentity::Uuid(*bytes, *part),
            Form::Text(text, part, _) => FactIdentity::Text(text, *part),
            Form::Other { packed, text_bytes, part, .. } => {
                let text = packed.get(..*text_bytes as usize).unwrap_or(packed);
                parse_uuid(text).map_or(FactIdentity::Text(text, *part), |bytes| FactIdentity::Uuid(bytes, *part))
            }
        }
    }
}

impl FactIdentity<'_> {
    /// See [`Identity::fingerprint`]; 0 if it is the content hash.
    pub(crate) fn fingerprint(self) -> u64 {
        let (hash, part) = match self {
            Self::Content => return 0,
            Self::Uuid(bytes, part) => (xxh3_64(&bytes), part),
            Self::Text(text, part) => (xxh3_64(text.as_bytes()), part),
        };
        hash ^ u64::from(part).rotate_left(56)
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_text = match (&self.0, &other.0) {
            (Form::Uuid(a, ..), Form::Uuid(b, ..)) => a.cmp(b),
            (Form::Content(a, _), Form::Content(b, _)) => a.cmp(b),
            _ => self.text().cmp(&other.text()),
        };
        by_text
            .then_with(|| self.source().cmp(other.source()))
            .then_with(|| self.is_content().cmp(&other.is_content()))
            .then_with(|| self.part().cmp(&other.part()))
    }
}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, {}, {:?})", self.text(), self.part(), self.source())
    }
}

/// The 128-bit hash of everything in an event that the fold can see (rule I1); see [`crate::Event::content`].
///
/// It is XXH3, which is fast and the same on every machine. It does not resist an attacker who constructs collisions;
/// such an attacker can only lose an event of their own conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The length of the hash as text.
    pub(crate) const DIGITS: usize = 32;

    /// The hash with these 128 bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// The 128 bits; hashes are ordered as numbers.
    #[must_use]
    pub fn bits(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The lowest 32 bits, which pages and memory keep.
    pub(crate) fn check(self) -> u32 {
        let ContentHash([.., a, b, c, d]) = self;
        u32::from_be_bytes([a, b, c, d])
    }

    /// 64 bits for lookups of identities; the lower half is [`ContentHash::check`].
    pub(crate) fn fingerprint(self) -> u64 {
        let ContentHash([a, b, c, d, ..]) = self;
        u64::from(u32::from_be_bytes([a, b, c, d])) << 32 | u64::from(self.check())
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
    let [.., b'-', _, _, _, _, b'-', _, _, _, _, b'-', _, _, _, _, b'-', _, _, _, _, _, _, _, _, _, _, _, _] = text
    else {
        return None;
    };
    let mut digits = [0; 32];
    for (to, from) in [(0..8, 0..8), (8..12, 9..13), (12..16, 14..18), (16..20, 19..23), (20..32, 24..36)] {
        digits[to].copy_from_slice(&text[from]);
    }
    // Without branches and tables, so that the compiler converts all digits at once.
    let mut are_digits = true;
    for digit in &mut digits {
        let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        are_digits &= (number < 10) | (letter < 6);
        *digit = if number < 10 { number } else { letter.wrapping_add(10) };
    }
    are_digits.then(|| std::array::from_fn(|at| digits[2 * at] << 4 | digits[2 * at + 1]))
}

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
    fn only_the_canonical_text_of_a_uuid_becomes_bytes() {
        for (at, byte) in (0..UUID.len()).flat_map(|at| (0..128).map(move |byte| (at, char::from(byte)))) {
            let mut text = UUID.to_owned();
            text.replace_range(at..=at, byte.encode_utf8(&mut [0]));
            let is_canonical = match at {
                8 | 13 | 18 | 23 => byte == '-',
                _ => matches!(byte, '0'..='9' | 'a'..='f'),
            };
            let identity = Identity::given(&text, 0);
            assert_eq!((identity.uuid().is_some(), &*identity.text()), (is_canonical, &*text));
        }
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
    fn i1_identities_of_two_sources_are_different_and_keep_everything_else() {
        let content = Identity::of_content(ContentHash::from_bits(7));
        let sources = [AIRSHIP, SUPEROFFICE, "helpdesk", "help", ""];
        for identity in [Identity::given(UUID, 1), Identity::given("x", 2), Identity::given("", 0), content] {
            for (a, b) in sources.iter().flat_map(|a| sources.map(|b| (*a, b))) {
                let [one, other] = [a, b].map(|source| identity.clone().of_source(source));
                assert_eq!((one == other, one.cmp(&other)), (a == b, a.cmp(b)), "{one:?} {other:?}");
                assert_eq!(other.clone().of_source(a), one);
                let parts = |it: &Identity| (it.text().into_owned(), it.part(), it.is_content(), it.uuid());
                assert_eq!((parts(&one), one.source(), one.text_bytes()), (parts(&identity), a, identity.text().len()));
            }
        }
        assert_ne!(Identity::given("xh", 0).of_source("elp"), Identity::given("x", 0).of_source("help"));
        assert_eq!(size_of::<Identity>(), 24);
    }

    #[test]
    fn t2_at_equal_text_the_source_decides_then_whether_the_id_was_given() {
        let hash = ContentHash::from_bits(7);
        let identities = |source| {
            let given = |part| Identity::given(&hash.to_string(), part);
            [given(0), given(9), Identity::of_content(hash)].map(|identity| identity.of_source(source))
        };
        let sorted = [AIRSHIP, "helpdesk", SUPEROFFICE].map(identities).concat();
        assert!(sorted.is_sorted_by(|a, b| a < b), "{sorted:?}");
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
