//! SuperOffice chat webhooks (rules W2 and F11).

use std::borrow::Cow;
use std::convert::Infallible;

use crate::attribute::Attribute;
use crate::draft::{Draft, DraftError, MAX_NAME_BYTES};
use crate::event::{AgentMention, Direction, Kind, SUPEROFFICE};
use crate::identity::Identity;
use crate::ingest::Reason;
use crate::ingest::fields::{Checked, Complaint, Fields, trimmed};
use crate::ingest::source::{COMPOSED_BYTES, Claim, Object, Site, Source, Take, Understood};
use crate::json::{Fault, FaultKind, Integer, Name, Reader, Scratch, Shape, Value, integer, locate, names};
use crate::session::{ReadValues, Session, SessionStatus};

/// Includes names without an effect, because a known name is cheaper to skip than an unknown one.
const TOP: [Name; 10] = names![
    "EventId",
    "Timestamp",
    "Changes",
    "Event",
    "PrimaryKey",
    "Entity",
    "ContextIdentifier",
    "ChangedByAssociateId",
    "WebhookName",
    "FieldValues",
];

/// Indexes in [`TOP`].
mod top {
    pub(super) const EVENT_ID: usize = 0;
    pub(super) const TIMESTAMP: usize = 1;
    pub(super) const EVENT: usize = 3;
    pub(super) const PRIMARY_KEY: usize = 4;
    pub(super) const CONTEXT: usize = 6;
    pub(super) const FIELD_VALUES: usize = 9;
}

/// A conversation id is `superoffice:CONTEXT:KEY`, with a key of up to 19 digits.
const _: () = assert!(SUPEROFFICE.len() + 2 + 19 <= COMPOSED_BYTES);

/// The supported events, in the order of their names. The index of each is its part of the identity (rule I1).
const CHANGED: u8 = 0;
const CREATED: u8 = 1;
const MESSAGE: u8 = 2;

/// `{EventId, Timestamp, Event, PrimaryKey, ContextIdentifier, FieldValues}`.
pub(super) struct SuperOffice;

impl Source for SuperOffice {
    const NAME: &'static str = SUPEROFFICE;
    const WANTED: &'static [Name] = &TOP;
    const SIGNS: &'static [usize] = &[top::EVENT];
    const NESTED: &'static [usize] = &[top::FIELD_VALUES];
    type Nested = FieldValues;

    #[inline]
    fn claims(top: &Fields<'_, '_>) -> Claim {
        let event = top.value(top::EVENT);
        match event.text(top.text) {
            Some(name) if name.starts_with("chatsession.") => Claim::Surely,
            Some(name) if !name.is_empty() => Claim::Possibly,
            _ => Claim::No,
        }
    }

    #[inline]
    fn read_nested(values: &mut FieldValues, _field: usize, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        values.read(reader)
    }

    fn understand<'a>(object: &Object<'a, '_, FieldValues>, take: &mut Take<'_>) -> Checked<Understood<'a>> {
        let Some(name) = object.top.text(top::EVENT)? else {
            return Err(object.top.complain(top::EVENT, Reason::Missing, "the name of an event".into()));
        };
        let part = match &*name {
            "chatsession.changed" => CHANGED,
            "chatsession.created" => CREATED,
            "chatsession.message" => MESSAGE,
            _ => return Ok(Understood::Ignored("other_event")),
        };
        let context = object.top.required_id(top::CONTEXT)?;
        let expected = "a whole number from 1 to 9223372036854775807";
        let primary_key = match object.top.integer(top::PRIMARY_KEY, expected)? {
            Some(primary_key @ 1..) => primary_key,
            None => return Err(object.top.complain(top::PRIMARY_KEY, Reason::Missing, expected.into())),
            Some(_) => return Err(object.top.complain(top::PRIMARY_KEY, Reason::BadNumber, expected.into())),
        };
        let occurred = object.top.time(top::TIMESTAMP)?;
        let Values { session, name } = read_session(object)?;
        let conversation = [SUPEROFFICE, ":", &context, ":", &digits(&object.top, primary_key)].concat();
        let agent_id = session.user_id.filter(|id| *id > 0).map(|id| format!("user:{id}"));
        let kind = kind(part, &session);
        let draft = Draft {
            identity: object.top.id(top::EVENT_ID)?.map(|id| Identity::given(&id, part)),
            agent: mention(&session, agent_id.as_deref()),
            direction: if part == MESSAGE { direction(&session) } else { None },
            attributes: Attribute::values([
                (Attribute::MemberName, name.as_deref()),
                (Attribute::Tenant, Some(&context)),
            ]),
            session: Some(session),
            ..Draft::new(SUPEROFFICE, &conversation, kind, occurred)
        };
        // The limit applies to given ids, which were checked. This id and the agent's are composed.
        let max_bytes = object.top.max_id_bytes().saturating_add(COMPOSED_BYTES);
        take(draft, max_bytes).map(|()| Understood::Event).map_err(|error| match error {
            DraftError::NoTime => object.top.complain(top::TIMESTAMP, Reason::NoTime, "a time".into()),
            error => object.top.refuse(top::EVENT, &error),
        })
    }
}

/// The digits of the primary key; usually the digits as written.
fn digits<'a>(top: &Fields<'a, '_>, primary_key: i64) -> Cow<'a, str> {
    let written = top.value(top::PRIMARY_KEY).written(top.text);
    let are_its_digits = written.bytes().all(|byte| byte.is_ascii_digit()) && !written.starts_with('0');
    if are_its_digits { Cow::Borrowed(written) } else { Cow::Owned(primary_key.to_string()) }
}

fn kind(part: u8, session: &Session) -> Kind {
    let is_closed = session.usable_status().map(SessionStatus::is_closed);
    match (part, is_closed) {
        (MESSAGE, _) => Kind::Message,
        (CREATED, Some(true)) => Kind::OpenClosed,
        (CREATED, _) => Kind::Open,
        (_, Some(true)) => Kind::Close,
        (_, Some(false)) => Kind::UpdateOpen,
        (_, None) => Kind::Update,
    }
}

fn direction(session: &Session) -> Option<Direction> {
    match session.usable_status() {
        Some(SessionStatus::CustomerLast) => Some(Direction::In),
        Some(SessionStatus::UserLast) => Some(Direction::Out),
        _ => None,
    }
}

/// A user is a person with a number of the provider. 0 and -1 mean that no agent is assigned, also in a message.
fn mention<'a>(session: &Session, agent_id: Option<&'a str>) -> AgentMention<'a> {
    match (session.user_id, agent_id) {
        (Some(0 | -1), _) => AgentMention::Nobody,
        (_, None) => AgentMention::Silent,
        (_, id) => AgentMention::Agent { id, name: None },
    }
}

/// The number of field values with a meaning.
const FIELDS: usize = Session::FIELDS.len();
/// The index of the customer's alias among them.
const ALIAS: usize = 4;
const _: () = assert!(matches!(Session::FIELDS[ALIAS].0.as_bytes(), b"customer_alias"));
/// The index of the status among them.
const STATUS: usize = 9;
const _: () = assert!(matches!(Session::FIELDS[STATUS].0.as_bytes(), b"status"));

/// The spellings in which sources write the keys, each in the source's order.
const SPELLINGS: [[Name; FIELDS]; 3] = [
    names![
        "AlertLevel",
        "ChatbotIsactive",
        "Consented",
        "ContactId",
        "CustomerAlias",
        "CustomerId",
        "ProjectId",
        "Rating",
        "SaleId",
        "Status",
        "TicketId",
        "TopicId",
        "UserId",
    ],
    names![
        "alertLevel",
        "chatbotIsactive",
        "consented",
        "contactId",
        "customerAlias",
        "customerId",
        "projectId",
        "rating",
        "saleId",
        "status",
        "ticketId",
        "topicId",
        "userId",
    ],
    names![
        "alert_level",
        "chatbot_isactive",
        "consented",
        "contact_id",
        "customer_alias",
        "customer_id",
        "project_id",
        "rating",
        "sale_id",
        "status",
        "ticket_id",
        "topic_id",
        "user_id",
    ],
];

/// The field values, if all their keys have the same spelling.
#[derive(Default)]
pub(super) struct FieldValues {
    values: [Value; FIELDS],
    /// Whether there are no other keys.
    are_all: bool,
}

impl FieldValues {
    /// Reads the `FieldValues` at the reader's position.
    fn read(&mut self, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        let is_used = |names: &&[Name; FIELDS]| names.first().is_some_and(|first| reader.is_first(first));
        let [names, ..] = &SPELLINGS;
        let names = SPELLINGS.iter().find(is_used).unwrap_or(names);
        let passed_before = reader.passed();
        let read = reader.object(names, &mut self.values, |_, _| None)?;
        self.are_all = reader.passed() == passed_before;
        Ok(read)
    }
}

/// What `FieldValues` say.
#[derive(Default)]
struct Values<'a> {
    session: Session,
    /// The member's name: the alias, if it is written as a text (rule F8).
    name: Option<Cow<'a, str>>,
}

/// The session in `FieldValues`. Its values are never rejected: a value of the wrong type counts as absent.
fn read_session<'a>(object: &Object<'a, '_, FieldValues>) -> Checked<Values<'a>> {
    let field_values = object.top.value(top::FIELD_VALUES);
    if field_values.shape != Shape::Object {
        return Ok(Values::default());
    }
    let (_, FieldValues { values, are_all }) = object.nested(top::FIELD_VALUES)?;
    if !are_all {
        return read_any_session(object.site, field_values);
    }
    session_of(object.site, values)
}

/// The session with these values, in the order of [`Session::FIELDS`].
fn session_of<'a>(site: Site<'a>, values: &[Value; FIELDS]) -> Checked<Values<'a>> {
    let fields = values.map(|value| Field { text: site.text, value });
    let named_status = || fields.get(STATUS).and_then(Field::named_status);
    let Ok(mut session) = Session::read(&mut InOrder(fields.iter()));
    session.status = session.status.or_else(named_status);
    if let Some(alias) = session.customer_alias.as_ref().filter(|alias| alias.len() > MAX_NAME_BYTES) {
        let complaint = site.fields(".FieldValues", site.at, &SPELLINGS[0], values).long_name(ALIAS, alias.len());
        let path = locate(site.text, site.at, complaint.at);
        return Err(Box::new(Complaint { path, ..*complaint }));
    }
    let alias = fields.get(ALIAS).filter(|alias| alias.value.is_string());
    Ok(Values { session, name: alias.and_then(Field::words) })
}

/// Reads `FieldValues` with keys in any spelling. Their grammar was checked before. Keys are now compared without case
/// and underscores, so a key can be a duplicate.
fn read_any_session(site: Site<'_>, field_values: Value) -> Checked<Values<'_>> {
    let mut values = [Value::default(); FIELDS];
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(site.text, field_values.at(), site.levels + 1, &mut scratch);
    let read = reader.each_field(normal_key, |key, value| {
        if let Some(field) = NAMES.iter().position(|name| *name.as_bytes() == *key) {
            values[field] = value;
        }
    });
    read.map_err(|fault| Box::new(complaint(site, fault)))?;
    session_of(site, &values)
}

fn complaint(site: Site<'_>, fault: Fault) -> Complaint {
    let is_duplicate = fault.kind == FaultKind::DuplicateKey;
    Complaint {
        reason: if is_duplicate { Reason::DuplicateKey } else { Reason::NotJson },
        at: fault.at,
        path: locate(site.text, site.at, fault.at),
        expected: "keys that differ in more than case and underscores".into(),
        found: "a duplicate key".to_owned(),
    }
}

/// The names of the field values in lower case without underscores.
const NAMES: [&str; FIELDS] = [
    "alertlevel",
    "chatbotisactive",
    "consented",
    "contactid",
    "customeralias",
    "customerid",
    "projectid",
    "rating",
    "saleid",
    "status",
    "ticketid",
    "topicid",
    "userid",
];

/// A key in lower case without underscores. Sources write `userId`, `UserId` and `user_id`.
fn normal_key(key: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if let Some(name) = NAMES.into_iter().find(|name| is_written(&key, name)) {
        return Cow::Borrowed(name.as_bytes());
    }
    let mut normal = Vec::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        normal.extend(chunk.valid().to_lowercase().bytes().filter(|byte| *byte != b'_'));
        // Lone surrogates.
        normal.extend(chunk.invalid());
    }
    Cow::Owned(normal)
}

/// Whether a key is a spelling of a name.
fn is_written(key: &[u8], name: &str) -> bool {
    let letters = key.iter().filter(|byte| **byte != b'_').map(u8::to_ascii_lowercase);
    letters.eq(name.bytes())
}

/// One of the field values.
struct Field<'a> {
    text: &'a str,
    value: Value,
}

impl<'a> Field<'a> {
    fn number(&self) -> Option<i64> {
        let number = match self.value.shape {
            Shape::Number | Shape::Plain => integer(trimmed(self.value.written(self.text))),
            _ => integer(trimmed(&self.value.text(self.text)?)),
        };
        if let Integer::Whole(number) = number { Some(number) } else { None }
    }

    fn truth(&self) -> Option<bool> {
        let number = if self.value.shape == Shape::Number { self.number() } else { None };
        match (self.value.shape, number) {
            (Shape::True, _) | (_, Some(1)) => Some(true),
            (Shape::False, _) | (_, Some(0)) => Some(false),
            _ => self.named_truth(),
        }
    }

    /// Exactly these texts: surrounding spaces and leading zeros are allowed for numbers only (rules, section 8).
    fn named_truth(&self) -> Option<bool> {
        match &*self.value.text(self.text)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    fn words(&self) -> Option<Cow<'a, str>> {
        self.value.text(self.text).filter(|text| !text.is_empty())
    }

    /// The number of a status given by name, with or without the prefix `Status`.
    fn named_status(&self) -> Option<i64> {
        if !self.value.is_string() {
            return None;
        }
        let name = trimmed(&self.value.text(self.text)?).to_ascii_lowercase();
        let name = name.strip_prefix("status").unwrap_or(&name);
        let invalid = (name == "invalid").then_some(0);
        let named = SessionStatus::ALL.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(number, _, _)| *number).or(invalid)
    }
}

/// Field values in the order of [`Session::FIELDS`].
struct InOrder<'f, 'a>(std::slice::Iter<'f, Field<'a>>);

impl ReadValues for InOrder<'_, '_> {
    type Error = Infallible;

    fn number(&mut self) -> Result<Option<i64>, Infallible> {
        Ok(self.0.next().and_then(Field::number))
    }

    fn truth(&mut self) -> Result<Option<bool>, Infallible> {
        Ok(self.0.next().and_then(Field::truth))
    }

    fn text(&mut self) -> Result<Option<String>, Infallible> {
        Ok(self.0.next().and_then(Field::words).map(Cow::into_owned))
    }
}
