//! The rules for input, tested through the public API: bytes in, events out.

mod airship;
mod convofold;
mod framing;
mod hostile;
mod identity;
mod inputs;
mod literal;
mod superoffice;

use super::*;
use crate::event::Event;

/// An item of the result.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Event(Origin, Box<Event>),
    Ignored(Origin, Ignored<'static>),
    Rejected(Rejection),
}

impl Sink for Vec<Item> {
    fn event(&mut self, origin: Origin, event: Event) {
        self.push(Item::Event(origin, Box::new(event)));
    }

    fn ignored(&mut self, origin: Origin, why: Ignored<'_>) {
        let reason = why.reason.to_owned().leak();
        self.push(Item::Ignored(origin, Ignored { reason, ..why }));
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.push(Item::Rejected(rejection));
    }
}

fn parse_as(format: Format, input: impl AsRef<[u8]>) -> Vec<Item> {
    let mut items = Vec::new();
    Parser::new(format, Limits::default()).parse_input(input.as_ref(), &mut items);
    items
}

fn parse(input: impl AsRef<[u8]>) -> Vec<Item> {
    parse_as(Format::Auto, input)
}

#[track_caller]
fn event(input: impl AsRef<[u8]>) -> Event {
    match parse(&input).as_slice() {
        [Item::Event(_, event)] => (**event).clone(),
        other => panic!("{}: {other:?}", String::from_utf8_lossy(input.as_ref())),
    }
}

#[track_caller]
fn rejection(input: impl AsRef<[u8]>) -> Rejection {
    match parse(&input).as_slice() {
        [Item::Rejected(rejection)] => rejection.clone(),
        other => panic!("{}: {other:?}", String::from_utf8_lossy(input.as_ref())),
    }
}

#[track_caller]
fn ignored(input: impl AsRef<[u8]>) -> Ignored<'static> {
    match parse(&input).as_slice() {
        [Item::Ignored(_, why)] => *why,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(input.as_ref())),
    }
}

#[track_caller]
fn rejects(input: impl AsRef<[u8]>, path: &str, reason: Reason) {
    let rejection = rejection(&input);
    assert_eq!(
        (rejection.path.as_str(), rejection.reason),
        (path, reason),
        "{}",
        String::from_utf8_lossy(input.as_ref())
    );
}

/// A short summary of the result: `e` an event, `i` ignored, `r` a rejection, each with its line.
fn account(items: &[Item]) -> String {
    let letters = items.iter().map(|item| match item {
        Item::Event(origin, _) => format!("e{}", origin.line),
        Item::Ignored(origin, _) => format!("i{}", origin.line),
        Item::Rejected(rejection) => format!("r{}", rejection.line),
    });
    letters.collect::<Vec<_>>().join(" ")
}

/// A convo event with these fields in its `convo`.
fn convo(fields: &str) -> String {
    format!(
        r#"{{"occurred":"2021-07-29T05:11:08Z","user":{{}},"body":{{"name":"live_chat_convo","interaction_type":"convo_open","transaction":"t-1","properties":{{"convo":{{{fields}}}}}}}}}"#
    )
}

/// A message event with these fields in its `message`.
fn message(fields: &str) -> String {
    format!(
        r#"{{"occurred":"2021-07-29T05:11:08Z","user":{{}},"body":{{"name":"live_chat_message","interaction_type":"sms_in","transaction":"t-1","properties":{{"message":{{{fields}}}}}}}}}"#
    )
}

/// A SuperOffice event with these field values.
fn chat(event: &str, field_values: &str) -> String {
    format!(
        r#"{{"EventId":"e-1","Timestamp":"2018-04-24T08:18:42.089895Z","Event":"{event}","PrimaryKey":178105,"ContextIdentifier":"Default","FieldValues":{{{field_values}}}}}"#
    )
}
