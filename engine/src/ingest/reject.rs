//! Reject records: rejected input that comes back (rule W5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::{Checked, Fields};
use super::source::Site;
use super::{Ignored, Origin, Parser, Reason, Rejection, Sink};
use crate::draft::{Draft, DraftError};
use crate::event::Event;
use crate::json::{Integer, Name, Reader, Scratch, Shape, Value, integer, names};

/// The version of the form.
pub(super) const VERSION: u64 = 1;

const NAMES: [Name; 3] = names!["convofold_reject", "raw", "raw_base64"];

/// The rejected input of a reject record. The other fields of the record say where it was found and why it was rejected;
/// they are not looked at.
pub(super) struct Reject(Vec<u8>);

impl Reject {
    /// Reads the record at a site.
    pub(super) fn read(site: Site<'_>) -> Checked<Self> {
        let mut values = [Value::default(); NAMES.len()];
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(site.text, site.at, site.levels, &mut scratch);
        // It was read before, so there is no fault.
        let _ = reader.object(&NAMES, &mut values, |_, _| None);
        let fields = site.fields("", site.at, &NAMES, &values);
        if site.parser.is_again {
            return Err(fields.complain(0, Reason::NotAnEvent, "an event, in the raw part of a reject record".into()));
        }
        let version = fields.value(0);
        let is_known = version.shape == Shape::Number
            && integer(version.written(site.text)) == Integer::Whole(VERSION.cast_signed());
        if !is_known {
            return Err(fields.complain(
                0,
                Reason::UnknownVersion,
                format!("{VERSION}, the version of the form").into(),
            ));
        }
        Self::raw(&fields).map(Self)
    }

    fn raw(fields: &Fields<'_, '_>) -> Checked<Vec<u8>> {
        if !fields.value(1).is_missing() {
            return fields.required_string(1).map(|raw| raw.into_owned().into_bytes());
        }
        let encoded = fields.required_string(2)?;
        let decoded = STANDARD.decode(encoded.as_bytes());
        decoded.map_err(|_| fields.complain(2, Reason::WrongType, "bytes in base64".into()))
    }

    /// Parses the rejected input. What is found there is at the position of the record.
    pub(super) fn parse(&self, parser: &Parser, origin: Origin, sink: &mut impl Sink) {
        let parser = Parser { is_again: true, ..parser.clone() };
        parser.parse_input(&self.0, &mut Again { sink, origin });
    }
}

/// Moves what is found to the position of the record.
struct Again<'a> {
    sink: &'a mut dyn Sink,
    origin: Origin,
}

impl Sink for Again<'_> {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.sink.event(self.origin, event);
    }

    fn draft(&mut self, _origin: Origin, draft: Draft<'_>, max_id_bytes: usize) -> Result<(), DraftError> {
        self.sink.draft(self.origin, draft, max_id_bytes)
    }

    fn ignored(&mut self, _origin: Origin, why: Ignored<'_>) {
        self.sink.ignored(self.origin, why);
    }

    fn rejected(&mut self, rejection: Rejection) {
        let Origin { line, byte_offset } = self.origin;
        self.sink.rejected(Rejection { line, byte_offset, ..rejection });
    }
}
