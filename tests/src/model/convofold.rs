//! Reads convofold's own event lines. A value of a wrong type is rejected.

use super::event::{AgentSays, Content, Direction, Event, Identity, Kind, SessionValue};
use super::json::Json;
use super::reading::{LONGEST_NAME_BYTES, Reject, read_integer, reject};
use super::superoffice::SESSION_KEYS;
use super::time::{self, Nanos, Reading};

const KEYS: [&str; 25] = [
    "convofold",
    "source",
    "conversation",
    "identity",
    "part",
    "kind",
    "occurred",
    "sent",
    "started",
    "active",
    "unread",
    "agent",
    "direction",
    "channel",
    "text",
    "member_name",
    "member_number",
    "member_business_id",
    "member_channel_id",
    "shortcode",
    "app_key",
    "tenant",
    "session",
    "seq",
    "received",
];

/// Reads one object in convofold's own form.
pub(crate) fn read(line: &Json) -> Result<Event, Reject> {
    let own = Own { object: line, path: "" };
    if own.integer("convofold")? != Some(1) {
        return reject("convofold");
    }
    own.only(&KEYS)?;
    let source = own.required("source")?;
    let conversation = own.required("conversation")?;
    let content = content(&own)?;
    let identity = match (own.id("identity")?, own.integer("part")?.unwrap_or(0)) {
        (None, 0) => Identity::content(&source, &content),
        (Some(id), part @ 0..256) => given(&source, id, part),
        _ => return reject("part"),
    };
    Ok(Event { conversation, identity, content })
}

/// The identity as the source's own form has it: the parts of a webhook's id are its events, ordered by name.
fn given(source: &str, id: String, part: i128) -> Identity {
    let names = ["chatsession.changed", "chatsession.created", "chatsession.message"];
    let name = usize::try_from(part).ok().and_then(|place| names.get(place)).filter(|_| source == "superoffice");
    match (name, part) {
        (Some(name), _) => Identity::part(source, id, (*name).to_owned()),
        (None, 0) => Identity::given(source, id),
        // Behind the names, and in the order of the numbers.
        (None, part) => Identity::part(source, id, format!("part {part:03}")),
    }
}

fn content(own: &Own<'_>) -> Result<Content, Reject> {
    let word = own.required("kind")?;
    let is_message = word == "message";
    let times = ["occurred", "sent", "started", "active"].map(|key| own.time(key));
    let [occurred, timestamp, started, last_active] = times;
    let (occurred, timestamp, started, last_active) = (occurred?, timestamp?, started?, last_active?);
    let own_time = if is_message { timestamp } else { last_active.or(started) };
    let Some(at) = occurred.max(own_time) else {
        return reject("occurred");
    };
    let text = own.text("text")?;
    let direction = direction(own)?.filter(|_| is_message || text.is_some());
    let mut content = Content {
        without_time: word == "close" && (occurred.is_none() || occurred < started),
        occurred,
        timestamp,
        started,
        last_active,
        unread_count: own.integer("unread")?,
        agent: agent(own)?,
        direction,
        channel: own.id("channel")?,
        text,
        member_name: own.name("member_name")?,
        member_number: own.id("member_number")?,
        member_business_id: own.id("member_business_id")?,
        member_channel_id: own.id("member_channel_id")?,
        shortcode: own.id("shortcode")?,
        app_key: own.id("app_key")?,
        tenant: own.id("tenant")?,
        session: session(own)?,
        ..Content::bare(Kind::Message, at)
    };
    content.kind = kind(&word, &content)?;
    Ok(content)
}

/// If the status of the session has the same effect, the event is that of a webhook.
fn kind(word: &str, content: &Content) -> Result<Kind, Reject> {
    let is_closed = content.usable_status().map(|status| status >= 7);
    Ok(match (word, is_closed) {
        ("open", _) | ("open_closed", Some(true)) => Kind::Open,
        ("open_closed", _) => Kind::OpenClosed,
        ("update", _) | ("update_open", Some(false)) => Kind::Changed,
        ("update_open", _) => Kind::ChangedOpen,
        ("message", _) => Kind::Message,
        ("close", _) => Kind::Close,
        _ => return reject("kind"),
    })
}

fn direction(own: &Own<'_>) -> Result<Option<Direction>, Reject> {
    match own.text("direction")?.as_deref() {
        None => Ok(None),
        Some("in") => Ok(Some(Direction::In)),
        Some("out") => Ok(Some(Direction::Out)),
        Some(_) => reject("direction"),
    }
}

fn agent(own: &Own<'_>) -> Result<AgentSays, Reject> {
    match own.object.get("agent") {
        None => Ok(AgentSays::Nothing),
        Some(Json::Null) => Ok(AgentSays::Nobody),
        Some(object @ Json::Object(_)) => {
            let agent = Own { object, path: "agent." };
            agent.only(&["id", "name"])?;
            match (agent.id("id")?, agent.name("name")?) {
                (None, None) => reject("agent"),
                (id, name) => Ok(AgentSays::Somebody { id, name }),
            }
        }
        Some(_) => reject("agent"),
    }
}

fn session(own: &Own<'_>) -> Result<Vec<(&'static str, SessionValue)>, Reject> {
    let session = match own.object.get("session") {
        None => return Ok(Vec::new()),
        Some(object @ Json::Object(_)) => Own { object, path: "session." },
        Some(_) => return reject("session"),
    };
    session.only(&SESSION_KEYS)?;
    let mut values = Vec::new();
    for key in SESSION_KEYS {
        let value = match key {
            "chatbot_is_active" | "consented" => match session.object.get(key) {
                None => None,
                Some(Json::Bool(truth)) => Some(SessionValue::Boolean(*truth)),
                Some(_) => return session.blame(key),
            },
            "customer_alias" => session.name(key)?.map(SessionValue::Text),
            _ => session.integer(key)?.map(SessionValue::Integer),
        };
        values.extend(value.map(|value| (key, value)));
    }
    Ok(values)
}

/// An object whose values have the right types or are missing.
struct Own<'a> {
    object: &'a Json,
    path: &'static str,
}

impl Own<'_> {
    fn blame<T>(&self, key: &str) -> Result<T, Reject> {
        reject(&format!("{}{key}", self.path))
    }

    /// An unknown key is a rejection (W6).
    fn only(&self, known: &[&str]) -> Result<(), Reject> {
        let Json::Object(members) = self.object else { return Ok(()) };
        match members.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => self.blame(key),
            None => Ok(()),
        }
    }

    /// An id: a text without a lone surrogate.
    fn id(&self, key: &str) -> Result<Option<String>, Reject> {
        match self.object.get(key) {
            Some(Json::Torn(_)) => self.blame(key),
            _ => self.text(key),
        }
    }

    fn name(&self, key: &str) -> Result<Option<String>, Reject> {
        match self.text(key)? {
            Some(name) if name.len() > LONGEST_NAME_BYTES => self.blame(key),
            name => Ok(name),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>, Reject> {
        match self.object.get(key) {
            None => Ok(None),
            Some(Json::Text(text) | Json::Torn(text)) => Ok(Some(text.clone())),
            Some(_) => self.blame(key),
        }
    }

    fn required(&self, key: &str) -> Result<String, Reject> {
        match self.id(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => self.blame(key),
        }
    }

    fn integer(&self, key: &str) -> Result<Option<i128>, Reject> {
        match self.object.get(key) {
            None => Ok(None),
            Some(number @ Json::Number(_)) => read_integer(number).or_else(|()| self.blame(key)),
            Some(_) => self.blame(key),
        }
    }

    fn time(&self, key: &str) -> Result<Option<Nanos>, Reject> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match time::from_rfc3339(&text) {
            Reading::At(time) => Ok(Some(time)),
            Reading::Absent | Reading::Unusable => self.blame(key),
        }
    }
}
