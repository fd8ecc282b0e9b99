//! Why a conversation is what it is.

use convofold_engine::{Explanation, FieldName, Moment, Reason};

use crate::api::handle::Convofold;
use crate::api::view::View;
use crate::conversations::archive::{ArchiveReader, past_of};
use crate::state::lent_storage::{LentStorage, until_current};
use crate::storage::StorageError;

impl Convofold {
    /// Explains the state of one conversation: for each field its rule, the events that make its value, those over which they
    /// won, and what it would be without them. `None` if there is no such conversation.
    ///
    /// `field` is one field, or several that have the beginning of their paths in common, or all (`None`). No list of events is
    /// longer than `limit`; 0 is no limit. Takes one walk over the events of the conversation, and a fold without the causes of
    /// each field. The writer does not wait for it.
    ///
    /// ```
    /// # use convofold_store::{Batch, Convofold};
    /// # use convofold_engine::{Draft, Kind, Time};
    /// # let dir = tempfile::tempdir()?;
    /// # let db = Convofold::open(dir.path().join("conversations"))?;
    /// let closed = Draft::new("helpdesk", "case-7", Kind::Close, Time::from_ms(1_772_443_000_000)).build()?;
    /// db.submit(Batch::new(vec![closed]))?.wait()?;
    /// let explained = db.explain("case-7", Some("status".parse()?), 20)?.unwrap();
    /// assert_eq!(explained[0].value, "closed");
    /// assert_eq!(explained[0].because[0].seq, 1);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, StorageError> {
        self.at(Moment::LATEST).explain(id, field, limit)
    }
}

impl View {
    /// Explains the state of one conversation ([`Convofold::explain`]); `None` if it did not exist.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, StorageError> {
        let shared = self.db().shared();
        let image = until_current(|| {
            let storage = LentStorage::of(shared);
            let mut reader = ArchiveReader::new(&shared.archive, storage.as_ref());
            reader.find(&shared.live, id, |board| board.image_of(id), |image| Ok(Some(image)))
        })?;
        let Some(image) = image else { return Ok(None) };
        let mut explained =
            past_of(image, self.pinned(), |past| self.tenants.look(past, |past| past.explain(field, limit)))?.flatten();
        self.tell_when_learned(explained.as_deref_mut().unwrap_or_default());
        Ok(explained)
    }

    /// Adds how long after its time each event was committed, where the log can be read.
    fn tell_when_learned(&self, explanations: &mut [Explanation]) {
        let seqs = explanations.iter_mut().flat_map(reasons).map(|reason| reason.seq).collect();
        let committed = self.db().committed_at_each(seqs);
        for reason in explanations.iter_mut().flat_map(reasons) {
            reason.learned_after_ms = committed.get(&reason.seq).map(|time| time.ms() - reason.at);
        }
    }
}

fn reasons(explanation: &mut Explanation) -> impl Iterator<Item = &mut Reason> {
    let Explanation { because, over, not, .. } = explanation;
    because.iter_mut().chain(over).chain(not)
}
