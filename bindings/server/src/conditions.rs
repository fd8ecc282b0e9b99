//! The conditions on conversations that lists and boards have in common.

use convofold::{ConversationRow, Query};

use crate::span::Span;

/// Declares the parameters of a request: the conditions, and those in braces.
macro_rules! with_conditions {
    ($(#[$attribute:meta])* $name:ident { $($more:tt)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields, default)]
        #[into_params(parameter_in = Query)]
        pub(crate) struct $name {
            /// The id or name of the assigned agent.
            agent: Option<String>,
            /// The agent with exactly this id, as `agents` lists it.
            agent_id: Option<String>,
            /// The agent that is known by exactly this name and has no id, as `agents` lists it.
            agent_name: Option<String>,
            /// Only unassigned conversations.
            unassigned: bool,
            /// The member's name, business id or channel id.
            member: Option<String>,
            /// The member's number.
            number: Option<String>,
            /// The tenant.
            tenant: Option<String>,
            /// Only conversations of no tenant.
            no_tenant: bool,
            /// The shortcode.
            shortcode: Option<String>,
            /// The channel of the latest message.
            channel: Option<String>,
            /// Only conversations without a channel.
            no_channel: bool,
            /// The minimum number of unread messages.
            #[param(value_type = Option<i64>, minimum = 0, maximum = 4294967295_u32)]
            unread_min: Option<u32>,
            /// Only conversations that wait for an answer.
            waiting: bool,
            /// The minimum time waiting for an answer, such as `10m`.
            #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(s|m|h|d)$")]
            waiting_min: Option<$crate::span::Span>,
            /// Only conversations that wait for an answer since this time or earlier.
            waiting_since: Option<i64>,
            /// Only conversations that wait for an answer since a later time than this.
            waiting_after: Option<i64>,
            /// The minimum time without activity, such as `30m`.
            #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(s|m|h|d)$")]
            idle_min: Option<$crate::span::Span>,
            /// Only conversations without activity after this time.
            idle_since: Option<i64>,
            /// Only conversations whose data look wrong.
            suspect: bool,
            $($more)*
        }

        impl $name {
            /// Takes the conditions out of the parameters.
            fn take_conditions(&mut self) -> $crate::conditions::Conditions {
                $crate::conditions::Conditions {
                    agent: std::mem::take(&mut self.agent),
                    agent_id: std::mem::take(&mut self.agent_id),
                    agent_name: std::mem::take(&mut self.agent_name),
                    unassigned: std::mem::take(&mut self.unassigned),
                    member: std::mem::take(&mut self.member),
                    number: std::mem::take(&mut self.number),
                    tenant: std::mem::take(&mut self.tenant),
                    no_tenant: std::mem::take(&mut self.no_tenant),
                    shortcode: std::mem::take(&mut self.shortcode),
                    channel: std::mem::take(&mut self.channel),
                    no_channel: std::mem::take(&mut self.no_channel),
                    unread_min: std::mem::take(&mut self.unread_min),
                    waiting: std::mem::take(&mut self.waiting),
                    waiting_min: std::mem::take(&mut self.waiting_min),
                    waiting_since: std::mem::take(&mut self.waiting_since),
                    waiting_after: std::mem::take(&mut self.waiting_after),
                    idle_min: std::mem::take(&mut self.idle_min),
                    idle_since: std::mem::take(&mut self.idle_since),
                    suspect: std::mem::take(&mut self.suspect),
                }
            }
        }
    };
}

pub(crate) use with_conditions;

/// Conditions that must all hold. See the parameters of `/api/v1/conversations` for their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Conditions {
    pub(crate) agent: Option<String>,
    pub(crate) agent_id: Option<String>,
    pub(crate) agent_name: Option<String>,
    pub(crate) unassigned: bool,
    pub(crate) member: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) no_tenant: bool,
    pub(crate) shortcode: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) no_channel: bool,
    pub(crate) unread_min: Option<u32>,
    pub(crate) waiting: bool,
    pub(crate) waiting_min: Option<Span>,
    pub(crate) waiting_since: Option<i64>,
    pub(crate) waiting_after: Option<i64>,
    pub(crate) idle_min: Option<Span>,
    pub(crate) idle_since: Option<i64>,
    pub(crate) suspect: bool,
}

impl Conditions {
    /// The conditions that [`Query`] has, at this time.
    pub(crate) fn query_at(&self, now: i64) -> Query {
        // The exact conditions also narrow the search.
        let agent = [&self.agent, &self.agent_id, &self.agent_name].into_iter().find_map(Option::as_deref);
        Query::new()
            .agent(agent)
            .unassigned(self.unassigned)
            .member(self.member.as_deref())
            .number(self.number.as_deref())
            .tenant(self.tenant.as_deref())
            .shortcode(self.shortcode.as_deref())
            .channel(self.channel.as_deref())
            .unread_min(self.unread_min.map(u64::from))
            .waiting_since_ms(self.waiting_since_at(now))
            .idle_since_ms(self.idle_since_at(now))
            .suspect(self.suspect)
    }

    /// The time since which, or since before which, a conversation must wait.
    fn waiting_since_at(&self, now: i64) -> Option<i64> {
        let since = [before(now, self.waiting_min), self.waiting_since].into_iter().flatten().min();
        // Also what waits since a time that lies ahead of this clock.
        since.or(self.waiting.then_some(i64::MAX))
    }

    fn idle_since_at(&self, now: i64) -> Option<i64> {
        [before(now, self.idle_min), self.idle_since].into_iter().flatten().min()
    }

    /// Whether a row meets the conditions that [`Query`] does not have.
    pub(crate) fn wants(&self, row: &ConversationRow) -> bool {
        let agent = row.agent.as_ref();
        let has_id = |id: &String| agent.is_some_and(|agent| agent.id.as_deref() == Some(id));
        let has_name =
            |name: &String| agent.is_some_and(|agent| agent.id.is_none() && agent.name.as_deref() == Some(name));
        self.agent_id.as_ref().is_none_or(has_id)
            && self.agent_name.as_ref().is_none_or(has_name)
            && !(self.no_tenant && row.tenant.is_some())
            && !(self.no_channel && row.channel.is_some())
            && self.waiting_after.is_none_or(|after| row.waiting_since.is_some_and(|since| since > after))
    }

    /// Whether a row can meet the conditions at one time and not at another.
    pub(crate) fn depend_on_time(&self) -> bool {
        self.waiting_min.is_some() || self.idle_min.is_some()
    }

    /// The first time after `now` at which a row that stays as it is may begin to meet the conditions.
    pub(crate) fn next_met_by(&self, row: &ConversationRow, now: i64) -> Option<i64> {
        let waits = self.waiting_min.zip(row.waiting_since).map(|(min, since)| since.saturating_add(ms(min)));
        let idles = self.idle_min.map(|min| row.last_active_at.saturating_add(ms(min)));
        [waits, idles].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// The parameters of a request with these conditions at this time, with times in place of durations.
    pub(crate) fn pairs_at(&self, now: i64) -> Vec<(&'static str, String)> {
        let text = |name, value: &Option<String>| value.clone().map(|value| (name, value));
        let flag = |name, is_set: bool| is_set.then(|| (name, "true".to_owned()));
        let number = |name, value: Option<i64>| value.map(|value| (name, value.to_string()));
        let waiting_since = self.waiting_since_at(now).filter(|since| *since != i64::MAX);
        let pairs = [
            text("agent", &self.agent),
            text("agent_id", &self.agent_id),
            text("agent_name", &self.agent_name),
            flag("unassigned", self.unassigned),
            text("member", &self.member),
            text("number", &self.number),
            text("tenant", &self.tenant),
            flag("no_tenant", self.no_tenant),
            text("shortcode", &self.shortcode),
            text("channel", &self.channel),
            flag("no_channel", self.no_channel),
            number("unread_min", self.unread_min.map(i64::from)),
            flag("waiting", self.waiting && waiting_since.is_none()),
            number("waiting_since", waiting_since),
            number("waiting_after", self.waiting_after),
            number("idle_since", self.idle_since_at(now)),
            flag("suspect", self.suspect),
        ];
        pairs.into_iter().flatten().collect()
    }
}

/// A duration in milliseconds.
pub(crate) fn ms(Span(span): Span) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn before(now: i64, span: Option<Span>) -> Option<i64> {
    span.map(|span| now.saturating_sub(ms(span)))
}
