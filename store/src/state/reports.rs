//! Reports that were computed, kept for the next question of their kind.

use convofold_engine::{KeptReport, ReportQuery, Seq};
use parking_lot::Mutex;

/// The maximum memory of all of them, in bytes. A report of a month by agent and day with all measures takes some 7 MB for 60
/// agents.
const MAX_BYTES: usize = 64 << 20;

const MAX_REPORTS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct KeptReports(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each with the last event of which it knows, the one used last at the end.
    reports: Vec<(Seq, KeptReport)>,
    /// How often all of them were forgotten.
    generation: u64,
}

impl KeptReports {
    /// How often all of them were forgotten. A report that was begun in an earlier generation is not kept.
    pub(crate) fn generation(&self) -> u64 {
        self.0.lock().generation
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        let mut kept = self.0.lock();
        kept.generation += 1;
        kept.reports.clear();
    }

    /// A report that asks for the same as the query, with the last event of which it knows: not one after `seq`.
    pub(crate) fn find(&self, query: &ReportQuery, seq: Seq) -> Option<(Seq, KeptReport)> {
        let kept = self.0.lock();
        kept.reports.iter().find(|(of, report)| *of <= seq && report.is_like(query)).cloned()
    }

    /// Keeps a report instead of an earlier one of its kind, and removes those that were used longest ago if all of them are
    /// too large.
    pub(crate) fn keep(&self, generation: u64, seq: Seq, report: KeptReport, query: &ReportQuery) {
        let Some(mut room) = MAX_BYTES.checked_sub(report.size_bytes()) else { return };
        let mut kept = self.0.lock();
        let is_outdated = kept.generation != generation;
        let reports = &mut kept.reports;
        if is_outdated || reports.iter().any(|(of, other)| *of > seq && other.is_like(query)) {
            return;
        }
        reports.retain(|(_, other)| !other.is_like(query));
        let mut fits = |(_, other): &(Seq, KeptReport)| {
            let left = room.checked_sub(other.size_bytes());
            room = left.unwrap_or_default();
            left.is_some()
        };
        let kept = reports.iter().rev().take(MAX_REPORTS - 1).take_while(|report| fits(report)).count();
        let removed = reports.len() - kept;
        reports.drain(..removed);
        reports.push((seq, report));
    }
}
