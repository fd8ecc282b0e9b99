//! The rules that every source keeps, whatever the broker.

use std::fmt::Debug;
use std::time::Duration;

use crate::log::{LogIdentity, Mark, Message, Source, SourceError};

/// A log and the means to change it, for [`departures`]. A new subject is an empty log.
pub trait Subject {
    /// A new consumer of the log.
    fn source(&mut self) -> Box<dyn Source>;

    /// Appends a message, and returns its sequence number once it is acknowledged.
    fn publish(&mut self, payload: &[u8]) -> u64;

    /// Removes the messages before this one.
    fn trim(&mut self, first: u64);

    /// Deletes the log and makes it again with the same name.
    fn recreate(&mut self);

    /// Brings the log to a state in which this is the last message that it ever had. False if the subject cannot; the rules
    /// about rollbacks are then not tested.
    fn roll_back(&mut self, last: u64) -> bool;
}

/// A rule, and the function that tests it on a new subject.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The rule, as a sentence.
    pub name: &'static str,
    /// Returns what departs from it.
    pub check: fn(&mut dyn Subject) -> Result<(), String>,
}

impl Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Tests all rules, each on a new subject. Returns the rules that are broken, and how.
pub fn departures(mut new: impl FnMut() -> Box<dyn Subject>) -> Vec<String> {
    let broken = |rule: &Rule| (rule.check)(new().as_mut()).err().map(|why| format!("{}: {why}", rule.name));
    RULES.iter().filter_map(broken).collect()
}

macro_rules! rules {
    ($($name:ident)*) => {
        /// The rules that every source keeps.
        pub const RULES: &[Rule] = &[$(Rule { name: stringify!($name), check: $name }),*];
    };
}

rules! {
    an_empty_log_begins_with_1_and_ends_with_0
    messages_come_in_the_order_of_publication_and_unchanged
    a_read_begins_anywhere_and_returns_at_most_what_was_asked_for
    a_read_at_the_end_returns_nothing_and_a_later_one_what_is_new
    a_mark_is_that_of_the_message_at_this_place
    a_trimmed_log_begins_later_and_keeps_its_numbers
    a_log_that_was_trimmed_empty_still_knows_its_last_number
    all_sources_of_a_log_agree
    a_log_that_is_made_again_has_another_incarnation
    a_log_that_is_made_again_ends_the_session
    a_log_that_is_rolled_back_ends_the_session_and_has_other_marks
}

/// The time that a read waits. It is not a measure of speed: a source may be on a busy machine.
const WAIT: Duration = Duration::from_secs(10);
/// For reads that should return nothing.
const SHORT_WAIT: Duration = Duration::from_millis(50);
/// Number of attempts of a call that fails because the log was changed.
const ATTEMPTS: u32 = 100;

fn expect<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

fn words(error: SourceError) -> String {
    error.to_string()
}

/// What a call answers after at most some interruptions.
fn settled<T>(mut call: impl FnMut() -> Result<T, SourceError>) -> Result<T, String> {
    let mut attempts = 0;
    loop {
        match call() {
            Err(SourceError::Unreachable { .. }) if attempts < ATTEMPTS => attempts += 1,
            outcome => return outcome.map_err(words),
        }
    }
}

/// Reads until this number of messages has come.
fn read(source: &mut dyn Source, after: u64, count: usize) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    while messages.len() < count {
        let after = messages.last().map_or(after, |message| message.seq);
        let more = settled(|| source.read(after, count - messages.len(), WAIT))?;
        if more.is_empty() {
            return Err(format!("expected {count} messages after {after}, found {}", messages.len()));
        }
        messages.extend(more.into_iter().filter(|message| message.seq > after));
    }
    Ok(messages)
}

fn publish(subject: &mut dyn Subject, count: u8) {
    for number in 0..count {
        subject.publish(&payload(number));
    }
}

fn payload(number: u8) -> Vec<u8> {
    // Also an empty one, and bytes that are no text.
    vec![number ^ 0xff; usize::from(number) * 7]
}

fn bounds(source: &mut dyn Source) -> Result<(u64, u64), String> {
    let LogIdentity { first_seq, last_seq, .. } = settled(|| source.identity())?;
    Ok((first_seq, last_seq))
}

fn an_empty_log_begins_with_1_and_ends_with_0(subject: &mut dyn Subject) -> Result<(), String> {
    let mut source = subject.source();
    expect("bounds", &bounds(source.as_mut())?, &(1, 0))?;
    expect("mark of 1", &settled(|| source.mark(1))?, &None)?;
    expect("messages", &settled(|| source.read(0, 10, SHORT_WAIT))?, &Vec::new())
}

fn messages_come_in_the_order_of_publication_and_unchanged(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 20);
    let mut source = subject.source();
    let messages = read(source.as_mut(), 0, 20)?;
    let found: Vec<_> = messages.into_iter().map(|message| (message.seq, message.payload)).collect();
    let expected: Vec<_> = (0..20_u8).map(|number| (u64::from(number) + 1, payload(number))).collect();
    expect("messages", &found, &expected)?;
    expect("bounds", &bounds(source.as_mut())?, &(1, 20))
}

fn a_read_begins_anywhere_and_returns_at_most_what_was_asked_for(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 10);
    let mut source = subject.source();
    for (after, max) in [(7, 2), (0, 1), (9, 5), (3, 4)] {
        let messages = settled(|| source.read(after, max, WAIT))?;
        if messages.is_empty() || messages.len() > max {
            return Err(format!("a read of {max} after {after} returned {} messages", messages.len()));
        }
        let first = messages.iter().map(|message| message.seq).find(|seq| *seq > after);
        expect("first message", &first, &Some(after + 1))?;
    }
    Ok(())
}

fn a_read_at_the_end_returns_nothing_and_a_later_one_what_is_new(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 3);
    let mut source = subject.source();
    read(source.as_mut(), 0, 3)?;
    expect("messages", &settled(|| source.read(3, 10, SHORT_WAIT))?, &Vec::new())?;
    let seq = subject.publish(b"new");
    expect("new message", &read(source.as_mut(), 3, 1)?.first().map(|message| message.seq), &Some(seq))
}

fn a_mark_is_that_of_the_message_at_this_place(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 5);
    let mut source = subject.source();
    for message in read(source.as_mut(), 0, 5)? {
        expect("mark", &settled(|| source.mark(message.seq))?, &Some(Mark::of(&message)))?;
    }
    expect("mark after the end", &settled(|| source.mark(6))?, &None)
}

fn a_trimmed_log_begins_later_and_keeps_its_numbers(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 10);
    subject.trim(6);
    let mut source = subject.source();
    expect("bounds", &bounds(source.as_mut())?, &(6, 10))?;
    expect("mark of 5", &settled(|| source.mark(5))?, &None)?;
    for after in [0, 3, 5] {
        expect("first message", &read(source.as_mut(), after, 1)?.first().map(|message| message.seq), &Some(6))?;
    }
    Ok(())
}

fn a_log_that_was_trimmed_empty_still_knows_its_last_number(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 4);
    subject.trim(5);
    let mut source = subject.source();
    expect("bounds", &bounds(source.as_mut())?, &(5, 4))?;
    expect("number of the next message", &subject.publish(b"next"), &5)
}

fn all_sources_of_a_log_agree(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 6);
    let (mut one, mut other) = (subject.source(), subject.source());
    expect("identities", &settled(|| one.identity())?, &settled(|| other.identity())?)?;
    expect("messages", &read(one.as_mut(), 0, 6)?, &read(other.as_mut(), 0, 6)?)
}

fn a_log_that_is_made_again_has_another_incarnation(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 2);
    let mut source = subject.source();
    let before = settled(|| source.identity())?;
    subject.recreate();
    let after = settled(|| source.identity())?;
    expect("name", &after.name, &before.name)?;
    expect("bounds", &(after.first_seq, after.last_seq), &(1, 0))?;
    if after.incarnation == before.incarnation { Err(format!("it is still {}", after.incarnation)) } else { Ok(()) }
}

fn a_log_that_is_made_again_ends_the_session(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 3);
    let mut source = subject.source();
    read(source.as_mut(), 0, 3)?;
    subject.recreate();
    publish(subject, 9);
    fails_before_it_reads(source.as_mut(), 3)
}

fn a_log_that_is_rolled_back_ends_the_session_and_has_other_marks(subject: &mut dyn Subject) -> Result<(), String> {
    publish(subject, 5);
    let mut source = subject.source();
    let messages = read(source.as_mut(), 0, 5)?;
    if !subject.roll_back(3) {
        return Ok(());
    }
    // The same payloads, at another time.
    (3..8).for_each(|number| {
        subject.publish(&payload(number));
    });
    fails_before_it_reads(source.as_mut(), 5)?;
    for message in messages {
        let is_same = settled(|| source.mark(message.seq))? == Some(Mark::of(&message));
        expect(&format!("whether mark {} is the same", message.seq), &is_same, &(message.seq <= 3))?;
    }
    expect("bounds", &bounds(source.as_mut())?, &(1, 8))
}

/// Reads until the source fails once. Before that it may return nothing.
fn fails_before_it_reads(source: &mut dyn Source, after: u64) -> Result<(), String> {
    for _ in 0..ATTEMPTS {
        match source.read(after, 10, SHORT_WAIT) {
            Err(SourceError::Unreachable { .. }) => return Ok(()),
            Err(other) => return Err(words(other)),
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => return Err(format!("{} messages came without a failure before them", messages.len())),
        }
    }
    Err("no failure came".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::twin::{Twin, TwinSubject};
    use super::*;

    #[test]
    fn the_twin_keeps_all_rules() {
        assert_eq!(departures(|| Box::new(TwinSubject(Twin::new("twin")))), Vec::<String>::new());
    }

    /// A subject that breaks a rule is found.
    #[test]
    fn a_source_that_reads_on_after_a_rollback_is_found() {
        struct Silent(Twin);
        impl Subject for Silent {
            fn source(&mut self) -> Box<dyn Source> {
                struct Again(Twin);
                impl Source for Again {
                    fn identity(&mut self) -> Result<LogIdentity, SourceError> {
                        self.0.source().identity()
                    }
                    fn mark(&mut self, seq: u64) -> Result<Option<Mark>, SourceError> {
                        self.0.source().mark(seq)
                    }
                    fn read(&mut self, after: u64, max: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
                        self.0.source().read(after, max, wait)
                    }
                }
                Box::new(Again(self.0.clone()))
            }
            fn publish(&mut self, payload: &[u8]) -> u64 {
                self.0.publish(payload)
            }
            fn trim(&mut self, first: u64) {
                self.0.trim(first);
            }
            fn recreate(&mut self) {
                self.0.recreate();
            }
            fn roll_back(&mut self, last: u64) -> bool {
                self.0.roll_back(last);
                true
            }
        }
        let found = departures(|| Box::new(Silent(Twin::new("twin"))));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|departure| departure.contains("without a failure before them")), "{found:?}");
    }
}
