//! Disclose: everything that is stored about a member.

use std::io::Write;

use convofold_engine::Subject;

use crate::api::export::ExportEventsError;
use crate::api::handle::Convofold;
use crate::state::base::all_images;
use crate::state::lent_storage::LentStorage;

/// What was disclosed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Disclosed {
    /// Number of conversations.
    pub conversations: u64,
    /// Number of events.
    pub events: u64,
}

impl Convofold {
    /// Writes every event of the conversations that are about these subjects, conflicts included, as one line of JSON in
    /// convofold's own form: all that is stored about them. The events of a conversation are together, in the order of their
    /// arrival. [`Erase`](crate::erase::Erase) erases the same conversations.
    ///
    /// Reads every conversation; one at a time is in memory.
    ///
    /// # Errors
    /// [`ExportEventsError`] if a conversation cannot be read, or `out` cannot be written.
    pub fn disclose(&self, subjects: &[Subject], out: &mut impl Write) -> Result<Disclosed, ExportEventsError> {
        let storage = LentStorage::of(self.shared());
        let mut disclosed = Disclosed::default();
        for image in all_images(self.shared(), storage.as_ref()) {
            let image = image?;
            if !subjects.iter().any(|subject| subject.is_of(&image)) {
                continue;
            }
            disclosed.conversations += 1;
            image.each_event(|_, event| {
                disclosed.events += 1;
                writeln!(out, "{}", event.export_line()).map_err(ExportEventsError::Write)
            })?;
        }
        out.flush()?;
        Ok(disclosed)
    }
}
