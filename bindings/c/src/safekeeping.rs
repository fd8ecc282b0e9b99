//! Backups, checks, repair, and letting go of what is old.

use std::ffi::{CStr, c_char, c_void};

use convofold::Time;
use convofold::audit::Sample;
use convofold::backup::{BackupOptions, Progress, Step, restore};
use convofold::repair::{Repair, RepairProgress};
use convofold::verify::VerifyProgress;
use serde::Serialize;

use crate::database::{Db, Options};
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::sized;
use crate::text::OutText;

/// Is told how far something is: `done` of `total` in this step, which is a word such as "write" or "check".
pub type OnStep = Option<unsafe extern "C" fn(user_data: *mut c_void, step: *const c_char, done: u64, total: u64)>;

/// Whom to tell of steps.
#[derive(Clone, Copy)]
struct Steps {
    tell: OnStep,
    user_data: *mut c_void,
}

impl Steps {
    fn tell(self, step: &CStr, done: u64, total: u64) {
        if let Some(tell) = self.tell {
            // SAFETY: the word is there for ever.
            unsafe { tell(self.user_data, step.as_ptr(), done, total) };
        }
    }

    fn tell_backup(self, progress: Progress) {
        let step = match progress.step {
            Step::Write => c"write",
            Step::Check => c"check",
            _ => c"work",
        };
        self.tell(step, progress.seq, progress.last_seq);
    }
}

fn report<T: Serialize>(out: Option<OutText>, report: &T) -> Result<(), Failure> {
    out.map_or(Ok(()), |out| out.set_json(report))
}

/// Writes the database into one new file, while it goes on working. With `since`, an earlier backup, only what came after that
/// one. The file is checked before it is given its name.
///
/// `since`, `on_step` and `json` may be NULL. `json` is set to an object that says what is in the file.
///
/// Errors: EXISTS, DAMAGED (the log, or the earlier backup), DROPPED (the log no longer has what came after that one), IO,
/// POISONED, CLOSED. There is no file with that name then that was not there before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_backup(
    db: Db,
    file: *const c_char,
    since: *const c_char,
    on_step: OnStep,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        let mut options = BackupOptions::new();
        if !since.is_null() {
            // SAFETY: the header asks callers for what this asks for.
            options = options.since(unsafe { pointer::path(since, "since") }?);
        }
        // SAFETY: the header asks callers for what these ask for.
        let (file, out) = unsafe { (pointer::path(file, "file")?, OutText::new_if_any(json)?) };
        let steps = Steps { tell: on_step, user_data };
        report(out, &db.get()?.backup(file, &options, |progress| steps.tell_backup(progress))?)
    })
}

/// Makes a new database in `dir` of a backup and those that go on from it, in their order. The folder must be empty or not
/// there.
///
/// `options`, with which it is opened to be checked, `on_step` and `json` may be NULL. `json` is set to an object that says
/// what was restored.
///
/// Errors: DAMAGED, EXISTS, NOT_FOUND, INVALID_ARGUMENT where the files do not belong together in this order, IO. Nothing is
/// there then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_restore(
    files: *const *const c_char,
    count: usize,
    dir: *const c_char,
    options: *const Options,
    on_step: OnStep,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (files, dir, options, out) = unsafe {
            let files = pointer::paths(files, count, "files")?;
            (files, pointer::path(dir, "dir")?, sized::read(options)?.to_rust()?, OutText::new_if_any(json)?)
        };
        let steps = Steps { tell: on_step, user_data };
        report(out, &restore(&files, dir, &options, |progress| steps.tell_backup(progress))?)
    })
}

/// Checks everything on the disk and in memory against the log folded anew, while the database goes on working.
///
/// `on_step` may be NULL. `json` is set to an object with what was checked and `problems`, an array that is empty where all is
/// well. `problems`, which may be NULL, is set to how many there are.
///
/// Errors: where it cannot be carried out: CLOSED, POISONED, IO. What is wrong with the database is no error but in the report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_verify(
    db: Db,
    on_step: OnStep,
    user_data: *mut c_void,
    problems: *mut u64,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (out, problems) = unsafe { (OutText::new_if_any(json)?, problems.as_mut()) };
        let steps = Steps { tell: on_step, user_data };
        let found = db.get()?.verify(|progress| match progress {
            VerifyProgress::Log { seq, last_seq } => steps.tell(c"log", seq, last_seq),
            VerifyProgress::Live { conversations, of } => steps.tell(c"live", conversations, of),
            _ => {}
        })?;
        if let Some(problems) = problems {
            *problems = found.problems.len() as u64 + found.more_problems;
        }
        report(out, &found)
    })
}

/// Folds conversations again from the log and compares them with what the database answers, field by field: so many drawn by
/// lot, all of them where `conversations` is 0. The same `seed` draws the same ones.
///
/// `json` is set to an object with `conversations`, `events` and `differences`, an array that is empty where all is well.
/// `differences`, which may be NULL, is set to how many there are.
///
/// Errors: where it cannot be carried out: DAMAGED, BUSY (the log was trimmed meanwhile), CLOSED, POISONED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_audit(
    db: Db,
    conversations: u64,
    seed: u64,
    differences: *mut u64,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (out, differences) = unsafe { (OutText::new_if_any(json)?, differences.as_mut()) };
        let sample = if conversations == 0 { Sample::All } else { Sample::Random { conversations, seed } };
        let found = db.get()?.audit(sample)?;
        if let Some(differences) = differences {
            *differences = found.differences.len() as u64 + found.more_differences;
        }
        report(out, &found)
    })
}

/// Saves what can be read of the damaged database in `damaged`, which is only read, into a new one in `repaired`, which must be
/// empty or not there.
///
/// `on_step` and `json` may be NULL. `json` is set to an object with `events`, `lost` (ranges of events that are gone) and more.
///
/// Errors: NOT_FOUND where nothing can be read, ALREADY_OPEN, EXISTS, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_repair(
    damaged: *const c_char,
    repaired: *const c_char,
    on_step: OnStep,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (damaged, repaired, out) = unsafe {
            let repaired = pointer::path(repaired, "repaired")?;
            (pointer::path(damaged, "damaged")?, repaired, OutText::new_if_any(json)?)
        };
        let steps = Steps { tell: on_step, user_data };
        let repair = Repair::new(damaged, repaired).on_progress(move |progress| match progress {
            RepairProgress::Searching { bytes, total } => steps.tell(c"search", bytes, total),
            RepairProgress::Writing { events, total } => steps.tell(c"write", events, total),
            _ => {}
        });
        report(out, &repair.run()?)
    })
}

/// Drops the older part of the log: block by block, as long as all events of a block happened before this time. States,
/// histories, the export and the hash stay; feeds no longer begin before what is left.
///
/// `json` may be NULL; otherwise it is set to an object with `events`, `blocks`, `bytes` and `first_seq`.
///
/// Errors: BUSY where the log is being read from its beginning, INVALID_ARGUMENT where it is no time, DAMAGED, POISONED, CLOSED,
/// IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_trim(db: Db, before_ms: i64, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
        let out = unsafe { OutText::new_if_any(json) }?;
        let before = Time::from_ms(before_ms);
        let before = before.ok_or_else(|| Failure::argument(format!("before_ms: {before_ms} is no time")))?;
        report(out, &db.get()?.trim_log(before)?)
    })
}
