//! The directory is locked before anything else, by one process, and never used if it belongs to another program.

use std::fs;

use super::{Home, messages, submit};
use crate::format::REVISION;
use crate::open::error::OpenError;
use crate::storage::end_mark::{EndMark, LastRecords, encode};
use crate::{Batch, Convofold, Options};

#[test]
fn a_second_opener_is_told_who_has_it() {
    let home = Home::new();
    let db = home.open();
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::AlreadyOpen { pid: Some(pid), here: true } if pid == std::process::id()));
    assert_eq!(error.to_string(), "already open in this process");
    db.close().unwrap();
    home.open();
}

/// Drops a handle when it is woken, which happens on the writer's thread, and then opens the database at once.
struct LastHandle(parking_lot::Mutex<Option<Convofold>>, std::sync::mpsc::Sender<Option<OpenError>>);

impl std::task::Wake for LastHandle {
    fn wake(self: std::sync::Arc<Self>) {
        let db = self.0.lock().take().unwrap();
        let path = db.dir().to_owned();
        drop(db);
        self.1.send(Convofold::open(path).err()).unwrap();
    }
}

/// The result of opening the database on the writer's thread after the last handle was dropped there; `None` if the
/// batch was committed before the waker was set.
fn opened_by_the_waker() -> Option<Option<OpenError>> {
    let home = Home::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let db = home.open();
    let mut ticket = db.submit(Batch::new(messages(0, 500))).unwrap();
    let waker = std::task::Waker::from(std::sync::Arc::new(LastHandle(parking_lot::Mutex::new(Some(db)), sender)));
    let mut context = std::task::Context::from_waker(&waker);
    let polled = std::future::Future::poll(std::pin::Pin::new(&mut ticket), &mut context);
    polled.is_pending().then(|| receiver.recv().unwrap())
}

/// Regression: the lock was released while the writer still wrote its last checkpoint.
#[test]
fn the_lock_is_held_until_the_writer_has_ended() {
    let error = (0..100).find_map(|_| opened_by_the_waker()).expect("a batch that is waited for");
    assert!(matches!(error, Some(OpenError::AlreadyOpen { .. })), "{error:?}");
}

#[test]
fn dropping_the_last_handle_lets_go_of_it() {
    let home = Home::new();
    for number in 0..20 {
        let db = home.open();
        let clone = db.clone();
        drop(db);
        submit(&clone, Batch::new(messages(number, 1)));
    }
    assert_eq!(home.open().recovery().last_seq, 20);
}

#[test]
fn an_unknown_format_is_refused_by_name() {
    let home = Home::new();
    home.open().close().unwrap();
    let format = fs::read_to_string(home.path().join("FORMAT")).unwrap();
    fs::write(home.path().join("FORMAT"), format.replace("convofold 1", "convofold 2")).unwrap();
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(error.to_string().contains("convofold 2") && error.to_string().contains("convofold 1"), "{error}");
}

#[test]
fn another_revision_is_refused_by_its_number() {
    let home = Home::new();
    home.open().close().unwrap();
    fs::write(home.path().join("FORMAT"), "convofold 1\nsegment_bytes 2097152\n").unwrap();
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::OtherRevision { found: 1, expected: REVISION }), "{error:?}");
}

#[test]
fn a_database_keeps_its_id_and_no_other_has_it() {
    let home = Home::new();
    let db = home.open();
    let id = db.database_id();
    db.close().unwrap();
    assert_eq!(home.open().database_id(), id);
    assert_ne!(Home::new().open().database_id(), id);
}

/// A storage can be replaced by writing another folder and then its name.
#[test]
fn the_storage_is_opened_in_the_folder_that_head_names() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 10)));
    db.close().unwrap();
    fs::rename(home.path().join("sled"), home.path().join("sled-2")).unwrap();
    let head = EndMark::read(&home.path()).unwrap().known().unwrap();
    fs::write(home.path().join("HEAD"), encode(head, LastRecords::default(), "sled-2").repeat(2)).unwrap();
    for last_seq in [10, 20] {
        let db = home.open();
        assert_eq!(db.recovery().last_seq, last_seq);
        submit(&db, Batch::new(messages(last_seq, 10)));
        db.close().unwrap();
    }
    assert!(!home.path().join("sled").exists());
}

/// Regression, found by fuzzing: a division by a size of 0.
#[test]
fn a_segment_size_that_no_store_has_is_refused() {
    let home = Home::new();
    home.open().close().unwrap();
    let format = fs::read_to_string(home.path().join("FORMAT")).unwrap();
    for segment_bytes in [0_u64, 1, 2_097_151, 3 << 20, 1 << 60] {
        let changed = format.replace("segment_bytes 2097152", &format!("segment_bytes {segment_bytes}"));
        fs::write(home.path().join("FORMAT"), changed).unwrap();
        let error = Convofold::open(home.path()).unwrap_err();
        assert!(matches!(error, OpenError::UnknownFormat { .. }), "{segment_bytes}: {error:?}");
    }
}

#[test]
fn what_is_no_store_is_left_alone() {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    fs::write(home.path().join("letter.txt"), "Dear Ida").unwrap();
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotAStore { .. }));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn a_store_that_is_not_to_be_made_is_not_made() {
    let home = Home::new();
    let error = Options::new().create(false).open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotFound { .. }));
    assert!(!home.path().exists());
    home.open().close().unwrap();
    Options::new().create(false).open(home.path()).unwrap();
}

#[test]
fn a_process_killed_between_lock_and_format_leaves_nothing_in_the_way() {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    fs::write(home.path().join("LOCK"), "123\n").unwrap();
    fs::write(home.path().join("FORMAT.new"), "convo").unwrap();
    fs::write(home.path().join("HEAD"), "block 0\nse").unwrap();
    let db = home.open();
    assert!(db.recovery().is_new && !db.recovery().unreadable_end_mark);
}

/// Regression, found by failing system calls: the first opening ended between the two steps, and the next one took the
/// end mark for lost.
#[test]
fn a_store_is_never_without_its_head_mark() {
    let home = Home::new();
    home.open().close().unwrap();
    fs::remove_file(home.path().join("FORMAT")).unwrap();
    fs::remove_dir_all(home.path().join("sled")).unwrap();
    assert!(home.path().join("HEAD").exists());
    let again = home.open();
    assert!(again.recovery().is_new && !again.recovery().unreadable_end_mark);
}

#[test]
fn the_segment_size_is_that_of_the_day_it_was_made() {
    let home = Home::new();
    home.open_with(Options::new().segment_bytes(8 << 20)).close().unwrap();
    let db = home.open_with(Options::new().segment_bytes(4 << 20));
    submit(&db, Batch::new(messages(0, 10)));
    db.close().unwrap();
    assert_eq!(home.open().recovery().last_seq, 10);
}

/// What is there, with the contents of files.
pub(super) fn contents(dir: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Option<Vec<u8>>> {
    let mut found = std::collections::BTreeMap::new();
    let Ok(listing) = fs::read_dir(dir) else { return found };
    for path in listing.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.append(&mut contents(&path));
        }
        found.insert(path.clone(), fs::read(path).ok());
    }
    found
}

/// Regression: a database without its data opened as a healthy empty one.
#[test]
fn a_lost_database_is_not_opened_as_an_empty_one() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 10)));
    db.close().unwrap();
    for (lost, missing) in [("HEAD", "HEAD"), ("sled", "sled"), ("sled/db", "sled/db"), ("sled/*", "sled/db")] {
        for unreadable_end_mark in [false, true] {
            let copy = home.killed();
            if unreadable_end_mark {
                fs::write(copy.path().join("HEAD"), "").unwrap();
            }
            match lost {
                "sled" => fs::remove_dir_all(copy.path().join(lost)).unwrap(),
                "sled/*" => {
                    fs::remove_dir_all(copy.path().join("sled")).unwrap();
                    fs::create_dir(copy.path().join("sled")).unwrap();
                }
                file => fs::remove_file(copy.path().join(file)).unwrap(),
            }
            let before = contents(&copy.path());
            for create in [true, false] {
                let error = Options::new().create(create).open(copy.path()).unwrap_err();
                let is_named = matches!(&error, OpenError::Incomplete { missing: found, .. } if found == missing);
                assert!(is_named, "{lost}: {error:?}");
                assert_eq!(contents(&copy.path()).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
            }
        }
    }
    // The end mark is all that is left.
    let copy = home.killed();
    fs::remove_file(copy.path().join("FORMAT")).unwrap();
    fs::remove_dir_all(copy.path().join("sled")).unwrap();
    let error = Convofold::open(copy.path()).unwrap_err();
    assert!(matches!(&error, OpenError::Incomplete { missing, .. } if missing == "FORMAT"), "{error:?}");
}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;
    use crate::care::backup::{BackupOptions, restore};
    use crate::care::repair::Repair;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    fn expect_private(dir: &Path) {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
        for path in contents(dir).into_keys() {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{}: {:o}", path.display(), mode(&path));
        }
    }

    /// The umask of the tests lets others read.
    #[test]
    fn only_the_owner_can_read_what_is_created() {
        let home = Home::new();
        let db = home.open();
        submit(&db, Batch::new(messages(0, 10)));
        let file = home.dir.path().join("backup");
        db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
        assert_eq!(mode(&file), 0o600);
        db.close().unwrap();
        home.open().close().unwrap();
        expect_private(&home.path());
        let [restored, repaired] = ["restored", "repaired"].map(|name| home.dir.path().join(name));
        restore(&[&file], &restored, &Options::new(), |_| {}).unwrap();
        expect_private(&restored);
        Repair::new(home.path(), &repaired).run().unwrap();
        expect_private(&repaired);
    }

    #[test]
    fn what_an_operator_widened_stays() {
        let home = Home::new();
        let db = home.open();
        submit(&db, Batch::new(messages(0, 10)));
        db.close().unwrap();
        let paths: Vec<_> = contents(&home.path()).into_keys().chain([home.path()]).collect();
        for path in &paths {
            set_mode(path, if path.is_dir() { 0o750 } else { 0o640 });
        }
        let db = home.open();
        submit(&db, Batch::new(messages(10, 10)));
        db.close().unwrap();
        drop(home.open());
        // A new file of sled is as readable as its main file.
        for path in contents(&home.path()).into_keys().chain([home.path()]) {
            assert_eq!(mode(&path), if path.is_dir() { 0o750 } else { 0o640 }, "{}", path.display());
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let home = Home::new();
        home.open().close().unwrap();
        for name in ["LOCK", "HEAD", "FORMAT"] {
            let copy = home.killed();
            let elsewhere = copy.dir.path().join("elsewhere");
            fs::rename(copy.path().join(name), &elsewhere).unwrap();
            symlink(&elsewhere, copy.path().join(name)).unwrap();
            let before = fs::read(&elsewhere).unwrap();
            let error = Convofold::open(copy.path()).unwrap_err();
            assert!(matches!(error, OpenError::Io { .. }), "{name}: {error:?}");
            assert_eq!(fs::read(&elsewhere).unwrap(), before);
        }
    }
}
