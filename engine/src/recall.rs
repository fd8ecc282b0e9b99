//! The events of a conversation, rebuilt from its facts.
//!
//! Facts contain everything that the events said, so the log need not be searched: for an audit, an export, or the
//! state at an earlier time.

use crate::conversation::Conversation;
use crate::effect::Seq;
use crate::event::Event;
use crate::fact::Fact;
use crate::fold::Lists;
use crate::image::{ConversationImage, ImageError};

impl ConversationImage {
    /// The logged events, conflicts included, with their sequence numbers and in that order.
    ///
    /// # Errors
    /// [`ImageError`] if a stored fact does not match its content hash.
    pub fn events(&self) -> Result<Vec<(Seq, Event)>, ImageError> {
        self.facts_in_log_order().into_iter().map(|fact| Ok((fact.seq, self.event(&fact)?))).collect()
    }

    /// Like [`ConversationImage::events`], one event at a time. An event has copies of the texts that the facts of a
    /// conversation share.
    ///
    /// # Errors
    /// The first error of an event or of `take`.
    pub fn each_event<E: From<ImageError>>(&self, mut take: impl FnMut(Seq, Event) -> Result<(), E>) -> Result<(), E> {
        self.facts_in_log_order().into_iter().try_for_each(|fact| take(fact.seq, self.event(&fact)?))
    }

    /// The image as it was when only the events with a smaller `seq` were known; `None` if there were none.
    ///
    /// An event that counted then may have lost to a later event with the same identity (rule I2), so the events are
    /// applied again. Duplicates leave no trace of their arrival time and are not counted.
    ///
    /// # Errors
    /// As for [`ConversationImage::events`].
    pub fn before(&self, seq: Seq) -> Result<Option<Self>, ImageError> {
        let mut conversation = Conversation::new(self.id.clone());
        let mut facts = self.facts_in_log_order().into_iter().take_while(|fact| fact.seq < seq).peekable();
        if facts.peek().is_none() {
            return Ok(None);
        }
        for fact in facts {
            conversation.apply(fact.seq, self.event(&fact)?.as_ref(), &mut None);
        }
        conversation.settle();
        Ok(Some(Self::of(&conversation)))
    }

    pub(crate) fn facts_in_log_order(&self) -> Vec<Fact<'_>> {
        let mut facts: Vec<_> = self.facts.iter().chain(self.conflicts.iter()).collect();
        facts.sort_by_key(|fact| fact.seq);
        facts
    }

    pub(crate) fn event(&self, fact: &Fact<'_>) -> Result<Event, ImageError> {
        let event = fact.event(&self.id, self.lists())?;
        let (seq, expected, found) = (fact.seq, fact.check, event.content().check());
        if found == expected { Ok(event) } else { Err(ImageError::Content { seq, expected, found }) }
    }

    pub(crate) fn lists(&self) -> Lists<'_> {
        Lists { contexts: &self.contexts, sessions: &self.sessions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;
    use crate::context::Context;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};
    use crate::identity::Identity;
    use crate::session::Session;

    fn image(drafts: Vec<Draft<'_>>) -> ConversationImage {
        let mut board = Board::new();
        for (seq, draft) in (1..).zip(drafts) {
            board.edit().apply(seq, &draft.build().unwrap());
        }
        board.image(0).unwrap()
    }

    fn two_of_one_identity() -> [Draft<'static>; 2] {
        ["hi", "ho"].map(|text| Draft { text: Some(text), identity: Some(Identity::given("x", 0)), ..message() })
    }

    #[test]
    fn i2_before_the_event_that_won_the_other_one_counts() {
        let mut drafts = two_of_one_identity();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.clone().build().unwrap().content()));
        let [loser, winner] = drafts.clone();
        let whole = image(drafts.to_vec());
        let first_text = |image: &ConversationImage| image.facts.get(0).unwrap().text.map(str::to_owned);
        assert_eq!((first_text(&whole).as_deref(), whole.conflicts.len()), (winner.text, 1));
        let before = whole.before(2).unwrap().unwrap();
        assert_eq!((first_text(&before).as_deref(), before.conflicts.len()), (loser.text, 0));
        assert_eq!(whole.before(3), Ok(Some(whole)));
    }

    #[test]
    fn before_the_first_event_there_was_nothing() {
        assert_eq!(image(vec![message()]).before(1), Ok(None));
    }

    #[test]
    fn a_fact_that_differs_from_its_content_hash_is_an_error() {
        let whole = image(vec![message()]);
        let fact = whole.facts.get(0).unwrap();
        let with = |fact| {
            let image = ConversationImage { facts: [fact].into_iter().collect(), ..whole.clone() };
            image.events().unwrap_err()
        };
        let expected = fact.check;
        let occurred = Draft { occurred: at(999), ..message() }.build().unwrap();
        let error = with(Fact { occurred: at(999), ..fact });
        assert_eq!(error, ImageError::Content { seq: 1, expected, found: occurred.content().check() });
        let error = with(Fact { check: 7, ..fact });
        assert_eq!(error, ImageError::Content { seq: 1, expected: 7, found: fact.check });
        let mut texts = whole.contexts[0].texts();
        texts[0] = None;
        let contexts = vec![Context::new(texts, false).unwrap()];
        let error = ConversationImage { contexts, ..whole.clone() }.events().unwrap_err();
        assert_eq!(error, ImageError::NoEvent { seq: 1, why: crate::DraftError::NoSource });
    }

    #[test]
    fn a_dangling_reference_is_an_error() {
        let whole = image(vec![Draft { session: Some(Session::default()), ..message() }]);
        let dangling = |list| ImageError::Dangling { seq: 1, list, found: 0, expected: 0 };
        let no_contexts = ConversationImage { contexts: vec![], ..whole.clone() };
        assert_eq!(no_contexts.events(), Err(dangling("context")));
        let no_sessions = ConversationImage { sessions: vec![], ..whole };
        assert_eq!(no_sessions.events(), Err(dangling("session")));
    }
}
