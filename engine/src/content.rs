//! The content hash of an event (rule I1).

use xxhash_rust::xxh3::xxh3_128;

use crate::event::{Direction, EventRef};
use crate::identity::{ContentHash, Identity};
use crate::row::Row;
use crate::session::Session;
use crate::texts::{CONTEXT_TEXTS, ContextSpans, Span};
use crate::time::Time;

/// The number of the layout that [`Event::content`](crate::Event::content) hashes. A change of the layout changes
/// identities, so it needs a new number.
const CONTENT_VERSION: u8 = 1;

impl Row {
    /// Sets the fields that depend on all others: the content hash, and the identity if the source gave none. The arena
    /// ends with the text of the event and its context.
    pub(crate) fn completed(
        mut self,
        identity: Option<Identity>,
        context: &ContextSpans,
        session: Option<&Session>,
        arena: &str,
    ) -> Self {
        // A lifecycle event without text has no direction.
        self.direction = self.direction.filter(|_| self.kind.is_message() || self.text.is_some());
        let event = EventRef { row: &self, context, arena, session };
        let content = hash(event);
        let given = identity.filter(|identity| !identity.is_content());
        let identity = given.unwrap_or_else(|| Identity::of_content(content)).of_source(event.source());
        Self { fingerprint: identity.fingerprint(), identity, content, ..self }
    }
}

/// The layout: docs/rules.md, "The content hash".
fn hash(event: EventRef<'_>) -> ContentHash {
    let mut header = Header::new();
    let direction = event.direction().map_or(0, direction_code);
    let flags = [(event.context.nobody(), 1), (event.unread().is_some(), 2), (event.session().is_some(), 4)];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
    header.put(&[CONTENT_VERSION, event.kind().code(), direction, flags]);
    for time in [event.occurred(), event.sent(), event.started(), event.active()] {
        header.put(&time.map_or(i64::MIN, Time::ms).to_le_bytes());
        header.put(&time.map_or(0, Time::sub_ms_ns).to_le_bytes());
    }
    header.put(&event.unread().unwrap_or(0).to_le_bytes());
    let text = event.row.text.map(Span::len);
    for length in std::iter::once(text).chain(event.context.lengths()) {
        header.put(&length.unwrap_or(u32::MAX).to_le_bytes());
    }
    let content_bytes = text.map_or(0, |bytes| bytes as usize) + event.context.bytes();
    let content = &event.arena.as_bytes()[event.arena.len() - content_bytes..];
    header.put(&xxh3_128(content).to_le_bytes());
    if let Some(session) = event.session() {
        header.put(&hash_session(session).to_le_bytes());
    }
    ContentHash::from_bits(xxh3_128(header.bytes()))
}

fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::In => 1,
        Direction::Out => 2,
    }
}

fn hash_session(session: &Session) -> u128 {
    let numbers = session.numbers();
    let mut bytes = Vec::with_capacity(numbers.len() * 9 + 64);
    for number in numbers {
        bytes.push(u8::from(number.is_some()));
        bytes.extend_from_slice(&number.unwrap_or(0).to_le_bytes());
    }
    // A second text would need its length in front, to mark where the first one ends.
    const { assert!(Session::TEXTS == 1) };
    for text in session.texts() {
        bytes.push(u8::from(text.is_some()));
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
    xxh3_128(&bytes)
}

/// The first four fields, the times, the count of unread messages, the lengths of the texts, and two hashes.
const HEADER_BYTES: usize = 4 + 4 * 12 + 8 + 4 * (1 + CONTEXT_TEXTS) + 2 * 16;

/// A buffer on the stack for the fixed part of the hashed bytes.
struct Header {
    buffer: [u8; HEADER_BYTES],
    length: usize,
}

impl Header {
    fn new() -> Self {
        Self { buffer: [0; HEADER_BYTES], length: 0 }
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.buffer[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};
    use crate::event::{AgentMention, Kind, SUPEROFFICE};

    #[test]
    fn i1_the_content_is_everything_the_fold_can_see() {
        let base = message().build().unwrap();
        let others = [
            Draft { occurred: at(1_001), ..message() },
            Draft { occurred: Time::from_ms_and_ns(1_000, 1), ..message() },
            Draft { sent: None, ..message() },
            Draft { text: Some("ho"), ..message() },
            Draft { text: None, ..message().member_name("hi") },
            Draft { direction: Some(Direction::In), ..message() },
            Draft { agent: AgentMention::Nobody, ..message() },
            Draft { unread: Some(0), ..message() },
            Draft { unread: Some(u64::MAX), ..message() },
            Draft { kind: Kind::Open, ..message() },
            Draft { session: Some(Session::default()), ..message() },
        ];
        for other in others {
            assert_ne!(other.clone().build().unwrap().content(), base.content(), "{other:?}");
        }
        let elsewhere = Draft { conversation: "c-2", identity: Some(Identity::given("x", 0)), ..message() };
        assert_eq!(elsewhere.build().unwrap().content(), base.content());
    }

    /// Identities, and so stored data, depend on these values: they must never change.
    #[test]
    fn i1_the_content_hash_is_the_same_on_every_machine() {
        let whole = Draft {
            source: SUPEROFFICE,
            occurred: Time::from_ms_and_ns(1_000, 7),
            started: at(1),
            active: at(2),
            unread: Some(3),
            agent: AgentMention::Agent { id: Some("a"), name: Some("b") },
            direction: Some(Direction::Out),
            channel: Some("c"),
            session: Some(Session { rating: Some(-1), consented: Some(true), ..Session::default() }),
            ..message()
                .member_name("d")
                .member_number("e")
                .member_business_id("f")
                .member_channel_id("g")
                .shortcode("h")
                .app_key("i")
                .tenant("j")
        };
        let kinds = Kind::ALL;
        let of_kind = |kind| Draft { kind, ..message() };
        let drafts = kinds.map(of_kind).into_iter().chain([whole]);
        let hashes: Vec<_> = drafts.map(|draft| draft.build().unwrap().content().to_string()).collect();
        let expected = [
            "13467eb9f701bbd9b300646ccdc875e0",
            "46f2be7e8f5aa9eea79062074445f658",
            "95cb1f90dec40ec9fd34c1aeba59a77b",
            "4d29062d0b7f23b4c1ddf7ac79de0d47",
            "1eea6abd2caa3aee8b441785d7b7057c",
            "1a99e6fdf8e9c6614df8327b0899947d",
            "04355094cd8cb8097c4acbdc8cae9357",
        ];
        assert_eq!(hashes, expected);
    }

    #[test]
    fn i1_the_direction_of_an_absent_text_is_not_content() {
        let open = |direction| Draft { kind: Kind::Open, text: None, direction, ..message() }.build().unwrap();
        assert_eq!(open(Some(Direction::In)).content(), open(None).content());
    }
}
