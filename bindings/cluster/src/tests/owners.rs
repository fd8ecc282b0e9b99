//! Random lives of a log and two owners: each ends in the state of one machine, or in a named outcome that is true.

use std::time::Duration;

use convofold::StateHash;
use proptest::prelude::*;

use super::{Owner, event, one_machine};
use crate::testing::Twin;
use crate::{Clock as _, FollowError, Partitions};

#[derive(Clone, Debug)]
enum Operation {
    Publish {
        count: u64,
    },
    PublishAgain {
        distance: u64,
    },
    PublishGarbage,
    /// Keeps this number of messages.
    Trim {
        kept: u64,
    },
    RollBack {
        lost: u64,
    },
    Recreate,
    Repeat {
        messages: u64,
    },
    Stall {
        reads: u32,
    },
    Fail {
        calls: u32,
    },
    Lag {
        calls: u32,
    },
    ClockBack,
    Step {
        owner: usize,
        steps: u32,
    },
    Crash {
        owner: usize,
    },
    Wait {
        owner: usize,
        seconds: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let owner = 0..2_usize;
    prop_oneof![
        8 => (1_u64..40).prop_map(|count| Publish { count }),
        2 => (1_u64..60).prop_map(|distance| PublishAgain { distance }),
        1 => Just(PublishGarbage),
        1 => (0_u64..60).prop_map(|kept| Trim { kept }),
        3 => (1_u64..30).prop_map(|lost| RollBack { lost }),
        2 => (1_u64..20).prop_map(|messages| Repeat { messages }),
        2 => (1_u32..4).prop_map(|reads| Stall { reads }),
        2 => (1_u32..4).prop_map(|calls| Fail { calls }),
        2 => (1_u32..3).prop_map(|calls| Lag { calls }),
        1 => Just(ClockBack),
        14 => (owner.clone(), 1_u32..5).prop_map(|(owner, steps)| Step { owner, steps }),
        2 => owner.clone().prop_map(|owner| Crash { owner }),
        3 => (owner, 1_u64..30).prop_map(|(owner, seconds)| Wait { owner, seconds }),
    ]
}

/// The log, what was published, and the two owners; `None` is one that stopped with a named outcome.
struct World {
    twin: Twin,
    published: Vec<Vec<u8>>,
    /// What a rollback has removed.
    lost: Vec<Vec<u8>>,
    rollbacks: u32,
    recreated: bool,
    owners: [Option<Owner>; 2],
}

impl World {
    fn new() -> Self {
        let twin = Twin::new("CF_chat_0");
        // Small batches of different size, so that their blocks differ.
        let owner = |messages| Some(Owner::with(&twin, |options| options.read_messages(messages)));
        let owners = [owner(7), owner(20)];
        Self { published: Vec::new(), lost: Vec::new(), rollbacks: 0, recreated: false, owners, twin }
    }

    fn publish(&mut self, payload: Vec<u8>) {
        self.twin.publish(&payload);
        self.published.push(payload);
    }

    fn apply(&mut self, operation: Operation) {
        let (first, last) = self.twin.bounds();
        match operation {
            Operation::Publish { count } => {
                let next = self.published.len() as u64;
                (next..next + count).for_each(|number| self.publish(event(number)));
            }
            Operation::PublishAgain { distance } => {
                let place = self.published.len().checked_sub(usize::try_from(distance).unwrap());
                place.map(|place| self.published[place].clone()).into_iter().for_each(|payload| self.publish(payload));
            }
            Operation::PublishGarbage => self.publish(b"no event".to_vec()),
            Operation::Trim { kept } => self.twin.trim((last + 1).saturating_sub(kept).max(first)),
            Operation::RollBack { lost } => {
                let to = last.saturating_sub(lost).max(first - 1);
                let removed = self.twin.messages().into_iter().filter(|message| message.seq > to);
                self.lost.extend(removed.map(|message| message.payload));
                self.twin.roll_back(to);
                self.rollbacks += 1;
            }
            Operation::Recreate => {
                self.twin.recreate();
                self.recreated = true;
                // Also what was trimmed: an owner that has read nothing does not know that there was another log.
                self.lost.clone_from(&self.published);
            }
            Operation::Repeat { messages } => self.twin.repeat(messages),
            Operation::Stall { reads } => self.twin.stall(reads),
            Operation::Fail { calls } => self.twin.fail(calls),
            Operation::Lag { calls } => self.twin.lag(calls),
            Operation::ClockBack => self.twin.pass_ms(-3_000),
            Operation::Step { owner, steps } => {
                (0..steps).for_each(|_| self.with(owner, |owner| owner.step().map(drop)));
            }
            Operation::Crash { owner } => self.with(owner, |owner| {
                owner.crash();
                Ok(())
            }),
            Operation::Wait { owner, seconds } => self.with(owner, |owner| {
                owner.clock.sleep(Duration::from_secs(seconds));
                Ok(())
            }),
        }
    }

    /// Runs an owner that has not stopped. An outcome that stops it must be true.
    fn with(&mut self, place: usize, run: impl FnOnce(&mut Owner) -> Result<(), FollowError>) {
        let Some(owner) = &mut self.owners[place] else { return };
        let read_to = owner.read_to();
        match run(owner) {
            Ok(()) => return,
            Err(FollowError::Gap { expected, first, .. }) => {
                assert!(expected <= read_to + 1, "{expected} is after {read_to} + 1");
                assert_eq!(first, self.twin.bounds().0);
                assert!(expected < first);
            }
            Err(FollowError::AnotherStream { .. }) => assert!(self.recreated),
            Err(error) => panic!("{error}"),
        }
        self.owners[place] = None;
    }

    /// The publisher publishes again what the brokers lost. Then both owners read to the end.
    fn end(mut self) -> Ended {
        std::mem::take(&mut self.lost).into_iter().for_each(|payload| self.publish(payload));
        for place in [0, 1] {
            self.with(place, Owner::catch_up);
        }
        let one_machine = one_machine(self.published.iter().map(Vec::as_slice));
        // What cannot be proved is reported: a log that was rolled back, written again and trimmed to the bookmark.
        let is_proven = |owner: &Owner| self.rollbacks == 0 || owner.follower.status().get().unproven == 0;
        let hash = |owner: Option<Owner>| owner.filter(is_proven).map(|owner| owner.db.state_hash());
        Ended { one_machine, owners: self.owners.map(hash) }
    }
}

struct Ended {
    one_machine: StateHash,
    owners: [Option<StateHash>; 2],
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24);
    ProptestConfig { cases, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn each_owner_ends_in_the_state_of_one_machine_or_in_a_named_outcome(
        mut operations in prop::collection::vec(operation(), 1..60),
        recreate in prop::option::weighted(0.15, any::<prop::sample::Index>()),
    ) {
        if let Some(place) = recreate {
            operations.insert(place.index(operations.len()), Operation::Recreate);
        }
        let mut world = World::new();
        operations.into_iter().for_each(|operation| world.apply(operation));
        let Ended { one_machine, owners } = world.end();
        for hash in owners.into_iter().flatten() {
            prop_assert_eq!(hash, one_machine);
        }
    }

    /// Without a rollback, an owner never has more than the log up to its bookmark.
    #[test]
    fn two_owners_agree_wherever_they_have_read_the_same_messages(
        operations in prop::collection::vec(operation(), 1..60)
    ) {
        let mut world = World::new();
        for operation in operations {
            if matches!(operation, Operation::RollBack { .. } | Operation::Trim { .. }) {
                continue;
            }
            world.apply(operation);
            if let [Some(one), Some(other)] = &mut world.owners {
                for owner in [&mut *one, &mut *other] {
                    owner.follower.finish().unwrap();
                }
                // A replica that is behind for long looks like a rollback, after which an owner reads again what it has.
                let is_forward = |owner: &Owner| owner.follower.status().get().rollbacks == 0;
                if one.read_to() == other.read_to() && is_forward(one) && is_forward(other) {
                    prop_assert_eq!(one.db.state_hash(), other.db.state_hash(), "at {}", one.read_to());
                    let events = |owner: &Owner| owner.follower.bookmark().map_or(0, |bookmark| bookmark.events);
                    prop_assert_eq!(events(one), events(other));
                }
            }
        }
        let Ended { one_machine, owners } = world.end();
        prop_assert_eq!(owners, [Some(one_machine); 2]);
    }
}

#[test]
fn the_sum_of_the_partitions_is_the_hash_of_one_machine() {
    let partitions = Partitions::new(std::num::NonZeroU32::new(4).unwrap());
    let twins: Vec<_> = (0..4).map(|partition| Twin::new(format!("CF_chat_{partition}"))).collect();
    let events: Vec<_> = (0..200).map(event).collect();
    let input = events.join(&b'\n');
    let parser = convofold::ingest::Parser::new(convofold::ingest::Format::Auto, Default::default());
    for payload in crate::Splitter::new(parser, partitions).split(&input).payloads {
        twins[payload.partition as usize].publish(&payload.bytes);
    }
    let hashes = twins.iter().map(|twin| {
        let mut owner = Owner::of(twin);
        owner.catch_up().unwrap();
        owner.db.state_hash()
    });
    let sum = hashes.reduce(StateHash::plus).unwrap();
    assert_eq!(sum, one_machine([input.as_slice()]));
}
