//! The part of a view that somebody who may see some tenants only gets.

use std::collections::BTreeSet;
use std::sync::Arc;

use convofold_engine::{Moment, Past, ReportQuery, Time};

use crate::api::view::View;
use crate::storage::StorageError;

/// Tenants whose conversations may be seen. The default is all.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenTenants(Option<Arc<BTreeSet<String>>>);

impl SeenTenants {
    pub(crate) fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// Which; `None` if all.
    pub(crate) fn named(&self) -> Option<&BTreeSet<String>> {
        self.0.as_deref()
    }

    fn include(&self, past: &Past<'_>) -> bool {
        let Some(tenants) = &self.0 else { return true };
        past.tenant().is_some_and(|tenant| tenants.contains(tenant))
    }

    /// Calls `look` with a conversation that may be seen at its moment: one of these tenants had it then, and one of them has
    /// it now. `None` for another one.
    pub(crate) fn look<T>(&self, past: &Past<'_>, look: impl FnOnce(&Past<'_>) -> T) -> Option<T> {
        let is_now = |now: Option<Past<'_>>| now.is_some_and(|now| self.include(&now));
        let is_seen = self.are_all() || self.include(past) && is_now(past.at(Moment::LATEST));
        is_seen.then(|| look(past))
    }

    /// The query of a report of these tenants. What a conversation did while another tenant had it is not in it.
    pub(crate) fn limit(&self, query: ReportQuery) -> ReportQuery {
        let Some(seen) = &self.0 else { return query };
        let tenants = match &query.tenants {
            None => seen.iter().cloned().collect(),
            Some(asked) => asked.iter().filter(|tenant| seen.contains(*tenant)).cloned().collect(),
        };
        query.tenants(Some(tenants))
    }
}

impl View {
    /// Fails if retention removed conversations that a whole answer needs, about what began at `from` (now, if `None`), of these
    /// tenants (rule R3).
    pub(crate) fn expect_whole(
        &self,
        tenants: Option<&BTreeSet<String>>,
        from: Option<Time>,
    ) -> Result<(), StorageError> {
        let unanswerable = self.db().shared().removals.read().unanswerable(tenants, from, self.moment());
        unanswerable.map_or(Ok(()), |before| Err(StorageError::Expired { before }))
    }

    /// The same moment for somebody who may see the conversations of these tenants only. Each answer is about those that one
    /// of these tenants had at the moment and one of them has now, as if there were no others. A report counts what they did
    /// while one of these tenants had them.
    #[must_use]
    pub fn of_tenants(mut self, tenants: impl IntoIterator<Item = String>) -> Self {
        self.tenants = SeenTenants(Some(Arc::new(tenants.into_iter().collect())));
        self
    }
}
