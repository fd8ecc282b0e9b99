//! Packed facts beside a list of events, for any events in any order.

use proptest::prelude::*;

use super::{CHUNK_FACTS, Chunk, Gap, PackedFacts};
use crate::Board;
use crate::draft::Draft;
use crate::event::{AIRSHIP, AgentMention, Direction, Event, Kind};
use crate::fact::Fact;
use crate::facts::Facts;
use crate::identity::{ContentHash, Identity};
use crate::image::ConversationImage;
use crate::session::Session;
use crate::time::Time;

/// Times that are often equal, near each other, or far apart.
fn times() -> impl Strategy<Value = Time> {
    let ms = prop_oneof![6 => 1_000..1_006_i64, 3 => 0..2_000_000_000_000_i64, 1 => Just(253_402_300_799_999)];
    let ns = prop_oneof![4 => Just(0_u32), 1 => (0..10_000_u32).prop_map(|tenths| tenths * 100), 1 => 0..1_000_000_u32];
    (ms, ns).prop_map(|(ms, ns)| Time::from_ms_and_ns(ms, ns).unwrap())
}

/// Few of each form, so that many events have the same.
fn identities() -> impl Strategy<Value = Option<Identity>> {
    let part = prop_oneof![Just(0_u8), Just(2), Just(255)];
    let text = prop_oneof!["[a-c]", Just(String::new()), Just("é".repeat(300)), Just("0".repeat(32))];
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Identity::of_content(ContentHash::from_bits(7)))),
        4 => (0..9_u128, part.clone()).prop_map(|(n, part)| Some(Identity::from_uuid(n.to_be_bytes(), part))),
        4 => (text, part).prop_map(|(text, part)| Some(Identity::given(&text, part))),
    ]
}

fn texts() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), Just(Some(String::new())), "[a-z é☀]{0,12}".prop_map(Some), Just(Some("ö".repeat(700)))]
}

fn sessions() -> impl Strategy<Value = Option<Session>> {
    let status = proptest::option::of(0..9_i64);
    proptest::option::of(status.prop_map(|status| Session { status, ..Session::default() }))
}

fn events() -> impl Strategy<Value = Event> {
    let kind = proptest::sample::select(Kind::ALL.to_vec());
    let direction = proptest::sample::select(vec![None, Some(Direction::In), Some(Direction::Out)]);
    let source = proptest::sample::select(vec![AIRSHIP, "helpdesk"]);
    let times = proptest::array::uniform4(proptest::option::of(times()));
    let unread = proptest::option::of(prop_oneof![0..5_u64, Just(u64::MAX)]);
    let agent = proptest::option::of("[ab]");
    (source, kind, direction, times, identities(), unread, texts(), agent, sessions()).prop_filter_map(
        "no time",
        |(source, kind, direction, [occurred, sent, started, active], identity, unread, text, agent, session)| {
            let draft = Draft {
                direction,
                occurred,
                sent,
                started,
                active,
                identity,
                unread,
                text: text.as_deref(),
                agent: AgentMention::agent(agent.as_deref(), None),
                session,
                ..Draft::new(source, "c-1", kind, None)
            };
            draft.build().ok()
        },
    )
}

/// The conversation as lists: the events that count, in the order of T2 without T3, and those that lost.
#[derive(Default)]
struct Lists {
    counting: Vec<(u64, Event)>,
    lost: Vec<(u64, Event)>,
    duplicates: u64,
}

impl Lists {
    fn apply(&mut self, seq: u64, event: &Event) {
        let is_same = |known: &(u64, Event)| known.1.identity() == event.identity();
        let is_equal = |known: &(u64, Event)| is_same(known) && known.1.content() == event.content();
        if self.counting.iter().chain(&self.lost).any(is_equal) {
            self.duplicates += 1;
            return;
        }
        match self.counting.iter_mut().find(|known| is_same(known)) {
            None => self.counting.push((seq, event.clone())),
            Some(known) if event.content() < known.1.content() => {
                self.lost.push(std::mem::replace(known, (seq, event.clone())));
            }
            Some(_) => self.lost.push((seq, event.clone())),
        }
        let order = |event: &Event| (event.at(), event.kind().rank(), event.identity().clone());
        self.counting.sort_by_key(|(_, event)| order(event));
    }
}

/// The events of packed facts.
fn unpacked(image: &ConversationImage, facts: &Facts) -> Vec<(u64, Event)> {
    facts.iter().map(|fact| (fact.seq, image.event(&fact).unwrap())).collect()
}

/// The same facts from the bytes.
fn repacked(facts: &Facts) -> Facts {
    let mut again = Facts::default();
    facts.packed().for_each(|packed| again.push_packed(packed).unwrap());
    again
}

/// What [`Chunk::push`] makes of these facts.
fn packed<'a>(facts: impl IntoIterator<Item = Fact<'a>>) -> Chunk {
    let mut chunk = Chunk::default();
    facts.into_iter().for_each(|fact| chunk.push(&fact));
    chunk
}

/// Whether two chunks have the same bytes, continue in the same way, and find their last fact.
fn are_same(a: &Chunk, b: &Chunk) -> bool {
    let last = a.last.and_then(|last| a.given_of(last));
    (a.packed(), a.before, a.last) == (b.packed(), b.before, b.last)
        && last == a.iter().last().map(|fact| fact.identity)
}

/// The gap after some facts of a chunk.
fn gap_after(chunk: &Chunk, facts: usize) -> Gap {
    let mut rows = chunk.iter();
    rows.by_ref().take(facts).for_each(drop);
    chunk.gap_before(&rows)
}

/// Whether passing over facts finds the same texts as reading them, and none after the last.
fn texts_are_found(facts: &Facts) -> bool {
    let texts = facts.iter().map(|fact| fact.text).chain([None]);
    (0..).map(|place| facts.text_at(place)).zip(texts).all(|(found, text)| found == text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn packed_facts_are_the_events(
        events in proptest::collection::vec(events(), 1..40),
        settle_every in 1..7_usize,
    ) {
        let (mut board, mut lists) = (Board::new(), Lists::default());
        for (number, event) in events.chunks(settle_every).enumerate() {
            let mut edit = board.edit();
            for (seq, event) in (1 + (number * settle_every) as u64..).zip(event) {
                edit.apply(seq, event);
                lists.apply(seq, event);
            }
        }
        let image = board.image(0).unwrap();
        prop_assert_eq!(image.arrivals.duplicates, lists.duplicates);
        prop_assert_eq!(unpacked(&image, &image.facts), lists.counting);
        prop_assert_eq!(unpacked(&image, &image.conflicts), lists.lost);
        prop_assert!(texts_are_found(&image.facts));
        for chunk in image.facts.chunks().chain(image.conflicts.chunks()) {
            prop_assert!(are_same(chunk, &packed(chunk.iter())));
        }
        // A board that was loaded from the bytes knows the same, and continues in the same way.
        let mut loaded = Board::new();
        let (facts, conflicts) = (repacked(&image.facts), repacked(&image.conflicts));
        loaded.load(0, ConversationImage { facts, conflicts, ..image.clone() }).unwrap();
        prop_assert_eq!(loaded.state("c-1"), board.state("c-1"));
        for (seq, event) in (1_000..).zip(&events) {
            prop_assert_eq!(loaded.edit().apply(seq, event), board.edit().apply(seq, event));
        }
        prop_assert_eq!(loaded.image(0), board.image(0));
        // One board folded every event as it came, and the other one all of them at once.
        prop_assert_eq!(loaded.history("c-1"), board.history("c-1"));
    }

    #[test]
    fn inserted_facts_have_the_bytes_of_facts_packed_in_order(
        arrivals in proptest::collection::vec(
            (events(), 0..4_u64, 0..3_u32, proptest::option::of(0..3_u32), any::<prop::sample::Index>()),
            1..20,
        ),
    ) {
        let (mut chunk, mut in_order) = (Chunk::default(), Vec::new());
        for (event, seq, context, session, place) in &arrivals {
            let fact = Fact::new(*seq, event.as_ref(), *context, *session);
            let place = place.index(in_order.len() + 1);
            let gap = gap_after(&chunk, place);
            chunk.insert(&gap, &fact);
            in_order.insert(place, fact);
            prop_assert!(are_same(&chunk, &packed(in_order.iter().copied())), "{chunk:?}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_are_facts(
        events in proptest::collection::vec(events(), 1..8),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let contexts = Facts::from_iter(events.iter().map(|event| Fact::new(9, event.as_ref(), 1, None)));
        for PackedFacts { len, numbers, texts, fixed } in contexts.packed() {
            let mut changed = numbers.to_vec();
            changed[at.index(numbers.len())] ^= change;
            let cut_numbers = &numbers[..cut.index(numbers.len())];
            let cut_fixed = &fixed[..cut.index(fixed.len())];
            let with = |numbers, fixed, texts, len| PackedFacts { len, numbers, texts, fixed };
            for other in [with(cut_numbers, fixed, texts, len), with(numbers, cut_fixed, texts, len), with(numbers, fixed, texts, len + 1), with(numbers, fixed, texts, len - 1)] {
                prop_assert!(Facts::default().push_packed(other).is_err());
            }
            let mut facts = Facts::default();
            if facts.push_packed(with(&changed, fixed, texts, len)).is_ok() {
                prop_assert_eq!(facts.iter().count(), len as usize);
                prop_assert!(texts_are_found(&facts));
                let again: Facts = facts.iter().collect();
                prop_assert_eq!(&again, &facts);
            }
        }
    }
}

#[test]
fn a_chunk_has_a_largest_number_of_facts() {
    let event = Draft::new(AIRSHIP, "c-1", Kind::Update, Time::from_ms(1_000)).text("hi").build().unwrap();
    let one = Facts::from_iter([Fact::new(1, event.as_ref(), 0, None)]);
    let PackedFacts { numbers, texts, fixed, .. } = one.packed().next().unwrap();
    for (count, is_read) in [(CHUNK_FACTS, true), (CHUNK_FACTS + 1, false)] {
        let times = count as usize;
        let (numbers, texts, fixed) = (numbers.repeat(times), texts.repeat(times), fixed.repeat(times));
        let packed = PackedFacts { len: count, numbers: &numbers, texts: &texts, fixed: &fixed };
        assert_eq!(Facts::default().push_packed(packed).is_ok(), is_read, "{count}");
    }
}
