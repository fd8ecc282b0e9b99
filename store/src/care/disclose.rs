//! Disclose: everything that is stored about a member.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use convofold_engine::{Subject, Subjects};
use serde::Serialize;

use crate::api::export::ExportEventsError;
use crate::api::handle::Convofold;
use crate::care::beside::{each_file, each_line};
use crate::care::erase::Search;
use crate::state::base::all_images;
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;
use crate::storage::end_mark::storage_folder;

/// What was disclosed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Disclosed {
    /// Number of conversations.
    pub conversations: u64,
    /// Number of events.
    pub events: u64,
    /// Number of lines of other files in the directory of the database.
    pub lines: u64,
}

/// A line of another file, such as a reject record.
#[derive(Serialize)]
struct Line<'a> {
    /// Relative to the directory.
    file: &'a str,
    /// Its number, from 1.
    line: u64,
    text: &'a str,
}

impl Convofold {
    /// Writes every event of the conversations that are about these subjects, conflicts included, as one line of JSON in
    /// convofold's own form: all that is stored about them. The events of a conversation are together, in the order of their
    /// arrival. [`Erase`](crate::erase::Erase) erases the same conversations.
    ///
    /// After the events follows each line of another file in the directory of the database that names the subjects or one of
    /// these conversations: what `convofold serve` rejected, and alerts. They are written as
    /// `{"file":"serve/rejects.ndjson","line":3,"text":"..."}`.
    ///
    /// Reads every conversation; one at a time is in memory.
    ///
    /// # Errors
    /// [`ExportEventsError`] if a conversation or a file cannot be read, or `out` cannot be written;
    /// [`StorageError::Replaced`] if conversations were erased or removed meanwhile.
    pub fn disclose(&self, subjects: &[Subject], out: &mut impl Write) -> Result<Disclosed, ExportEventsError> {
        let subjects: Subjects = subjects.iter().cloned().collect();
        let storage = LentStorage::of(self.shared());
        let (mut disclosed, mut conversations) = (Disclosed::default(), BTreeSet::new());
        for image in all_images(self.shared(), storage.as_ref()) {
            let image = image?;
            if !subjects.is_of(&image) {
                continue;
            }
            conversations.insert(image.id.to_string());
            image.each_event(|_, event| {
                disclosed.events += 1;
                writeln!(out, "{}", event.export_line()).map_err(ExportEventsError::Write)
            })?;
        }
        // Or some may be missing: in memory, the conversations have other places now.
        storage.expect_current()?;
        disclosed.conversations = conversations.len() as u64;
        disclosed.lines = self.disclose_lines(subjects, conversations, out)?;
        out.flush()?;
        Ok(disclosed)
    }

    /// Writes the lines of other files that name them. Returns their number.
    fn disclose_lines(
        &self,
        subjects: Subjects,
        conversations: BTreeSet<String>,
        out: &mut impl Write,
    ) -> Result<u64, ExportEventsError> {
        let failed = StorageError::io("preparing the search of files");
        let search = Search::of_ids(subjects, conversations).ok_or_else(|| failed(io::Error::other("too many ids")))?;
        let dir = self.dir();
        let storage = storage_folder(dir).map_err(StorageError::io("reading the end mark"))?;
        let mut lines = 0;
        each_file(dir, &[&storage], |path: &Path| {
            let file = path.strip_prefix(dir).unwrap_or(path).to_string_lossy();
            each_line(path, 0, |line, text| {
                if !search.finds(text) {
                    return Ok(());
                }
                lines += 1;
                let text = String::from_utf8_lossy(text.trim_ascii_end());
                let line = serde_json::to_string(&Line { file: &file, line, text: &text }).map_err(io::Error::from)?;
                writeln!(out, "{line}").map_err(ExportEventsError::Write)
            })
        })?;
        Ok(lines)
    }
}
