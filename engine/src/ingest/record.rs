//! An object of an input: read once for all sources, then interpreted by the source to which it belongs.

use super::fields::{Checked, Complaint};
use super::format::either;
use super::reject::Reject;
use super::source::{Site, Take, Understood};
use super::sources::{self, Nested, TOP};
use super::{Format, Ignored, Reason};
use crate::json::{Fault, Reader, Value};

/// An object that was read but not yet interpreted, because the field that identifies it can be the last one. Reused for
/// the next object.
pub(super) struct Record {
    top: [Value; TOP.len()],
    nested: Nested,
}

/// The result for an object that is not rejected.
pub(super) enum Accepted<'a> {
    /// An event, which was taken.
    Event,
    Ignored(Ignored<'a>),
    /// A reject record, whose rejected input is parsed again.
    Again(Reject),
}

impl Default for Record {
    fn default() -> Self {
        Self { top: [Value::default(); TOP.len()], nested: Nested::default() }
    }
}

impl Record {
    /// Reads an object. Returns its end.
    pub(super) fn read(&mut self, reader: &mut Reader<'_, '_>) -> Result<usize, Fault> {
        let Self { top, nested } = self;
        reader.object(&TOP, top, |reader, field| nested.read(field, reader))?;
        Ok(reader.at())
    }

    /// Interprets the object that was read at this site, with a given or a detected format (rule W6). An event is passed to
    /// `take`.
    pub(super) fn accept<'a>(&self, site: Site<'a>, take: &mut Take<'_>) -> Checked<Accepted<'a>> {
        if sources::is_reject(&self.top) {
            return Reject::read(site).map(Accepted::Again);
        }
        let format = match site.parser.format {
            Format::Auto => sources::detect(site, &self.top).unwrap_or_default(),
            format => format,
        };
        let Some(understood) = sources::understand(format, site, &self.top, &self.nested, take) else {
            return Err(of_no_source(site.at));
        };
        Ok(match understood? {
            Understood::Event => Accepted::Event,
            Understood::Ignored(reason) => Accepted::Ignored(Ignored { source: format.name(), reason }),
        })
    }
}

#[cold]
fn of_no_source(at: usize) -> Box<Complaint> {
    Box::new(Complaint {
        reason: Reason::NotAnEvent,
        at,
        path: String::new(),
        expected: format!("an object with {}", either(sources::signs())).into(),
        found: "one without them".to_owned(),
    })
}
