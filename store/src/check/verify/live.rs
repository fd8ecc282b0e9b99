//! Verification of the memory: state hash and bookmarks at the snapshot, then the live board, in slices, while events
//! are being committed.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use convofold_engine::{Board, ConversationImage, Index, Query, Sort, State};

use super::compare::{self, CompareAs};
use super::{Problem, VerifyError, VerifyProgress, VerifyReport, damage};
use crate::check::shadow::Shadow;
use crate::conversations::archive::{ArchiveReader, state_of};
use crate::log::error::LogError;
use crate::state::shared::Shared;
use crate::state::snapshot::Snapshot;
use crate::storage::{ReadStorage, StorageError};

/// Number of conversations that are compared under one lock.
const SLICE: u32 = 64;

/// Compares the database with the board and the bookmarks to which the log folds at the snapshot.
pub(super) fn check(
    shared: &Shared,
    storage: Arc<dyn ReadStorage>,
    mut board: Board,
    bookmarks: BTreeMap<String, Vec<u8>>,
    snapshot: &Snapshot,
    report: &mut VerifyReport,
    on_progress: &mut impl FnMut(VerifyProgress),
) -> Result<(), VerifyError> {
    let hash = board.state_hash();
    report.state_hash = Some(hash);
    report.add_all(answer("state hash", hash, snapshot.state_hash));
    report.add_all(answer("number of conversations", board.len() as u64, snapshot.conversations));
    let unequal = compare::unequal_bookmarks(&bookmarks, &snapshot.bookmarks);
    report.add_all(unequal.into_iter().map(|name| Problem::Bookmark { name: name.clone() }));

    let mut shadow = Shadow::new(storage.clone(), board, snapshot.position, None);
    let compared = conversations(shared, storage.as_ref(), &mut shadow, report, on_progress)
        .and_then(|()| shadow.beside(shared, answers).map(|problems| report.add_all(problems)));
    match compared.map_err(damage) {
        Ok(()) => Ok(()),
        // Damage in a block written since the snapshot.
        Err(Ok((block_no, seq, why))) => {
            report.log_is_whole = false;
            report.add(Problem::Block { block_no, seq, why: why.to_string() });
            Ok(())
        }
        Err(Err(error)) => Err(error),
    }
}

fn conversations(
    shared: &Shared,
    storage: &dyn ReadStorage,
    shadow: &mut Shadow,
    report: &mut VerifyReport,
    on_progress: &mut impl FnMut(VerifyProgress),
) -> Result<(), LogError> {
    // Later conversations are only counted: the writer has just folded their events.
    let slot_count = shadow.beside(shared, |(live, _), shadow| live.slot_count().max(shadow.slot_count()))?;
    let mut reader = ArchiveReader::new(&shared.archive, storage);
    for first in (0..slot_count).step_by(SLICE as usize) {
        let slots = first..slot_count.min(first.saturating_add(SLICE));
        reader.prepare(&shared.live, slots.clone())?;
        let pairs: Vec<_> = shadow.beside(shared, |(live, _), shadow| {
            let mut found = |slot| reader.image_of(live, slot).and_then(|image| Seen::of(image, live));
            slots.map(|slot| (slot, Seen::at(shadow, slot), found(slot))).collect()
        })?;
        report.conversations += pairs.len() as u64;
        for (slot, expected, found) in pairs {
            match found {
                Ok(found) => report.add_all(Seen::compare(expected.as_ref(), found.as_ref())),
                Err(StorageError::Value(why)) => {
                    report
                        .add(Problem::Memory { why: format!("the conversation in slot {slot} cannot be read: {why}") });
                }
                Err(error) => return Err(LogError::Storage(error)),
            }
        }
        on_progress(VerifyProgress::Live { conversations: report.conversations, of: slot_count.into() });
    }
    Ok(())
}

/// A conversation from one of the boards.
struct Seen {
    image: ConversationImage,
    state: Option<State>,
}

impl Seen {
    fn at(board: &Board, slot: u32) -> Option<Self> {
        let image = board.image(slot)?;
        Some(Self { state: board.state(&image.id), image })
    }

    /// A conversation of the board, which may be evicted.
    fn of(image: Option<ConversationImage>, board: &Board) -> Result<Option<Self>, StorageError> {
        let Some(image) = image else { return Ok(None) };
        let state = match board.state(&image.id) {
            Some(state) => state,
            None => state_of(image.clone())?,
        };
        Ok(Some(Self { state: Some(state), image }))
    }

    fn compare(expected: Option<&Self>, found: Option<&Self>) -> Vec<Problem> {
        let Some(id) = expected.or(found).map(|seen| &seen.image.id) else { return Vec::new() };
        let state = |seen: Option<&Self>| seen.and_then(|seen| seen.state.clone());
        let mut problems = compare::states(CompareAs::Live, id, state(expected).as_ref(), state(found).as_ref());
        if let (Some(expected), Some(found)) = (expected, found)
            && !compare::same_memory(&expected.image, &found.image)
        {
            problems.extend(compare::images(CompareAs::Live, &expected.image, &found.image));
        }
        problems
    }
}

/// Compares the answers that come from the index.
fn answers((live, listed): (&Board, &Index), shadow: &Board) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(answer("number of conversations", shadow.len(), live.len()));
    let (live, shadow) = (listed, &shadow.index());
    if live == shadow {
        return problems;
    }
    problems.extend(answer("number of open conversations", shadow.open_len(), live.open_len()));
    problems.extend(rows("totals", &shadow.totals(), &live.totals()));
    problems.extend(rows("agents", &shadow.agents(), &live.agents()));
    if live.newest().is_some() {
        problems.extend(answer("newest event", shadow.newest(), live.newest()));
    }
    let questions: [_; Sort::ALL.len()] = [
        ("open conversations by activity", Sort::Activity),
        ("open conversations by waiting", Sort::Waiting),
        ("open conversations by start", Sort::Started),
        ("open conversations by close", Sort::Closed),
    ];
    for (question, sort) in questions {
        let query = Query::new().sort(sort);
        let [expected, found] =
            [shadow, live].map(|index| index.query(&query).map(|page| page.rows).unwrap_or_default());
        problems.extend(rows(question, &expected, &found));
    }
    let query = Query::new().unanswered_after_close(true);
    let [expected, found] = [shadow, live].map(|index| index.query(&query).map(|page| page.rows).unwrap_or_default());
    problems.extend(rows("conversations that are unanswered after their close", &expected, &found));
    if problems.is_empty() {
        // The difference is in a list that these queries do not read.
        let question = "open conversations of an agent or a number";
        let (expected, found) = ("the result of the log".to_owned(), "another result".to_owned());
        problems.push(Problem::Answer { question: question.into(), expected, found });
    }
    problems
}

/// The first row in which two answers differ.
fn rows<T: Debug + PartialEq>(question: &'static str, expected: &[T], found: &[T]) -> Option<Problem> {
    let place = (0..expected.len().max(found.len())).find(|place| expected.get(*place) != found.get(*place))?;
    let row = |rows: &[T]| rows.get(place).map_or_else(|| "nothing".to_owned(), |row| format!("{row:?}"));
    Some(Problem::Answer { question: question.into(), expected: row(expected), found: row(found) })
}

fn answer<T: Debug + PartialEq>(question: &'static str, expected: T, found: T) -> Option<Problem> {
    let differs = expected != found;
    differs.then(|| Problem::Answer {
        question: question.into(),
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}
