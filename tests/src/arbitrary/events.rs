//! Events as a host could build them: all attributes in all combinations, with texts and times at their bounds.

use convofold::{AgentMention, Attribute, Draft, Event, Identity, Kind, SUPEROFFICE, Session, SessionType, Time};
use convofold::{ContentHash, Direction};
use proptest::option::of;
use proptest::prelude::*;

/// Most times lie shortly after this one: 2024-05-01T10:00:00Z, in milliseconds.
const BEGIN_MS: i64 = 1_714_557_600_000;

/// Events of one conversation. Identities, times and texts come from small sets, so that ties, conflicts and
/// repetitions are frequent.
pub fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..12)
}

/// One event.
pub fn event() -> impl Strategy<Value = Event> {
    let parts = (times(), texts(), agent(), identity(), of(session()), kind(), of(direction()), of(number()));
    parts.prop_map(|(times, texts, agent, identity, session, kind, direction, unread)| {
        let Times { occurred, sent, started, active } = times;
        let text = |place: usize| texts.get(place).and_then(Option::as_deref);
        let (id, name) = (agent.1.as_deref(), agent.2.as_deref());
        let source = text(0).filter(|word| !word.is_empty()).unwrap_or(SUPEROFFICE);
        // An event needs a time.
        let occurred = occurred.or_else(|| Time::from_ms(BEGIN_MS).filter(|_| sent.is_none() || started.is_none()));
        let draft = Draft::new(source, "c", kind, occurred)
            .identity(identity)
            .sent(sent)
            .started(started)
            .active(active)
            .unread(unread.map(i64::unsigned_abs))
            .agent(match agent.0 {
                0 => AgentMention::Silent,
                1 => AgentMention::Nobody,
                _ => AgentMention::agent(id, name),
            })
            .direction(direction)
            .channel(text(1))
            .text(text(2))
            .session(session);
        let attributes = Attribute::ALL.into_iter().zip(3..);
        let draft = attributes.fold(draft, |draft, (attribute, place)| draft.attribute(attribute, text(place)));
        draft.build().unwrap_or_else(|error| unreachable!("the draft has all that an event needs: {error}"))
    })
}

#[derive(Clone, Copy, Debug)]
struct Times {
    occurred: Option<Time>,
    sent: Option<Time>,
    started: Option<Time>,
    active: Option<Time>,
}

fn times() -> impl Strategy<Value = Times> {
    let times = (of(time()), of(time()), of(time()), of(time()));
    times.prop_map(|(occurred, sent, started, active)| Times { occurred, sent, started, active })
}

/// Usually one of a few values, otherwise an arbitrary one.
fn time() -> impl Strategy<Value = Time> {
    let any_ms = Time::MIN.ms()..=Time::MAX.ms();
    let near = (0_i64..4, prop_oneof![Just(0), Just(999_999), Just(100_000)]);
    let near = near.prop_map(|(ms, ns)| (BEGIN_MS + ms, ns));
    let parts = prop_oneof![4 => near, 1 => (any_ms, 0_u32..1_000_000), 1 => Just((0, 0))];
    parts.prop_map(|(ms, ns)| Time::from_ms_and_ns(ms, ns).unwrap_or(Time::MAX))
}

fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
    prop::collection::vec(of(text()), 3 + Attribute::COUNT)
}

fn text() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 6] = ["", "null", "Unknown", "0", " a ", "\"\\\u{0}\u{1f}\n\u{7f}\u{2028}/é😀"];
    prop_oneof![4 => prop::sample::select(&KNOWN).prop_map(str::to_owned), 1 => any::<String>()]
}

fn agent() -> impl Strategy<Value = (u8, Option<String>, Option<String>)> {
    (0_u8..4, of(text()), of(text()))
}

/// Half of the events have no id; their content is their identity.
fn identity() -> impl Strategy<Value = Option<Identity>> {
    let content = ContentHash::from_bits(7).to_string();
    let uuid = "a8c66fc6-210c-11e6-a195-90e2ba211bf8";
    let known = [uuid.to_owned(), uuid.to_uppercase(), content, String::new(), "e1".to_owned()];
    let id = prop_oneof![4 => prop::sample::select(known.to_vec()), 1 => any::<String>()];
    of((id, prop_oneof![Just(0), Just(2), any::<u8>()]).prop_map(|(id, part)| Identity::given(&id, part)))
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(-1), Just(9), Just(i64::MIN), Just(i64::MAX), any::<i64>()]
}

fn session() -> impl Strategy<Value = Session> {
    let numbers = prop::collection::vec(of((number(), any::<bool>())), Session::FIELDS.len());
    let texts = prop::collection::vec(of(text()), Session::TEXTS);
    (numbers, texts).prop_map(|(numbers, texts)| {
        let types = Session::FIELDS.into_iter().map(|(_, field_type)| field_type);
        let mut numbers = types.zip(numbers).filter_map(|(field_type, number)| match field_type {
            SessionType::Truth => Some(number.map(|(_, truth)| i64::from(truth))),
            SessionType::Number => Some(number.map(|(number, _)| number)),
            _ => None,
        });
        let numbers = std::array::from_fn(|_| numbers.next().flatten());
        let texts = std::array::from_fn(|place| texts.get(place).and_then(Option::as_deref));
        Session::from_columns(numbers, texts).unwrap_or_default()
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::{Close, Message, Open, OpenClosed, Update, UpdateOpen};
    prop::sample::select(vec![Open, OpenClosed, Update, UpdateOpen, Message, Close, Close])
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::In), Just(Direction::Out)]
}
