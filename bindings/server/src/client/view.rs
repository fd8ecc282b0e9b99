//! Questions that can be about the past.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use convofold::{
    AgentLoad, Behind, Conflict, Explanation, FieldName, HashProof, HistoryEntry, Measure, MomentReport, Page, Query,
    Report, ReportQuery, State, StateHash, Suspects, SuspectsQuery, Totals, When,
};
use serde_json::Map;

use super::error::ClientError;
use super::questions::{ListedPage, Listing, Question, Questions};
use super::{Client, ExportedEvents, StatePage, of_body};

/// A database at a moment ([`Client::at`]). The methods have the names of those of [`View`](convofold::View).
///
/// The server resolves the bounds for each question.
#[derive(Clone, Copy, Debug)]
pub struct ClientView<'a> {
    client: &'a Client,
    questions: Questions,
}

impl Client {
    /// The database at a moment.
    #[must_use]
    pub fn at(&self, as_of: Option<When>, known_at: Option<When>) -> ClientView<'_> {
        ClientView { client: self, questions: Questions::at(as_of, known_at) }
    }

    pub(super) fn now(&self) -> ClientView<'_> {
        self.at(None, None)
    }
}

impl ClientView<'_> {
    /// What the answers about a conversation are about; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`], as for every method.
    pub fn report(&self, id: &str) -> Result<Option<MomentReport>, ClientError> {
        self.ask(&self.questions.moment_of(id))
    }

    /// What the answers about many conversations are about.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn report_of_lists(&self) -> Result<MomentReport, ClientError> {
        self.ask(&self.questions.moment())
    }

    /// The workload of every agent, unassigned conversations last.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn agents(&self) -> Result<Vec<AgentLoad>, ClientError> {
        self.agents_with_report().map(|(agents, _)| agents)
    }

    /// Like [`ClientView::agents`], with what the numbers are about; see
    /// [`View::agents_with_report`](convofold::View::agents_with_report).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn agents_with_report(&self) -> Result<(Vec<AgentLoad>, MomentReport), ClientError> {
        self.ask(&self.questions.agents())
    }

    /// Counts per tenant and channel.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn totals(&self) -> Result<Vec<Totals>, ClientError> {
        self.totals_with_report().map(|(totals, _)| totals)
    }

    /// Like [`ClientView::totals`], with what the numbers are about; see
    /// [`View::totals_with_report`](convofold::View::totals_with_report).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn totals_with_report(&self) -> Result<(Vec<Totals>, MomentReport), ClientError> {
        self.ask(&self.questions.totals())
    }

    /// The state hash.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn state_hash(&self) -> Result<StateHash, ClientError> {
        self.hash_proof().map(|proof| proof.hash)
    }

    /// The state hash, and the one that a checkpoint recorded after the same events.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn hash_proof(&self) -> Result<HashProof, ClientError> {
        self.ask(&self.questions.hash())
    }

    /// What was suspect. The answer has at most one tenant.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, ClientError> {
        self.ask(&self.questions.suspects(query))
    }

    /// What happened, by time and group; see [`View::measures`](convofold::View::measures). The server cuts the end to its
    /// present.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn measures(&self, query: &ReportQuery) -> Result<Report, ClientError> {
        self.ask(&self.questions.measures(query))
    }

    /// What is behind the numbers of a measure of a report; see [`View::behind`](convofold::View::behind).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn behind(&self, query: &ReportQuery, measure: Measure) -> Result<Behind, ClientError> {
        self.ask(&self.questions.behind(query, measure))
    }

    /// The state of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn state(&self, id: &str) -> Result<Option<State>, ClientError> {
        let found = self.ask(&self.questions.state(id))?;
        Ok(found.map(|(state, _)| state))
    }

    /// The events of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, ClientError> {
        self.ask(&self.questions.history(id))
    }

    /// The conflicts of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, ClientError> {
        self.ask(&self.questions.conflicts(id))
    }

    /// The conflicts of all conversations.
    ///
    /// # Errors
    /// [`ClientError`], also of each item.
    pub fn scan_conflicts(&self) -> Result<impl Iterator<Item = Result<Conflict, ClientError>> + use<>, ClientError> {
        let mut body = BufReader::new(self.client.stream(&self.questions.path("/api/v1/conflicts", Map::new()))?);
        let mut line = String::new();
        Ok(std::iter::from_fn(move || {
            line.clear();
            match body.read_line(&mut line) {
                Ok(0) => None,
                Ok(_) => Some(serde_json::from_str(&line).map_err(|error| body.get_ref().unexpected(error))),
                Err(error) => Some(Err(of_body(error, body.get_ref()))),
            }
        }))
    }

    /// Why a conversation is what it is, with at most `limit` events in a list; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, ClientError> {
        self.ask(&self.questions.explain(id, field, limit))
    }

    /// One page of the conversations that match a query, with their last messages.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Query`] if the cursor was made with another sort order.
    pub fn query(&self, query: &Query) -> Result<Page, ClientError> {
        self.query_with_report(query).map(|(page, _)| page)
    }

    /// Like [`ClientView::query`], with what the page is about; see
    /// [`View::query_with_report`](convofold::View::query_with_report).
    ///
    /// # Errors
    /// As for [`ClientView::query`].
    pub fn query_with_report(&self, query: &Query) -> Result<(Page, MomentReport), ClientError> {
        let ListedPage { rows, next, unknown, moment, .. } = self.pages(query, Listing::Rows)?;
        let mut page = Page::default();
        page.rows = rows.into_iter().map(Arc::new).collect();
        (page.next, page.unknown) = (next, unknown);
        Ok((page, moment))
    }

    /// One page of the conversations that match a query, in full.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Query`] if the cursor was made with another sort order.
    pub fn query_states(&self, query: &Query) -> Result<StatePage, ClientError> {
        let ListedPage { conversations, next, unknown, moment, .. } = self.pages(query, Listing::States)?;
        Ok(StatePage { conversations, next, unknown, moment })
    }

    /// One page, in as many requests as it needs.
    fn pages(&self, query: &Query, listing: Listing) -> Result<ListedPage, ClientError> {
        // The same error as without a server.
        query.page_of(std::iter::empty())?;
        let limit = query.page_rows();
        let mut query = query.clone();
        let mut found = ListedPage::default();
        loop {
            let left = limit - found.len();
            let ListedPage { mut conversations, mut rows, next, mut unknown, moment } =
                self.ask(&self.questions.list(&query.clone().limit(left.min(Questions::MAX_PAGE_ROWS)), listing))?;
            found.conversations.append(&mut conversations);
            found.rows.append(&mut rows);
            found.unknown.append(&mut unknown);
            let late_events = moment.late_events.map(|events| events + found.moment.late_events.unwrap_or_default());
            found.moment = moment;
            found.moment.late_events = late_events;
            match next {
                Some(next) if found.len() < limit => query = query.cursor(next),
                next => return Ok(ListedPage { next, ..found }),
            }
        }
    }

    /// Writes every conversation as one line of JSON, sorted by id. Returns their number.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, ClientError> {
        let mut body = self.client.stream(&self.questions.path("/api/v1/export", Map::new()))?;
        let mut lines = 0;
        while let Some(part) = body.next_part()? {
            lines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
            out.write_all(&part).map_err(ClientError::Write)?;
        }
        out.flush().map_err(ClientError::Write)?;
        Ok(lines)
    }

    /// Writes every event as one line, in the order of arrival; see [`View::export_events`](convofold::View::export_events).
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn export_events(&self, out: &mut impl Write) -> Result<ExportedEvents, ClientError> {
        let params = Map::from_iter([("events".to_owned(), true.into())]);
        let mut body = self.client.stream(&self.questions.path("/api/v1/export", params))?;
        let mut report = ExportedEvents::default();
        let mut line_bytes = 0;
        while let Some(part) = body.next_part()? {
            for piece in part.split_inclusive(|byte| *byte == b'\n') {
                line_bytes += piece.len() as u64;
                if piece.ends_with(b"\n") {
                    report.events += 1;
                    report.longest_line_bytes = report.longest_line_bytes.max(line_bytes - 1);
                    line_bytes = 0;
                }
            }
            out.write_all(&part).map_err(ClientError::Write)?;
        }
        out.flush().map_err(ClientError::Write)?;
        Ok(report)
    }

    fn ask<T: 'static>(&self, question: &Question<T>) -> Result<T, ClientError> {
        self.client.ask(question)
    }
}
