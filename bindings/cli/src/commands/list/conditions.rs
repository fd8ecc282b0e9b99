//! The conditions that conversations must meet.

use clap::Args;
use convofold::{Query, TimeField};

use crate::values::{self, Millis};

/// The conditions of `open` and `list`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct Conditions {
    /// Only conversations of the agent with this id or name; a name in upper or lower case.
    #[arg(long, value_name = "ID|NAME", conflicts_with = "unassigned")]
    agent: Option<String>,
    /// Only conversations of the agent with this id or name, assigned now or before.
    #[arg(long, value_name = "ID|NAME")]
    any_agent: Option<String>,
    /// Only unassigned conversations.
    #[arg(long)]
    unassigned: bool,
    /// Only conversations of the member with this name, business id or channel id.
    #[arg(long, value_name = "NAME|ID")]
    member: Option<String>,
    /// Only conversations of the member with this number, with or without + and spaces.
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Only conversations of this tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only conversations with this shortcode.
    #[arg(long, value_name = "CODE")]
    shortcode: Option<String>,
    /// Only conversations whose latest message used this channel, such as sms or in_app.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Minimum number of unread messages.
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>, allow_negative_numbers = true)]
    unread_min: Option<u64>,
    /// Minimum time without activity, such as 30m, 2h or 1d.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    idle: Option<Millis>,
    /// Minimum time waiting for an answer.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    waiting: Option<Millis>,
    /// Only conversations whose time of --by is this one or later: a time such as 2021-07-29 or 2021-07-29 05:11 (UTC if it
    /// has no zone).
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    since: Option<i64>,
    /// Only conversations whose time of --by is before this one.
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<i64>,
    /// The time of --since and --until: when a conversation began, was closed, or was last active.
    #[arg(long, value_parser = values::named::<TimeField>(&TimeField::NAMES), default_value_t)]
    by: TimeField,
    /// Only conversations whose data look wrong (missing messages, impossible clock).
    #[arg(long)]
    suspect: bool,
    /// Only closed conversations in which the customer, or somebody unknown, wrote after the last close and the last
    /// answer. `open` lists these instead of open ones.
    #[arg(long)]
    unanswered_after_close: bool,
}

impl Conditions {
    /// A query with these conditions; durations count back from `now`.
    pub(super) fn query(&self, now: i64) -> Query {
        let before_now = |length: Option<Millis>| length.map(|Millis(ms)| now.saturating_sub(ms));
        Query::new()
            .agent(self.agent.as_deref())
            .any_agent(self.any_agent.as_deref())
            .unassigned(self.unassigned)
            .member(self.member.as_deref())
            .number(self.number.as_deref())
            .tenant(self.tenant.as_deref())
            .shortcode(self.shortcode.as_deref())
            .channel(self.channel.as_deref())
            .unread_min(self.unread_min)
            .idle_since_ms(before_now(self.idle))
            .waiting_since_ms(before_now(self.waiting))
            .since_ms(self.since)
            .until_ms(self.until)
            .by(self.by)
            .suspect(self.suspect)
            .unanswered_after_close(self.unanswered_after_close)
    }

    /// Whether a duration counts back from the reference time.
    pub(super) fn use_now(&self) -> bool {
        self.idle.is_some() || self.waiting.is_some()
    }

    /// Whether closed conversations are asked for that are unanswered after their close.
    pub(super) fn want_unanswered(&self) -> bool {
        self.unanswered_after_close
    }
}
