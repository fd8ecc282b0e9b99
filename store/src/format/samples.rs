//! Values of every stored form, for tests and fixtures.

use convofold_engine::{
    AIRSHIP, AgentMention, AgentRef, ArrivalCounts, At, Context, ConversationImage, ConversationRow, Direction, Draft,
    Event, Extent, Fact, FactIdentity, Facts, Identity, ImageError, Kind, Newest, Outline, SUPEROFFICE, Session,
    StateHash, Time,
};

use super::block::LogPosition;
use super::bookmark::StoredBookmark;
use super::checkpoint::CheckpointRecord;
use super::database::{DatabaseFormat, DatabaseId};
use super::erasures::StoredErasure;
use super::holds::{PlacedHold, StoredHold, StoredSubject};
use super::key::PageHalf;
use super::log_start::LogStart;
use super::marks::{Mark, Marks};
use super::numbered::NumberedRecords;
use super::page_head::{PageEntry, PageHead, StoredHead};
use super::recorded_hashes::StoredHash;
use super::replay_mark::{ProblemMark, ReplayMark};
use super::retention::{StoredHorizon, StoredRetentionRun};
use super::run::{Hit, RunHead, StoredRun, Term};

/// An event with every value that a message or a lifecycle event can have.
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

/// A SuperOffice event with a session and an identity that is not a UUID.
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

/// The commit time of the block.
pub(crate) const COMMITTED_MS: u64 = 1_800_000_000_000;

pub(crate) fn log_start() -> LogStart {
    let position = LogPosition { block_no: 12, seq: 3_401, chain: 0x0123_4567_89ab_cdef };
    let bookmarks = [("kafka/0".to_owned(), vec![1, 2, 3])];
    let mut marks = Marks::NONE;
    for (seq, committed_ms) in [(1_200, COMMITTED_MS - 86_400_000), (3_400, COMMITTED_MS)] {
        marks.push(Mark { seq, committed_ms });
    }
    LogStart { position, dropped_bytes: 200_000, bookmarks: bookmarks.into(), marks }
}

/// Includes an event whose content is its identity, and an event that conflicts with the first.
pub(crate) fn events() -> Vec<Event> {
    let plain = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000));
    let first = full_event();
    let at_odds = first.draft().text("Good evening!").build().unwrap();
    vec![first.clone(), session_event(), plain.build().unwrap(), at_odds]
}

/// The position of the sample block.
pub(crate) const TAIL: LogPosition =
    LogPosition { block_no: 12, seq: 3_400, chain: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef };
pub(crate) const BOOKMARKS: [StoredBookmark<'_>; 2] = [
    StoredBookmark { name: "airship/offset", value: Some(b"1000010839000") },
    StoredBookmark { name: "gone", value: None },
];

/// Constructed by hand, so that they do not depend on how the engine hashes and folds.
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
        identity: FactIdentity::Uuid(0x017a_f0ac_716f_633a_483c_5c0f_94af_ce23_u128.to_be_bytes(), 0),
        check: 0x7654_3210,
        text: Some("Good morning! ☀"),
        context: 0,
        session: None,
    };
    let close = Fact {
        seq: 4,
        at: At::Untimed { alone: Time::from_ms(1_627_535_480_000).unwrap() },
        kind: Kind::Close,
        direction: Some(Direction::Out),
        occurred: None,
        sent: None,
        started: Time::from_ms(1_627_535_400_000),
        active: Time::from_ms(1_627_535_480_000),
        unread: Some(300),
        identity: FactIdentity::Content,
        check: 7,
        text: None,
        context: 1,
        session: Some(0),
    };
    let loser = Fact {
        seq: 3,
        occurred: Some(at(1_565_723_700_000)),
        identity: FactIdentity::Text("EVENT-1", 2),
        text: None,
        ..message
    };
    let source = Some(AIRSHIP);
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
            facts: [message, close].into_iter().collect(),
            conflicts: [loser].into_iter().collect(),
            contexts: vec![full.clone(), nobody],
            sessions: vec![session],
            arrivals: ArrivalCounts { duplicates: 5, late: 6 },
        },
        ConversationImage {
            id: "case-7".into(),
            facts: [Fact { seq: 2, ..message }].into_iter().collect(),
            conflicts: Facts::default(),
            contexts: vec![full],
            sessions: vec![],
            arrivals: ArrivalCounts::default(),
        },
    ]
}

/// The same images with the content hashes of these events.
pub(crate) fn images_of_events() -> Vec<ConversationImage> {
    let mut images = images();
    for image in &mut images {
        let [facts, conflicts] = [&image.facts, &image.conflicts].map(|facts| {
            let checks = facts.iter().map(|fact| check(image, fact));
            facts.iter().zip(checks).map(|(fact, check)| Fact { check, ..fact }).collect::<Facts>()
        });
        (image.facts, image.conflicts) = (facts, conflicts);
    }
    images
}

/// Two pages.
pub(crate) fn heads() -> [StoredHead; 2] {
    let entry = PageEntry { half: PageHalf::B, checksum: 6 << 64, bytes: 1_234 };
    let closed = PageHead { outlines: page_head().outlines.split_off(1), ..page_head() };
    [StoredHead::new(entry, &page_head()).unwrap(), StoredHead::new(PageEntry::default(), &closed).unwrap()]
}

fn check(image: &ConversationImage, fact: Fact<'_>) -> u32 {
    let facts = [fact].into_iter().collect();
    match (ConversationImage { facts, conflicts: Facts::default(), ..image.clone() }).events() {
        Err(ImageError::Content { found, .. }) => found,
        other => panic!("{other:?}"),
    }
}

/// An open conversation with every value, and a closed one.
fn page_head() -> PageHead {
    let mut row = ConversationRow::new("3f0c_1627535470959", 1_627_535_400_000, 1_627_535_480_000).with_member([
        Some("Marcus"),
        Some("14695550115"),
        Some("b-1"),
        Some("c-1"),
    ]);
    row.tenant = Some("t-1".into());
    row.channel = Some("sms".into());
    row.agent = Some(AgentRef::new("42", "Ida Øst"));
    row.shortcode = Some("946710".into());
    row.unread = 3;
    row.waiting_since = Some(1_627_535_468_595);
    row.suspect = true;
    let newest = Newest::new(1_627_535_480_000, true);
    let open_extent = Extent { first_at: 1_627_535_400_000, last_at: 1_627_535_480_000, first_seq: 7, last_seq: 3_000 };
    let closed_extent =
        Extent { first_at: 1_627_535_480_000, last_at: 1_627_535_480_007, first_seq: 90_000, last_seq: 90_001 };
    let newest_closed = Newest::new(1_627_535_480_007, false);
    let closed = Outline::unlisted(0x0123_4567_89ab_cdef, Some("t-1".into()), None, newest_closed, closed_extent);
    PageHead {
        fold_version: 1,
        outlines: vec![Outline::listed(row, newest, open_extent), closed],
        hash: StateHash::from_bytes([4; 32]),
    }
}

pub(crate) fn database_format() -> DatabaseFormat {
    let id = DatabaseId::from_bytes(*b"convofold sample");
    DatabaseFormat { id, segment_bytes: 2 << 20 }
}

pub(crate) fn checkpoint() -> CheckpointRecord {
    CheckpointRecord {
        generation: 9,
        fold_version: 1,
        last_seq: 3_400,
        last_block_no: 12,
        chain: [1; 16],
        slot_count: 40,
        page_slots: 16,
        heads_checksum: [2; 16],
        halves: vec![0b101],
        page_bytes: 12_345,
        log_bytes: 67_890,
        state_hash: [3; 32],
        bookmarks: vec![("airship/offset".to_owned(), b"1000010839000".to_vec())],
        search: Some(vec![StoredRun { run: 4, checksum: [5; 16] }]),
    }
}

/// The same event under two fold versions, and a later one.
pub(crate) fn recorded_hashes() -> Vec<StoredHash> {
    let hash = |seq, fold_version, byte| StoredHash {
        seq,
        committed_ms: COMMITTED_MS + seq,
        fold_version,
        state_hash: [byte; 32],
    };
    vec![hash(1, 1, 6), hash(1, 2, 7), hash(3_400, 2, 8)]
}

pub(crate) fn run_head() -> RunHead {
    RunHead { fold_version: 1, conversations: 3, bytes: 456, firsts: [vec![-7], vec![8, 9], vec![10], vec![11]] }
}

/// Hits in the order of their second time.
pub(crate) fn hits() -> Vec<Hit> {
    let hit = |times, slot, tags| Hit { times, slot, tags };
    vec![hit([3, 4, 5], 40, 1), hit([1_700_000_000_000, 1_700_000_060_000, 1_700_000_050_000], 7, u64::MAX)]
}

pub(crate) fn terms() -> Vec<Term> {
    [(1, 40), (1, 41), (u32::MAX, 7)].map(|(hash, slot)| Term { hash, slot }).into()
}

pub(crate) fn erasure() -> StoredErasure {
    StoredErasure {
        key: [7; 32],
        at_ms: 1_700_000_000_000,
        rule: "request".to_owned(),
        last_seq: 90,
        keyed_hash_before: [1; 32],
        hash_after: [2; 32],
        fold_version: 6,
        conversations: vec![[3; 16]],
        events: vec![[4; 16], [5; 16]],
        pseudonyms: 0x0102_0304_0506_0708,
    }
}

pub(crate) fn hold() -> StoredHold {
    hold_of(StoredSubject::Customer { tenant: "Cust12345".to_owned(), id: 77 })
}

fn hold_of(subject: StoredSubject) -> StoredHold {
    StoredHold(Some(PlacedHold { at_ms: 1_700_000_000_000, subject, reason: "case 7".to_owned() }))
}

/// Records of each kind, with holds of each kind of subject, and one that was lifted.
pub(crate) fn numbered_records() -> NumberedRecords {
    let subjects = [
        StoredSubject::Member("700100".to_owned()),
        StoredSubject::Number("+47 900 00 001".to_owned()),
        StoredSubject::Conversation("c-1".to_owned()),
        StoredSubject::Customer { tenant: "Cust12345".to_owned(), id: 77 },
        StoredSubject::Contact { tenant: "Cust12345".to_owned(), id: 78 },
    ];
    let holds = subjects.into_iter().map(hold_of).chain([StoredHold(None)]);
    NumberedRecords {
        erasures: vec![(1, erasure())],
        holds: (2..).zip(holds).collect(),
        retention_runs: vec![(1, retention_run())],
    }
}

pub(crate) fn retention_run() -> StoredRetentionRun {
    let horizon = |tenant: Option<&str>, closed_before_ms| StoredHorizon {
        tenant: tenant.map(str::to_owned),
        texts_before_ms: Some(1_690_000_000_000),
        closed_before_ms,
        texts: 1,
        conversations: 2,
        events: 3,
        last_gone_seq: 4,
    };
    StoredRetentionRun {
        key: [7; 32],
        at_ms: 1_700_000_000_000,
        last_seq: 90,
        log_before_ms: Some(1_699_000_000_000),
        trimmed: 5,
        horizons: vec![horizon(None, None), horizon(Some("acme"), Some(1_680_000_000_000))],
        held: 6,
        keyed_hash_before: [1; 32],
        hash_after: [2; 32],
    }
}

pub(crate) fn replay_mark() -> ReplayMark {
    ReplayMark {
        input: 1,
        line: 2,
        byte_offset: 3,
        element: Some(14),
        fingerprint: 4,
        lines: 5,
        bytes: 6,
        events: 7,
        applied: 8,
        late: 9,
        duplicates: 10,
        conflicts: 11,
        erased: 19,
        zone: "Europe/Berlin".to_owned(),
        ignored: vec![("airship".to_owned(), "other_type".to_owned(), 13)],
        rejected: vec![("not JSON".to_owned(), 12)],
        incomplete_inputs: 14,
        problems: vec![ProblemMark { input: 15, line: 16, byte_offset: 17, is_harmless: true }],
        last_problem: Some(18),
    }
}
