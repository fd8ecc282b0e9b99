//! Where do two sides differ? A side is a database at a moment, an export, or a backup.
//!
//! ```text
//! side -> (id, hash), sorted by id \
//!                                    merge -> ids with two hashes, or with one -> fields that differ, events that differ
//! side -> (id, hash), sorted by id /
//! ```
//!
//! Of two moments of one database, only the conversations that may differ are read, each once for both moments.
//!
//! Only the conversations that differ are decoded. The memory in use does not depend on the number of conversations: a
//! database sorts its hashes in a temporary file if they are many, and an export is sorted already.

mod backup;
mod because;
mod dry_run;
mod export;
mod moments;
mod side;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use convofold_engine::{Difference, ExportLine};

use crate::api::view::View;

pub use backup::Backup;
pub use because::{Cause, Presence};
pub use dry_run::{DryRun, DryRunOutcome};
pub use export::Export;
pub use side::{Conversations, DiffError, Side, SideConversation};

use because::because;

/// The field of a change that is about a conversation as a whole.
const WHOLE: &str = "state";
/// How a [`Difference`] writes a value that does not exist.
const NOTHING: &str = "nothing";

/// How a conversation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// Both sides have it, in different states.
    Changed,
}

convofold_engine::named! { ChangeKind is a "change": Added "added", Removed "removed", Changed "changed" }

/// A conversation that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConversationChange {
    /// How it differs.
    pub change: ChangeKind,
    /// Its id.
    pub id: Arc<str>,
    /// The fields that differ, in the order of their names. A conversation that only one side has differs in one field, `state`.
    pub fields: Vec<FieldChange>,
    /// The events that only one side has, in the order of their times. `None` if a side does not know its events, or they were
    /// not asked for.
    pub because: Option<Vec<Cause>>,
}

/// A field that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FieldChange {
    /// The path in the export: `agent.name`, `assignments[2].at`.
    pub field: String,
    /// The value on the first side as compact JSON; `None` if the field does not exist there.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "crate::json::as_json_if_any")
    )]
    pub from: Option<String>,
    /// The value on the second side in the same form.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "crate::json::as_json_if_any")
    )]
    pub to: Option<String>,
}

impl From<Difference> for FieldChange {
    fn from(difference: Difference) -> Self {
        let Difference { field, expected, found, .. } = difference;
        let value = |written: String| (written != NOTHING).then_some(written);
        Self { field, from: value(expected), to: value(found) }
    }
}

/// Numbers of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DiffCounts {
    /// Conversations that only the second side has.
    pub added: u64,
    /// Conversations that only the first side has.
    pub removed: u64,
    /// Conversations that both sides have, in different states.
    pub changed: u64,
    /// For each field, without positions in lists (`assignments[].at`), the number of changed conversations in which it differs.
    pub fields: BTreeMap<String, u64>,
}

impl DiffCounts {
    /// Counts one more conversation.
    pub fn add(&mut self, change: &ConversationChange) {
        match change.change {
            ChangeKind::Added => self.added += 1,
            ChangeKind::Removed => self.removed += 1,
            ChangeKind::Changed => {
                self.changed += 1;
                let mut fields: Vec<_> = change.fields.iter().map(|field| without_positions(&field.field)).collect();
                fields.sort_unstable();
                fields.dedup();
                fields.into_iter().for_each(|field| *self.fields.entry(field).or_default() += 1);
            }
        }
    }

    /// Number of conversations that differ.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.added + self.removed + self.changed
    }
}

/// The path of a field for all elements of a list: `assignments[].at` for `assignments[2].at`.
fn without_positions(field: &str) -> String {
    let mut parts = field.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| path + "[" + part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

/// The conversations that differ between two sides, sorted by the bytes of their ids.
///
/// ```
/// use convofold_engine::{Direction, Draft, Kind, Moment, Time};
/// use convofold_store::{Batch, Convofold};
/// use convofold_store::diff::{ChangeKind, Diff};
///
/// # let dir = tempfile::tempdir()?;
/// let db = Convofold::open(dir.path().join("conversations"))?;
/// let said = |ms, kind| Draft::new("helpdesk", "case-7", kind, Time::from_ms(ms)).direction(Direction::In).build();
/// db.submit(Batch::new(vec![said(1_700_000_000_000, Kind::Message)?]))?.wait()?;
/// let before = db.at(Moment::LATEST);
/// db.submit(Batch::new(vec![said(1_700_000_060_000, Kind::Close)?]))?.wait()?;
/// let after = db.at(Moment::LATEST);
///
/// let changes = Diff::between(&before, &after)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((&*changes[0].id, changes[0].change), ("case-7", ChangeKind::Changed));
/// let status = changes[0].fields.iter().find(|change| change.field == "status").unwrap();
/// assert_eq!((status.from.as_deref(), status.to.as_deref()), (Some("\"open\""), Some("\"closed\"")));
/// assert_eq!(changes[0].because.as_ref().unwrap()[0].seq, 2);
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Diff<'a> {
    from: Held<'a>,
    to: Held<'a>,
    /// `None` after the end and after an error.
    pairs: Option<Pairs<'a>>,
    has_causes: bool,
}

/// A side of a [`Diff`].
enum Held<'a> {
    Lent(&'a dyn Side),
    Owned(View),
}

impl Held<'_> {
    fn side(&self) -> &dyn Side {
        match self {
            Self::Lent(side) => *side,
            Self::Owned(view) => view,
        }
    }
}

impl<'a> Diff<'a> {
    /// Compares two sides. If both know their state hashes (rule H1), and these are equal, nothing else is read.
    ///
    /// # Errors
    /// [`DiffError`] if a side cannot be read.
    pub fn between(from: &'a dyn Side, to: &'a dyn Side) -> Result<Self, DiffError> {
        let pairs = if have_equal_hashes(from, to)? { None } else { Some(pairs(from, to)?) };
        Ok(Self { from: Held::Lent(from), to: Held::Lent(to), pairs, has_causes: true })
    }

    /// Compares one conversation.
    ///
    /// # Errors
    /// [`DiffError::NoConversation`] if neither side has it, otherwise as for [`Diff::between`].
    pub fn of_one(id: &str, from: &'a dyn Side, to: &'a dyn Side) -> Result<Self, DiffError> {
        let lines = [from.conversation(id)?, to.conversation(id)?];
        if lines.iter().all(Option::is_none) {
            return Err(DiffError::NoConversation { id: id.into() });
        }
        let [one, other] = lines.map(only);
        let pairs: Pairs<'_> = Box::new(Merge::new(one, other));
        Ok(Self { from: Held::Lent(from), to: Held::Lent(to), pairs: Some(pairs), has_causes: true })
    }

    /// Whether to look up the events that only one side has. Default: true.
    #[must_use]
    pub fn causes(mut self, has_causes: bool) -> Self {
        self.has_causes = has_causes;
        self
    }

    /// The next conversation that differs.
    fn next_change(&mut self) -> Result<Option<ConversationChange>, DiffError> {
        while let Some(pair) = self.pairs.as_mut().and_then(Iterator::next) {
            let (from, to) = pair?;
            if from.as_ref().map(|it| it.hash) == to.as_ref().map(|it| it.hash) {
                continue;
            }
            if let Some(change) = self.change(from, to)? {
                return Ok(Some(change));
            }
        }
        Ok(None)
    }

    /// What differs; `None` if it is only the spelling of the JSON.
    fn change(
        &self,
        from: Option<SideConversation>,
        to: Option<SideConversation>,
    ) -> Result<Option<ConversationChange>, DiffError> {
        let from = from.map(|it| it.line_on(self.from.side())).transpose()?;
        let to = to.map(|it| it.line_on(self.to.side())).transpose()?;
        let whole = |line: &Option<ExportLine>| line.as_ref().map(|line| line.as_str().to_owned());
        let (change, fields) = match (&from, &to) {
            (Some(from), Some(to)) => (ChangeKind::Changed, from.differences(to).into_iter().map(Into::into).collect()),
            (None, _) => (ChangeKind::Added, vec![FieldChange { field: WHOLE.to_owned(), from: None, to: whole(&to) }]),
            (_, None) => {
                (ChangeKind::Removed, vec![FieldChange { field: WHOLE.to_owned(), from: whole(&from), to: None }])
            }
        };
        let Some(id) = from.or(to).map(|line| line.id().clone()).filter(|_| !fields.is_empty()) else {
            return Ok(None);
        };
        let because = if self.has_causes { because(&id, self.from.side(), self.to.side())? } else { None };
        Ok(Some(ConversationChange { change, id, fields, because }))
    }
}

impl View {
    /// Compares with another moment or another database, like [`Diff::between`], without borrowing the views.
    ///
    /// # Errors
    /// As for [`Diff::between`].
    pub fn diff(&self, to: &Self) -> Result<Diff<'static>, DiffError> {
        let pairs = if have_equal_hashes(self, to)? { None } else { Some(pairs_of_views(self, to)?) };
        Ok(Diff { from: Held::Owned(self.clone()), to: Held::Owned(to.clone()), pairs, has_causes: true })
    }
}

/// Whether both sides are known to have the same state.
fn have_equal_hashes(from: &dyn Side, to: &dyn Side) -> Result<bool, DiffError> {
    let (from, to) = (from.known_hash()?, to.known_hash()?);
    Ok(from.is_some() && from == to)
}

/// A side with this conversation alone.
fn only<'a>(line: Option<ExportLine>) -> Conversations<'a> {
    Box::new(line.into_iter().map(|line| Ok(line.into())))
}

impl Iterator for Diff<'_> {
    type Item = Result<ConversationChange, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_change();
        if !matches!(next, Ok(Some(_))) {
            self.pairs = None;
        }
        next.transpose()
    }
}

impl std::fmt::Debug for Diff<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Diff").field("is_ended", &self.pairs.is_none()).finish_non_exhaustive()
    }
}

/// A conversation on the first side, on the second side, or on both.
type Pair = (Option<SideConversation>, Option<SideConversation>);
/// Pairs in the order of the ids. Those of equal conversations can be missing.
type Pairs<'a> = Box<dyn Iterator<Item = Result<Pair, DiffError>> + Send + 'a>;

fn pairs<'a>(from: &'a dyn Side, to: &'a dyn Side) -> Result<Pairs<'a>, DiffError> {
    match from.as_view().zip(to.as_view()) {
        Some((from, to)) => pairs_of_views(from, to),
        None => Ok(Box::new(Merge::new(from.conversations()?, to.conversations()?))),
    }
}

fn pairs_of_views(from: &View, to: &View) -> Result<Pairs<'static>, DiffError> {
    let are_whole = from.has_all_tenants() && to.has_all_tenants();
    if are_whole && from.db().is_same(to.db()) {
        return moments::pairs(from, to);
    }
    Ok(Box::new(Merge::new(from.hashes()?, to.hashes()?)))
}

/// The conversations of two sorted sides, those with the same id together.
struct Merge<'a> {
    from: Peekable<Conversations<'a>>,
    to: Peekable<Conversations<'a>>,
}

impl<'a> Merge<'a> {
    fn new(from: Conversations<'a>, to: Conversations<'a>) -> Self {
        Self { from: from.peekable(), to: to.peekable() }
    }

    /// Which side is next.
    fn order(&mut self) -> Ordering {
        match (self.from.peek(), self.to.peek()) {
            (Some(Ok(from)), Some(Ok(to))) => from.id.cmp(&to.id),
            // Errors come first.
            (Some(Err(_)), _) | (_, None) => Ordering::Less,
            _ => Ordering::Greater,
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Pair, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = self.order();
        let from = if order == Ordering::Greater { None } else { self.from.next() };
        let to = if order == Ordering::Less { None } else { self.to.next() };
        match (from.transpose(), to.transpose()) {
            (Ok(None), Ok(None)) => None,
            (Ok(from), Ok(to)) => Some(Ok((from, to))),
            (Err(error), _) | (_, Err(error)) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests;
