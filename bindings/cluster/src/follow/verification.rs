//! Whether a log is still the one that was read.

use super::bookmark::{Bookmark, Place};
use crate::log::{LogIdentity, Source, SourceError};

/// What a verification of a bookmark finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verification {
    /// The messages of all marks that were compared are still there: the log is the one that was read.
    Verified,
    /// Nothing contradicts the bookmark, and nothing after it is missing, but the message of its newest mark is no longer in
    /// the log. That is the case after a gap was accepted, and in a log in which nothing happened for longer than it keeps
    /// messages. A log that was rolled back, written again and trimmed to exactly this place looks the same.
    Unproven,
    /// Messages that were not read are no longer in the log.
    Gap {
        /// The first message that may be missing: the first that was not read, or 1 if the log was rolled back and no mark
        /// is left.
        expected: u64,
        /// The first message after the gap.
        first: u64,
    },
    /// The log has lost messages that were read, as after a restart of brokers with older files. Other messages may have
    /// their sequence numbers.
    RolledBack {
        /// The last message that was read.
        from: u64,
        /// The newest message that was read and is still there; 0 if there is none and the log begins with 1.
        to: u64,
    },
    /// The log was deleted and made again, or is a log of another name.
    AnotherStream {
        /// The name and incarnation in the bookmark.
        expected: String,
        /// Those of the log.
        found: String,
    },
}

/// Compares a bookmark with a log: its marks from the message `verified_to` on, and if one of them is not there, older ones
/// until one is.
///
/// A single comparison of the newest mark would not be enough: if messages were read before and after a rollback, only the
/// marks between tell.
///
/// # Errors
/// [`SourceError`] if the log does not answer. A [`Verification::RolledBack`] can also be the answer of a replica that is
/// behind: [`Follower`](crate::Follower) asks again before it acts.
pub fn verify(
    source: &mut dyn Source,
    bookmark: &Bookmark,
    verified_to: u64,
) -> Result<(Verification, LogIdentity), SourceError> {
    let identity = source.identity()?;
    let verification = compare(source, &identity, bookmark, verified_to)?;
    Ok((verification, identity))
}

fn compare(
    source: &mut dyn Source,
    identity: &LogIdentity,
    bookmark: &Bookmark,
    verified_to: u64,
) -> Result<Verification, SourceError> {
    let LogIdentity { name, incarnation, first_seq, last_seq } = identity;
    if (name, incarnation) != (&bookmark.stream, &bookmark.incarnation) {
        let expected = format!("{} of {}", bookmark.stream, bookmark.incarnation);
        return Ok(Verification::AnotherStream { expected, found: format!("{name} of {incarnation}") });
    }
    let since = bookmark.marks().partition_point(|place| place.mark.seq < verified_to);
    let (older, newer) = bookmark.marks().split_at_checked(since).unwrap_or_default();
    let mut proven = Proof::Trimmed;
    for (place, before) in newer.iter().zip((since..).map(|at| bookmark.marks().get(..at).unwrap_or(older))) {
        match prove(source, identity, place)? {
            Proof::Differs => return went_back(source, identity, bookmark, before),
            found => proven = found,
        }
    }
    if bookmark.read_to > *last_seq {
        return went_back(source, identity, bookmark, bookmark.marks());
    }
    let expected = bookmark.read_to.saturating_add(1);
    if expected < *first_seq {
        return Ok(Verification::Gap { expected, first: *first_seq });
    }
    // If nothing was read, there is nothing to prove.
    let is_proven = proven == Proof::There && bookmark.last().is_some();
    Ok(if is_proven || bookmark.read_to == 0 { Verification::Verified } else { Verification::Unproven })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// The message is in the log.
    There,
    /// The log begins after the message.
    Trimmed,
    /// The message is not in the log, or is another one.
    Differs,
}

fn prove(source: &mut dyn Source, identity: &LogIdentity, place: &Place) -> Result<Proof, SourceError> {
    let seq = place.mark.seq;
    if seq < identity.first_seq {
        return Ok(Proof::Trimmed);
    }
    if seq > identity.last_seq {
        return Ok(Proof::Differs);
    }
    Ok(if source.mark(seq)? == Some(place.mark) { Proof::There } else { Proof::Differs })
}

/// The log has lost messages after one of the older marks: which?
///
/// A mark whose message was trimmed proves nothing: another message with its number may have been trimmed.
fn went_back(
    source: &mut dyn Source,
    identity: &LogIdentity,
    bookmark: &Bookmark,
    older: &[Place],
) -> Result<Verification, SourceError> {
    let from = bookmark.read_to;
    for place in older.iter().rev() {
        if prove(source, identity, place)? == Proof::There {
            return Ok(Verification::RolledBack { from, to: place.mark.seq });
        }
    }
    let first = identity.first_seq;
    Ok(if first > 1 { Verification::Gap { expected: 1, first } } else { Verification::RolledBack { from, to: 0 } })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::Mark;
    use crate::testing::Twin;

    /// A twin with ten messages, and a bookmark of a follower that has read `read` of them.
    fn read(count: u64) -> (Twin, Bookmark) {
        let twin = Twin::new("CF_chat_0");
        (0..10_u8).for_each(|number| {
            twin.publish(&[number]);
        });
        let mut source = twin.source();
        let mut bookmark = Bookmark::new(&source.identity().unwrap());
        for message in source.read(0, usize::try_from(count).unwrap(), Duration::ZERO).unwrap() {
            bookmark.advance(1, Mark::of(&message));
        }
        (twin, bookmark)
    }

    #[track_caller]
    fn expect(twin: &Twin, bookmark: &Bookmark, verified_to: u64, expected: Verification) {
        assert_eq!(verify(&mut twin.source(), bookmark, verified_to).unwrap().0, expected);
    }

    #[test]
    fn an_unchanged_log_is_verified_also_while_it_grows_and_is_trimmed_before_the_bookmark() {
        for count in 0..=10 {
            let (twin, bookmark) = read(count);
            expect(&twin, &bookmark, 0, Verification::Verified);
            twin.publish(b"more");
            expect(&twin, &bookmark, bookmark.read_to, Verification::Verified);
            if count > 0 {
                twin.trim(count);
                expect(&twin, &bookmark, 0, Verification::Verified);
                twin.trim(count + 1);
                expect(&twin, &bookmark, 0, Verification::Unproven);
            }
            twin.trim(count + 2);
            expect(&twin, &bookmark, 0, Verification::Gap { expected: count + 1, first: count + 2 });
        }
    }

    #[test]
    fn a_log_that_lost_its_end_is_rolled_back_to_the_newest_mark_that_is_left() {
        let (twin, bookmark) = read(10);
        twin.roll_back(9);
        expect(&twin, &bookmark, 10, Verification::RolledBack { from: 10, to: 9 });
        twin.roll_back(4);
        let to = bookmark.marks().iter().map(|place| place.mark.seq).rfind(|seq| *seq <= 4).unwrap();
        expect(&twin, &bookmark, 10, Verification::RolledBack { from: 10, to });
        twin.roll_back(0);
        expect(&twin, &bookmark, 10, Verification::RolledBack { from: 10, to: 0 });
    }

    #[test]
    fn other_messages_with_the_same_numbers_are_noticed_by_payload_and_by_time() {
        for same_payload in [false, true] {
            let (twin, bookmark) = read(10);
            twin.roll_back(9);
            twin.publish(if same_payload { &[9] } else { b"other" });
            (0..20).for_each(|_| {
                twin.publish(b"more");
            });
            expect(&twin, &bookmark, 10, Verification::RolledBack { from: 10, to: 9 });
        }
    }

    /// The newest mark agrees, because it was read after the rollback.
    #[test]
    fn messages_that_were_read_before_and_after_a_rollback_are_noticed_by_the_marks_between() {
        let (twin, mut bookmark) = read(10);
        twin.roll_back(9);
        (0..3).for_each(|_| {
            twin.publish(b"other");
        });
        let mut source = twin.source();
        for message in source.read(10, 10, Duration::ZERO).unwrap() {
            bookmark.advance(1, Mark::of(&message));
        }
        expect(&twin, &bookmark, 9, Verification::RolledBack { from: 12, to: 8 });
        // Without the marks between, nothing is noticed.
        expect(&twin, &bookmark, 11, Verification::Verified);
    }

    #[test]
    fn a_rollback_past_the_first_message_that_is_left_is_a_gap() {
        let (twin, bookmark) = read(10);
        twin.roll_back(6);
        (0..10).for_each(|_| {
            twin.publish(b"other");
        });
        twin.trim(9);
        // Other messages 7 and 8 were trimmed, and nobody has read them.
        expect(&twin, &bookmark, 10, Verification::Gap { expected: 1, first: 9 });
    }

    #[test]
    fn a_log_that_was_made_again_is_another_stream() {
        let (twin, bookmark) = read(10);
        twin.recreate();
        (0..10_u8).for_each(|number| {
            twin.publish(&[number]);
        });
        let (expected, found) = ("CF_chat_0 of 1".to_owned(), "CF_chat_0 of 2".to_owned());
        expect(&twin, &bookmark, 10, Verification::AnotherStream { expected, found });
    }
}
