//! What somebody looks at.

use std::collections::BTreeSet;

use convofold::{ConversationRow, Query};

use crate::conditions::Conditions;
use crate::routes::Thresholds;

/// Everything on which the content of a board depends, beside the database and the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) conditions: Conditions,
    /// The tenants that the caller may see; `None`: all.
    pub(crate) tenants: Option<BTreeSet<String>>,
    /// Whether the caller may read message texts.
    pub(crate) has_texts: bool,
    pub(crate) thresholds: Thresholds,
    /// The maximum number of rows in a list.
    pub(crate) limit: usize,
    /// The name of the time zone in which the days are.
    pub(crate) zone: String,
}

impl View {
    /// Whether the caller may see conversations of this tenant.
    pub(crate) fn sees(&self, tenant: Option<&str>) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenant.is_some_and(|tenant| tenants.contains(tenant)))
    }

    /// The view at a time.
    pub(crate) fn at(&self, now: i64) -> ViewAt<'_> {
        let after = |ms: u64| now.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
        ViewAt {
            view: self,
            now,
            query: self.conditions.query_at(now),
            warn_since: after(self.thresholds.warn_ms),
            crit_since: after(self.thresholds.crit_ms),
        }
    }
}

/// A view at a time.
pub(crate) struct ViewAt<'a> {
    pub(crate) view: &'a View,
    pub(crate) now: i64,
    query: Query,
    /// Who waits since this time or earlier has waited long enough for a warning.
    pub(crate) warn_since: i64,
    /// The same for critical.
    pub(crate) crit_since: i64,
}

impl ViewAt<'_> {
    /// Whether a row meets the conditions. The caller must also see its tenant.
    pub(crate) fn wants(&self, row: &ConversationRow) -> bool {
        self.query.is_match(row) && self.view.conditions.wants(row)
    }

    /// The first time after this one at which the row may count differently, without an event.
    pub(crate) fn next_change(&self, row: &ConversationRow) -> Option<i64> {
        let bands = row.waiting_since.into_iter().flat_map(|since| {
            [self.warn_since, self.crit_since].map(|reached| since.saturating_add(self.now.saturating_sub(reached)))
        });
        bands.chain(self.view.conditions.next_met_by(row, self.now)).filter(|at| *at > self.now).min()
    }
}
