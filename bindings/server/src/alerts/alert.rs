//! An alert, ready to be evaluated.

use std::collections::BTreeSet;
use std::fmt;

use convofold::{ConversationRow, Query};

use super::post::Target;
use super::settings::{AlertBody, AlertSettings, AlertWhen};
use super::signature;
use crate::conditions::{Conditions, ms};
use crate::config::REDACTED;
use crate::span::Span;

/// The maximum number of secrets of an alert: the current and the next one.
const MAX_SECRETS: usize = 2;
/// The shortest `after`.
const MIN_AFTER: Span = Span::seconds(1);

pub(crate) struct Alert {
    pub(super) name: String,
    pub(super) when: AlertWhen,
    pub(super) after_ms: Option<i64>,
    pub(super) count: Option<u64>,
    /// The conditions, of which one is the status `open`.
    query: Query,
    conditions: Conditions,
    pub(super) target: Target,
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) body: AlertBody,
    pub(super) texts: bool,
}

/// Checks the alerts of the settings.
pub(crate) fn resolve(settings: &[AlertSettings]) -> Result<Vec<Alert>, String> {
    let mut names = BTreeSet::new();
    settings
        .iter()
        .map(|alert| {
            if !names.insert(&alert.name) {
                return Err(format!("two alerts have the name {:?}", alert.name));
            }
            Alert::new(alert).map_err(|why| format!("the alert {:?}: {why}", alert.name))
        })
        .collect()
}

impl Alert {
    fn new(settings: &AlertSettings) -> Result<Self, String> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=64).contains(&settings.name.len()) || !settings.name.bytes().all(is_name) {
            return Err("the name has 1 to 64 letters, digits, '-', '_' and '.'".to_owned());
        }
        check_threshold(settings)?;
        if settings.when == AlertWhen::SilentUpstream {
            check_upstream(settings)?;
        }
        if settings.url.contains(REDACTED) {
            return Err(format!("the url is missing: --print-config shows {REDACTED} instead of it"));
        }
        let conditions = conditions(settings);
        let query = conditions.query_at(0).any_agent(settings.any_agent.as_deref());
        Ok(Self {
            name: settings.name.clone(),
            when: settings.when,
            after_ms: settings.after.map(ms),
            count: settings.count,
            query,
            conditions,
            target: Target::new(&settings.url, settings.allow_http)?,
            keys: keys(settings)?,
            body: settings.body,
            texts: settings.texts,
        })
    }

    /// Whether an open conversation meets the conditions. The threshold is not one of them.
    pub(super) fn wants(&self, row: &ConversationRow) -> bool {
        self.query.is_match(row) && self.conditions.wants(row)
    }

    /// Whether the alert is about upstreams of this tenant.
    pub(super) fn wants_tenant(&self, tenant: Option<&str>) -> bool {
        let Conditions { tenant: wanted, no_tenant, .. } = &self.conditions;
        wanted.as_deref().is_none_or(|wanted| tenant == Some(wanted)) && !(*no_tenant && tenant.is_some())
    }

    /// What began at this time or earlier has crossed the threshold.
    pub(super) fn cutoff(&self, now: i64) -> i64 {
        now.saturating_sub(self.after_ms.unwrap_or_default())
    }
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alert").field("name", &self.name).field("when", &self.when).finish_non_exhaustive()
    }
}

fn check_threshold(settings: &AlertSettings) -> Result<(), String> {
    let AlertSettings { when, after, count, .. } = settings;
    if after.is_some_and(|after| after < MIN_AFTER) {
        return Err(format!("after is at least {MIN_AFTER}"));
    }
    match (when, after, count) {
        (AlertWhen::Waiting | AlertWhen::Unassigned | AlertWhen::Idle, None, _) => {
            Err("after is missing, such as \"10m\"".to_owned())
        }
        (AlertWhen::Unread, _, None) => Err("count is missing, such as 5".to_owned()),
        (AlertWhen::Unread, _, Some(0)) => Err("count is at least 1".to_owned()),
        (AlertWhen::Unread | AlertWhen::Suspect, Some(_), _) => Err("after has no meaning here".to_owned()),
        (
            AlertWhen::Waiting
            | AlertWhen::Unassigned
            | AlertWhen::Idle
            | AlertWhen::Suspect
            | AlertWhen::SilentUpstream,
            _,
            Some(_),
        ) => Err("count belongs to unread".to_owned()),
        _ => Ok(()),
    }
}

/// The conditions. None of them depends on the time, so the clock alone changes nothing but what the threshold is about.
fn conditions(settings: &AlertSettings) -> Conditions {
    Conditions {
        agent: settings.agent.clone(),
        agent_id: settings.agent_id.clone(),
        agent_name: settings.agent_name.clone(),
        unassigned: settings.unassigned,
        member: settings.member.clone(),
        number: settings.number.clone(),
        tenant: settings.tenant.clone(),
        no_tenant: settings.no_tenant,
        shortcode: settings.shortcode.clone(),
        channel: settings.channel.clone(),
        no_channel: settings.no_channel,
        unread_min: settings.unread_min,
        waiting: settings.waiting,
        suspect: settings.suspect,
        ..Conditions::default()
    }
}

/// An upstream has a tenant and nothing else that a condition could be about.
fn check_upstream(settings: &AlertSettings) -> Result<(), String> {
    let of_upstreams =
        Conditions { tenant: settings.tenant.clone(), no_tenant: settings.no_tenant, ..Conditions::default() };
    if conditions(settings) != of_upstreams || settings.any_agent.is_some() || settings.texts {
        return Err("silent-upstream takes the conditions tenant and no-tenant only, and no texts".to_owned());
    }
    Ok(())
}

fn keys(settings: &AlertSettings) -> Result<Vec<Vec<u8>>, String> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).map_err(|error| format!("secret-file {}: {error}", path.display()))
    };
    let files = settings.secret_file.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let secrets: Vec<_> = settings.secret.iter().chain(&files).collect();
    if secrets.len() > MAX_SECRETS {
        return Err(format!("it has {} secrets, but the maximum is {MAX_SECRETS}", secrets.len()));
    }
    if secrets.iter().any(|secret| *secret == REDACTED) {
        return Err(format!("the secret is missing: --print-config shows {REDACTED} instead of it"));
    }
    secrets.into_iter().map(|secret| signature::key(secret)).collect()
}
