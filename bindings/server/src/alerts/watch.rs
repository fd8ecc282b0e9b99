//! Finds crossings: which conversations have crossed the threshold of an alert, and which have not any more.
//!
//! It costs as much as it finds. What depends on the clock (waiting, idle) is found in lists sorted by time, up to the
//! threshold, and unassigned conversations in their list; what changes with an event only (unread, suspect) is looked up in
//! the conversations that changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use convofold::{ConversationRow, Convofold, Direction, Kind, PageError, Query, Sort, StorageError};

use super::alert::Alert;
use super::crossing::{Began, Over, Reason, id_of};
use super::message::{About, Message, Subject, body};
use super::settings::AlertWhen;
use super::table::{Active, Found, Table};
use crate::upstreams::{Upstream, UpstreamKind, UpstreamState};

/// A pause without a connection is not worth an alert if it is shorter than this, unless the alert has an `after`.
const UNCONNECTED_MS: i64 = 5 * 60 * 1_000;

/// The conversations that changed since the last evaluation.
pub(super) enum Changed {
    /// Any may have.
    All,
    These(BTreeSet<String>),
}

/// What an evaluation needs.
pub(super) struct View<'a> {
    pub(super) db: &'a Convofold,
    /// What the ids of messages name the database by.
    pub(super) database: &'a str,
    pub(super) public_url: Option<&'a str>,
    pub(super) upstreams: &'a [Upstream],
    pub(super) changed: &'a Changed,
    pub(super) now: i64,
}

/// A conversation beyond the threshold.
struct Match {
    row: Arc<ConversationRow>,
    since: i64,
}

/// Evaluates one alert.
pub(super) struct Watch {
    /// Since when conversations are unassigned whose beginning lies before the threshold: it follows from their state,
    /// which is not always in memory.
    unassigned_since: HashMap<Arc<str>, i64>,
    /// Since when upstreams have no connection, by name.
    connecting_since: BTreeMap<String, i64>,
    /// Whether something was found that was not kept: the next evaluation looks at all conversations.
    pub(super) is_behind: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { unassigned_since: HashMap::new(), connecting_since: BTreeMap::new(), is_behind: false }
    }

    /// The crossings of an alert that are new or over.
    pub(super) fn evaluate(&mut self, alert: &Alert, view: &View<'_>, table: &Table) -> Result<Found, PageError> {
        let changed = if self.is_behind { &Changed::All } else { view.changed };
        let view = &View { changed, ..*view };
        let active = table.active(&alert.name);
        let mut found = Found::default();
        if alert.when == AlertWhen::SilentUpstream {
            self.upstreams(alert, view, &active, &mut found);
            return Ok(found);
        }
        let matches = self.matches(alert, view)?;
        let is_checked = |subject: &str| match view.changed {
            Changed::These(ids) if !is_timed(alert) => ids.contains(subject),
            _ => true,
        };
        for (subject, began) in active.iter().filter(|(subject, _)| is_checked(subject)) {
            // An event that arrives late can show that it began earlier: that is the same crossing.
            let holds =
                matches.get(subject.as_str()).is_some_and(|found| !is_timed(alert) || found.since <= began.since);
            if !holds {
                found.over.extend(over(alert, view, subject, began)?);
            }
        }
        let is_over: BTreeSet<_> = found.over.iter().map(|over| over.id.clone()).collect();
        for (id, new) in &matches {
            if active.get(&**id).is_none_or(|began| is_over.contains(&began.id)) {
                found.began.push(begin(alert, view, new)?);
            }
        }
        // The longest first, in case there is no room for all.
        found.began.sort_by_key(|began| began.since);
        Ok(found)
    }

    /// The conversations beyond the threshold; only those that changed if no others can have crossed it.
    fn matches(&mut self, alert: &Alert, view: &View<'_>) -> Result<BTreeMap<Arc<str>, Match>, PageError> {
        let cutoff = alert.cutoff(view.now);
        let matches = match alert.when {
            AlertWhen::Waiting => {
                let query = Query::new().sort(Sort::Waiting).waiting_since_ms(cutoff);
                self.rows(alert, view, &query, |row| row.waiting_since)?
            }
            AlertWhen::Idle => {
                let query = Query::new().sort(Sort::Activity).reverse(true).idle_since_ms(cutoff);
                self.rows(alert, view, &query, |row| Some(row.last_active_at))?
            }
            AlertWhen::Unassigned => self.unassigned(alert, view, cutoff)?,
            AlertWhen::Unread => {
                let count = alert.count.unwrap_or(1);
                self.changed(alert, view, &Query::new().unread_min(count), |row| Some(row.last_active_at))?
            }
            AlertWhen::Suspect => {
                self.changed(alert, view, &Query::new().suspect(true), |row| Some(row.last_active_at))?
            }
            AlertWhen::SilentUpstream => Vec::new(),
        };
        Ok(matches.into_iter().map(|found| (found.row.id().into(), found)).collect())
    }

    /// The conversations that match a query and meet the conditions. These are checked outside the query, which would
    /// otherwise look for misspelled ones if it finds nothing.
    fn rows(
        &self,
        alert: &Alert,
        view: &View<'_>,
        query: &Query,
        since: impl Fn(&ConversationRow) -> Option<i64>,
    ) -> Result<Vec<Match>, PageError> {
        let page = view.db.query_matching(query, |row| alert.wants(row))?;
        Ok(page.rows.into_iter().filter_map(|row| Some(Match { since: since(&row)?, row })).collect())
    }

    /// As [`Watch::rows`], of the conversations that changed.
    fn changed(
        &self,
        alert: &Alert,
        view: &View<'_>,
        query: &Query,
        since: impl Fn(&ConversationRow) -> Option<i64>,
    ) -> Result<Vec<Match>, PageError> {
        let Changed::These(ids) = view.changed else { return self.rows(alert, view, query, since) };
        let mut matches = Vec::new();
        for id in ids {
            let row = view.db.row(id)?.filter(|row| query.is_match(row) && alert.wants(row));
            matches.extend(row.and_then(|row| Some(Match { since: since(&row)?, row: Arc::new(row) })));
        }
        Ok(matches)
    }

    fn unassigned(&mut self, alert: &Alert, view: &View<'_>, cutoff: i64) -> Result<Vec<Match>, PageError> {
        match view.changed {
            Changed::All => self.unassigned_since.clear(),
            Changed::These(ids) => self.unassigned_since.retain(|id, _| !ids.contains(&**id)),
        }
        let query = Query::new().unassigned(true);
        let page = view.db.query_matching(&query, |row| row.started_at <= cutoff && alert.wants(row))?;
        let mut known = HashMap::with_capacity(page.rows.len());
        let mut matches = Vec::new();
        for row in page.rows {
            let since = match self.unassigned_since.get(row.id()) {
                Some(since) => *since,
                None => unassigned_since(view.db, &row)?,
            };
            known.insert(row.id().into(), since);
            if since <= cutoff {
                matches.push(Match { row, since });
            }
        }
        self.unassigned_since = known;
        Ok(matches)
    }

    /// Upstreams that are silent. One that is not known any more after a restart stays silent until it sends again.
    fn upstreams(&mut self, alert: &Alert, view: &View<'_>, active: &BTreeMap<String, Active>, found: &mut Found) {
        let connecting = view.upstreams.iter().filter(|upstream| upstream.state == UpstreamState::Connecting);
        let connecting: BTreeSet<_> = connecting.map(name_of).collect();
        self.connecting_since.retain(|name, _| connecting.contains(name));
        for name in connecting {
            self.connecting_since.entry(name).or_insert(view.now);
        }
        for upstream in view.upstreams.iter().filter(|upstream| alert.wants_tenant(upstream.tenant.as_deref())) {
            let name = name_of(upstream);
            let connecting_since = self.connecting_since.get(&name).copied();
            let silent_since = silent_since(alert, upstream, connecting_since, view.now);
            match (active.get(&name), silent_since) {
                (None, Some(since)) => {
                    found.began.push(began(alert, view, &name, since, 0, &Subject::Upstream(upstream)));
                }
                (Some(began), None) if upstream.state != UpstreamState::Connecting => {
                    let at = upstream.last_at.filter(|at| *at > began.since).unwrap_or(view.now);
                    found.over.push(ended(alert, view, began, Reason::Heard, at, &Subject::Upstream(upstream)));
                }
                _ => {}
            }
        }
        // Conditions that are new in the settings.
        for (subject, began) in active {
            let known = view.upstreams.iter().find(|upstream| name_of(upstream) == *subject);
            if let Some(upstream) = known.filter(|upstream| !alert.wants_tenant(upstream.tenant.as_deref())) {
                found.over.push(ended(alert, view, began, Reason::NoMatch, view.now, &Subject::Upstream(upstream)));
            }
        }
    }
}

/// Whether the clock alone can make a conversation cross the threshold. Its crossing is then another one if it began later.
fn is_timed(alert: &Alert) -> bool {
    matches!(alert.when, AlertWhen::Waiting | AlertWhen::Idle | AlertWhen::Unassigned)
}

/// When the agent of an unassigned conversation left it, or when it was opened.
fn unassigned_since(db: &Convofold, row: &ConversationRow) -> Result<i64, StorageError> {
    let Some(state) = db.state(row.id())? else { return Ok(row.started_at) };
    let left = state.assignments.last().map(|assigned| assigned.at);
    let reopened = if state.reopens > 0 { reopened_at(db, row.id())? } else { None };
    Ok([Some(row.started_at), left, reopened].into_iter().flatten().max().unwrap_or(row.started_at))
}

/// The time of the first event after the last close.
fn reopened_at(db: &Convofold, id: &str) -> Result<Option<i64>, StorageError> {
    let history = db.history(id)?.unwrap_or_default();
    let after = history.iter().rev().filter(|entry| entry.counts).take_while(|entry| entry.event.kind() != Kind::Close);
    Ok(after.last().map(|entry| entry.at))
}

fn begin(alert: &Alert, view: &View<'_>, found: &Match) -> Result<Began, StorageError> {
    let Match { row, since } = found;
    let events = view.db.arrivals(row.id())?.map_or(0, |arrivals| arrivals.events + arrivals.conflicts);
    let row = with_last_message(alert, view.db, row)?;
    let subject = Subject::Conversation(&row);
    Ok(began(alert, view, row.id(), *since, events, &subject))
}

fn began(alert: &Alert, view: &View<'_>, name: &str, since: i64, events: u64, subject: &Subject<'_>) -> Began {
    let message = Message { subject, since, at: view.now, over: None, public_url: view.public_url };
    Began {
        id: id_of(view.database, &alert.name, name, since, events),
        alert: alert.name.clone(),
        subject: name.to_owned(),
        since,
        at: view.now,
        body: body(alert, &message),
    }
}

/// The row with its last message, whose text is left out unless the alert sends texts.
fn with_last_message(alert: &Alert, db: &Convofold, row: &ConversationRow) -> Result<ConversationRow, StorageError> {
    let mut last_message = db.state(row.id())?.and_then(|state| state.last_message);
    if let Some(last) = last_message.as_mut().filter(|_| !alert.texts) {
        last.text.clear();
    }
    let mut row = row.clone();
    row.last_message = last_message.map(Box::new);
    Ok(row)
}

/// The end of a crossing; `None` if it still holds: the clock was set back, or the threshold is another one since a restart.
fn over(alert: &Alert, view: &View<'_>, id: &str, began: &Active) -> Result<Option<Over>, StorageError> {
    let row = view.db.row(id)?;
    let row = row.unwrap_or_else(|| ConversationRow::new(id, began.since, began.since));
    let row = with_last_message(alert, view.db, &row)?;
    let (reason, at) = why(alert, view, began, &row)?;
    let holds = reason == Reason::NoMatch && alert.wants(&row);
    Ok((!holds).then(|| ended(alert, view, began, reason, at, &Subject::Conversation(&row))))
}

fn ended(alert: &Alert, view: &View<'_>, began: &Active, reason: Reason, at: i64, subject: &Subject<'_>) -> Over {
    let is_late = alert.after_ms.is_some_and(|after| at < began.since.saturating_add(after));
    let about = About { reason, at, is_late };
    let message = Message { subject, since: began.since, at: view.now, over: Some(about), public_url: view.public_url };
    Over { id: began.id.clone(), at, reason, body: body(alert, &message) }
}

/// Why a crossing is over, and since when.
fn why(alert: &Alert, view: &View<'_>, began: &Active, row: &ConversationRow) -> Result<(Reason, i64), StorageError> {
    let is_waiting = row.waiting_since.is_some_and(|since| since <= began.since);
    if alert.when == AlertWhen::Waiting && !is_waiting {
        // Before the close, which comes after the answer.
        if let Some(at) = answered_at(view.db, row.id(), began.since)? {
            return Ok((Reason::Answered, at));
        }
    }
    if let Some(at) = row.closed_at {
        return Ok((Reason::Closed, at));
    }
    Ok(match alert.when {
        // The status of a session says that the member was answered, or another event took the place of the question.
        AlertWhen::Waiting if !is_waiting && row.last_active_at > began.since => (Reason::Answered, row.last_active_at),
        AlertWhen::Waiting if !is_waiting => (Reason::Corrected, view.now),
        AlertWhen::Idle if row.last_active_at > began.since => (Reason::Active, row.last_active_at),
        AlertWhen::Unassigned => {
            let state = view.db.state(row.id())?;
            let assignments = state.map(|state| state.assignments).unwrap_or_default();
            let assigned = assignments.iter().find(|assigned| assigned.agent.is_some() && assigned.at > began.since);
            let last = assignments.last().filter(|assigned| assigned.agent.is_some());
            match assigned.or(last) {
                Some(assigned) => (Reason::Assigned, assigned.at),
                None => (Reason::NoMatch, view.now),
            }
        }
        AlertWhen::Unread if row.unread < alert.count.unwrap_or(1) => (Reason::Read, view.now),
        AlertWhen::Suspect if !row.suspect => (Reason::Corrected, view.now),
        _ => (Reason::NoMatch, view.now),
    })
}

/// The time of the first message to the member since a time.
fn answered_at(db: &Convofold, id: &str, since: i64) -> Result<Option<i64>, StorageError> {
    let history = db.history(id)?.unwrap_or_default();
    let answers = history.iter().filter(|entry| {
        entry.counts && entry.event.kind() == Kind::Message && entry.event.direction() == Some(Direction::Out)
    });
    Ok(answers.map(|entry| entry.said_at.unwrap_or(entry.at)).filter(|at| *at >= since).min())
}

fn name_of(upstream: &Upstream) -> String {
    let kind = match upstream.kind {
        UpstreamKind::Stream => "stream",
        UpstreamKind::Webhook => "webhook",
    };
    let tenant = upstream.tenant.as_deref();
    format!("{kind}/{}{}{}", upstream.source, if tenant.is_some() { "/" } else { "" }, tenant.unwrap_or_default())
}

/// Since when an upstream is silent; `None` if it is not, for the purposes of this alert.
fn silent_since(alert: &Alert, upstream: &Upstream, connecting_since: Option<i64>, now: i64) -> Option<i64> {
    let unconnected_since = connecting_since.filter(|since| {
        let after = alert.after_ms.unwrap_or(UNCONNECTED_MS);
        now.saturating_sub(*since) >= after
    });
    match upstream.state {
        UpstreamState::NotSetUp => None,
        UpstreamState::Refused => Some(upstream.last_at.unwrap_or(now)),
        _ if alert.after_ms.is_some() => upstream.last_at.filter(|at| *at <= alert.cutoff(now)).or(unconnected_since),
        UpstreamState::Quiet => upstream.last_at,
        UpstreamState::Connecting => unconnected_since,
        UpstreamState::Ok | UpstreamState::CatchingUp => None,
    }
}
