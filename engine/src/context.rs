//! The texts that most events of a conversation repeat.

use std::sync::Arc;

use crate::event::{AgentMention, EventRef};
use crate::texts::{CONTEXT_TEXTS, ContextSpans, Field};

/// The part of an event that most events of its conversation repeat: source, channel, agent and member. Clones share
/// one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    spans: ContextSpans,
    /// The arena: only this context.
    texts: Arc<str>,
}

impl Context {
    /// The maximum number of texts in a context.
    pub const TEXTS: usize = CONTEXT_TEXTS;

    /// The context with these texts: source, agent id, agent name, channel, and every [`Attribute`](crate::Attribute).
    /// `nobody` (no agent is assigned) is ignored if there is an agent. Returns `None` if the texts are longer than 4
    /// GiB together.
    #[must_use]
    pub fn new(texts: [Option<&str>; Self::TEXTS], nobody: bool) -> Option<Self> {
        let mut arena = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let spans = ContextSpans::append(&mut arena, texts, nobody)?;
        Some(Self { spans, texts: arena.into() })
    }

    /// The context of an event.
    #[must_use]
    pub fn of<'a>(event: impl Into<EventRef<'a>>) -> Self {
        let EventRef { context, arena, .. } = event.into();
        Self { spans: context.at_the_beginning(), texts: context.packed(arena).into() }
    }

    /// Whether the event has this context.
    #[must_use]
    pub fn is_of<'a>(&self, event: impl Into<EventRef<'a>>) -> bool {
        let EventRef { context, arena, .. } = event.into();
        self.spans.is_same(&self.texts, *context, arena)
    }

    /// The texts, in the order of [`Context::new`].
    #[must_use]
    pub fn texts(&self) -> [Option<&str>; Self::TEXTS] {
        self.spans.texts(&self.texts)
    }

    /// The total length of the texts in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.texts.len()
    }

    /// Whether it states that no agent is assigned.
    #[must_use]
    pub fn nobody(&self) -> bool {
        self.spans.nobody()
    }

    /// The name of the source; empty if there is none.
    #[must_use]
    pub fn source(&self) -> &str {
        self.get(Field::Source).unwrap_or_default()
    }

    pub(crate) fn get(&self, field: Field) -> Option<&str> {
        self.spans.get(field, &self.texts)
    }

    pub(crate) fn agent(&self) -> AgentMention<'_> {
        AgentMention::from_parts(self.get(Field::AgentId), self.get(Field::AgentName), self.nobody())
    }

    /// Appends it to an arena. Returns `None` if the arena is longer than 4 GiB then.
    pub(crate) fn append_to(&self, arena: &mut String) -> Option<ContextSpans> {
        self.spans.append_to(arena, &self.texts)
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
