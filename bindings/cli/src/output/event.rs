//! A short description of an event, for people.

use convofold::{AgentMention, AgentRef, Direction, Event, Kind};

use super::text;
use crate::agent_names::AgentNames;

/// The word for a kind.
#[must_use]
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => "open",
        Kind::OpenClosed => "open, closed",
        Kind::Update => "update",
        Kind::UpdateOpen => "update, open",
        Kind::Message => "message",
        Kind::Close => "close",
        other => other.name(),
    }
}

/// The arrow of a direction: towards the agent, or towards the member.
#[must_use]
pub fn arrow(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::In) => "<-",
        Some(Direction::Out) => "->",
        None => "--",
    }
}

/// The contents of an event on one line: direction, agent, unread count, text.
#[must_use]
pub fn in_words(event: &Event, names: &AgentNames) -> String {
    let mut words = Vec::new();
    if event.kind().is_message() {
        words.push(arrow(event.direction()).to_owned());
    }
    match event.agent() {
        AgentMention::Nobody => words.push("agent: nobody;".to_owned()),
        AgentMention::Agent { id, name, .. } => {
            words.push(format!("agent: {};", names.agent(Some(&AgentRef::new(id, name)))));
        }
        _ => {}
    }
    if let Some(unread) = event.unread() {
        words.push(format!("unread: {unread};"));
    }
    match event.text() {
        Some(said) => words.push(text::one_line(said)),
        None if event.kind().is_message() => words.push("(no text)".to_owned()),
        None => {}
    }
    words.join(" ").trim_end_matches(';').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use convofold::{Draft, Time};

    #[test]
    fn an_event_is_told_in_a_line() {
        let words = |draft: Draft<'_>| in_words(&draft.build().unwrap(), &AgentNames::default());
        let event = |kind| Draft::new("desk", "c", kind, Time::MIN);
        let out = event(Kind::Message).direction(Direction::Out).agent(AgentMention::agent("7", "Agnes"));
        assert_eq!(words(out.text("Hi\nthere")), "-> agent: Agnes; Hi there");
        assert_eq!(words(event(Kind::Open).agent(AgentMention::Nobody).unread(2)), "agent: nobody; unread: 2");
        assert_eq!(words(event(Kind::Close)), "");
    }
}
