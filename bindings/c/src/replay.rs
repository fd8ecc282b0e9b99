//! Whole logs in.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convofold::ingest::Rejection;
use convofold::replay::{Input, Replay};

use crate::database::{Db, Flag, expect_known, has};
use crate::error::Error;
use crate::failure::Failure;
use crate::ingest::format;
use crate::last_error::{c_text, guard};
use crate::pointer;
use crate::sized::{self, Grows};
use crate::text::{OutText, json};

/// How far a replay is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes read of all inputs, as they lie on the disk.
    pub bytes_read: u64,
    /// Of so many; 0 where that is not known.
    pub bytes_total: u64,
    /// Events submitted so far, those of earlier runs included.
    pub events: u64,
    /// Events a second in this run.
    pub events_per_second: f64,
    /// How many ms this run has taken.
    pub elapsed_ms: u64,
    /// The input that is being replayed.
    pub input: *const c_char,
}

/// Is told of the progress, ten times a second at most, and once at the end. What it is told is good until it returns.
/// Anything but 0 stops the replay.
pub type OnProgress = Option<unsafe extern "C" fn(user_data: *mut c_void, progress: *const Progress) -> i32>;

/// Is told of what cannot be an event, as a JSON object (see convofold_ingest()), and of its input. Both are good until it
/// returns. Anything but 0 stops the replay.
pub type OnRejection =
    Option<unsafe extern "C" fn(user_data: *mut c_void, input: *const c_char, json: *const c_char) -> i32>;

/// How a replay is done.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// sizeof(convofold_replay_options).
    pub size: usize,
    /// A convofold_format.
    pub format: u32,
    /// CONVOFOLD_FLAG_CHECKPOINT, or 0.
    pub flags: u32,
    /// Or NULL.
    pub on_progress: OnProgress,
    /// Or NULL.
    pub on_rejection: OnRejection,
    /// What the callbacks get.
    pub user_data: *mut c_void,
}

// SAFETY: numbers and pointers alone, the two smaller numbers side by side.
unsafe impl Grows for ReplayOptions {
    const NAME: &'static str = "convofold_replay_options";
}

/// Replays files, one after the other: plain, gzip or zstd. When it returns, all that it reports is on the disk.
///
/// A replay that was stopped or killed, and is started again with the same files, goes on where it was. Where any of them has
/// changed it begins anew, and what is there already counts as duplicate.
///
/// `options` and `json` may be NULL. `json` is set to an object with `lines`, `bytes`, `events`, `counts`, `ignored` (by
/// source and reason), `rejected` (by reason), `resumed`, `stopped`, `took_ms` and more. Where a callback stopped it, that is no error.
///
/// Errors: NOT_FOUND or IO where a file cannot be read, POISONED, CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_replay(
    db: Db,
    files: *const *const c_char,
    count: usize,
    options: *const ReplayOptions,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (files, options, out) =
            unsafe { (pointer::paths(files, count, "files")?, sized::read(options)?, OutText::new_if_any(json)?) };
        expect_known(options.flags, &[Flag::Checkpoint])?;
        let db = db.get()?;
        let stop = Arc::new(AtomicBool::new(false));
        let replay = Replay::new(&db)
            .format(format(options.format)?)
            .inputs(files.into_iter().map(Input::path))
            .checkpoint(has(options.flags, Flag::Checkpoint))
            .stop(stop.clone());
        let report = options.listen(replay, &stop).run()?;
        out.map_or(Ok(()), |out| out.set_json(&report))
    })
}

impl ReplayOptions {
    /// Has the callbacks told.
    fn listen<'a>(self, mut replay: Replay<'a>, stop: &'a AtomicBool) -> Replay<'a> {
        let stop_unless = |answer: i32| {
            if answer != 0 {
                stop.store(true, Ordering::Relaxed);
            }
        };
        if let Some(tell) = self.on_progress {
            replay = replay.on_progress(move |progress| {
                let input = c_text(progress.input);
                let progress = Progress {
                    bytes_read: progress.bytes_read,
                    bytes_total: progress.bytes_total.unwrap_or_default(),
                    events: progress.events,
                    events_per_second: progress.events_per_second,
                    elapsed_ms: u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX),
                    input: input.as_ptr(),
                };
                // SAFETY: what it is told is there until it returns, which is all that it may rest on.
                stop_unless(unsafe { tell(self.user_data, &raw const progress) });
            });
        }
        if let Some(tell) = self.on_rejection {
            replay = replay.on_rejection(move |rejection, input| {
                let (input, json) = (c_text(input), rejection_json(rejection).unwrap_or_default());
                // SAFETY: what it is told is there until it returns, which is all that it may rest on.
                stop_unless(unsafe { tell(self.user_data, input.as_ptr(), json.as_ptr()) });
            });
        }
        replay
    }
}

fn rejection_json(rejection: &Rejection) -> Result<CString, Failure> {
    json(rejection).map(c_text)
}
