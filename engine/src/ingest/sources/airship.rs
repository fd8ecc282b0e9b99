//! Airship Live Chat, in both envelopes (rule W1).

use std::borrow::Cow;

use crate::attribute::Attribute;
use crate::draft::{Draft, DraftError};
use crate::event::{AIRSHIP, AgentMention, Direction, Kind};
use crate::identity::Identity;
use crate::ingest::Reason;
use crate::ingest::fields::{Checked, Complaint, Fields};
use crate::ingest::source::{Claim, Object, Source, Take, Understood};
use crate::json::{Fault, Name, Reader, Shape, Value, names};

const CONVO_NAME: &str = "live_chat_convo";
const MESSAGE_NAME: &str = "live_chat_message";

/// Includes names without an effect, because a known name is cheaper to skip than an unknown one.
const TOP: [Name; 8] = names!["id", "offset", "occurred", "processed", "user", "device", "type", "body"];
/// The fields of `user` and `device`. None of them has an effect.
const PERSON: [Name; 4] = names!["channel", "device_type", "ios_channel", "android_channel"];
const BODY: [Name; 4] = names!["name", "interaction_type", "transaction", "properties"];
const PROPERTIES: [Name; 2] = names!["convo", "message"];
const CONVO: [Name; 12] = names![
    "member_business_id",
    "member_name",
    "member_number",
    "shortcode",
    "business_id",
    "started_timestamp",
    "last_message",
    "last_message_direction",
    "message_count_since_last_accessed",
    "last_active_timestamp",
    "agent_id",
    "agent_name",
];
/// Includes names without an effect, because a known name is cheaper to skip than an unknown one.
const MESSAGE: [Name; 14] = names![
    "id",
    "timestamp",
    "business_id",
    "agent_id",
    "agent_name",
    "direction",
    "member_business_id",
    "number",
    "shortcode",
    "airship_app_key",
    "airship_channel_id",
    "message",
    "mms",
    "status",
];

/// Indexes in [`TOP`].
mod top {
    pub(super) const ID: usize = 0;
    pub(super) const OCCURRED: usize = 2;
    pub(super) const USER: usize = 4;
    pub(super) const DEVICE: usize = 5;
    pub(super) const TYPE: usize = 6;
    pub(super) const BODY: usize = 7;
}

/// Indexes in [`BODY`].
mod body {
    pub(super) const NAME: usize = 0;
    pub(super) const INTERACTION_TYPE: usize = 1;
    pub(super) const TRANSACTION: usize = 2;
    pub(super) const PROPERTIES: usize = 3;
}

/// Indexes in [`CONVO`].
mod convo {
    pub(super) const MEMBER_BUSINESS_ID: usize = 0;
    pub(super) const MEMBER_NAME: usize = 1;
    pub(super) const MEMBER_NUMBER: usize = 2;
    pub(super) const SHORTCODE: usize = 3;
    pub(super) const BUSINESS_ID: usize = 4;
    pub(super) const STARTED: usize = 5;
    pub(super) const LAST_MESSAGE: usize = 6;
    pub(super) const LAST_DIRECTION: usize = 7;
    pub(super) const UNREAD: usize = 8;
    pub(super) const LAST_ACTIVE: usize = 9;
    pub(super) const AGENT_ID: usize = 10;
    pub(super) const AGENT_NAME: usize = 11;
}

/// Indexes in [`MESSAGE`].
mod message {
    pub(super) const TIMESTAMP: usize = 1;
    pub(super) const BUSINESS_ID: usize = 2;
    pub(super) const AGENT_ID: usize = 3;
    pub(super) const AGENT_NAME: usize = 4;
    pub(super) const MEMBER_BUSINESS_ID: usize = 6;
    pub(super) const NUMBER: usize = 7;
    pub(super) const SHORTCODE: usize = 8;
    pub(super) const APP_KEY: usize = 9;
    pub(super) const CHANNEL_ID: usize = 10;
    pub(super) const TEXT: usize = 11;
}

/// The wanted fields of `body` and of the objects in it.
#[derive(Default)]
pub(super) struct Body {
    own: [Value; BODY.len()],
    properties: [Value; PROPERTIES.len()],
    convo: [Value; CONVO.len()],
    message: [Value; MESSAGE.len()],
}

impl Body {
    /// Reads the `body` at the reader's position.
    fn read(&mut self, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        let Self { own, properties, convo, message } = self;
        reader.object(&BODY, own, |reader, field| {
            (field == body::PROPERTIES).then(|| {
                reader.object(&PROPERTIES, properties, |reader, field| {
                    Some(match field {
                        0 => reader.object(&CONVO, convo, |_, _| None),
                        _ => reader.object(&MESSAGE, message, |_, _| None),
                    })
                })
            })
        })
    }
}

/// `{id, type, occurred, body}` of the data stream, or `{occurred, user, body}` of a submission.
pub(super) struct Airship;

impl Source for Airship {
    const NAME: &'static str = AIRSHIP;
    const WANTED: &'static [Name] = &TOP;
    const SIGNS: &'static [usize] = &[top::BODY, top::TYPE, top::OCCURRED];
    const NESTED: &'static [usize] = &[top::USER, top::DEVICE, top::BODY];
    type Nested = Body;

    #[inline]
    fn claims(top: &Fields<'_, '_>) -> Claim {
        if top.value(top::BODY).shape == Shape::Object {
            Claim::Surely
        } else if Self::SIGNS.iter().any(|field| top.has(*field)) {
            Claim::Possibly
        } else {
            Claim::No
        }
    }

    #[inline]
    fn read_nested(body: &mut Body, field: usize, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        match field {
            top::BODY => body.read(reader),
            _ => reader.object(&PERSON, &mut [Value::default(); PERSON.len()], |_, _| None),
        }
    }

    fn understand<'a>(object: &Object<'a, '_, Body>, take: &mut Take<'_>) -> Checked<Understood<'a>> {
        match object.top.text(top::TYPE)?.as_deref() {
            None | Some("CUSTOM") => {}
            Some("OFFSET_UPDATE") => return Ok(Understood::Ignored("offset_update")),
            Some(_) => return Ok(Understood::Ignored("other_type")),
        }
        let (body_at, nested) = object.nested(top::BODY)?;
        let body = object.site.fields(".body", body_at, &BODY, &nested.own);
        let is_message = match &*body.required_string(body::NAME)? {
            CONVO_NAME => false,
            MESSAGE_NAME => true,
            _ => return Ok(Understood::Ignored("other_name")),
        };
        if let Some(ignored) = ignored_interaction(object, &body) {
            return Ok(Understood::Ignored(ignored));
        }
        let chat = Chat {
            object,
            nested,
            body,
            transaction: body.required_string_id(body::TRANSACTION)?,
            identity: object.top.id(top::ID)?.map(|id| Identity::given(&id, 0)),
        };
        if is_message { chat.message(take) } else { chat.convo(take) }
    }
}

/// A live chat event, as far as it does not depend on its name.
struct Chat<'a, 'r> {
    object: &'r Object<'a, 'r, Body>,
    nested: &'r Body,
    body: Fields<'a, 'r>,
    /// The conversation id: a non-empty JSON string (rules, section 8).
    transaction: Cow<'a, str>,
    identity: Option<Identity>,
}

impl<'a, 'r> Chat<'a, 'r> {
    fn convo(self, take: &mut Take<'_>) -> Checked<Understood<'a>> {
        let is_open = match &*self.body.required_string(body::INTERACTION_TYPE)? {
            "convo_open" => true,
            "convo_close" => false,
            _ => return Err(self.unknown_interaction("`convo_open` or `convo_close`")),
        };
        let convo = self.inner(".body.properties.convo", 0, &CONVO, &self.nested.convo)?;
        let active = convo.time(convo::LAST_ACTIVE)?;
        // F2: a null that is present means closed, whatever the interaction type is.
        let is_closed = !is_open || (active.is_none() && convo.has(convo::LAST_ACTIVE));
        let names_agent = convo.has(convo::AGENT_ID) || convo.has(convo::AGENT_NAME);
        self.build(
            Draft {
                started: convo.time(convo::STARTED)?,
                active,
                unread: convo.count(convo::UNREAD)?,
                agent: AgentMention::from_parts(
                    convo.id(convo::AGENT_ID)?.as_deref(),
                    convo.name(convo::AGENT_NAME)?.as_deref(),
                    names_agent,
                ),
                direction: convo.text(convo::LAST_DIRECTION)?.as_deref().and_then(read_direction),
                text: convo.text(convo::LAST_MESSAGE)?.as_deref(),
                attributes: Attribute::values([
                    (Attribute::MemberName, convo.name(convo::MEMBER_NAME)?.as_deref()),
                    (Attribute::MemberNumber, convo.id(convo::MEMBER_NUMBER)?.as_deref()),
                    (Attribute::MemberBusinessId, convo.id(convo::MEMBER_BUSINESS_ID)?.as_deref()),
                    (Attribute::Shortcode, convo.id(convo::SHORTCODE)?.as_deref()),
                    (Attribute::Tenant, convo.id(convo::BUSINESS_ID)?.as_deref()),
                ]),
                ..self.draft(if is_closed { Kind::Close } else { Kind::Open })
            },
            (&convo, convo::STARTED),
            take,
        )
    }

    fn message(self, take: &mut Take<'_>) -> Checked<Understood<'a>> {
        let (channel, direction) = match &*self.body.required_string(body::INTERACTION_TYPE)? {
            "sms_in" => ("sms", Direction::In),
            "sms_out" => ("sms", Direction::Out),
            "app_in" => ("in_app", Direction::In),
            "app_out" => ("in_app", Direction::Out),
            _ => return Err(self.unknown_interaction("`sms_in`, `sms_out`, `app_in` or `app_out`")),
        };
        let message = self.inner(".body.properties.message", 1, &MESSAGE, &self.nested.message)?;
        self.build(
            Draft {
                sent: message.time(message::TIMESTAMP)?,
                // F5: a null agent in a message has no effect.
                agent: AgentMention::from_parts(
                    message.id(message::AGENT_ID)?.as_deref(),
                    message.name(message::AGENT_NAME)?.as_deref(),
                    false,
                ),
                direction: Some(direction),
                channel: Some(channel),
                text: message.text(message::TEXT)?.as_deref(),
                attributes: Attribute::values([
                    (Attribute::MemberNumber, message.id(message::NUMBER)?.as_deref()),
                    (Attribute::MemberBusinessId, message.id(message::MEMBER_BUSINESS_ID)?.as_deref()),
                    (Attribute::MemberChannelId, message.id(message::CHANNEL_ID)?.as_deref()),
                    (Attribute::Shortcode, message.id(message::SHORTCODE)?.as_deref()),
                    (Attribute::AppKey, message.id(message::APP_KEY)?.as_deref()),
                    (Attribute::Tenant, message.id(message::BUSINESS_ID)?.as_deref()),
                ]),
                ..self.draft(Kind::Message)
            },
            (&message, message::TIMESTAMP),
            take,
        )
    }

    /// The fields of `properties.convo` or `properties.message`.
    fn inner(
        &self,
        path: &'static str,
        property: usize,
        names: &'static [Name],
        values: &'r [Value],
    ) -> Checked<Fields<'a, 'r>> {
        let at = self.body.object(body::PROPERTIES)?;
        let properties = self.object.site.fields(".body.properties", at, &PROPERTIES, &self.nested.properties);
        Ok(self.object.site.fields(path, properties.object(property)?, names, values))
    }

    /// The fields that all events have.
    fn draft(&self, kind: Kind) -> Draft<'_> {
        let occurred = self.object.top.lenient_time(top::OCCURRED);
        Draft { identity: self.identity.clone(), ..Draft::new(AIRSHIP, &self.transaction, kind, occurred) }
    }

    /// Passes the event on. `own_time` is the field that could give the time if there is none at all.
    fn build(
        &self,
        draft: Draft<'_>,
        own_time: (&Fields<'a, 'r>, usize),
        take: &mut Take<'_>,
    ) -> Checked<Understood<'a>> {
        // All given ids were checked against the limit. The name of the source is not subject to it.
        let max_bytes = self.body.max_id_bytes().max(AIRSHIP.len());
        take(draft, max_bytes).map(|()| Understood::Event).map_err(|error| match error {
            DraftError::NoTime => self.object.top.no_time(top::OCCURRED, own_time),
            error => self.body.refuse(body::PROPERTIES, &error),
        })
    }

    fn unknown_interaction(&self, expected: &'static str) -> Box<Complaint> {
        self.body.complain(body::INTERACTION_TYPE, Reason::UnknownInteraction, expected.into())
    }
}

/// The interaction type, if the operator ignores it (rule W5).
fn ignored_interaction<'a>(object: &Object<'a, '_, Body>, body: &Fields<'a, '_>) -> Option<&'a str> {
    let ignored = &object.site.parser.ignored;
    let interaction = body.value(body::INTERACTION_TYPE);
    if !interaction.is_string() { None } else { ignored.find(&interaction.text(body.text)?) }
}

/// An unknown direction is not a fault; no count uses it.
fn read_direction(direction: &str) -> Option<Direction> {
    if direction.eq_ignore_ascii_case("in") {
        Some(Direction::In)
    } else if direction.eq_ignore_ascii_case("out") {
        Some(Direction::Out)
    } else {
        None
    }
}
