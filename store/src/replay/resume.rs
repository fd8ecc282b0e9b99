//! Going on where an earlier run of the same replay ended.

use std::fs;
use std::sync::Arc;

use convofold_engine::ingest::Format;
use xxhash_rust::xxh3::Xxh3;

use super::ReplayError;
use super::input::{Input, OpenInput};
use super::report::ReplayReport;
use crate::codec::replay_mark::{self, ReplayMarkV1};
use crate::error::CommitError;
use crate::handle::Convofold;
use crate::ingest::IgnoredCounts;
use crate::receipt::EffectCounts;
use crate::storage::StorageError;
use crate::submission::Batch;

/// A place in the inputs, between two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) input: u32,
    /// The line to go on with, from 1.
    pub(super) line: u64,
    pub(super) byte_offset: u64,
    pub(super) fingerprint: u64,
}

impl Default for Place {
    /// The beginning.
    fn default() -> Self {
        Self { input: 0, line: 1, byte_offset: 0, fingerprint: 0 }
    }
}

/// Where a replay is, and what it found up to there.
#[derive(Debug)]
pub(super) struct Resume {
    /// The bookmark; `None` where the replay cannot be resumed.
    name: Option<String>,
    pub(super) place: Place,
    pub(super) report: ReplayReport,
}

impl Resume {
    /// Looks for an earlier run with the same inputs.
    pub(super) fn find(db: &Convofold, format: Format, inputs: &[Input]) -> Result<Self, ReplayError> {
        let name = name_of(format, inputs)?;
        let value = name.as_ref().and_then(|name| db.bookmark(name));
        // A bookmark that cannot be read is as good as none: what is there already counts as duplicate.
        let mark = value.and_then(|value| replay_mark::open(&value).ok());
        let mark = mark.filter(|mark| is_same_input(mark, inputs));
        Ok(mark.map_or_else(
            || Self { name: name.clone(), place: Place::default(), report: ReplayReport::default() },
            |mark| Self { name: name.clone(), place: Place::of(&mark), report: report_of(mark) },
        ))
    }

    /// Lets the batch say where the replay is once it is committed.
    pub(super) fn mark(&self, batch: Batch) -> Result<Batch, ReplayError> {
        let Some(name) = &self.name else { return Ok(batch) };
        let value = replay_mark::seal(&self.to_mark()).map_err(|damage| {
            ReplayError::Commit(CommitError::Poisoned { cause: Arc::new(StorageError::Encoding(damage)) })
        })?;
        Ok(batch.bookmark(name, value))
    }

    /// Lets the batch say that the replay is over.
    pub(super) fn unmark(&self, batch: Batch) -> Batch {
        match &self.name {
            Some(name) => batch.delete_bookmark(name),
            None => batch,
        }
    }

    fn to_mark(&self) -> ReplayMarkV1 {
        let Place { input, line, byte_offset, fingerprint } = self.place;
        let ReplayReport { lines, bytes, events, counts, ignored, rejected, .. } = &self.report;
        ReplayMarkV1 {
            input,
            line,
            byte_offset,
            fingerprint,
            lines: *lines,
            bytes: *bytes,
            events: *events,
            applied: counts.applied,
            late: counts.late,
            duplicates: counts.duplicates,
            conflicts: counts.conflicts,
            ignored: ignored.to_array(),
            rejected: rejected.iter().map(|(reason, count)| (reason.clone(), *count)).collect(),
        }
    }
}

impl Place {
    fn of(mark: &ReplayMarkV1) -> Self {
        Self { input: mark.input, line: mark.line, byte_offset: mark.byte_offset, fingerprint: mark.fingerprint }
    }
}

/// What earlier runs counted. The effects of the last pieces of a run that was killed were never learned.
fn report_of(mark: ReplayMarkV1) -> ReplayReport {
    let ReplayMarkV1 { applied, late, duplicates, conflicts, .. } = mark;
    let counts = EffectCounts { applied, late, duplicates, conflicts };
    ReplayReport {
        lines: mark.lines,
        bytes: mark.bytes,
        events: mark.events,
        uncounted: mark.events.saturating_sub(counts.total()),
        counts,
        ignored: IgnoredCounts::from_array(mark.ignored),
        rejected: mark.rejected.into_iter().collect(),
        resumed: true,
        ..ReplayReport::default()
    }
}

/// The name of the bookmark: one for each list of files and format. `None` where an input is no file.
fn name_of(format: Format, inputs: &[Input]) -> Result<Option<String>, ReplayError> {
    let mut hash = Xxh3::new();
    hash.update(&[match format {
        Format::Auto => 0,
        Format::Airship => 1,
        Format::SuperOffice => 2,
    }]);
    let mut is_resumable = true;
    for input in inputs {
        let Some(path) = input.as_path() else {
            is_resumable = false;
            continue;
        };
        let path =
            fs::canonicalize(path).map_err(|source| ReplayError::Input { name: input.name().to_owned(), source })?;
        hash.update(path.as_os_str().as_encoded_bytes());
        // No path holds a zero byte, so two lists never read alike.
        hash.update(&[0]);
    }
    Ok(is_resumable.then(|| format!("replay/{:016x}", hash.digest())))
}

/// Whether the input begins as it did when the mark was made.
fn is_same_input(mark: &ReplayMarkV1, inputs: &[Input]) -> bool {
    let path = inputs.get(mark.input as usize).and_then(Input::as_path);
    let input = path.and_then(|path| OpenInput::open_file(path, Arc::default()).ok());
    input.is_some_and(|input| input.fingerprint == mark.fingerprint)
}
