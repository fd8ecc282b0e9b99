//! Owners of a partition that erase, each for itself.

use std::time::Duration;

use convofold::erase::Erase;
use convofold::retention::Retention;
use convofold::{Direction, Draft, Identity, Kind, Subject, Time};

use super::{Owner, event};
use crate::testing::Twin;
use crate::{Agreement, compare};

fn publish(twin: &Twin, numbers: std::ops::Range<u64>) {
    for number in numbers {
        twin.publish(&event(number));
    }
}

fn erase(owner: &Owner, conversation: &str, seed: u8) {
    let erase = Erase::new([Subject::Conversation(conversation.to_owned())]).open_too(true).seed([seed; 32]);
    owner.db.erase(&erase).unwrap().unwrap();
}

/// Reads to the end of the log, and compares the hashes.
fn compared(owners: &mut [Owner; 2]) -> Agreement {
    owners.iter_mut().for_each(|owner| owner.catch_up().unwrap());
    let [one, other] = owners.each_ref().map(|owner| owner.follower.status().get().hashes);
    compare(&one, &other)
}

fn owners(twin: &Twin) -> [Owner; 2] {
    [7, 20].map(|messages| Owner::with(twin, |options| options.read_messages(messages)))
}

#[test]
fn owners_are_compared_when_all_have_erased_the_same_and_not_meanwhile() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..95);
    let mut owners = owners(&twin);
    assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: 95 });
    for (conversation, last) in [("c-3", 95), ("c-5", 120)] {
        erase(&owners[0], conversation, 9);
        assert_eq!(compared(&mut owners), Agreement::NotComparable { log_seq: last });
        erase(&owners[1], conversation, 9);
        assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: last });
        // Also events of what was erased, under the old ids.
        publish(&twin, last..120);
        assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: 120 });
    }
}

#[test]
fn an_owner_with_a_fault_is_found_also_after_an_erasure() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..50);
    let mut owners = owners(&twin);
    assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: 50 });
    owners.iter().for_each(|owner| erase(owner, "c-3", 9));
    assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: 50 });
    owners[1].db.ingest(&event(99), convofold::ingest::Format::Auto).unwrap();
    publish(&twin, 50..60);
    assert_eq!(compared(&mut owners), Agreement::Different { log_seq: 60, equal_at: Some(50) });
}

#[test]
fn owners_with_other_random_ids_are_never_compared() {
    let twin = Twin::new("CF_chat_0");
    publish(&twin, 0..50);
    let mut owners = owners(&twin);
    assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: 50 });
    for (owner, seed) in owners.iter().zip([1, 2]) {
        erase(owner, "c-3", seed);
    }
    publish(&twin, 50..60);
    assert_eq!(compared(&mut owners), Agreement::NotComparable { log_seq: 60 });
}

/// The `number`th event, at this time: of conversations of three events each, which are closed.
fn event_at(number: u64, ms: i64) -> Vec<u8> {
    let kind = [Kind::Open, Kind::Message, Kind::Close][usize::try_from(number % 3).unwrap()];
    let (conversation, identity) = (format!("d-{}", number / 3), Identity::given(&number.to_string(), 0));
    let draft = Draft::new("desk", &conversation, kind, Time::from_ms(ms)).identity(Some(identity));
    let draft = if kind == Kind::Message { draft.direction(Direction::In).text("a text of a member") } else { draft };
    draft.build().unwrap().export_line().into_bytes()
}

/// Ages count to the same time, whenever the owners get to it.
#[test]
fn owners_that_remove_what_is_old_at_other_moments_are_equal_afterwards() {
    let twin = Twin::new("CF_chat_0");
    let now_ms = || twin.messages().last().map_or(1_800_000_000_000, |message| message.time_ms);
    let publish = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            twin.publish(&event_at(number, now_ms()));
        }
    };
    publish(0..200);
    twin.pass_ms(10 * 24 * 3_600_000);
    publish(200..230);
    let due = Time::from_ms(now_ms()).unwrap();
    publish(230..260);
    let mut owners = owners(&twin);
    let rules = Retention::new()
        .texts_older_than(Duration::from_secs(3_600))
        .log_older_than(Duration::from_secs(5 * 86_400))
        .closed_older_than(Duration::from_secs(5 * 86_400));
    owners[0].catch_up().unwrap();
    let run = owners[0].db.retain(&rules, due, false).unwrap().run;
    assert!(run.horizons.iter().map(|horizon| horizon.conversations).sum::<u64>() > 50, "{run:?}");
    assert_eq!(compared(&mut owners), Agreement::NotComparable { log_seq: 260 });
    publish(260..280);
    owners.iter_mut().for_each(|owner| owner.catch_up().unwrap());
    owners[1].db.retain(&rules, due, false).unwrap();
    publish(280..290);
    assert_eq!(compared(&mut owners), Agreement::Equal { log_seq: 290 });
}
