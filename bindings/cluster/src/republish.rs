//! Which events of an owner go back into a log that has lost messages.
//!
//! The log keeps what it is given: what an owner has erased, or has only without its text, must not become a new message. Nothing
//! is lost by that, because every owner has erased it too.

use convofold::retention::RetentionRun;
use convofold::{Event, Pseudonym};

#[cfg(any(feature = "ask", feature = "node"))]
use crate::headers;
use crate::partition::Partitions;

/// Decides which events of the database of a partition go back into the log.
#[derive(Clone, Copy, Debug)]
pub struct Republish {
    partitions: Partitions,
    partition: u32,
    /// The latest time before which texts of any tenant are gone, in milliseconds since the epoch.
    texts_before_ms: Option<i64>,
}

/// Why an event does not go back into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptBack {
    /// Its conversation was erased. In the log it would be a second conversation, under its random id.
    #[error("of erased conversations")]
    Erased,
    /// It is from before the time up to which retention removed texts, and has none. Owners that still have its text would take
    /// it for another content of the same event (rule I2).
    #[error("that may have lost their texts by retention")]
    WithoutText,
    /// Its conversation belongs to another partition.
    #[error("of conversations of other partitions")]
    Elsewhere,
}

/// Events come from another node than the one that was asked: the address belongs to it by now.
#[cfg(any(feature = "ask", feature = "node"))]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the events of node {node} of log {log}, found those of node {found_node} of log {found_log}")]
#[non_exhaustive]
pub struct OtherNode {
    /// The node that was asked.
    pub node: String,
    /// Its log.
    pub log: String,
    /// The node that answers; empty if it does not say.
    pub found_node: String,
    /// Its log.
    pub found_log: String,
}

impl Republish {
    /// Refuses the events of another node, or of a node of another log: no owner could tell them from its own. `header` is the value
    /// of a header of the answer.
    ///
    /// # Errors
    /// [`OtherNode`]
    #[cfg(any(feature = "ask", feature = "node"))]
    pub fn expect_node<'a>(node: &str, log: &str, header: impl Fn(&str) -> Option<&'a str>) -> Result<(), OtherNode> {
        let found = |name| header(name).unwrap_or_default().to_owned();
        let (found_node, found_log) = (found(headers::NODE), found(headers::LOG));
        if found_node == node && found_log == log {
            return Ok(());
        }
        Err(OtherNode { node: node.to_owned(), log: log.to_owned(), found_node, found_log })
    }

    /// For the database of this partition, in which retention ran so.
    #[must_use]
    pub fn new(partitions: Partitions, partition: u32, runs: &[RetentionRun]) -> Self {
        let horizons = runs.iter().flat_map(|run| &run.horizons);
        Self { partitions, partition, texts_before_ms: horizons.filter_map(|horizon| horizon.texts_before).max() }
    }

    /// Refuses an event that must not go back.
    ///
    /// # Errors
    /// [`KeptBack`]
    pub fn check(&self, event: &Event) -> Result<(), KeptBack> {
        if Pseudonym::is_id(event.conversation()) {
            return Err(KeptBack::Erased);
        }
        if self.partitions.of(event.conversation()) != self.partition {
            return Err(KeptBack::Elsewhere);
        }
        let is_old = self.texts_before_ms.is_some_and(|before_ms| event.at().alone().ms() < before_ms);
        if is_old && event.text().is_none() { Err(KeptBack::WithoutText) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use convofold::erase::Erase;
    use convofold::ingest::Format;
    use convofold::retention::Retention;
    use convofold::{Convofold, Subject, Time};

    use super::*;
    use crate::tests::{event, one_machine, options};

    fn partitions(count: u32) -> Partitions {
        Partitions::new(NonZeroU32::new(count).unwrap())
    }

    fn events_of(db: &Convofold) -> Vec<Event> {
        let mut changes = db.changes(1);
        std::iter::from_fn(|| changes.try_next().unwrap()).map(|change| change.event).collect()
    }

    #[test]
    fn what_an_owner_erased_does_not_go_back_and_the_rest_is_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let db = options().open(home.path()).unwrap();
        let events: Vec<_> = (0..200).map(event).collect();
        db.ingest(&events.join(&b'\n'), Format::Auto).unwrap();
        let erase = Erase::new([Subject::Conversation("c-3".to_owned())]).open_too(true);
        assert_eq!(db.erase(&erase).unwrap().unwrap().receipt.conversations, 1);
        let republish = Republish::new(partitions(1), 0, &db.retention_runs());
        let (mut back, mut erased) = (Vec::new(), 0);
        for event in events_of(&db) {
            match republish.check(&event) {
                Ok(()) => back.push(event.export_line().into_bytes()),
                Err(why) => {
                    assert_eq!(why, KeptBack::Erased);
                    erased += 1;
                }
            }
        }
        assert_eq!(erased, 29);
        let is_other = |event: &&Vec<u8>| !String::from_utf8_lossy(event).contains("\"c-3\"");
        let others: Vec<_> = events.iter().filter(is_other).collect();
        assert_eq!(back.len(), others.len());
        assert_eq!(one_machine(back.iter().map(Vec::as_slice)), one_machine(others.into_iter().map(Vec::as_slice)));
        db.close().unwrap();
    }

    #[test]
    fn an_event_whose_text_may_be_gone_does_not_go_back() {
        let home = tempfile::tempdir().unwrap();
        let db = options().open(home.path()).unwrap();
        (0..7).for_each(|number| drop(db.ingest(&event(number), Format::Auto).unwrap()));
        let check = |db: &Convofold| {
            let republish = Republish::new(partitions(1), 0, &db.retention_runs());
            events_of(db).iter().map(|event| republish.check(event)).collect::<Vec<_>>()
        };
        assert_eq!(check(&db), [Ok(()); 7]);
        let now = Time::parse_rfc3339("2026-03-03T09:15:03Z").unwrap();
        db.retain(&Retention::new().texts_older_than(Duration::from_secs(86_400)), now, false).unwrap();
        let gone = Err(KeptBack::WithoutText);
        assert_eq!(check(&db), [gone, gone, gone, Ok(()), Ok(()), Ok(()), Ok(())]);
        db.close().unwrap();
    }

    #[cfg(any(feature = "ask", feature = "node"))]
    #[test]
    fn events_of_another_node_or_log_do_not_go_back() {
        let expect = |found: [Option<&'static str>; 2]| {
            Republish::expect_node("a", "chat", |header| match header {
                "convofold-node" => found[0],
                "convofold-log" => found[1],
                _ => None,
            })
        };
        assert_eq!(expect([Some("a"), Some("chat")]), Ok(()));
        for other in [[Some("b"), Some("chat")], [Some("a"), Some("sms")], [None, None]] {
            assert!(expect(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn an_event_of_another_partition_does_not_go_back() {
        let home = tempfile::tempdir().unwrap();
        let db = options().open(home.path()).unwrap();
        (0..7).for_each(|number| drop(db.ingest(&event(number), Format::Auto).unwrap()));
        let partitions = partitions(2);
        for event in events_of(&db) {
            let expected = (partitions.of(event.conversation()) != 1).then_some(KeptBack::Elsewhere);
            assert_eq!(Republish::new(partitions, 1, &[]).check(&event).err(), expected);
        }
        db.close().unwrap();
    }
}
