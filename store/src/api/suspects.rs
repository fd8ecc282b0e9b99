//! Suspects as a report.

use convofold_engine::{
    Moment, Past, Query, Sort, StatusFilter, SuspectEvent, Suspects, SuspectsBuilder, SuspectsQuery,
};

use crate::api::handle::Convofold;
use crate::api::query::PageError;
use crate::api::view::{Among, View};
use crate::state::lent_storage::until_current;
use crate::storage::StorageError;

/// Number of suspect conversations that are looked up at once.
const ROWS: usize = if cfg!(test) { 4 } else { 1_000 };

impl Convofold {
    /// What is suspect in all conversations (rules T1, T3 and F10): kinds, sources, days, and when messages were lost by the
    /// numbers that the sources state.
    ///
    /// Reads the suspect conversations only, which the indexes of open and of closed ones know. Events that arrive meanwhile
    /// may be in the report.
    ///
    /// # Errors
    /// As for [`Convofold::query`].
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, PageError> {
        let mut builder = SuspectsBuilder::new(query.clone());
        // New events do not change when a conversation began, so none of them is passed over.
        let mut rows = Query::new().suspect(true).status(StatusFilter::Any).sort(Sort::Started).limit(ROWS);
        if let Some([tenant]) = query.tenants.as_deref() {
            rows = rows.tenant(tenant.as_str());
        }
        loop {
            let page = self.query(&rows)?;
            let view = self.at(Moment::LATEST);
            for row in &page.rows {
                let found = view.about(row.id(), |past| suspect_in(past, query))?.flatten();
                found.into_iter().for_each(|(source, events)| builder.add(&source, &events));
            }
            let Some(next) = page.next else { return Ok(builder.finish()) };
            rows = rows.cursor(next);
        }
    }
}

impl View {
    /// What was suspect at the moment; see [`Convofold::suspects`]. Reads all conversations.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, PageError> {
        let look = |past: &Past<'_>| suspect_in(past, query);
        until_current(|| {
            let mut builder = SuspectsBuilder::new(query.clone());
            self.each(Among::Existing, look, |all| {
                for found in all {
                    found?.into_iter().for_each(|(source, events)| builder.add(&source, &events));
                }
                Ok::<_, StorageError>(())
            })?;
            Ok(builder.finish())
        })
    }
}

/// The source and the suspect events of a conversation that counts.
fn suspect_in(past: &Past<'_>, query: &SuspectsQuery) -> Option<(String, Vec<SuspectEvent>)> {
    let events = past.suspect_events();
    let counts = !events.is_empty() && query.wants(past.source(), past.tenant());
    counts.then(|| (past.source().to_owned(), events))
}
