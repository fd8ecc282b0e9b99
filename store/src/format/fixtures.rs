//! Values as they were written by each version, byte for byte. They are decoded for ever: never change a file in
//! `tests-data/`, add another.

use std::path::PathBuf;

use convofold_engine::{
    AgentMention, ArrivalCounts, At, ContentHash, Context, ConversationImage, Direction, Draft, Event, EventParts,
    Fact, Identity, Kind, SUPEROFFICE, Session, Time,
};

use super::block::{self, Block, BlockBuilder, StoredBookmarkV1, Tail};
use super::block_v1::BodyV1;
use super::checkpoint::{self, CheckpointV1};
use super::encode;
use super::event_v1::StoredEventV1;
use super::frame::{Compressor, Mark};
use super::log_start::{self, LogStart};
use super::page;
use super::replay_mark::{self, ReplayMarkV1};
use crate::care::backup::tests as backup;
use crate::damage::Damage;

/// An event that says everything a message or a lifecycle event can.
pub(crate) fn full_event() -> Event {
    Draft::new("airship", "3f0c_1627535470959", Kind::Open, Time::from_ms_and_ns(1_627_535_468_595, 123_456))
        .identity(Identity::given("017af0ac-716f-633a-483c-5c0f94afce23", 0))
        .sent(Time::from_ms(1_627_535_468_000))
        .started(Time::from_ms(1_627_535_400_000))
        .active(Time::from_ms(1_627_535_460_000))
        .unread(3)
        .agent(AgentMention::agent("42", "Ida Øst"))
        .direction(Direction::Out)
        .channel("sms")
        .text("Good morning! ☀")
        .member_name("Marcus")
        .member_number("14695550115")
        .member_business_id("b-1")
        .member_channel_id("c-1")
        .shortcode("946710")
        .app_key("iKU_x")
        .tenant("t-1")
        .build()
        .unwrap()
}

/// An event of SuperOffice's, with a session and an identity that is no UUID.
pub(crate) fn session_event() -> Event {
    Draft::new(SUPEROFFICE, "superoffice:Cust1:7", Kind::Close, Time::from_ms(1_641_900_600_000))
        .identity(Identity::given("EVENT-1", 1))
        .agent(AgentMention::Nobody)
        .session(
            Session::new()
                .alert_level(-1)
                .chatbot_is_active(true)
                .consented(false)
                .contact_id(2)
                .customer_alias("Kim".to_owned())
                .customer_id(3)
                .project_id(4)
                .rating(5)
                .sale_id(6)
                .status(9)
                .ticket_id(8)
                .topic_id(9)
                .user_id(10),
        )
        .build()
        .unwrap()
}

fn start() -> LogStart {
    let tail = Tail { block_no: 12, seq: 3_401, chain: 0x0123_4567_89ab_cdef };
    let bookmarks = [("kafka/0".to_owned(), vec![1, 2, 3])];
    LogStart { tail, dropped_bytes: 200_000, bookmarks: bookmarks.into() }
}

/// An event whose content is its identity, and one at odds with the first.
fn events() -> Vec<Event> {
    let plain = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000));
    let first = full_event();
    let at_odds = first.draft().text("Good evening!").build().unwrap();
    vec![first.clone(), session_event(), plain.build().unwrap(), at_odds]
}

const TAIL: Tail = Tail { block_no: 12, seq: 3_400, chain: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef };
const BOOKMARKS: [StoredBookmarkV1<'_>; 2] = [
    StoredBookmarkV1 { name: "airship/offset", value: Some(b"1000010839000") },
    StoredBookmarkV1 { name: "gone", value: None },
];

/// A block as version 1 wrote it.
pub(crate) fn block_v1(
    tail: &mut Tail,
    events: &[Event],
    bookmarks: &[StoredBookmarkV1<'_>],
    compressor: &mut Compressor,
) -> Vec<u8> {
    let stored = events.iter().map(StoredEventV1::of).collect();
    let body = encode(&BodyV1 { events: stored, bookmarks: bookmarks.to_vec() }).unwrap();
    let [count, bookmark_count] = [events.len(), bookmarks.len()].map(|count| u32::try_from(count).unwrap());
    let mut fields = [tail.block_no.to_le_bytes(), tail.seq.to_le_bytes()].concat();
    fields.extend_from_slice(&[count.to_le_bytes(), bookmark_count.to_le_bytes()].concat());
    fields.extend_from_slice(&tail.chain.to_le_bytes());
    let mark = Mark { version: 1, ..block::MARK };
    let (value, chain) = compressor.seal(mark, &fields, &body).unwrap();
    *tail = Tail { block_no: tail.block_no + 1, seq: tail.seq + u64::from(count), chain };
    value
}

fn block(mut compressor: Compressor) -> (Vec<u8>, Tail) {
    let (mut builder, mut tail) = (BlockBuilder::default(), TAIL);
    events().iter().for_each(|event| builder.push(event));
    let (_, value) = builder.seal(&mut tail, &BOOKMARKS, &mut compressor).unwrap();
    (value, tail)
}

/// Put together by hand, so that they do not depend on how the engine hashes and folds.
pub(crate) fn images() -> Vec<ConversationImage> {
    let at = |ms| Time::from_ms_and_ns(ms, 123_456).unwrap();
    let message = Fact {
        seq: 1,
        at: At::Timed(at(1_627_535_468_595)),
        kind: Kind::Message,
        direction: Some(Direction::In),
        occurred: Some(at(1_627_535_468_595)),
        sent: Time::from_ms(1_627_535_468_000),
        started: None,
        active: None,
        unread: None,
        identity: Identity::given("017af0ac-716f-633a-483c-5c0f94afce23", 0),
        content: ContentHash::from_bits(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210),
        text: Some("Good morning! ☀".into()),
        context: 0,
        session: None,
    };
    let close = Fact {
        seq: 4,
        at: At::Untimed { alone: at(1_627_535_470_000) },
        kind: Kind::Close,
        direction: Some(Direction::Out),
        occurred: None,
        sent: None,
        started: Time::from_ms(1_627_535_400_000),
        active: Time::from_ms(1_627_535_480_000),
        unread: Some(300),
        identity: Identity::of_content(ContentHash::from_bits(7)),
        content: ContentHash::from_bits(7),
        text: None,
        context: 1,
        session: Some(0),
    };
    let loser = Fact {
        seq: 3,
        occurred: Some(at(1_565_723_700_000)),
        identity: Identity::given("EVENT-1", 2),
        text: None,
        ..message.clone()
    };
    let source = Some("airship");
    let mut texts = [
        source,
        Some("42"),
        Some("Ida Øst"),
        Some("sms"),
        Some("Marcus"),
        Some("14695550115"),
        None,
        None,
        None,
        None,
        None,
    ];
    texts[6..].copy_from_slice(&[Some("b-1"), Some("c-1"), Some("946710"), Some("iKU_x"), Some("t-1")]);
    let full = Context::new(texts, false).unwrap();
    let nobody = Context::new([source, None, None, None, None, None, None, None, None, None, None], true).unwrap();
    let session = session_event().session().cloned().unwrap();
    vec![
        ConversationImage {
            id: "3f0c_1627535470959".into(),
            facts: vec![message.clone(), close],
            conflicts: vec![loser],
            contexts: vec![full.clone(), nobody],
            sessions: vec![session],
            arrivals: ArrivalCounts { duplicates: 5, late: 6 },
        },
        ConversationImage {
            id: "case-7".into(),
            facts: vec![Fact { seq: 2, ..message }],
            conflicts: vec![],
            contexts: vec![full],
            sessions: vec![],
            arrivals: ArrivalCounts::default(),
        },
    ]
}

/// The same with the hashes of the events that the facts are of, which are in no page of version 2.
pub(crate) fn images_of_events() -> Vec<ConversationImage> {
    let mut images = images();
    for image in &mut images {
        let ConversationImage { id, facts, conflicts, contexts, sessions, .. } = image;
        for fact in facts.iter_mut().chain(conflicts) {
            let parts = EventParts {
                conversation: id,
                context: &contexts[fact.context as usize],
                identity: None,
                kind: fact.kind,
                direction: fact.direction,
                occurred: fact.occurred,
                sent: fact.sent,
                started: fact.started,
                active: fact.active,
                unread: fact.unread,
                text: fact.text.as_deref(),
                session: fact.session.map(|session| sessions[session as usize].clone()),
            };
            fact.content = parts.build().unwrap().content();
            if fact.identity.is_content() {
                fact.identity = Identity::of_content(fact.content);
            }
        }
    }
    images
}

/// A page as version 1 wrote it.
fn page_v1(compressor: &mut Compressor) -> Vec<u8> {
    page::seal_v1(5, 9, &images(), compressor).0
}

fn record() -> CheckpointV1 {
    CheckpointV1 {
        generation: 9,
        fold_version: 1,
        last_seq: 3_400,
        last_block_no: 12,
        chain: [1; 16],
        slot_count: 40,
        page_slots: 16,
        pages_checksum: [2; 16],
        halves: vec![0b101],
        page_bytes: 12_345,
        log_bytes: 67_890,
        state_hash: Some([3; 32]),
        bookmarks: vec![("airship/offset".to_owned(), b"1000010839000".to_vec())],
    }
}

fn mark() -> ReplayMarkV1 {
    ReplayMarkV1 {
        input: 1,
        line: 2,
        byte_offset: 3,
        fingerprint: 4,
        lines: 5,
        bytes: 6,
        events: 7,
        applied: 8,
        late: 9,
        duplicates: 10,
        conflicts: 11,
        ignored: vec![("airship".to_owned(), "other_type".to_owned(), 13)],
        rejected: vec![("not JSON".to_owned(), 12)],
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests-data").join(name)
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

#[test]
#[ignore = "makes what is missing, for a new format: cargo test -p convofold-store write_fixtures -- --ignored"]
fn write_fixtures() {
    let mut plain = Compressor::plain();
    let values = [
        ("block-v1-plain.bin", block_v1(&mut TAIL.clone(), &events(), &BOOKMARKS, &mut plain)),
        ("block-v1-zstd.bin", block_v1(&mut TAIL.clone(), &events(), &BOOKMARKS, &mut Compressor::new().unwrap())),
        ("block-v2-plain.bin", block(Compressor::plain()).0),
        ("block-v2-zstd.bin", block(Compressor::new().unwrap()).0),
        ("page-v1-plain.bin", page_v1(&mut plain)),
        ("page-v1-zstd.bin", page_v1(&mut Compressor::new().unwrap())),
        ("page-v2-plain.bin", page::seal(5, 9, &images_of_events(), &mut plain).unwrap().0),
        ("page-v2-zstd.bin", page::seal(5, 9, &images_of_events(), &mut Compressor::new().unwrap()).unwrap().0),
        ("checkpoint-v1-plain.bin", checkpoint::seal(&record(), &mut plain).unwrap()),
        ("log-start-v1.bin", log_start::seal(&start(), &mut plain).unwrap()),
        ("replay-mark-v1.bin", replay_mark::seal(&mark()).unwrap()),
        ("backup-v1-plain.bin", backup::file_of_v1(backup::COMPLETE, Compressor::plain())),
        ("backup-v1-incremental.bin", backup::file_of_v1(backup::INCREMENTAL, Compressor::plain())),
        ("backup-v1-block-v2-plain.bin", backup::complete(Compressor::plain())),
        ("backup-v1-block-v2-incremental.bin", backup::incremental(Compressor::plain())),
    ];
    for (name, value) in values.into_iter().filter(|(name, _)| !path(name).exists()) {
        std::fs::write(path(name), value).unwrap();
    }
}

#[test]
fn a_block_of_version_1_is_read() {
    let mut tail = TAIL;
    let value = block_v1(&mut tail, &events(), &BOOKMARKS, &mut Compressor::plain());
    assert_eq!(value, fixture("block-v1-plain.bin"));
    for name in ["block-v1-plain.bin", "block-v1-zstd.bin"] {
        expect_block(&fixture(name), tail);
    }
}

#[test]
fn a_block_of_version_2_is_read_and_written() {
    let (value, tail) = block(Compressor::plain());
    assert_eq!(value, fixture("block-v2-plain.bin"));
    for name in ["block-v2-plain.bin", "block-v2-zstd.bin"] {
        expect_block(&fixture(name), tail);
    }
}

fn expect_block(value: &[u8], tail: Tail) {
    let block = Block::open(value).unwrap();
    block.follows(&TAIL).unwrap();
    assert_eq!((block.end().block_no, block.end().seq), (tail.block_no, tail.seq));
    let body = block.decode().unwrap();
    assert_eq!(body.bookmarks(), BOOKMARKS);
    assert_eq!(body.events().unwrap(), events());
}

#[test]
fn a_page_of_version_1_is_read() {
    assert_eq!(page_v1(&mut Compressor::plain()), fixture("page-v1-plain.bin"));
    for name in ["page-v1-plain.bin", "page-v1-zstd.bin"] {
        assert_eq!(page::open(5, &fixture(name)).unwrap().images, images());
        let (_, second) = page::open_some(5, &fixture(name), |place| place == 1).unwrap();
        assert_eq!(second, [None, images().pop()]);
        assert!(matches!(page::open(6, &fixture(name)), Err(Damage::Field { .. })));
    }
}

#[test]
fn a_page_of_version_2_is_read_and_written() {
    let value = page::seal(5, 9, &images_of_events(), &mut Compressor::plain()).unwrap().0;
    assert_eq!(value, fixture("page-v2-plain.bin"));
    for name in ["page-v2-plain.bin", "page-v2-zstd.bin"] {
        assert_eq!(page::open(5, &fixture(name)).unwrap().images, images_of_events());
        assert!(matches!(page::open(6, &fixture(name)), Err(Damage::Field { .. })));
    }
}

/// With a right checksum, so that nothing but the decoder stands in the way.
#[test]
fn a_page_of_version_2_that_lies_is_an_error_and_asks_for_no_memory() {
    let whole = fixture("page-v2-plain.bin");
    let (fields, body) = whole[32..].split_at(16);
    let read = |body: &[u8]| page::open(5, &Compressor::plain().seal(page::MARK, fields, body).unwrap().0);
    assert_eq!(read(body).unwrap().images, images_of_events());
    for at in 0..body.len() {
        for byte in [0, 1, 2, 3, 127, 251, 252, 253, 254, 255] {
            let mut lying = body.to_vec();
            lying[at] = byte;
            // What it says may differ; it is conversations or an error.
            let _ = read(&lying);
        }
        assert!(read(&body[..at]).is_err());
    }
    assert!(read(&[body, &[0]].concat()).is_err());
    assert!(read(&[body, &[0; 16]].concat()).is_err());
}

#[test]
fn a_checkpoint_of_version_1_is_read_and_written() {
    assert_eq!(checkpoint::seal(&record(), &mut Compressor::plain()).unwrap(), fixture("checkpoint-v1-plain.bin"));
    assert_eq!(checkpoint::open(9, &fixture("checkpoint-v1-plain.bin")).unwrap(), record());
}

#[test]
fn a_log_start_of_version_1_is_read_and_written() {
    assert_eq!(log_start::seal(&start(), &mut Compressor::plain()).unwrap(), fixture("log-start-v1.bin"));
    assert_eq!(log_start::open(&fixture("log-start-v1.bin")).unwrap(), start());
}

#[test]
fn a_replay_mark_of_version_1_is_read_and_written() {
    assert_eq!(replay_mark::seal(&mark()).unwrap(), fixture("replay-mark-v1.bin"));
    assert_eq!(replay_mark::open(&fixture("replay-mark-v1.bin")).unwrap(), mark());
}

const BLOCKS: [&str; 4] = ["block-v1-plain.bin", "block-v1-zstd.bin", "block-v2-plain.bin", "block-v2-zstd.bin"];

#[test]
fn a_block_that_is_cut_off_anywhere_is_damaged() {
    for name in BLOCKS {
        let value = fixture(name);
        for length in 0..value.len() {
            let damage = Block::open(&value[..length]).unwrap_err();
            assert!(matches!(damage, Damage::TooShort { .. } | Damage::Length { .. }), "{length}: {damage}");
        }
    }
}

#[test]
fn a_bit_that_is_flipped_anywhere_is_damage() {
    for name in BLOCKS {
        let value = fixture(name);
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::open(&damaged).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_body_of_version_1_that_lies_is_an_error_and_asks_for_no_memory() {
    // With a right checksum, so that nothing but the decoder stands in the way.
    let body = {
        let value = fixture("block-v1-plain.bin");
        value[32 + 40..].to_vec()
    };
    for at in 0..body.len() {
        for byte in [0, 1, 127, 251, 252, 253, 254, 255] {
            let mut lying = body.clone();
            lying[at] = byte;
            if let Ok(decoded) = super::decode::<BodyV1<'_>>(&lying) {
                // What it says may differ; it is an event or an error.
                decoded.events.iter().for_each(|event| drop(event.to_event()));
            }
        }
        assert!(super::decode::<BodyV1<'_>>(&body[..at]).is_err());
    }
    assert!(super::decode::<BodyV1<'_>>(&[body.as_slice(), &[0]].concat()).is_err());
}

/// With a right checksum, so that nothing but the decoder stands in the way.
#[test]
fn a_body_of_version_2_that_lies_is_an_error_and_asks_for_no_memory() {
    let whole = fixture("block-v2-plain.bin");
    let (fields, body) = whole[32..].split_at(40);
    let read = |body: &[u8]| {
        let (value, _) = Compressor::plain().seal(block::MARK, fields, body).unwrap();
        Block::open(&value)?.decode()?.events()
    };
    assert_eq!(read(body), Ok(events()));
    for at in 0..body.len() {
        for byte in [0, 1, 2, 3, 127, 251, 252, 253, 254, 255] {
            let mut lying = body.to_vec();
            lying[at] = byte;
            // What it says may differ; it is events or an error.
            let _ = read(&lying);
        }
        assert!(read(&body[..at]).is_err());
    }
    assert!(read(&[body, &[0]].concat()).is_err());
    assert!(read(&[body, &[0; 16]].concat()).is_err());
}

#[test]
fn a_value_of_a_later_version_is_named() {
    let mut value = fixture("block-v2-plain.bin");
    for found in [0, 3] {
        value[4] = found;
        assert_eq!(Block::open(&value).unwrap_err(), Damage::UnknownVersion { found, known: 2 });
    }
}
