//! The messages of a crossing.

use convofold::{AgentRef, ConversationRow};
use serde_json::{Value, json};

use super::alert::Alert;
use super::crossing::Reason;
use super::settings::{AlertBody, AlertWhen};
use crate::link;
use crate::upstreams::{Upstream, UpstreamState};

/// Characters of a name in a sentence.
const NAME_CHARS: usize = 80;

/// What a message is about.
pub(super) enum Subject<'a> {
    Conversation(&'a ConversationRow),
    Upstream(&'a Upstream),
}

/// The end of a crossing.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) reason: Reason,
    /// When it ended.
    pub(super) at: i64,
    /// Whether it had ended before the threshold: the event that says so arrived late, and there was nothing to tell.
    pub(super) is_late: bool,
}

pub(super) struct Message<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) since: i64,
    /// When it was found.
    pub(super) at: i64,
    /// `None` in the first message.
    pub(super) over: Option<About>,
    pub(super) public_url: Option<&'a str>,
}

/// The body of a message.
pub(super) fn body(alert: &Alert, message: &Message<'_>) -> String {
    let link = message.link();
    let mut text = format!("{} (alert: {})", message.sentence(alert.when), alert.name);
    if let Some(link) = &link {
        text = format!("{text} {link}");
    }
    if alert.body == AlertBody::Text {
        return json!({ "text": text }).to_string();
    }
    let (conversation, upstream) = match message.subject {
        Subject::Conversation(row) => (json!(row), Value::Null),
        Subject::Upstream(upstream) => (Value::Null, json!(upstream)),
    };
    let over = message.over;
    json!({
        "type": if over.is_none() { "alert.began" } else { "alert.over" },
        "timestamp": timestamp(message.at),
        "data": {
            "alert": alert.name,
            "when": alert.when,
            "after_ms": alert.after_ms,
            "count": alert.count,
            "conversation": conversation,
            "upstream": upstream,
            "since": message.since,
            "over_at": over.map(|over| over.at),
            "over_after_ms": over.map(|over| over.at.saturating_sub(message.since).max(0)),
            "reason": over.map(|over| over.reason),
            "late": over.map(|over| over.is_late),
            "link": link,
        },
        "text": text,
    })
    .to_string()
}

/// RFC 3339.
fn timestamp(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|at| format!("{at:.3}"))
}

impl Message<'_> {
    fn link(&self) -> Option<String> {
        let Subject::Conversation(row) = self.subject else { return None };
        Some(link::of_page(self.public_url?, row.id()))
    }

    /// What happened, in one sentence.
    fn sentence(&self, when: AlertWhen) -> String {
        match (self.subject, self.over) {
            (Subject::Upstream(upstream), None) => silent(upstream, self.at.saturating_sub(self.since)),
            (Subject::Upstream(upstream), Some(over)) => {
                let name = plain(&upstream.name);
                match over.reason {
                    Reason::NoMatch => format!("{name} does not match the alert any more"),
                    _ => format!("{name} sends again, after {}", words(over.at.saturating_sub(self.since))),
                }
            }
            (Subject::Conversation(row), None) => began(when, row, self.at.saturating_sub(self.since)),
            (Subject::Conversation(row), Some(over)) => ended(row, over, over.at.saturating_sub(self.since)),
        }
    }
}

fn silent(upstream: &Upstream, for_ms: i64) -> String {
    let name = plain(&upstream.name);
    match (upstream.state, &upstream.why) {
        (UpstreamState::Refused | UpstreamState::Connecting, Some(why)) => {
            format!("{name} sends nothing: {}", plain(why))
        }
        (UpstreamState::Refused, None) => format!("{name} refuses to send"),
        _ => format!("{name} has sent nothing for {}", words(for_ms)),
    }
}

fn began(when: AlertWhen, row: &ConversationRow, for_ms: i64) -> String {
    let (who, with, duration) = (member(row), agent(row.agent.as_ref()), words(for_ms));
    match when {
        AlertWhen::Waiting => format!("{who} has waited {duration}, with {with}"),
        AlertWhen::Unassigned => format!("{who} has had no agent for {duration}"),
        AlertWhen::Unread => {
            let messages = if row.unread == 1 { "message" } else { "messages" };
            format!("{who} has sent {} unread {messages}, with {with}", row.unread)
        }
        AlertWhen::Idle => format!("The conversation with {who} has been idle for {duration}, with {with}"),
        AlertWhen::Suspect => format!("The data of the conversation with {who} look wrong"),
        AlertWhen::SilentUpstream => String::new(),
    }
}

fn ended(row: &ConversationRow, over: About, after_ms: i64) -> String {
    let (who, with, duration) = (member(row), agent(row.agent.as_ref()), words(after_ms));
    let after = if over.is_late {
        format!("after {duration} already, which was known late")
    } else {
        format!("after {duration}")
    };
    match over.reason {
        Reason::Answered => format!("{who} was answered {after}, with {with}"),
        Reason::Assigned => format!("{who} got an agent {after}, {with}"),
        Reason::Read => format!("The messages of {who} were read, with {with}"),
        Reason::Active => format!("The conversation with {who} became active {after}, with {with}"),
        Reason::Closed => format!("The conversation with {who} was closed {after}"),
        Reason::Corrected => format!("The data of the conversation with {who} were corrected"),
        Reason::NoMatch | Reason::Heard => format!("The conversation with {who} does not match the alert any more"),
    }
}

/// The member, by the best name that is known.
fn member(row: &ConversationRow) -> String {
    let names = [row.member_name(), row.member_number(), row.member_business_id(), row.member_channel_id()];
    let name = names.into_iter().flatten().find(|name| !name.trim().is_empty());
    name.map_or_else(|| plain(row.id()), plain)
}

fn agent(agent: Option<&AgentRef>) -> String {
    let name = agent.and_then(|agent| agent.name.as_ref().or(agent.id.as_ref()));
    name.map_or_else(|| "nobody".to_owned(), |name| plain(name))
}

/// A name of which a chat makes no mention (`<!channel>`, `@all`), link or other markup: a member chooses it.
fn plain(name: &str) -> String {
    let mut plain: String = name
        .chars()
        .map(|char| match char {
            '<' => '\u{2039}',
            '>' => '\u{203a}',
            '@' => '\u{ff20}',
            '[' => '(',
            ']' => ')',
            '&' => '+',
            '*' | '`' | '~' | '|' | '\\' | '#' => ' ',
            char if char.is_control() => ' ',
            char => char,
        })
        .take(NAME_CHARS + 1)
        .collect();
    if plain.chars().count() > NAME_CHARS {
        plain = plain.chars().take(NAME_CHARS).collect::<String>() + "\u{2026}";
    }
    plain.trim().to_owned()
}

/// A duration in words, in its two largest units.
fn words(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let units = [
        ("day", seconds / 86_400),
        ("hour", seconds / 3_600 % 24),
        ("minute", seconds / 60 % 60),
        ("second", seconds % 60),
    ];
    let largest = units.iter().position(|(_, count)| *count > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(largest).take(2).enumerate();
    let shown = shown.filter(|(place, (_, count))| *place == 0 || *count > 0);
    let shown: Vec<_> =
        shown.map(|(_, (unit, count))| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" })).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_say_them() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "1 minute 30 seconds"),
            (600, "10 minutes"),
            (3_660, "1 hour 1 minute"),
            (3_601, "1 hour"),
            (2 * 86_400 + 3_600 * 5 + 61, "2 days 5 hours"),
            (-5, "0 seconds"),
        ] {
            assert_eq!(words(seconds * 1_000), expected);
        }
    }

    #[test]
    fn a_name_makes_no_chat_call_anybody() {
        assert_eq!(plain("<!channel> @all [x](http://y)\n`z`"), "‹!channel› ＠all (x)(http://y)  z");
        assert_eq!(plain(&"ü".repeat(100)).chars().count(), NAME_CHARS + 1);
    }
}
