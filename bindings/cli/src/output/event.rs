//! A short description of an event, for people.

use convofold::{AgentMention, AgentRef, Direction, Kind, Mention};

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

/// The contents of an event.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// A message's direction, or that of the text a lifecycle event carries.
    pub direction: Option<Direction>,
    /// Its mention of an agent.
    pub agent: &'a Mention,
    /// The unread count that it states.
    pub unread: Option<u64>,
    /// Its text.
    pub text: Option<&'a str>,
}

impl Said<'_> {
    /// On one line: direction, agent, unread count, text.
    #[must_use]
    pub fn in_words(&self, kind: Kind, names: &AgentNames) -> String {
        let mut words = Vec::new();
        if kind.is_message() {
            words.push(arrow(self.direction).to_owned());
        }
        match self.agent {
            Mention::Silent => {}
            Mention::Nobody => words.push("agent: nobody;".to_owned()),
            Mention::Agent(agent) => words.push(format!("agent: {};", names.agent(Some(agent)))),
            _ => {}
        }
        if let Some(unread) = self.unread {
            words.push(format!("unread: {unread};"));
        }
        match self.text {
            Some(said) => words.push(text::one_line(said)),
            None if kind.is_message() => words.push("(no text)".to_owned()),
            None => {}
        }
        words.join(" ").trim_end_matches(';').to_owned()
    }
}

/// The mention of an agent, in the form of a history.
#[must_use]
pub fn mention(mention: AgentMention<'_>) -> Mention {
    match mention {
        AgentMention::Nobody => Mention::Nobody,
        AgentMention::Agent { id, name, .. } => Mention::Agent(AgentRef::new(id, name)),
        _ => Mention::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_a_line() {
        let names = AgentNames::default();
        let agent = Mention::Agent(AgentRef::new("7", "Agnes"));
        let said = Said { direction: Some(Direction::Out), agent: &agent, unread: None, text: Some("Hi\nthere") };
        assert_eq!(said.in_words(Kind::Message, &names), "-> agent: Agnes; Hi there");
        let said = Said { direction: None, agent: &Mention::Nobody, unread: Some(2), text: None };
        assert_eq!(said.in_words(Kind::Open, &names), "agent: nobody; unread: 2");
        let said = Said { direction: None, agent: &Mention::Silent, unread: None, text: None };
        assert_eq!(said.in_words(Kind::Close, &names), "");
    }
}
