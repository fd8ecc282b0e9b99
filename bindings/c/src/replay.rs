//! Replay of log files.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convofold::replay::{Input, Replay};

use crate::database::{Db, Flag, expect_known, has};
use crate::error::Error;
use crate::ingest::{self, format};
use crate::last_error::{c_text, guard};
use crate::pointer;
use crate::sized::{self, Grows};
use crate::text::{OutText, json};

/// Progress of a replay.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes read from all inputs, before decompression.
    pub bytes_read: u64,
    /// Total size of all inputs in bytes, before decompression (0: unknown).
    pub bytes_total: u64,
    /// Events submitted so far, including those of earlier, interrupted runs.
    pub events: u64,
    /// Events per second in this run.
    pub events_per_second: f64,
    /// Duration of this run so far, in ms.
    pub elapsed_ms: u64,
    /// The current input.
    pub input: *const c_char,
}

/// Receives the progress of a replay, at most ten times per second, and once at the end. `progress` is valid until
/// the callback returns. Return 0 to continue, or any other value to stop the replay.
pub type OnProgress = Option<unsafe extern "C" fn(user_data: *mut c_void, progress: *const Progress) -> i32>;

/// Receives a rejected event as a JSON object (see convofold_ingest()) that has the name of its input as `source`, and
/// that name. Both are valid until the callback returns. Return 0 to continue, or any other value to stop the replay.
pub type OnRejection =
    Option<unsafe extern "C" fn(user_data: *mut c_void, input: *const c_char, json: *const c_char) -> i32>;

/// Options for a replay.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// sizeof(convofold_replay_options).
    pub size: usize,
    /// A convofold_format.
    pub format: u32,
    /// CONVOFOLD_FLAG_CHECKPOINT, or 0.
    pub flags: u32,
    /// Called with the progress, or NULL.
    pub on_progress: OnProgress,
    /// Called for each rejected event, or NULL.
    pub on_rejection: OnRejection,
    /// Passed to the callbacks as their first argument.
    pub user_data: *mut c_void,
    /// Time zone of times that are written without one, as in convofold_ingest_options. A replay that resumes refuses
    /// another one.
    pub zone: *const c_char,
    /// Unknown interaction types to ignore, as in convofold_ingest_options.
    pub ignore: *const c_char,
}

// SAFETY: only numbers and pointers; the two smaller numbers are adjacent.
unsafe impl Grows for ReplayOptions {
    const NAME: &'static str = "convofold_replay_options";
}

/// Ingests log files, one after the other: plain, gzip or zstd. A folder stands for all files in it and its subfolders,
/// sorted by name, and a pattern such as *.gz for the files that match it. When the call returns, all reported events are
/// durable.
///
/// If a replay was stopped or killed, a new replay of the same files resumes at that point. If any of the files has
/// changed, it starts from the beginning, and events that are already stored count as duplicates.
///
/// `options` and `json` can be NULL. `json` is set to a JSON object with `lines`, `bytes`, `events`, `counts`,
/// `ignored` (by source and reason), `rejected` (by reason), `incomplete_inputs`, `problems`, `resumed`, `stopped`,
/// `took_ms` and more. A file that is damaged or cannot be read does not stop the others: `incomplete_inputs` counts
/// it, `problems` lists it, and every complete line before the damage is ingested. A replay that
/// a callback stopped is not an error: then `stopped` is true.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: NOT_FOUND (a path or pattern names no file), IO (none of the files can be opened), POISONED, INVALID_ARGUMENT
/// (among others: an earlier run with the same files used another zone).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_replay(
    db: Db,
    files: *const *const c_char,
    count: usize,
    options: *const ReplayOptions,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (files, options, out) =
            unsafe { (pointer::paths(files, count, "files")?, sized::read(options)?, OutText::new_if_any(json)?) };
        expect_known(options.flags, &[Flag::Checkpoint])?;
        let db = db.get()?;
        let mut inputs = Vec::new();
        for file in files {
            inputs.extend(Input::find(file, &[db.dir()])?.inputs);
        }
        let stop = Arc::new(AtomicBool::new(false));
        // SAFETY: the header states these requirements for callers.
        let (zone, ignored) = unsafe { (ingest::zone(options.zone)?, ingest::ignored(options.ignore)?) };
        let replay = Replay::new(&*db)
            .format(format(options.format)?)
            .zone(zone)
            .ignore(ignored)
            .inputs(inputs)
            .checkpoint(has(options.flags, Flag::Checkpoint))
            .stop(stop.clone());
        let report = options.listen(replay, &stop).run()?;
        out.map_or(Ok(()), |out| out.set_json(&report))
    })
}

impl ReplayOptions {
    /// Registers the callbacks with the replay.
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
                // SAFETY: the arguments are valid until the callback returns; the header promises no more.
                stop_unless(unsafe { tell(self.user_data, &raw const progress) });
            });
        }
        if let Some(tell) = self.on_rejection {
            replay = replay.on_rejection(move |rejection, input| {
                let (input, json) = (c_text(input), json(&rejection.record(input)).map(c_text).unwrap_or_default());
                // SAFETY: the arguments are valid until the callback returns; the header promises no more.
                stop_unless(unsafe { tell(self.user_data, input.as_ptr(), json.as_ptr()) });
            });
        }
        replay
    }
}
