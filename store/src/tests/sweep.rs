//! Every operation of every workload is made to fail, one per run, in every way (after the example of SQLite's tests).
//!
//! After each failure: no thread panicked, the database accepts no more writes if one was lost, answers contain what
//! was acknowledged, and every state that a kill or a power cut can leave opens with what was guaranteed.

use super::world::{Stop, World};
use super::{message, messages};
use crate::checkpoint::record::note_damage;
use crate::format::key::{PageHalf, PageKey};
use crate::open::error::OpenError;
use crate::storage::memory::{Call, Contents, Fault, MemoryStorage};
use crate::{Batch, Durability};

/// The kinds of failure, and whether all operations after the first fail too.
const FAULTS: [(Fault, bool); 4] =
    [(Fault::Undone, false), (Fault::Undone, true), (Fault::Done, false), (Fault::NoSpace, false)];

/// A database with a history: two checkpoints, events after them, and buffered events.
fn lived_in() -> World {
    let mut world = World::new();
    for number in 0..3 {
        let batch = Batch::new(messages(number * 5, 5)).bookmark("upstream", number.to_string());
        world.submit(batch).unwrap();
        if number < 2 {
            world.checkpoint().unwrap();
        }
    }
    world.submit(buffered(15)).unwrap();
    world
}

fn buffered(first: u64) -> Batch {
    Batch::new(messages(first, 2)).durability(Durability::Buffered).bookmark("buffered", first.to_string())
}

fn ingest(world: &mut World) -> Result<(), Stop> {
    world.submit(Batch::new(messages(100, 5)))?;
    world.submit(buffered(110))?;
    // Partly duplicates, both of this batch and of earlier ones.
    world.submit(Batch::new(messages(98, 5)))?;
    world.submit(buffered(120))?;
    world.submit_together((0..4).map(|number| buffered(130 + number * 2)).collect())?;
    world.sync()?;
    world.submit(Batch::default().bookmark("alone", "1"))?;
    world.submit(Batch::new(vec![message("last", 1)]).delete_bookmark("upstream"))
}

fn checkpoint(world: &mut World) -> Result<(), Stop> {
    world.checkpoint()?;
    world.submit(Batch::new(messages(100, 5)))?;
    world.checkpoint()
}

fn trim(world: &mut World) -> Result<(), Stop> {
    world.trim(8)?;
    world.submit(Batch::new(messages(100, 5)))?;
    world.trim(1_000)
}

#[test]
fn no_operation_of_an_ingest_can_fail_badly() {
    sweep(ingest);
}

#[test]
fn no_operation_of_a_checkpoint_can_fail_badly() {
    sweep(checkpoint);
}

#[test]
fn no_operation_of_a_trim_can_fail_badly() {
    sweep(trim);
}

#[test]
fn no_operation_of_a_close_can_fail_badly() {
    sweep(|world| {
        world.submit(buffered(100))?;
        world.db.close().map_err(|_| Stop::Poisoned)
    });
}

#[test]
fn no_operation_of_a_verification_can_fail_badly() {
    sweep(World::verify);
}

#[test]
fn no_operation_of_an_audit_can_fail_badly() {
    sweep(World::audit);
}

#[test]
fn no_operation_of_a_backup_can_fail_badly() {
    sweep(|world| world.backup(false));
}

#[test]
fn a_disk_that_is_full_at_any_byte_loses_nothing_and_room_heals_it() {
    for workload in [ingest, checkpoint, trim] {
        let origin = lived_in();
        for room_bytes in (0..).step_by(100) {
            let mut world = origin.survivor(MemoryStorage::with(origin.storage.contents())).unwrap();
            world.storage.room.set(Some(room_bytes));
            let outcome = workload(&mut world);
            if world.storage.failed().is_empty() {
                outcome.unwrap();
                break;
            }
            assert!(matches!(outcome, Err(Stop::Poisoned)), "{room_bytes} bytes: {outcome:?}");
            expect_survivors(&mut world, room_bytes);
        }
    }
}

#[test]
fn no_operation_of_an_opening_can_fail_badly() {
    let origin = lived_in();
    let contents = origin.storage.contents();
    let mut log_alone = contents.clone();
    log_alone.records.retain(|name, _| name.starts_with("recorded-hashes/"));
    let mut damaged_page = contents.clone();
    damaged_page.pages.get_mut(&PageKey { page_no: 0, half: PageHalf::B }.part(0)).unwrap()[50] ^= 1;
    // Otherwise only a question finds it.
    let storage = MemoryStorage::with(damaged_page);
    note_damage(storage.as_ref(), true).unwrap();
    let damaged_page = storage.contents();
    let mut damaged_record = contents.clone();
    let is_read = |(name, _): &(&String, &mut Vec<u8>)| !name.starts_with("recorded-hashes/");
    damaged_record.records.iter_mut().rfind(is_read).unwrap().1[50] ^= 1;
    let mut trimmed = origin.survivor(MemoryStorage::with(contents.clone())).unwrap();
    trimmed.trim(1_000).unwrap();

    for contents in [contents, log_alone, damaged_page, damaged_record] {
        sweep_opening(&origin, &contents);
    }
    sweep_opening(&trimmed, &trimmed.storage.contents());
}

fn sweep_opening(origin: &World, contents: &Contents) {
    for repeats in [false, true] {
        for at in 1.. {
            let storage = MemoryStorage::with(contents.clone());
            storage.fail_any.arm(at, Fault::Undone, repeats);
            let opened = origin.survivor(storage.clone());
            if storage.failed().is_empty() {
                opened.map(drop).unwrap();
                break;
            }
            match opened {
                Err(refused) => assert!(matches!(refused, OpenError::Storage(_)), "operation {at}: {refused:?}"),
                // It was read ahead for a checkpoint that had been damaged before.
                Ok(survivor) => assert!(!survivor.db.recovery().skipped.is_empty(), "operation {at}"),
            }
            origin.survivor(storage).map(drop).unwrap();
        }
    }
}

/// Runs a workload with its first operation failing, then with its second, and so on until all operations succeed.
fn sweep(workload: impl Fn(&mut World) -> Result<(), Stop>) {
    let origin = lived_in();
    for (fault, repeats) in FAULTS {
        for at in 1.. {
            let mut world = origin.survivor(MemoryStorage::with(origin.storage.contents())).unwrap();
            world.storage.fail_any.arm(at, fault, repeats);
            let outcome = workload(&mut world);
            if world.storage.failed().is_empty() {
                outcome.unwrap();
                assert!(at > 3, "the workload does nothing");
                break;
            }
            assert!(outcome.is_err(), "operation {at} failed ({fault:?}) without an error");
            // A read can only fail in one way.
            if (fault, repeats) == FAULTS[0] || world.storage.failed()[0] != Call::Read {
                expect_survivors(&mut world, at);
            }
        }
    }
}

/// Checks that every state that may be left opens with what was guaranteed, and can be used.
#[track_caller]
fn expect_survivors(world: &mut World, seed: u64) {
    world.survivor(world.storage.after_power_cut()).unwrap();
    world.survivor(world.storage.after_power_cut_at(seed)).unwrap();
    let mut killed = world.survivor(MemoryStorage::with(world.storage.contents())).unwrap();
    killed.verify().unwrap();
    killed.submit(Batch::new(messages(500, 3))).unwrap();
    killed.close_and_reopen();
    if world.db.stats().disk_bytes > 0 {
        world.expect_poisoned_if_a_write_failed();
    }
}
