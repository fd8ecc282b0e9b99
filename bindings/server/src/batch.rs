//! Batches as lines: events in convofold's own form, and after them the line that commits them.
//!
//! ```text
//! {"convofold":1,"source":"desk","conversation":"case-7","kind":"open","occurred":"2026-03-02T09:15:00Z"}
//! {"commit":1,"durability":"synced","bookmark":{"name":"stream","value":"MTc="}}
//! ```
//!
//! The answer to a line that commits is one line, in the same order:
//!
//! ```text
//! {"committed":{"applied":1,"late":0,"duplicates":0,"conflicts":0,"first_seq":1,"last_seq":1,"durable":true}}
//! ```

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use convofold::{Durability, EffectCounts, Receipt, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The maximum number of events in a batch.
pub(crate) const MAX_BATCH_EVENTS: usize = 65_536;

/// The name of a bookmark and its value; without a value, it is deleted.
type Bookmark = (String, Option<Vec<u8>>);

/// The line that commits the events before it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitLine {
    /// Number of events since the last such line.
    pub(crate) commit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    durability: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bookmark: Option<BookmarkValue>,
}

/// A bookmark and its value in base64; without a value, the bookmark is deleted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookmarkValue {
    /// The name of the bookmark.
    name: String,
    /// Its value in base64; null if there is no such bookmark.
    value: Option<String>,
}

impl CommitLine {
    pub(crate) fn new(commit: u64, durability: Durability, bookmark: Option<Bookmark>) -> Self {
        let bookmark = bookmark.map(|(name, value)| BookmarkValue::new(name, value));
        let durability = (durability != Durability::default()).then(|| durability.to_string());
        Self { commit, durability, bookmark }
    }

    /// The durability of the batch.
    pub(crate) fn durability(&self) -> Result<Durability, String> {
        let named = |name: &String| name.parse().map_err(|error: convofold::UnknownName| error.to_string());
        self.durability.as_ref().map_or(Ok(Durability::default()), named)
    }

    /// The name of the bookmark of the batch, and its value if it is not deleted.
    pub(crate) fn into_bookmark(self) -> Result<Option<Bookmark>, String> {
        self.bookmark.map(BookmarkValue::into_parts).transpose()
    }
}

impl BookmarkValue {
    pub(crate) fn new(name: String, value: Option<Vec<u8>>) -> Self {
        Self { name, value: value.map(|value| BASE64_STANDARD.encode(value)) }
    }

    pub(crate) fn into_parts(self) -> Result<Bookmark, String> {
        let decoded =
            |value| BASE64_STANDARD.decode(value).map_err(|error| format!("the value of a bookmark: {error}"));
        Ok((self.name, self.value.map(decoded).transpose()?))
    }
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerLine<P> {
    /// A batch is committed.
    Committed(Committed),
    /// The last line: every batch is committed.
    End(DatabaseSize),
    /// The last line instead: the batches without an answer may not be committed.
    Problem(P),
}

/// The effects of a batch.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Committed {
    #[serde(flatten)]
    counts: EffectCounts,
    first_seq: Option<Seq>,
    last_seq: Option<Seq>,
    durable: bool,
}

/// The size of the database after the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseSize {
    /// Number of conversations.
    pub conversations: u64,
    /// Number of open conversations.
    pub open: u64,
}

impl From<&Receipt> for Committed {
    fn from(receipt: &Receipt) -> Self {
        let Receipt { counts, first_seq, last_seq, durable, .. } = *receipt;
        Self { counts, first_seq, last_seq, durable }
    }
}

impl From<Committed> for Receipt {
    fn from(Committed { counts, first_seq, last_seq, durable }: Committed) -> Self {
        Self::of_counts(counts, first_seq, last_seq, durable)
    }
}
