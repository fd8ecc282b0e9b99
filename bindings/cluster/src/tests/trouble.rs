//! What an owner says that cannot go on.

use std::time::Duration;

use super::{Owner, event};
use crate::testing::Twin;
use crate::{Clock as _, State};

#[test]
fn an_owner_that_cannot_keep_a_reject_says_since_when_and_how_far_it_is_behind() {
    let twin = Twin::new("CF_chat_0");
    let publish = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            twin.publish(&event(number));
        }
    };
    publish(0..3);
    twin.publish(b"no event");
    let mut owner = Owner::of(&twin);
    owner.rejects.set_full(true);
    let status = |owner: &mut Owner| {
        owner.step().unwrap();
        owner.follower.status().get()
    };
    (0..3).for_each(|_| drop(status(&mut owner)));
    let before = status(&mut owner);
    assert!(matches!(before.state, State::Holding { .. }), "{before:?}");
    publish(3..20);
    owner.clock.sleep(Duration::from_secs(75));
    let after = status(&mut owner);
    assert_eq!((after.lag(), after.state_since_ms), (before.lag() + 17, before.state_since_ms));
    assert!(owner.clock.now_ms() - after.state_since_ms >= 75_000);
    owner.rejects.set_full(false);
    owner.catch_up().unwrap();
    let caught_up = owner.follower.status().get();
    assert_eq!((caught_up.lag(), caught_up.state), (0, State::CaughtUp));
    assert!(caught_up.state_since_ms > after.state_since_ms);
}
