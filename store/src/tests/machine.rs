//! A database that is used, closed, killed, cut off, damaged and made to fail in random order, compared with a naive
//! model.
//!
//! `CONVOFOLD_CASES` is the number of sequences of steps; the default is small, so that the tests are fast.

use convofold_engine::{Event, Identity, Kind};
use proptest::prelude::*;

use super::message;
use super::world::{Stop, World};
use crate::storage::ReadStorage;
use crate::storage::memory::{Contents, Dice, Fault, MemoryStorage};
use crate::{Batch, Durability};

const DEFAULT_CASES: u32 = 48;
const MAX_STEPS: usize = 48;

#[derive(Clone, Debug)]
enum Step {
    Submit(Submission),
    /// All are submitted before the first one is waited for.
    SubmitTogether(Vec<Submission>),
    /// Sets the wall clock ahead or back.
    SetClock {
        by_ms: i64,
    },
    Sync,
    Checkpoint,
    /// Evicts all conversations that a checkpoint contains.
    Evict,
    Trim {
        before: i64,
    },
    /// Erases the conversation with this number while the database is open.
    Erase {
        conversation: u8,
    },
    Verify,
    Audit,
    Backup {
        restores: bool,
    },
    CloseAndReopen,
    Kill,
    PowerCut {
        seed: u64,
    },
    /// Damages a copy, so that the original stays intact.
    Damage {
        seed: u64,
        tears: bool,
    },
    /// One of the following operations fails.
    Fault {
        at: u64,
        fault: Fault,
        repeats: bool,
    },
    /// The disk has room for this many more bytes.
    Room {
        bytes: u64,
    },
}

#[derive(Clone, Debug)]
struct Submission {
    happenings: Vec<Happening>,
    buffered: bool,
    /// The number and the value of a bookmark; no value deletes it.
    bookmark: Option<(u8, Option<u8>)>,
}

/// One of a small number of possible events, so that many are late, repeated or in conflict.
#[derive(Clone, Copy, Debug)]
struct Happening {
    conversation: u8,
    number: u64,
    variant: u8,
}

fn happening() -> impl Strategy<Value = Happening> {
    (0..20_u8, 0..20_u64, 0..8_u8).prop_map(|(conversation, number, variant)| Happening {
        conversation,
        number,
        variant,
    })
}

fn submission() -> impl Strategy<Value = Submission> {
    let bookmark = proptest::option::of((0..3_u8, proptest::option::weighted(0.8, any::<u8>())));
    (proptest::collection::vec(happening(), 0..8), any::<bool>(), bookmark)
        .prop_map(|(happenings, buffered, bookmark)| Submission { happenings, buffered, bookmark })
}

fn fault() -> impl Strategy<Value = Step> {
    let how = prop_oneof![Just(Fault::Undone), Just(Fault::Done), Just(Fault::NoSpace)];
    (1..16_u64, how, any::<bool>()).prop_map(|(at, fault, repeats)| Step::Fault { at, fault, repeats })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => submission().prop_map(Step::Submit),
        3 => proptest::collection::vec(submission(), 2..5).prop_map(Step::SubmitTogether),
        6 => (-1_000..2_000_i64).prop_map(|by_ms| Step::SetClock { by_ms }),
        1 => Just(Step::Sync),
        3 => Just(Step::Checkpoint),
        2 => Just(Step::Evict),
        1 => (0..25_i64).prop_map(|before| Step::Trim { before }),
        1 => (0..20_u8).prop_map(|conversation| Step::Erase { conversation }),
        1 => Just(Step::Verify),
        1 => Just(Step::Audit),
        1 => proptest::bool::weighted(0.1).prop_map(|restores| Step::Backup { restores }),
        1 => Just(Step::CloseAndReopen),
        1 => Just(Step::Kill),
        2 => any::<u64>().prop_map(|seed| Step::PowerCut { seed }),
        2 => (any::<u64>(), any::<bool>()).prop_map(|(seed, tears)| Step::Damage { seed, tears }),
        2 => fault(),
        1 => (0..2_000_u64).prop_map(|bytes| Step::Room { bytes }),
    ]
}

impl Happening {
    fn event(self) -> Event {
        let conversation = format!("case-{}", self.conversation);
        let plain = message(&conversation, self.number);
        let draft = match self.variant {
            0 => plain.draft().kind(Kind::Open).started(plain.occurred()),
            1 => plain.draft().kind(Kind::Close),
            // Events with the same remainder have the same identity, and conflict if they differ.
            2 | 3 => plain.draft().identity(Identity::given(&format!("id-{}", self.number % 4), 0)),
            _ => return plain,
        };
        draft.build().unwrap()
    }
}

impl Submission {
    fn batch(&self) -> Batch {
        let durability = if self.buffered { Durability::Buffered } else { Durability::Synced };
        let batch = Batch::new(self.happenings.iter().map(|happening| happening.event()).collect());
        let batch = batch.durability(durability);
        match self.bookmark {
            None => batch,
            Some((name, Some(value))) => batch.bookmark(name.to_string(), vec![value]),
            Some((name, None)) => batch.delete_bookmark(name.to_string()),
        }
    }
}

/// Executes a step. If a fault stops it, the database is left as a killed process leaves it, and opened again.
fn take(world: &mut World, step: &Step) {
    if let Err(stop) = attempt(world, step) {
        die(world, &stop);
    }
    world.expect_answers();
    if !world.storage.is_armed() {
        world.witness.expect_log(&world.db);
    }
}

fn attempt(world: &mut World, step: &Step) -> Result<(), Stop> {
    match step {
        Step::Submit(submission) => world.submit(submission.batch())?,
        Step::SubmitTogether(submissions) => {
            world.submit_together(submissions.iter().map(Submission::batch).collect())?;
        }
        Step::SetClock { by_ms } => world.set_clock(*by_ms),
        Step::Sync => world.sync()?,
        Step::Checkpoint => world.checkpoint()?,
        Step::Evict => world.evict(),
        Step::Trim { before } => world.trim(*before)?,
        Step::Erase { conversation } => world.erase(&format!("case-{conversation}"))?,
        Step::Verify => world.verify()?,
        Step::Audit => world.audit()?,
        Step::Backup { restores } => world.backup(*restores)?,
        Step::CloseAndReopen => world.close_and_reopen(),
        Step::Kill => world.go_on_with(MemoryStorage::with(world.storage.contents())),
        Step::PowerCut { seed } => world.go_on_with(world.storage.after_power_cut_at(*seed)),
        Step::Damage { seed, tears } => {
            let mut contents = world.storage.contents();
            let damage = if *tears { Contents::tear_a_value } else { Contents::flip_a_bit };
            damage(&mut contents, *seed);
            world.expect_refused_or_whole(MemoryStorage::with(contents));
        }
        Step::Fault { at, fault, repeats } => world.storage.fail_any.arm(*at, *fault, *repeats),
        Step::Room { bytes } => world.storage.room.set(Some(*bytes)),
    }
    Ok(())
}

fn die(world: &mut World, stop: &Stop) {
    assert!(!world.storage.failed().is_empty(), "{stop:?} without a fault");
    // Derived from the state of the storage, so that the same steps give the same result.
    let mut dice = Dice::new(world.storage.disk_bytes().unwrap());
    let left = match dice.below(3) {
        0 => MemoryStorage::with(world.storage.contents()),
        1 => world.storage.after_power_cut(),
        _ => world.storage.after_power_cut_at(dice.below(1_000) as u64),
    };
    let survivor = world.survivor(left).unwrap();
    world.expect_poisoned_if_a_write_failed();
    *world = survivor;
}

fn cases() -> u32 {
    std::env::var("CONVOFOLD_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(DEFAULT_CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_was_promised_is_there_and_the_state_is_the_fold_of_the_log(
        steps in proptest::collection::vec(step(), 1..MAX_STEPS)
    ) {
        let mut world = World::new();
        for step in &steps {
            take(&mut world, step);
        }
        world.go_on_with(world.storage.after_power_cut());
    }
}
