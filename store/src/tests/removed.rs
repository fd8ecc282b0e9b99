//! Whether two databases from which something was removed can be compared.

use std::time::Duration;

use convofold_engine::{Event, Time};

use super::erase::{BEGINNING_MS, erase, events, fill, member};
use super::{Home, copy_dir, submit};
use crate::erase::{Erase, Ledger};
use crate::retention::Retention;
use crate::{Batch, Convofold, Options};

const SEED: [u8; 32] = [9; 32];

/// Two databases with these events, in other batches and in another order.
fn two(events: &[Event]) -> [(Home, Convofold); 2] {
    [false, true].map(|is_reversed| {
        let home = Home::new();
        let db = home.open();
        let mut events = events.to_vec();
        if is_reversed {
            events.reverse();
        }
        fill(&db, &events);
        (home, db)
    })
}

fn figures(db: &Convofold) -> (u64, String) {
    (db.removed_hash(), db.state_hash().to_string())
}

#[test]
fn databases_that_erase_the_same_with_the_same_secret_are_the_same_after_it() {
    let events = events(18, 0..9);
    let [(_one, one), (_other, other)] = two(&events);
    assert_eq!((figures(&one), one.removed_hash()), (figures(&other), 0));
    for number in [1, 2] {
        let erase = erase([member(number)]).seed(SEED);
        one.erase(&erase).unwrap().unwrap();
        assert_ne!(one.removed_hash(), other.removed_hash());
        other.erase(&erase).unwrap().unwrap();
        assert_eq!(figures(&one), figures(&other));
    }
    // The numbers and the times of the receipts do not count, nor does an erasure that finds nothing.
    assert_eq!(one.erase(&erase([member(1)]).seed(SEED)).unwrap(), None);
    [&one, &other].into_iter().for_each(|db| drop(submit(db, Batch::new(events.clone()))));
    assert_eq!(figures(&one), figures(&other));
}

#[test]
fn databases_that_erased_something_else_or_have_other_random_ids_are_not_compared() {
    let events = events(18, 0..9);
    let removed = |erasures: [Erase; 2]| {
        let databases = two(&events);
        let both = databases.iter().zip(erasures).map(|((_, db), erasure)| {
            db.erase(&erasure).unwrap().unwrap();
            db.removed_hash()
        });
        both.collect::<Vec<_>>()
    };
    let of_one = || erase([member(1)]);
    for erasures in [
        [of_one(), of_one()],
        [of_one().seed(SEED), of_one()],
        [of_one().seed(SEED), of_one().seed([8; 32])],
        [of_one().seed(SEED), erase([member(2)]).seed(SEED)],
    ] {
        let removed = removed(erasures);
        assert_ne!(removed[0], removed[1]);
    }
}

#[test]
fn a_copy_of_a_database_can_be_compared_with_it_and_one_that_was_erased_by_its_ledger_cannot() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(18, 0..9));
    db.close().unwrap();
    let [copy, again] = ["copy", "again"].map(|name| home.path().with_file_name(name));
    copy_dir(&home.path(), &again);
    let db = home.open();
    db.erase(&erase([member(1)]).seed(SEED)).unwrap().unwrap();
    let (expected, ledger) = (figures(&db), Ledger::of(&db).unwrap());
    db.close().unwrap();
    copy_dir(&home.path(), &copy);
    ledger.erase_from(&again, &Options::new()).unwrap().unwrap();
    let [copy, again] = [copy, again].map(|path| Options::new().open(path).unwrap());
    assert_eq!(figures(&copy), expected);
    assert_ne!(again.removed_hash(), expected.0);
}

#[test]
fn runs_of_retention_are_compared_by_what_all_of_them_removed() {
    let [(_one, one), (_other, other)] = two(&events(18, 0..9));
    let rules = Retention::new().texts_older_than(Duration::from_secs(60));
    let run = |db: &Convofold, minutes: i64| {
        db.retain(&rules, Time::from_ms(BEGINNING_MS + minutes * 60_000).unwrap(), false).unwrap()
    };
    run(&one, 3);
    assert_ne!(one.removed_hash(), other.removed_hash());
    // The other one was away at the time of the first run.
    run(&one, 6);
    run(&other, 6);
    assert_eq!(figures(&one), figures(&other));
    let trims = Retention::new().log_older_than(Duration::from_secs(60));
    let before = one.removed_hash();
    one.retain(&trims, Time::from_ms(BEGINNING_MS).unwrap(), false).unwrap();
    assert_eq!(one.removed_hash(), before);
}
