//! Arbitrary events for property tests: all values of an event, in every combination, often repeated.

use convofold_engine::{AgentMention, Attribute, Direction, Draft, Event, Identity, Kind, Session, SessionType, Time};
use proptest::option::of;
use proptest::prelude::*;

/// Events of a few conversations.
pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..24)
}

fn event() -> impl Strategy<Value = Event> {
    let said = (prop::sample::select(&["a", "b", "ç"]), identity(), kind(), of(direction()), of(number()));
    let parts = (said, [of(time()), of(time()), of(time()), of(time())], texts(), agent(), of(session()));
    parts.prop_map(|((conversation, identity, kind, direction, unread), times, texts, nobody, session)| {
        let [occurred, sent, active, started] = times;
        let text = |place: usize| texts.get(place).and_then(Option::as_deref);
        let agent = AgentMention::agent(text(2), text(3));
        let draft = Draft::new(
            "airship",
            conversation,
            kind,
            occurred.or_else(|| Time::from_ms(7).filter(|_| sent.is_none() || started.is_none())),
        )
        .identity(identity)
        .sent(sent)
        .started(started)
        .active(active)
        .unread(unread.map(i64::unsigned_abs))
        .agent(if nobody { AgentMention::Nobody } else { agent })
        .direction(direction)
        .channel(text(0))
        .text(text(1))
        .session(session);
        let attributes = Attribute::ALL.into_iter().zip(4..);
        attributes.fold(draft, |draft, (attribute, place)| draft.attribute(attribute, text(place))).build().unwrap()
    })
}

fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
    let text = prop_oneof![8 => prop::sample::select(&["", "x", "é☀"]).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(of(text), 4 + Attribute::COUNT)
}

fn agent() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.2)
}

fn identity() -> impl Strategy<Value = Option<Identity>> {
    let text = prop_oneof![Just(String::new()), any::<String>()].prop_map(|text| Identity::given(&text, 1));
    of(prop_oneof![any::<([u8; 16], u8)>().prop_map(|(uuid, part)| Identity::from_uuid(uuid, part)), text])
}

fn time() -> impl Strategy<Value = Time> {
    let any_ms = Time::MIN.ms()..=Time::MAX.ms();
    let near = (1_714_557_600_000_i64..1_714_557_600_004, prop_oneof![Just(0), Just(999_999), Just(100_000)]);
    let parts = prop_oneof![4 => near, 1 => (any_ms, 0_u32..1_000_000)];
    parts.prop_map(|(ms, ns)| Time::from_ms_and_ns(ms, ns).unwrap())
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(-1), Just(9), Just(i64::MIN), Just(i64::MAX), any::<i64>()]
}

fn session() -> impl Strategy<Value = Session> {
    let numbers = prop::collection::vec(of((number(), any::<bool>())), Session::FIELDS.len());
    let texts = prop::collection::vec(of(prop::sample::select(&["", "Kim"]).prop_map(str::to_owned)), Session::TEXTS);
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
    prop::sample::select(vec![Open, OpenClosed, Update, UpdateOpen, Message, Close])
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::In), Just(Direction::Out)]
}
