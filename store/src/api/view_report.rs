//! How many events of the conversations in an answer were late.

use std::collections::HashMap;

use convofold_engine::{AgentLoad, ConversationRow, Index, Moment, Outline, Page, Past, Query, Seq, Time, Totals};

use crate::api::moment_report::MomentReport;
use crate::api::query::PageError;
use crate::api::view::{Among, View};
use crate::storage::StorageError;

/// Events that had happened by a time and were learned after another event.
#[derive(Clone, Copy, Debug)]
struct LateEvents {
    known_at: Seq,
    /// Everything up to the time that is known now.
    now: Moment,
}

impl LateEvents {
    /// Their number in a conversation.
    fn of(&self, past: &Past<'_>) -> u64 {
        past.at(self.now).map_or(0, |now| now.learned_after(self.known_at))
    }
}

impl View {
    /// The number of events of one conversation that had happened by [`View::time`] and were learned later: with a bound of
    /// event time alone they are in the answers and have changed them since, with one of arrival they are missing from
    /// them; 0 if it did not exist. `None` if it is not recorded what was known then, or the moment has no bound.
    ///
    /// # Errors
    /// As for [`Convofold::state`](crate::Convofold::state).
    pub fn late_events(&self, id: &str) -> Result<Option<u64>, StorageError> {
        let Some(late) = self.late() else { return Ok(None) };
        Ok(Some(self.about(id, |past| late.of(past))?.unwrap_or_default()))
    }

    /// Like [`View::query_matching`], with what the page is about. Its number of late events is that of all conversations of
    /// the page together.
    ///
    /// # Errors
    /// As for [`View::query_matching`].
    pub fn query_with_report(
        &self,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
    ) -> Result<(Page, MomentReport), PageError> {
        let late = self.late();
        let mut late_events = HashMap::new();
        let note = |row: &ConversationRow, events| {
            if events > 0 {
                late_events.insert(row.id().to_owned(), events);
            }
        };
        let page = self.page_with(query, is_wanted, |past| late.map_or(0, |late| late.of(past)), note)?;
        let of_page: u64 = page.rows.iter().filter_map(|row| late_events.get(row.id())).sum();
        Ok((page, self.report_with(late.map(|_| of_page))?))
    }

    /// Like [`View::agents`], with what the numbers are about. The number of late events is that of all open conversations
    /// together.
    ///
    /// # Errors
    /// As for [`View::agents`].
    pub fn agents_with_report(&self) -> Result<(Vec<AgentLoad>, MomentReport), StorageError> {
        let is_open = |outline: &Outline| outline.row().is_some_and(|row| row.closed_at.is_none());
        let (index, report) = self.index_with_report(Among::Listed, is_open)?;
        Ok((index.agents(), report))
    }

    /// Like [`View::totals`], with what the numbers are about. The number of late events is that of all conversations together.
    ///
    /// # Errors
    /// As for [`View::totals`].
    pub fn totals_with_report(&self) -> Result<(Vec<Totals>, MomentReport), StorageError> {
        let (index, report) = self.index_with_report(Among::Existing, |_| true)?;
        Ok((index.totals(), report))
    }

    fn index_with_report(
        &self,
        among: Among,
        counts: impl Fn(&Outline) -> bool + Sync,
    ) -> Result<(Index, MomentReport), StorageError> {
        let late = self.late();
        let late_events = |past: &Past<'_>, outline: &Outline| {
            let late = late.filter(|_| counts(outline));
            late.map_or(0, |late| late.of(past))
        };
        let (index, sum) = self.index_with_sum(among, late_events)?;
        Ok((index, self.report_with(late.map(|_| sum))?))
    }

    fn report_with(&self, late_events: Option<u64>) -> Result<MomentReport, StorageError> {
        Ok(MomentReport { late_events, ..self.report(None)? })
    }

    /// `None` if it is not recorded what was known at [`View::time`], or the moment has no bound.
    fn late(&self) -> Option<LateEvents> {
        let Moment { as_of, known_at } = self.moment();
        let known_at = known_at.or_else(|| self.db().seq_at(as_of?).ok())?;
        let time: Time = self.time()?;
        Some(LateEvents { known_at, now: Moment { known_at: Some(self.db().last_seq()), ..Moment::as_of(time) } })
    }
}
