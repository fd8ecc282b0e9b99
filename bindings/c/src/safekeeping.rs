//! Backup, restore, verification, repair, trim and compaction.

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

/// Receives the progress of an operation: `done` of `total` units of a step. `step` is a static word such as "write"
/// or "check".
pub type OnStep = Option<unsafe extern "C" fn(user_data: *mut c_void, step: *const c_char, done: u64, total: u64)>;

/// The progress callback and its argument.
#[derive(Clone, Copy)]
struct Steps {
    tell: OnStep,
    user_data: *mut c_void,
}

impl Steps {
    fn tell(self, step: &CStr, done: u64, total: u64) {
        if let Some(tell) = self.tell {
            // SAFETY: the word is static.
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

/// Writes a backup of the database to one new file while the database stays in use. If `since` names an earlier
/// backup, the new file contains only what was added after it. The file is checked before it gets its name.
///
/// `since`, `on_step` and `json` can be NULL. `json` is set to a JSON object that describes the contents of the file.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: EXISTS, DAMAGED (the log or the earlier backup), DROPPED (the log was trimmed past the end of the earlier
/// backup), IO, POISONED. On failure no file is created.
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
            // SAFETY: the header states this requirement for callers.
            options = options.since(unsafe { pointer::path(since, "since") }?);
        }
        // SAFETY: the header states these requirements for callers.
        let (file, out) = unsafe { (pointer::path(file, "file")?, OutText::new_if_any(json)?) };
        let steps = Steps { tell: on_step, user_data };
        report(out, &db.get()?.backup(file, &options, |progress| steps.tell_backup(progress))?)
    })
}

/// Creates a new database in `dir` from a full backup followed by its incremental backups, in order. The folder must
/// be empty or must not exist.
///
/// `options`, `on_step` and `json` can be NULL. `options` are used to open the database for a check. `json` is set to
/// a JSON object that describes what was restored.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: DAMAGED, EXISTS, NOT_FOUND, INVALID_ARGUMENT (the files are not a sequence of backups in this order), IO.
/// On failure no database is created.
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
        // SAFETY: the header states these requirements for callers.
        let (files, dir, options, out) = unsafe {
            let files = pointer::paths(files, count, "files")?;
            (files, pointer::path(dir, "dir")?, sized::read(options)?.to_rust()?, OutText::new_if_any(json)?)
        };
        let steps = Steps { tell: on_step, user_data };
        report(out, &restore(&files, dir, &options, |progress| steps.tell_backup(progress))?)
    })
}

/// Compares everything on the disk and in memory with a new fold of the log while the database stays in use.
///
/// `on_step`, `problems` and `json` can be NULL. `problems` is set to the number of problems. `json` is set to a JSON
/// object that describes what was checked, with an array `problems` that is empty if the database is correct.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: POISONED, IO. Problems of the database are reported in `json` and are not errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_verify(
    db: Db,
    on_step: OnStep,
    user_data: *mut c_void,
    problems: *mut u64,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
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

/// Folds a sample of conversations again from the log and compares them field by field with the answers of the
/// database. `conversations` is the size of the random sample (0: all conversations). The same `seed` selects the
/// same sample.
///
/// `differences` and `json` can be NULL. `differences` is set to the number of differences. `json` is set to a JSON
/// object with `conversations`, `events` and `differences`, an array that is empty if there are none.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: DAMAGED, BUSY (the log was trimmed during the audit), POISONED, IO. Differences are reported in `json` and
/// are not errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_audit(
    db: Db,
    conversations: u64,
    seed: u64,
    differences: *mut u64,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (out, differences) = unsafe { (OutText::new_if_any(json)?, differences.as_mut()) };
        let sample = if conversations == 0 { Sample::All } else { Sample::Random { conversations, seed } };
        let found = db.get()?.audit(sample)?;
        if let Some(differences) = differences {
            *differences = found.differences.len() as u64 + found.more_differences;
        }
        report(out, &found)
    })
}

/// Recovers what can be read of the damaged database in `damaged` into a new database in `repaired`. The damaged
/// database is not changed. The folder `repaired` must be empty or must not exist.
///
/// `on_step` and `json` can be NULL. `json` is set to a JSON object with `events`, `lost` (ranges of lost events),
/// `lost_erasures`, `lost_holds` and `lost_retention_runs` (numbers of those whose records are lost: what they erased or
/// removed comes back if it arrives again, and a lost hold keeps nothing), and more.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: NOT_FOUND (nothing can be read), ALREADY_OPEN, EXISTS, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_repair(
    damaged: *const c_char,
    repaired: *const c_char,
    on_step: OnStep,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
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

/// Removes the older part of the log: every block from the beginning whose events all happened before `before_ms`.
/// States, histories, exports and the hash stay the same. A feed can no longer start before the remaining log.
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `events`, `blocks`, `bytes` and `first_seq`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: BUSY (another operation is reading the log from its beginning), INVALID_ARGUMENT (`before_ms` is out of
/// range), DAMAGED, POISONED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_trim(db: Db, before_ms: i64, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { OutText::new_if_any(json) }?;
        let before = Time::from_ms(before_ms);
        let before = before.ok_or_else(|| Failure::argument(format!("before_ms: {before_ms} is out of range")))?;
        report(out, &db.get()?.trim_log(before)?)
    })
}

/// Writes the storage again without the room that it no longer uses, while the database stays in use. A replay leaves about
/// half of the file unused, and convofold_trim() what it removed. The disk needs room for a second copy. Nothing else changes.
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `before_bytes` and `after_bytes`, and `damaged_values` if
/// stored values with recorded hashes were damaged and are gone.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: BUSY (another compaction or a trim is running, or checkpoints were written meanwhile; try again later),
/// POISONED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_compact(db: Db, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { OutText::new_if_any(json) }?;
        report(out, &db.get()?.compact()?)
    })
}
