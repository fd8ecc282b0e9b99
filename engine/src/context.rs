//! The texts that most events of a conversation repeat.

use std::sync::Arc;

use crate::event::{AgentMention, Event};
use crate::texts::{FIELDS, Field, Texts};

/// The part of an event that most events of its conversation repeat: source, channel, agent and member. Clones share
/// one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    texts: Texts,
    nobody: bool,
}

impl Context {
    /// The maximum number of texts in a context.
    pub const TEXTS: usize = FIELDS - Field::Source.place();

    /// The context with these texts: source, agent id, agent name, channel, and every [`Attribute`](crate::Attribute).
    /// `nobody` (no agent is assigned) is ignored if there is an agent. Returns `None` if the texts are longer than 4
    /// GiB together.
    #[must_use]
    pub fn new(texts: [Option<&str>; Self::TEXTS], nobody: bool) -> Option<Self> {
        let mut fields = [None; FIELDS];
        if let Some(repeating) = fields.last_chunk_mut() {
            *repeating = texts;
        }
        let texts = Texts::pack(fields)?;
        let nobody = nobody && texts.get(Field::AgentId).is_none() && texts.get(Field::AgentName).is_none();
        Some(Self(Arc::new(Inner { texts, nobody })))
    }

    /// The context of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self(Arc::new(Inner { texts: event.texts().repeating(), nobody: event.says_nobody() }))
    }

    /// Whether the event has this context.
    #[must_use]
    pub fn is_of(&self, event: &Event) -> bool {
        self.nobody() == event.says_nobody() && self.0.texts.repeats(event.texts())
    }

    /// The texts, in the order of [`Context::new`].
    #[must_use]
    pub fn texts(&self) -> [Option<&str>; Self::TEXTS] {
        let places = std::array::from_fn(|place| place + Field::Source.place());
        places.map(|place: usize| self.0.texts.at(place))
    }

    /// The total length of the texts in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.0.texts.bytes()
    }

    /// Whether it states that no agent is assigned.
    #[must_use]
    pub fn nobody(&self) -> bool {
        self.0.nobody
    }

    /// The name of the source; empty if there is none.
    #[must_use]
    pub fn source(&self) -> &str {
        self.get(Field::Source).unwrap_or_default()
    }

    pub(crate) fn get(&self, field: Field) -> Option<&str> {
        self.0.texts.get(field)
    }

    pub(crate) fn agent(&self) -> AgentMention<'_> {
        AgentMention::from_parts(self.get(Field::AgentId), self.get(Field::AgentName), self.nobody())
    }

    pub(crate) fn packed(&self) -> &Texts {
        &self.0.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::draft::tests::message;

    #[test]
    fn the_context_of_an_event_comes_back_from_its_texts() {
        let agent = AgentMention::Agent { id: Some("a"), name: Some("") };
        for agent in [agent, AgentMention::Nobody, AgentMention::Silent] {
            let event = Draft { agent, channel: Some("sms"), ..message().tenant("t") }.build().unwrap();
            let context = Context::of(&event);
            assert!(context.is_of(&event));
            assert_eq!(context.agent(), agent);
            assert_eq!(Context::new(context.texts(), context.nobody()), Some(context.clone()));
            assert!(!context.is_of(&Draft { ..event.draft().tenant("u") }.build().unwrap()));
        }
    }

    #[test]
    fn unassigned_applies_only_without_an_agent() {
        let mut texts = [None; Context::TEXTS];
        texts[0] = Some("airship");
        assert!(Context::new(texts, true).unwrap().nobody());
        texts[1] = Some("a");
        assert!(!Context::new(texts, true).unwrap().nobody());
    }
}
