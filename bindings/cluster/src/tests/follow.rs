//! What a follower does, one case at a time.

use std::time::Duration;

use convofold::{Batch, Moment, Time};

use super::{Owner, event, one_machine};
use crate::testing::Twin;
use crate::{Acceptance, Agreement, Bookmark, Clock as _, FollowError, State, Step, compare};

fn publish(twin: &Twin, numbers: impl IntoIterator<Item = u64>) {
    numbers.into_iter().for_each(|number| {
        twin.publish(&event(number));
    });
}

fn hash_of(numbers: impl IntoIterator<Item = u64>) -> convofold::StateHash {
    let events: Vec<_> = numbers.into_iter().map(event).collect();
    one_machine(events.iter().map(Vec::as_slice))
}

#[test]
fn an_owner_ends_in_the_state_of_one_machine() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..100);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    publish(&twin, 100..120);
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..120));
    let status = owner.follower.status().get();
    assert_eq!((status.seq, status.last, status.events, status.lag()), (120, 120, 120, 0));
    assert_eq!((status.state.clone(), status.lag_ms(i64::MAX)), (State::CaughtUp, Some(0)));
    let stored = owner.db.bookmark("cf/chat/0").unwrap();
    assert_eq!(Bookmark::from_bytes("cf/chat/0", &stored).as_ref(), Ok(owner.follower.bookmark().unwrap()));
}

#[test]
fn a_killed_owner_resumes_after_its_bookmark() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..50);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    publish(&twin, 50..60);
    owner.step().unwrap();
    owner.crash();
    assert!([50, 60].contains(&owner.read_to()), "{}", owner.read_to());
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..60));
    assert_eq!(owner.db.counters().events.duplicates, 0);
}

#[test]
fn messages_that_are_delivered_again_are_passed_over() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..20);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    twin.repeat(7);
    publish(&twin, 20..25);
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..25));
    assert_eq!(owner.follower.status().get().repeated, 7);
}

#[test]
fn a_log_that_does_not_answer_is_tried_again_ever_more_slowly() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..5);
    let mut owner = Owner::of(&twin);
    twin.fail(9);
    let pauses: Vec<_> = (0..8).map(|_| owner.step().unwrap()).collect();
    let expected = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
    assert_eq!(pauses, expected.map(|ms| Step::Wait(Duration::from_millis(ms))));
    assert!(matches!(owner.follower.status().get().state, State::Waiting { .. }));
    owner.catch_up().unwrap();
    twin.refuse(1);
    owner.clock.sleep(Duration::from_secs(10));
    assert_eq!(owner.step().unwrap(), Step::Wait(Duration::from_secs(30)));
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..5));
    assert_eq!(owner.follower.status().get().interruptions, 11);
}

#[test]
fn a_rollback_is_found_within_the_interval_and_what_is_left_is_read_again() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..40);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    twin.roll_back(35);
    // Other messages with the same numbers, and more than before.
    publish(&twin, 100..110);
    let mut to = None;
    while to.is_none() {
        if let Step::WentBack { to: found } = owner.step().unwrap() {
            to = Some(found);
        }
    }
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of((0..40).chain(100..110)));
    let status = owner.follower.status().get();
    assert_eq!((status.rollbacks, status.gaps, status.seq), (1, 0, 45));
    // It is remembered.
    owner.crash();
    assert_eq!(owner.follower.status().get().rollbacks, 1);
    owner.catch_up().unwrap();
    assert_eq!(owner.follower.status().get().rollbacks, 1);
}

#[test]
fn a_replica_that_is_behind_for_some_seconds_is_no_rollback() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..10);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    // Also when the older messages are no longer there.
    for first in [1, 10] {
        twin.trim(first);
        owner.clock.sleep(Duration::from_secs(10));
        // As long as a broker that was cut off takes itself for the leader.
        for _ in 0..5 {
            twin.lag(u32::MAX);
            assert_eq!(owner.step().unwrap(), Step::Wait(Duration::from_secs(3)));
        }
        twin.lag(0);
        owner.catch_up().unwrap();
        assert_eq!(owner.follower.status().get().rollbacks, 0);
    }
}

#[test]
fn a_gap_stops_the_owner_until_exactly_it_is_accepted() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..10);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    publish(&twin, 10..20);
    twin.trim(14);
    let gap = |outcome| matches!(outcome, Err(FollowError::Gap { expected: 11, first: 14, .. }));
    assert!(gap(owner.catch_up()));
    assert!(gap(owner.catch_up()));
    assert!(matches!(owner.follower.accept(&Acceptance::Gap { first: 13 }), Err(FollowError::NotStopped { .. })));
    let status = owner.follower.status().get();
    assert!(matches!(&status.state, State::Stopped { why } if why.contains("backup")), "{status:?}");
    // A crash forgets nothing and accepts nothing.
    owner.crash();
    assert!(gap(owner.catch_up()));
    owner.follower.accept(&Acceptance::Gap { first: 14 }).unwrap();
    owner.crash();
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of((0..10).chain(13..20)));
    let status = owner.follower.status().get();
    assert_eq!((status.gaps, status.seq), (1, 20));
    assert!(matches!(owner.follower.accept(&Acceptance::Gap { first: 14 }), Err(FollowError::NotStopped { .. })));
}

#[test]
fn an_empty_database_beside_a_trimmed_log_is_a_gap() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..10);
    twin.trim(4);
    let mut owner = Owner::of(&twin);
    assert!(matches!(owner.catch_up(), Err(FollowError::Gap { expected: 1, first: 4, .. })));
}

#[test]
fn a_message_that_is_missing_in_the_middle_is_a_gap() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..10);
    twin.delete(5);
    twin.delete(6);
    let mut owner = Owner::of(&twin);
    assert!(matches!(owner.catch_up(), Err(FollowError::Gap { expected: 5, first: 7, .. })));
    owner.follower.finish().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..4));
    owner.follower.accept(&Acceptance::Gap { first: 7 }).unwrap();
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of((0..4).chain(6..10)));
}

#[test]
fn another_stream_stops_the_owner_until_it_is_accepted() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..10);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    twin.recreate();
    publish(&twin, 5..30);
    let error = owner.catch_up().unwrap_err();
    assert!(error.to_string().starts_with("another stream: the database follows CF_chat_0 of 1"), "{error}");
    let other = Acceptance::Stream { incarnation: "1".to_owned() };
    assert!(matches!(owner.follower.accept(&other), Err(FollowError::NotStopped { .. })));
    owner.follower.accept(&Acceptance::Stream { incarnation: "2".to_owned() }).unwrap();
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..30));
}

#[test]
fn a_message_that_is_no_event_is_kept_and_does_not_stop_the_others() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..3);
    let mixed = [event(3), b"{\"Event\":\"test\"}".to_vec(), b"no event".to_vec(), event(4)].join(&b'\n');
    let seq = twin.publish(&mixed);
    twin.publish(b"");
    publish(&twin, 5..8);
    let mut owner = Owner::of(&twin);
    owner.rejects.set_full(true);
    for _ in 0..3 {
        owner.step().unwrap();
    }
    // The bookmark waits for the rejects.
    owner.follower.finish().unwrap();
    let status = owner.follower.status().get();
    assert!(matches!(&status.state, State::Holding { why } if why == "the table is full"), "{status:?}");
    assert!(status.seq < seq && owner.db.stats().last_seq == status.seq, "{status:?}");
    owner.rejects.set_full(false);
    owner.catch_up().unwrap();
    assert_eq!(owner.db.state_hash(), hash_of(0..8));
    let kept = owner.rejects.messages();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!((kept[0].seq, kept[0].stream.as_str(), kept[0].count), (seq, "CF_chat_0", 1));
    assert_eq!((&kept[0].payload, kept[0].rejections.len()), (&mixed, 1));
    let status = owner.follower.status().get();
    assert_eq!((status.rejected, status.ignored, status.events, status.seq), (1, 1, 8, 8));
}

#[test]
fn a_database_that_fails_stops_the_partition() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..5);
    let mut owner = Owner::of(&twin);
    owner.catch_up().unwrap();
    owner.db.close().unwrap();
    publish(&twin, 5..6);
    let error = (0..3).find_map(|_| owner.step().err()).unwrap();
    assert!(matches!(error, FollowError::Submit(_)), "{error}");
    assert!(matches!(owner.follower.status().get().state, State::Stopped { .. }));
}

#[test]
fn a_damaged_bookmark_is_an_error_before_anything_is_read() {
    let twin = Twin::new("CF_chat_0");
    let owner = Owner::of(&twin);
    owner.db.submit(Batch::new(Vec::new()).bookmark("cf/chat/0", "\u{1}xx")).unwrap().wait().unwrap();
    let options = crate::FollowOptions::new("chat", 0);
    let error = crate::Follower::new(owner.db.clone(), twin.source(), owner.rejects.clone(), options).err();
    assert!(matches!(error, Some(FollowError::Bookmark(_))), "{error:?}");
}

/// One reads each message as it comes and crashes, the other everything at once; the clock of the broker steps back.
#[test]
fn two_owners_agree_on_what_was_known_when() {
    let twin = Twin::new("CF_chat_0");
    let mut often = Owner::with(&twin, |options| options.read_messages(3));
    for number in 0..60 {
        publish(&twin, [number]);
        if number == 30 {
            twin.pass_ms(-2_500);
        }
        if number % 2 == 0 {
            often.step().unwrap();
        }
        if number % 25 == 24 {
            often.crash();
        }
    }
    often.catch_up().unwrap();
    let mut once = Owner::of(&twin);
    once.catch_up().unwrap();
    let messages = twin.messages();
    for ms in (messages[0].time_ms + 1_000..messages[59].time_ms + 1_000).step_by(499) {
        let at = Time::from_ms(ms).unwrap();
        let known = |owner: &Owner| {
            let seq = owner.db.seq_at(at).unwrap();
            (seq, owner.db.at(Moment { as_of: None, known_at: Some(seq) }).state_hash().unwrap())
        };
        assert_eq!(known(&often), known(&once), "at {ms}");
        // At a whole second, it is what the broker had by then.
        if ms % 1_000 == 0 {
            let until = messages.iter().rposition(|message| message.time_ms <= ms).map_or(0, |place| place as u64 + 1);
            assert_eq!(known(&once).0, until);
        }
    }
}

#[test]
fn owners_that_read_the_same_messages_have_the_same_hashes_after_agreed_ones() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..95);
    let owner = |messages| Owner::with(&twin, |options| options.read_messages(messages).hash_interval(20));
    let mut owners = [owner(7), owner(33)];
    owners.iter_mut().for_each(|owner| owner.catch_up().unwrap());
    let hashes = |owner: &Owner| owner.follower.status().get().hashes;
    let [one, other] = owners.each_ref().map(hashes);
    assert_eq!(one.iter().map(|point| point.log_seq).collect::<Vec<_>>(), [20, 40, 60, 80, 95]);
    assert_eq!(one, other);
    assert_eq!(one[1].hash, hash_of(0..40));
    assert_eq!(compare(&one, &other), Agreement::Equal { log_seq: 95 });
    // One of them has an event that is not in the log.
    let other = String::from_utf8(event(1_000)).unwrap().replace("c-6", "c-other");
    owners[0].db.ingest(other.as_bytes(), convofold::ingest::Format::Auto).unwrap();
    publish(&twin, 95..130);
    owners.iter_mut().for_each(|owner| owner.catch_up().unwrap());
    let [one, other] = owners.each_ref().map(hashes);
    assert_eq!(compare(&one, &other), Agreement::Different { log_seq: 100, equal_at: Some(95) });
}

#[test]
fn hashes_after_messages_that_the_log_lost_are_forgotten() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..50);
    let mut owner = Owner::with(&twin, |options| options.hash_interval(20));
    owner.catch_up().unwrap();
    twin.roll_back(30);
    publish(&twin, 100..115);
    owner.catch_up().unwrap();
    let seqs: Vec<_> = owner.follower.status().get().hashes.iter().map(|point| point.log_seq).collect();
    assert_eq!(seqs, [20, 40, 45]);
}
