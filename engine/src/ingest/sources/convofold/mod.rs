//! convofold's own form of an event: a JSON object that can express every event.
//!
//! ```json
//! {"convofold":1,"source":"airship","conversation":"t-1","identity":"a8c66fc6-210c-11e6-a195-90e2ba211bf8",
//!  "kind":"message","occurred":"2021-07-29T05:11:08.595Z","sent":"2021-07-29T05:11:08.000Z","direction":"in",
//!  "channel":"sms","text":"Hello","member_number":"4512345678"}
//! ```
//!
//! `docs/own-form.md` describes every key. The keys mean the same as the setters of [`Draft`]
//! with these names. Absent values are left out. The tolerance for the sources (rule W4) does not apply: an unknown key,
//! or a value of another type, `null` included, is a rejection (rule W6). `seq` and `received` are not looked at.

mod line;
mod strict;

use std::borrow::Cow;
use std::ops::RangeFrom;

use crate::attribute::Attribute;
use crate::draft::{Draft, DraftError};
use crate::event::AgentMention;
use crate::identity::Identity;
use crate::ingest::Reason;
use crate::ingest::fields::{Checked, Complaint, Fields};
use crate::ingest::rejection::excerpt;
use crate::ingest::source::{COMPOSED_BYTES, Claim, Object, Site, Source, Take, Understood};
use crate::json::{Integer, Name, Reader, Scratch, Shape, Value, integer, locate, names};
use crate::session::{ReadValues, Session};
use strict::Strict;

/// The version of the form for writing, and the only version for reading.
const VERSION: i64 = 1;

/// The first bytes of a line that convofold wrote.
const BEGINNING: &[u8] = b"{\"convofold\":";

/// An upper bound for what longer keys, longer times, the composition of ids, and a customer alias that is also the
/// member's name add. A name has at most 8 KiB, and each byte can take six in JSON.
const LONGER_BYTES: usize = (4 << 10) + 6 * (8 << 10);

/// The key that identifies the form, and the keys that show another source or form. All keys are read in a second pass, by
/// [`NAMES`].
const TOP: [Name; 4] = names!["convofold", "body", "Event", "convofold_reject"];

macro_rules! own_names {
    ($($(#[$doc:meta])* $Attribute:ident $name:ident: $limit:ident,)*) => {
        names![
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
            $(stringify!($name),)*
            "session",
            "convofold",
            "seq",
            "received",
        ]
    };
}
const NAMES: [Name; own::SESSION + 4] = crate::attributes!(own_names);
const AGENT: [Name; 2] = names!["id", "name"];

macro_rules! session_names {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        names![$(stringify!($name)),*]
    };
}
const SESSION: [Name; Session::FIELDS.len()] = crate::session_values!(session_names);

/// Indexes in [`NAMES`].
mod own {
    pub(super) const SOURCE: usize = 0;
    pub(super) const CONVERSATION: usize = 1;
    pub(super) const IDENTITY: usize = 2;
    pub(super) const PART: usize = 3;
    pub(super) const KIND: usize = 4;
    pub(super) const OCCURRED: usize = 5;
    pub(super) const SENT: usize = 6;
    pub(super) const STARTED: usize = 7;
    pub(super) const ACTIVE: usize = 8;
    pub(super) const UNREAD: usize = 9;
    pub(super) const AGENT: usize = 10;
    pub(super) const DIRECTION: usize = 11;
    pub(super) const CHANNEL: usize = 12;
    pub(super) const TEXT: usize = 13;
    /// The first attribute.
    pub(super) const ATTRIBUTES: usize = 14;
    pub(super) const SESSION: usize = ATTRIBUTES + super::Attribute::COUNT;
}

const KINDS: &str = "`open`, `open_closed`, `update`, `update_open`, `message` or `close`";

/// Whether a line is in this form, as far as its first bytes show.
pub(in crate::ingest) fn is_written_here(line: &[u8]) -> bool {
    line.starts_with(BEGINNING)
}

/// How much longer a line in this form can be than the line of its source, so that every event that was accepted there
/// is accepted here.
///
/// Every character is written in the shortest form of JSON, so no text gets longer. But a SuperOffice context is
/// written twice, and keys and times are longer.
pub(in crate::ingest) fn room_bytes(max_id_bytes: usize) -> usize {
    // A character takes at most six bytes for each of its own.
    max_id_bytes.saturating_mul(6).saturating_add(LONGER_BYTES)
}

/// An event in the exported form.
pub(super) struct Convofold;

impl Source for Convofold {
    const NAME: &'static str = "convofold";
    const WANTED: &'static [Name] = &TOP;
    const SIGNS: &'static [usize] = &[0];
    type Nested = ();

    #[inline]
    fn claims(top: &Fields<'_, '_>) -> Claim {
        let is_anothers = top.value(1).shape == Shape::Object || !top.is_nothing(2);
        if top.has(0) && !is_anothers { Claim::Surely } else { Claim::No }
    }

    fn understand<'a>(object: &Object<'a, '_, ()>, take: &mut Take<'_>) -> Checked<Understood<'a>> {
        check_version(&object.top)?;
        let site = object.site;
        let mut parts = Parts::default();
        parts.read(site)?;
        let whole = Strict(site.fields("", site.at, &NAMES, &parts.own));
        whole.take_event(&parts.agent(site), &parts.session(site), take)?;
        Ok(Understood::Event)
    }
}

fn check_version(top: &Fields<'_, '_>) -> Checked<()> {
    let value = top.value(0);
    let written = value.written(top.text);
    let reason = match value.shape {
        Shape::Number if integer(written) == Integer::Whole(VERSION) => return Ok(()),
        Shape::Number => Reason::UnknownVersion,
        Shape::Missing => Reason::Missing,
        _ => Reason::WrongType,
    };
    Err(top.complain(0, reason, format!("{VERSION}, the version of the form").into()))
}

/// The wanted fields of an object and of the objects in it.
#[derive(Default)]
struct Parts {
    own: [Value; NAMES.len()],
    agent: [Value; AGENT.len()],
    session: [Value; SESSION.len()],
}

impl Parts {
    /// Reads the object a second time, by the names of this form.
    fn read(&mut self, site: Site<'_>) -> Checked<()> {
        let Self { own, agent, session } = self;
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(site.text, site.at, site.levels, &mut scratch);
        let read = reader.object(&NAMES, own, |reader, field| match field {
            own::AGENT => Some(reader.object(&AGENT, agent, |_, _| None)),
            own::SESSION => Some(reader.object(&SESSION, session, |_, _| None)),
            _ => None,
        });
        // The first pass found every fault.
        match read {
            Ok(_) => reader.first_passed().map_or(Ok(()), |at| Err(Box::new(unknown_key(site, at)))),
            Err(fault) => Err(Box::new(Complaint {
                reason: Reason::NotJson,
                at: fault.at,
                path: locate(site.text, site.at, fault.at),
                expected: fault.kind.expected().into(),
                found: "something else".to_owned(),
            })),
        }
    }

    fn agent<'a>(&self, site: Site<'a>) -> Strict<'a, '_> {
        Strict(site.fields(".agent", self.at(own::AGENT), &AGENT, &self.agent))
    }

    fn session<'a>(&self, site: Site<'a>) -> Strict<'a, '_> {
        Strict(site.fields(".session", self.at(own::SESSION), &SESSION, &self.session))
    }

    fn at(&self, field: usize) -> usize {
        self.own.get(field).map_or(0, |value| value.at())
    }
}

/// A complaint about the key at this offset.
fn unknown_key(site: Site<'_>, at: usize) -> Complaint {
    let path = locate(site.text, site.at, at);
    let found = excerpt(site.text.get(at..).unwrap_or_default());
    Complaint { reason: Reason::UnknownKey, at, path, expected: "only keys of convofold's own form".into(), found }
}

impl<'a> Strict<'a, '_> {
    fn take_event(&self, agent: &Strict<'a, '_>, session: &Strict<'a, '_>, take: &mut Take<'_>) -> Checked<()> {
        let source = self.required(own::SOURCE, self.max_made_bytes())?;
        let conversation = self.required(own::CONVERSATION, self.max_made_bytes())?;
        let (agent_id, agent_name) = (agent.id(0, agent.max_made_bytes())?, agent.name(1)?);
        let attributes = self.attributes()?;
        let mut build = |draft: Draft<'_>| take(draft, self.max_made_bytes());
        let built = build(Draft {
            source: &source,
            conversation: &conversation,
            identity: self.identity()?,
            kind: self
                .word(own::KIND, KINDS)?
                .ok_or_else(|| self.0.complain(own::KIND, Reason::Missing, "the kind of the event".into()))?,
            occurred: self.time(own::OCCURRED)?,
            sent: self.time(own::SENT)?,
            started: self.time(own::STARTED)?,
            active: self.time(own::ACTIVE)?,
            unread: self.unsigned(own::UNREAD, "a whole number from 0 to 18446744073709551615")?,
            agent: self.agent(agent_id.as_deref(), agent_name.as_deref())?,
            direction: self.word(own::DIRECTION, "`in` or `out`")?,
            channel: self.id(own::CHANNEL, self.max_made_bytes())?.as_deref(),
            text: self.text(own::TEXT)?.as_deref(),
            attributes: attributes.each_ref().map(Option::as_deref),
            session: self.session(session)?,
        });
        built.map_err(|error| match error {
            DraftError::NoTime => self.0.complain(own::OCCURRED, Reason::NoTime, "a time".into()),
            error => self.0.refuse(own::CONVERSATION, &error),
        })
    }

    fn attributes(&self) -> Checked<[Option<Cow<'a, str>>; Attribute::COUNT]> {
        let mut values = [const { None }; Attribute::COUNT];
        for (attribute, value) in Attribute::ALL.into_iter().zip(&mut values) {
            let field = own::ATTRIBUTES + attribute as usize;
            *value = if attribute.is_id() { self.id(field, self.0.max_id_bytes())? } else { self.name(field)? };
        }
        Ok(values)
    }

    /// The limit applies to ids that sources give. This form also contains composed ids (a conversation and an agent of
    /// SuperOffice) and words that no source gave (`airship`, `in_app`).
    fn max_made_bytes(&self) -> usize {
        self.0.max_id_bytes().saturating_add(COMPOSED_BYTES)
    }

    fn identity(&self) -> Checked<Option<Identity>> {
        let expected = "a whole number from 0 to 255, beside an `identity`";
        let part = self.unsigned(own::PART, expected)?.map(u8::try_from);
        match (self.id(own::IDENTITY, self.0.max_id_bytes())?, part) {
            (Some(id), None) => Ok(Some(Identity::given(&id, 0))),
            (Some(id), Some(Ok(part))) => Ok(Some(Identity::given(&id, part))),
            (None, None) => Ok(None),
            (Some(_), Some(Err(_))) | (None, Some(_)) => {
                Err(self.0.complain(own::PART, Reason::BadNumber, expected.into()))
            }
        }
    }

    fn agent<'d>(&self, id: Option<&'d str>, name: Option<&'d str>) -> Checked<AgentMention<'d>> {
        let expected = "null, or an object with an `id`, a `name` or both";
        match self.0.value(own::AGENT).shape {
            Shape::Missing => Ok(AgentMention::Silent),
            Shape::Null => Ok(AgentMention::Nobody),
            Shape::Object if id.is_some() || name.is_some() => Ok(AgentMention::Agent { id, name }),
            Shape::Object => Err(self.0.complain(own::AGENT, Reason::Missing, expected.into())),
            _ => Err(self.0.complain(own::AGENT, Reason::WrongType, expected.into())),
        }
    }

    fn session(&self, session: &Strict<'_, '_>) -> Checked<Option<Session>> {
        match self.0.value(own::SESSION).shape {
            Shape::Missing => Ok(None),
            Shape::Object => Session::read(&mut (session, 0..)).map(Some),
            _ => Err(self.0.complain(own::SESSION, Reason::WrongType, "an object".into())),
        }
    }
}

/// The fields of a session, in the order of [`SESSION`].
impl ReadValues for (&Strict<'_, '_>, RangeFrom<usize>) {
    type Error = Box<Complaint>;

    fn number(&mut self) -> Checked<Option<i64>> {
        self.1.next().map_or(Ok(None), |field| self.0.signed(field))
    }

    fn truth(&mut self) -> Checked<Option<bool>> {
        self.1.next().map_or(Ok(None), |field| self.0.truth(field))
    }

    fn text(&mut self) -> Checked<Option<String>> {
        self.1.next().map_or(Ok(None), |field| Ok(self.0.name(field)?.map(Cow::into_owned)))
    }
}
