//! The fields of an object that any source wants, wherever they are in it.

use super::fields::{Checked, Complaint, Fields};
#[cfg(feature = "airship")]
use super::sources::airship;
use super::sources::convofold;
#[cfg(feature = "superoffice")]
use super::sources::superoffice;
use super::{Format, Ignored, Reason};
use crate::event::Event;
use crate::json::{Fault, Name, Reader, Shape, Value, names};

/// The fields of the outermost object; the order is that in which the sources write them. Also what nobody looks at: a name
/// that is known costs less to pass than one that is not.
pub(super) const TOP: [Name; 19] = names![
    "id",
    "offset",
    "occurred",
    "user",
    "processed",
    "device",
    "type",
    "body",
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
    "convofold",
];

/// What an object has that is of any source.
const EXPECTED: &str = match (cfg!(feature = "airship"), cfg!(feature = "superoffice")) {
    (true, true) => "an object with `body`, `type`, `occurred`, `Event` or `convofold`",
    (true, false) => "an object with `body`, `type`, `occurred` or `convofold`",
    (false, true) => "an object with `Event` or `convofold`",
    (false, false) => "an object with `convofold`",
};

/// The fields of `user` and `device`. Nothing is wanted of them, but a name that is known costs less to pass than one that is
/// not.
const PERSON: [Name; 4] = names!["channel", "device_type", "ios_channel", "android_channel"];

/// Places in [`TOP`].
pub(super) mod top {
    pub(in crate::ingest) const ID: usize = 0;
    pub(in crate::ingest) const OCCURRED: usize = 2;
    pub(in crate::ingest) const USER: usize = 3;
    pub(in crate::ingest) const DEVICE: usize = 5;
    pub(in crate::ingest) const TYPE: usize = 6;
    pub(in crate::ingest) const BODY: usize = 7;
    pub(in crate::ingest) const EVENT_ID: usize = 8;
    pub(in crate::ingest) const TIMESTAMP: usize = 9;
    pub(in crate::ingest) const EVENT: usize = 11;
    pub(in crate::ingest) const PRIMARY_KEY: usize = 12;
    pub(in crate::ingest) const CONTEXT: usize = 14;
    pub(in crate::ingest) const FIELD_VALUES: usize = 17;
    pub(in crate::ingest) const CONVOFOLD: usize = 18;
}

/// An object that was read but not yet understood: what it is can stand at its end.
pub(super) struct Record<'a> {
    pub(super) text: &'a str,
    pub(super) max_id_bytes: usize,
    /// Where the object begins.
    pub(super) at: usize,
    /// How many containers the object is in.
    pub(super) levels: usize,
    top: [Value; TOP.len()],
    #[cfg(feature = "airship")]
    pub(super) body: airship::Body,
    #[cfg(feature = "superoffice")]
    pub(super) field_values: superoffice::FieldValues,
}

/// What an object is.
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and a box for each would be paid for")]
pub(super) enum Understood {
    Event(Event),
    Ignored(Ignored),
}

impl<'a> Record<'a> {
    /// The object that begins at `at`, nothing of it read yet.
    pub(super) fn new(text: &'a str, at: usize, levels: usize, max_id_bytes: usize) -> Self {
        let top = [Value::default(); TOP.len()];
        Self {
            text,
            max_id_bytes,
            at,
            levels,
            top,
            #[cfg(feature = "airship")]
            body: Default::default(),
            #[cfg(feature = "superoffice")]
            field_values: Default::default(),
        }
    }

    /// Reads the object; where it ends.
    pub(super) fn read(&mut self, reader: &mut Reader<'a, '_>) -> Result<usize, Fault> {
        reader.object(&TOP, &mut self.top, |reader, field| match field {
            #[cfg(feature = "airship")]
            top::BODY => Some(self.body.read(reader)),
            #[cfg(feature = "superoffice")]
            top::FIELD_VALUES => Some(self.field_values.read(reader)),
            top::USER | top::DEVICE => Some(reader.object(&PERSON, &mut [Value::default(); PERSON.len()], |_, _| None)),
            _ => None,
        })?;
        Ok(reader.at())
    }

    /// What the object is, its format being named or to be found out (spec W6).
    pub(super) fn understand(&self, format: Format) -> Checked<Understood> {
        match format {
            #[cfg(feature = "airship")]
            Format::Airship => airship::understand(self),
            #[cfg(feature = "superoffice")]
            Format::SuperOffice => superoffice::understand(self),
            Format::Convofold => convofold::understand(self),
            Format::Auto => match self.detect() {
                Some(format) => self.understand(format),
                None => Err(Box::new(Complaint {
                    reason: Reason::NotAnEvent,
                    at: self.at,
                    path: String::new(),
                    expected: EXPECTED.into(),
                    found: "one without them".to_owned(),
                })),
            },
        }
    }

    /// Whose the object is, the surest sign first: either source may add a key that looks like the other's.
    fn detect(&self) -> Option<Format> {
        let top = self.top();
        if top.has(top::CONVOFOLD) {
            return Some(Format::Convofold);
        }
        #[cfg(feature = "superoffice")]
        if superoffice::is_chat(&top) {
            return Some(Format::SuperOffice);
        }
        #[cfg(feature = "airship")]
        if top.value(top::BODY).shape == Shape::Object {
            return Some(Format::Airship);
        }
        #[cfg(feature = "superoffice")]
        if top.has(top::EVENT) {
            return Some(Format::SuperOffice);
        }
        #[cfg(feature = "airship")]
        if [top::BODY, top::TYPE, top::OCCURRED].iter().any(|field| top.has(*field)) {
            return Some(Format::Airship);
        }
        None
    }

    /// The fields of the outermost object.
    pub(super) fn top(&self) -> Fields<'a, '_> {
        self.fields("", self.at, &TOP, &self.top)
    }

    /// The fields of an object in it.
    pub(super) fn fields<'v>(
        &self,
        path: &'static str,
        at: usize,
        names: &'static [Name],
        values: &'v [Value],
    ) -> Fields<'a, 'v> {
        Fields { text: self.text, path, at, names, values, max_id_bytes: self.max_id_bytes }
    }
}

impl<'a> Fields<'a, '_> {
    /// Where the object begins that a field must be.
    pub(super) fn object(&self, field: usize) -> Checked<usize> {
        let value = self.value(field);
        if value.shape == Shape::Object {
            return Ok(value.at());
        }
        let reason = if self.is_nothing(field) { Reason::Missing } else { Reason::WrongType };
        Err(self.complain(field, reason, "an object".into()))
    }
}
