//! Resuming an earlier run of the same replay.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use convofold_engine::Zone;
use convofold_engine::ingest::{Format, Position};
use xxhash_rust::xxh3::Xxh3;

use super::ReplayError;
use super::input::{Input, OpenInput};
use super::reading::Problem;
use super::report::{InputProblem, ReplayReport};
use super::target::Target;
use crate::api::ingest::IgnoredCounts;
use crate::format::replay_mark::{self, ProblemMark, ReplayMark};
use crate::state::receipt::EffectCounts;
use crate::storage::StorageError;
use crate::write::batch::Batch;
use crate::write::error::CommitError;

/// Maximum number of problems in the bookmark, whose length is limited.
const MAX_PROBLEMS: usize = 64;

/// A position in the inputs, between two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResumePoint {
    pub(super) input: u32,
    pub(super) at: Position,
    pub(super) fingerprint: u64,
}

impl Default for ResumePoint {
    /// The beginning of the first input.
    fn default() -> Self {
        Self { input: 0, at: Position::BEGINNING, fingerprint: 0 }
    }
}

/// The position of a replay and its report so far.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    /// The name of the bookmark; `None` if the replay cannot be resumed.
    name: Option<String>,
    /// See [`state_of`].
    inputs_state: u64,
    zone: Zone,
    pub(super) place: ResumePoint,
    pub(super) report: ReplayReport,
    /// The first problems with inputs.
    problems: Vec<ProblemMark>,
    /// The last input with a problem. An input has at most one, which a resumed run finds again.
    last_problem: Option<u32>,
}

impl Resume {
    /// Finds an earlier run with the same inputs.
    pub(super) fn find(
        target: &dyn Target,
        format: Format,
        zone: &Zone,
        inputs: &[Input],
    ) -> Result<Self, ReplayError> {
        let name = name_of(format, inputs)?;
        let value = name.as_ref().map(|name| target.bookmark(name)).transpose()?.flatten();
        // An unreadable bookmark is ignored: events that are already in the log count as duplicates.
        let mark = value.and_then(|value| replay_mark::open(&value).ok());
        let inputs_state = state_of(inputs);
        let mark = mark.filter(|mark| is_same_input(&ResumePoint::of(mark, inputs_state), inputs));
        if let Some(mark) = &mark
            && mark.zone != zone.name()
        {
            return Err(ReplayError::OtherZone { expected: mark.zone.clone(), found: zone.to_string() });
        }
        let begun = Self {
            name,
            inputs_state,
            zone: zone.clone(),
            place: ResumePoint::default(),
            report: ReplayReport::default(),
            problems: Vec::new(),
            last_problem: None,
        };
        Ok(match mark {
            Some(mark) => begun.after(mark, inputs),
            None => begun,
        })
    }

    /// The position and the report of an earlier run.
    fn after(self, mut mark: ReplayMark, inputs: &[Input]) -> Self {
        let place = ResumePoint::of(&mark, self.inputs_state);
        let (problems, last_problem) = (std::mem::take(&mut mark.problems), mark.last_problem);
        let report = ReplayReport { problems: told_of(&problems, inputs), ..report_of(mark) };
        Self { place, report, problems, last_problem, ..self }
    }

    /// Adds a problem with an input to the report, unless an earlier run did.
    pub(super) fn add_problem(&mut self, input: u32, name: &str, problem: Problem) {
        if self.last_problem >= Some(input) {
            return;
        }
        self.last_problem = Some(input);
        let Problem { line, byte_offset, what, is_harmless } = problem;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(ProblemMark { input, line, byte_offset, is_harmless });
        }
        let input = name.to_owned();
        self.report.add_problem(InputProblem { input, line, byte_offset, problem: what, is_harmless });
    }

    /// Whether there is an earlier run to resume.
    pub(super) fn goes_on(&self) -> bool {
        self.report.resumed
    }

    /// Whether nothing has been read yet.
    pub(super) fn is_at_the_beginning(&self) -> bool {
        self.place == ResumePoint::default()
    }

    /// Adds the position of the replay to the batch.
    pub(super) fn mark(&self, batch: Batch) -> Result<Batch, ReplayError> {
        let Some(name) = &self.name else { return Ok(batch) };
        let value = replay_mark::seal(&self.to_mark()).map_err(|damage| {
            ReplayError::Commit(CommitError::Unstorable { cause: Arc::new(StorageError::Encoding(damage)) })
        })?;
        Ok(batch.bookmark(name, value))
    }

    /// Adds the deletion of the position to the batch.
    pub(super) fn unmark(&self, batch: Batch) -> Batch {
        match &self.name {
            Some(name) => batch.delete_bookmark(name),
            None => batch,
        }
    }

    fn to_mark(&self) -> ReplayMark {
        let ResumePoint { input, at, fingerprint } = self.place;
        let ReplayReport { lines, bytes, events, counts, ignored, rejected, incomplete_inputs, .. } = &self.report;
        ReplayMark {
            input,
            line: at.line,
            byte_offset: at.byte_offset,
            element: at.element,
            fingerprint: fingerprint ^ self.inputs_state,
            lines: *lines,
            bytes: *bytes,
            events: *events,
            applied: counts.applied,
            late: counts.late,
            duplicates: counts.duplicates,
            conflicts: counts.conflicts,
            erased: counts.erased,
            zone: self.zone.to_string(),
            ignored: ignored.iter().map(|(source, reason, count)| (source.into(), reason.into(), count)).collect(),
            rejected: rejected.iter().map(|(reason, count)| (reason.clone(), *count)).collect(),
            incomplete_inputs: *incomplete_inputs,
            problems: self.problems.clone(),
            last_problem: self.last_problem,
        }
    }
}

impl ResumePoint {
    fn of(mark: &ReplayMark, inputs_state: u64) -> Self {
        let fingerprint = mark.fingerprint ^ inputs_state;
        let at = Position::new(mark.line, mark.byte_offset, mark.element);
        Self { input: mark.input, at, fingerprint }
    }
}

/// The report of earlier runs. The effects of the last pieces of a killed run are unknown.
fn report_of(mark: ReplayMark) -> ReplayReport {
    let mut ignored = IgnoredCounts::default();
    for (source, reason, count) in mark.ignored {
        ignored.add(&source, &reason, count);
    }
    let ReplayMark { applied, late, duplicates, conflicts, erased, .. } = mark;
    let counts = EffectCounts { applied, late, duplicates, conflicts, erased };
    ReplayReport {
        lines: mark.lines,
        bytes: mark.bytes,
        events: mark.events,
        uncounted: mark.events.saturating_sub(counts.total()),
        counts,
        ignored,
        rejected: mark.rejected.into_iter().collect(),
        incomplete_inputs: mark.incomplete_inputs,
        resumed: true,
        ..ReplayReport::default()
    }
}

/// The problems that an earlier run found. Their descriptions are not stored.
fn told_of(problems: &[ProblemMark], inputs: &[Input]) -> Vec<InputProblem> {
    let told = |mark: &ProblemMark| {
        let ProblemMark { input, line, byte_offset, is_harmless } = *mark;
        let input = inputs.get(input as usize)?.name().to_owned();
        let problem = "found by the run that was interrupted".to_owned();
        Some(InputProblem { input, line, byte_offset, problem, is_harmless })
    };
    problems.iter().filter_map(told).collect()
}

/// The name of the bookmark, unique for each list of files and format; `None` if an input is a reader.
fn name_of(format: Format, inputs: &[Input]) -> Result<Option<String>, ReplayError> {
    let mut hash = Xxh3::new();
    hash.update(format.name().as_bytes());
    hash.update(&[0]);
    let mut is_resumable = true;
    for input in inputs {
        let Some(path) = input.as_path() else {
            is_resumable = false;
            continue;
        };
        // A path that exists but leads nowhere, or not for this user, becomes a problem of that input alone.
        let path = match fs::canonicalize(path) {
            Err(source) if source.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                return Err(ReplayError::Input { name: input.name().to_owned(), source });
            }
            resolved => resolved.unwrap_or_else(|_| path.to_owned()),
        };
        hash.update(path.as_os_str().as_encoded_bytes());
        // No path contains a zero byte, so two lists never hash the same bytes.
        hash.update(&[0]);
    }
    Ok(is_resumable.then(|| format!("replay/{:016x}", hash.digest())))
}

/// Whether the current input begins as it did when the bookmark was written.
fn is_same_input(place: &ResumePoint, inputs: &[Input]) -> bool {
    let path = inputs.get(place.input as usize).and_then(Input::as_path);
    let input = path.and_then(|path| OpenInput::open_file(path, Arc::default()).ok());
    input.is_some_and(|input| input.fingerprint == place.fingerprint)
}

/// A hash of the length and modification time of every input. If one of them has changed, the stored position may be
/// wrong, so the replay starts from the beginning.
fn state_of(inputs: &[Input]) -> u64 {
    let mut hash = Xxh3::new();
    for metadata in inputs.iter().filter_map(|input| input.as_path()?.metadata().ok()) {
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hash.update(&metadata.len().to_le_bytes());
        hash.update(&changed.unwrap_or_default().as_nanos().to_le_bytes());
    }
    hash.digest()
}

#[cfg(test)]
#[cfg(feature = "airship")]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::api::handle::Convofold;
    use crate::replay::Replay;
    use convofold_engine::ingest::Rejection;

    fn event(id: u32) -> String {
        format!(
            r#"{{"id":"{id}","occurred":"2026-01-01T00:00:{id:02}Z","body":{{"name":"live_chat_message","interaction_type":"sms_in","transaction":"c","properties":{{"message":{{}}}}}}}}"#
        )
    }

    fn write(folder: &Path, name: &str, lines: &[String]) -> Input {
        let path = folder.join(name);
        fs::write(&path, lines.join("\n")).unwrap();
        Input::path(path)
    }

    /// Regression: when only the blank line had been read, the rest of the document was parsed as lines.
    #[test]
    fn a_document_after_blank_lines_is_still_one_after_a_stop_between_them() {
        let folder = tempfile::tempdir().unwrap();
        let db = Convofold::open(folder.path().join("db")).unwrap();
        let document = || write(folder.path(), "a", &[String::new(), "[".into(), event(1) + ",", event(2), "]".into()]);
        let inputs = [document()];
        let mut resume = Resume::find(&db, Format::Auto, &Zone::UTC, &inputs).unwrap();
        let [input] = inputs;
        let path = input.as_path().unwrap().to_owned();
        let fingerprint = OpenInput::open_file(&path, Arc::default()).unwrap().fingerprint;
        resume.place = ResumePoint { input: 0, at: Position::new(2, 1, None), fingerprint };
        let batch = resume.mark(Batch::default()).unwrap();
        db.submit(batch).unwrap().wait().unwrap();

        let report = Replay::new(&db).input(Input::path(path)).run().unwrap();
        assert!(report.resumed);
        assert_eq!((report.events, report.rejected_total()), (2, 0));
    }

    /// Regression: a file that had been read and had grown since was not read again.
    #[test]
    fn a_replay_begins_anew_where_any_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let db = Convofold::open(folder.path().join("db")).unwrap();
        let second = || write(folder.path(), "b", &[event(2), "garbage".into(), event(3)]);
        let stop = Arc::new(AtomicBool::new(false));
        let first = write(folder.path(), "a", &[event(1)]);
        let replay = Replay::new(&db).input(first).input(second()).stop(stop.clone());
        let report = replay.on_rejection(|_, _| stop.store(true, Ordering::SeqCst)).run().unwrap();
        assert!(report.stopped);

        let grown = write(folder.path(), "a", &[event(1), event(4)]);
        let replay = Replay::new(&db).input(grown).input(Input::path(folder.path().join("b")));
        assert!(!replay.goes_on().unwrap());
        let report = replay.run().unwrap();
        // The first run committed only the events before the piece with the garbage.
        assert_eq!((report.counts.applied + report.counts.late, report.counts.duplicates), (3, 1));
    }

    /// Regression: if a listener stopped the replay within a piece, the next run did not report the remaining
    /// rejections.
    #[test]
    fn what_a_listener_that_stops_the_replay_was_not_told_it_is_told_by_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let db = Convofold::open(folder.path().join("db")).unwrap();
        write(folder.path(), "a", &[event(1)]);
        write(folder.path(), "b", &["one".into(), event(2), "two".into(), event(3), "three".into()]);
        let replay = |stop_after: usize| {
            let (stop, mut told) = (Arc::new(AtomicBool::new(false)), Vec::new());
            let inputs = ["a", "b"].map(|name| Input::path(folder.path().join(name)));
            let replay = Replay::new(&db).inputs(inputs).stop(stop.clone());
            let tell = |rejection: &Rejection, _: &str| {
                told.push(rejection.line);
                stop.store(told.len() == stop_after, Ordering::SeqCst);
            };
            let report = replay.on_rejection(tell).run().unwrap();
            (told, report)
        };
        let (told, report) = replay(2);
        assert_eq!((told, report.stopped), (vec![1, 3], true));
        // The events and rejections of the piece do not count yet.
        assert_eq!((report.events, report.rejected_total()), (1, 0));

        let (told, report) = replay(usize::MAX);
        assert_eq!((told, report.resumed, report.stopped), (vec![1, 3, 5], true, false));
        assert_eq!((report.counts.applied, report.counts.duplicates), (3, 0));
        assert_eq!(report.rejected_total(), 3);
    }
}
