//! Retention: what is left of a conversation when its old texts are removed, and when a conversation may go.
//!
//! A text is as old as the time with which it is shown: the own time of a message (T4), the time as of which the text of a
//! lifecycle event counts (F8). Without its text, an event keeps everything else, so that states, counts, times and reports
//! stay what they are (rule R1).

use std::collections::BTreeSet;

use crate::conversation::Conversation;
use crate::draft::{Draft, DraftError};
use crate::effect::Seq;
use crate::erase::order;
use crate::event::{Event, EventRef};
use crate::fact::Fact;
use crate::identity::Identity;
use crate::image::{ConversationImage, ImageError};
use crate::outline::Outline;
use crate::time::Time;

/// The part of the identity that was a content hash, of an event whose text was removed. No source gives one id to 256
/// events.
const CONTENT_PART: u8 = u8::MAX;

/// A conversation without its old texts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WithoutTexts {
    /// The conversation.
    pub image: ConversationImage,
    /// The events that are not the same as before, in ascending order.
    pub seqs: Vec<Seq>,
    /// Number of texts that are gone.
    pub texts: u64,
}

impl EventRef<'_> {
    /// The time with which a text of this event is shown.
    #[must_use]
    pub fn text_time(self) -> Time {
        let own = if self.kind().is_message() { self.sent() } else { self.active().or(self.started()) };
        own.unwrap_or(self.at().alone())
    }

    /// Whether the event has a text that is older than this time. The text without meaning of an event that does not count
    /// (rule I2) is none.
    #[must_use]
    pub fn has_text_before(self, before: Time) -> bool {
        is_old(self.text(), self.text_time(), before)
    }

    /// The event without its text. Its identity has the same text as before and the same place in the order of T2: a content
    /// hash, which would be another one now, becomes an id that is written like it. The same event always becomes the same.
    ///
    /// # Errors
    /// [`DraftError`] if the event was not one that was accepted.
    pub fn without_text(self) -> Result<Event, DraftError> {
        let identity = self.identity();
        let identity =
            if identity.is_content() { Identity::given(&identity.text(), CONTENT_PART) } else { identity.clone() };
        // The limit was applied when the event arrived.
        Draft { text: None, identity: Some(identity), ..self.draft() }.build_with(usize::MAX)
    }
}

impl Identity {
    /// Whether it is the content hash of its event, or was until the text of the event was removed.
    #[must_use]
    pub fn was_content(&self) -> bool {
        self.is_content() || self.part() == CONTENT_PART
    }
}

impl ConversationImage {
    /// The conversation without the texts that are older than this time; `None` if it has none of them.
    ///
    /// Of several events with one identity (rule I2) the same one counts, at each moment. If one of them loses its text, the
    /// others that do not count get a text without meaning, which gives them a content hash that loses again. The same image
    /// and time give the same result, which has no such texts left.
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid.
    pub fn without_texts(&self, before: Time) -> Result<Option<WithoutTexts>, ImageError> {
        self.check()?;
        if !self.facts.iter().chain(self.conflicts.iter()).any(|fact| has_text_before(&fact, before)) {
            return Ok(None);
        }
        let events = self.events()?;
        let mut texts = 0;
        let mut replaced = Vec::with_capacity(events.len());
        for (seq, event) in &events {
            let is_old = event.as_ref().has_text_before(before);
            texts += u64::from(is_old);
            let event = if is_old { without_text(*seq, event.as_ref())? } else { event.clone() };
            replaced.push(event);
        }
        self.keep_order(&events, &mut replaced)?;
        let changed = events.iter().zip(&replaced).filter(|((_, before), after)| before != *after);
        let seqs = changed.map(|((seq, _), _)| *seq).collect();
        let mut conversation = Conversation::new(self.id.clone());
        for ((seq, _), event) in events.iter().zip(&replaced) {
            conversation.apply(*seq, event.as_ref(), &mut None);
        }
        conversation.settle();
        let image = Self { arrivals: self.arrivals, ..Self::of(&conversation) };
        Ok(Some(WithoutTexts { image, seqs, texts }))
    }

    /// Of events with one identity, the same one counts at each moment.
    fn keep_order(&self, events: &[(Seq, Event)], replaced: &mut [Event]) -> Result<(), ImageError> {
        if self.conflicts.is_empty() {
            return Ok(());
        }
        let identities: BTreeSet<_> = events.iter().map(|(_, event)| event.identity()).collect();
        let identities: Vec<_> = identities.into_iter().collect();
        // A conversation with four billion events does not fit into memory.
        let rank = |event: &Event| identities.binary_search(&event.identity()).unwrap_or_default();
        let ranks: Vec<_> = events.iter().map(|(_, event)| u32::try_from(rank(event)).unwrap_or(u32::MAX)).collect();
        order::keep(events, &ranks, replaced, |place, text| {
            let (seq, event) = &events[place];
            let without = without_text(*seq, event.as_ref())?;
            let draft = Draft { text, ..without.draft() };
            draft.build_with(usize::MAX).map_err(|why| ImageError::NoEvent { seq: *seq, why })
        })
    }
}

impl Outline {
    /// Whether the conversation is closed, and everything in it happened before this time.
    #[must_use]
    pub fn ended_before(&self, time: Time) -> bool {
        self.row().is_none_or(|row| row.closed_at.is_some()) && self.extent().last_at < time.ms()
    }
}

fn without_text(seq: Seq, event: EventRef<'_>) -> Result<Event, ImageError> {
    event.without_text().map_err(|why| ImageError::NoEvent { seq, why })
}

fn has_text_before(fact: &Fact<'_>, before: Time) -> bool {
    let at = fact.at.alone();
    let shown = if fact.kind.is_message() { fact.message_time(at) } else { fact.text_as_of(at) };
    is_old(fact.text, shown, before)
}

fn is_old(text: Option<&str>, shown: Time, before: Time) -> bool {
    shown < before && text.is_some_and(|text| !order::is_without_meaning(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Moment;
    use crate::course::tests::{any_events, board, numbers};
    use crate::draft::tests::message;
    use crate::event::Kind;

    /// Events of one conversation with texts, ties, and identities with several contents.
    fn events(seed: u64, count: usize) -> Vec<Event> {
        let mut next = numbers(seed ^ 0x7e57);
        let draft = |event: &Event| {
            let text = format!("text {}", next(5));
            let identity = [None, Some(Identity::given(&format!("id-{}", next(count)), 0))][next(2)].clone();
            let draft = event.draft();
            let text = (next(5) > 0).then_some(text.as_str());
            Draft { text, identity: identity.or(draft.identity.clone()), ..draft }.build().unwrap()
        };
        any_events(seed, count).iter().map(draft).collect()
    }

    /// Times before, between and after the events.
    fn times(events: &[Event]) -> Vec<Time> {
        let mut times: Vec<_> = events.iter().map(|event| event.at().alone()).collect();
        times.sort_unstable();
        let step = (times.len() / 4).max(1);
        times.into_iter().step_by(step).chain([Time::MIN, Time::MAX]).collect()
    }

    fn without_last_message(state: crate::State) -> String {
        let mut state = serde_json::to_value(state).unwrap();
        state.as_object_mut().unwrap().remove("last_message");
        state.to_string()
    }

    #[test]
    fn without_its_texts_a_conversation_is_the_same_at_each_moment() {
        let (mut changed, mut conflicts) = (0, 0);
        for seed in 0..40_u64 {
            let events = events(seed, 4 + usize::try_from(seed).unwrap());
            let image = board(&events).image(0).unwrap();
            for before in times(&events) {
                let Some(without) = image.without_texts(before).unwrap() else { continue };
                changed += 1;
                conflicts += image.conflicts.len();
                assert_eq!(without.image.without_texts(before).unwrap(), None, "seed {seed}");
                assert_eq!(without.image.arrivals, image.arrivals);
                let as_of = events.iter().map(|event| Moment::as_of(event.at().alone()));
                let moments = (1..=events.len() as Seq).map(Moment::known_at).chain(as_of).chain([Moment::LATEST]);
                for moment in moments {
                    let look = |image: &ConversationImage| {
                        image.clone().past(moment, |past| (without_last_message(past.state()), past.transitions()))
                    };
                    let (expected, found) = (look(&image).unwrap(), look(&without.image).unwrap());
                    assert_eq!(found, expected, "seed {seed}, before {before}, {moment:?}");
                }
            }
        }
        assert!(changed > 100 && conflicts > 100, "{changed} {conflicts}");
    }

    #[test]
    fn texts_from_the_time_on_stay_and_earlier_ones_are_gone() {
        for seed in 0..30_u64 {
            let events = events(seed, 30);
            let image = board(&events).image(0).unwrap();
            for before in times(&events) {
                let Some(without) = image.without_texts(before).unwrap() else { continue };
                let after = without.image.events().unwrap();
                let counting: BTreeSet<Seq> = without.image.facts.iter().map(|fact| fact.seq).collect();
                for ((seq, one), (_, other)) in image.events().unwrap().iter().zip(&after) {
                    assert!(!other.as_ref().has_text_before(before));
                    assert_eq!(without.seqs.contains(seq), one != other);
                    let stays = !one.as_ref().has_text_before(before) && counting.contains(seq);
                    assert!(!(stays && one != other), "seed {seed}: {one:?}");
                    assert_eq!(other.identity().text(), one.identity().text());
                    assert_eq!(other.identity().was_content(), one.identity().is_content());
                    let same = Draft { text: None, identity: None, ..one.draft() }.build().unwrap();
                    assert_eq!(Draft { text: None, identity: None, ..other.draft() }.build().unwrap(), same);
                }
            }
        }
    }

    #[test]
    fn an_event_that_arrives_again_becomes_what_it_became() {
        for seed in 0..30_u64 {
            let events = events(seed, 20);
            let image = board(&events).image(0).unwrap();
            let Some(without) = image.without_texts(Time::MAX).unwrap() else { continue };
            let mut after = crate::Board::new();
            after.load(0, without.image.clone()).unwrap();
            let counting: BTreeSet<Seq> = without.image.facts.iter().map(|fact| fact.seq).collect();
            for (seq, event) in image.events().unwrap() {
                let again = if event.as_ref().has_text_before(Time::MAX) {
                    event.as_ref().without_text().unwrap()
                } else {
                    event
                };
                let is_known = after.admissions().admit(&again) == crate::Admission::Duplicate;
                let has_lost = after.has_lost(0, again.as_ref());
                assert!(is_known || has_lost, "seed {seed}, event {seq}");
                assert!(is_known || !counting.contains(&seq), "seed {seed}, event {seq}");
            }
        }
    }

    #[test]
    fn a_conversation_ends_with_its_last_event_if_it_is_closed() {
        let at = |ms| Time::from_ms(ms).unwrap();
        let mut board = board(&[message().build().unwrap()]);
        let of_message = board.outline(0).unwrap();
        let close = Draft { kind: Kind::Close, text: None, ..message() };
        let close = Draft { sent: None, occurred: Some(at(5_000)), ..close }.build().unwrap();
        let _ = {
            let mut edit = board.edit();
            edit.apply(2, &close);
            edit.finish()
        };
        let closed = board.outline(0).unwrap();
        assert!(!of_message.ended_before(Time::MAX));
        assert!(!closed.ended_before(at(5_000)) && closed.ended_before(at(5_001)));
    }
}
