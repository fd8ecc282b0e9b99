//! What sled does to its files, and what we do about it.

use std::fs;

use super::{Home, message_with, messages, submit};
use crate::{Batch, Convofold, Options};

fn blobs(home: &Home) -> usize {
    fs::read_dir(home.path().join("sled/blobs")).map_or(0, Iterator::count)
}

#[test]
fn an_unfinished_snapshot_is_removed_before_sled_sees_it() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 100)));
    db.close().unwrap();
    let left = home.path().join("sled/snap.00000000000FFFFF.generating");
    fs::write(&left, b"half a snapshot").unwrap();
    let again = home.open();
    assert!(!left.exists());
    assert_eq!(again.recovery().removed_files, [left]);
    assert_eq!(again.state_hash(), db.state_hash());
}

/// Found by review: sled writes `conf` in two steps and before any data; torn in between, no open ever succeeded.
#[test]
fn a_conf_torn_by_a_kill_during_the_first_open_is_written_anew() {
    let home = Home::new();
    let db = home.open();
    db.close().unwrap();
    drop(db);
    let sled = home.path().join("sled");
    let conf = fs::read(sled.join("conf")).unwrap();
    fs::remove_dir_all(&sled).unwrap();
    fs::remove_file(home.path().join("HEAD")).ok();
    fs::create_dir(&sled).unwrap();
    fs::write(sled.join("conf"), &conf[..conf.len() - 4]).unwrap();
    let again = home.open();
    assert_eq!(again.recovery().removed_files, [sled.join("conf")]);
    submit(&again, Batch::new(messages(0, 3)));
    assert_eq!(again.stats().last_seq, 3);
}

#[test]
fn nothing_ever_goes_to_blobs() {
    let home = Home::new();
    let db = home.open_with(Options::new().checkpoint_log_bytes(1 << 20));
    let mut state = 7_u64;
    for number in 0..120_u64 {
        // Texts that do not compress, from a few bytes to more than a part.
        let text: String = (0..(number * 997) % 60_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
            })
            .collect();
        let events =
            (0..5).map(|part| message_with(&format!("case-{}", number % 20), number * 5 + part, &text)).collect();
        submit(&db, Batch::new(events));
    }
    assert!(db.stats().checkpoint_seq > 0);
    assert_eq!(blobs(&home), 0);
    db.close().unwrap();
    assert_eq!(blobs(&home), 0);
    let again = home.open();
    assert_eq!(again.state_hash(), db.state_hash());
    assert_eq!(blobs(&home), 0);
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let home = Home::new();
    let db = home.open();
    for number in 0..20 {
        submit(&db, Batch::new(messages(number * 50, 50)));
    }
    db.close().unwrap();
    let hash = db.state_hash();
    let file = fs::read(home.path().join("sled/db")).unwrap();
    for trial in 0..24_usize {
        let copy = home.killed();
        let mut damaged = file.clone();
        let at = 100 + trial * 1_237 % (file.len() / 8);
        if trial % 3 == 0 {
            damaged.truncate(at);
        } else {
            damaged[at..at + 16].fill(0x55);
        }
        fs::write(copy.path().join("sled/db"), damaged).unwrap();
        // Either it is found out, or nothing that matters was hit.
        match Convofold::open(copy.path()) {
            Ok(again) => assert_eq!(again.state_hash(), hash, "trial {trial}: {:?}", again.recovery()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
