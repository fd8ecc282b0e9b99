//! The interface between the parser and a source of events.
//!
//! # Adding a source
//!
//! 1. `engine/src/ingest/sources/NAME.rs`: a unit struct that implements [`Source`]. `helpdesk.rs` is a small example.
//! 2. `engine/src/ingest/sources/mod.rs`: `mod NAME;`, and a line in the list, with a number that no source has had
//!    before.
//! 3. The Cargo feature: `engine/Cargo.toml` declares it and `bindings/rust/Cargo.toml` forwards it. Add it to
//!    `default` in both if it should be on.
//!
//! [`Format`](super::Format), detection, the texts of rejections, the values of `--format`, the strings of Python and
//! the constants of C follow from the list. `just generate` writes the C header again. Put a transcript for the source
//! into `tests/transcripts/NAME/`.

use super::Parser;
use super::fields::{Checked, Fields};
use crate::draft::{Draft, DraftError};
use crate::json::{Fault, Name, Reader, Value};

/// The maximum number of bytes that a source may add to a given id, as in `superoffice:CONTEXT:NUMBER`.
pub(super) const COMPOSED_BYTES: usize = 32;

/// A source of events: how to recognise its objects, and how to turn one into an event.
///
/// Every object of an input is read once, with the names that any source wants, before its source is known. Then each
/// source states whether the object is its own (rule W6), and the source with the strongest claim interprets it.
pub(super) trait Source {
    /// The name: in [`Format`](super::Format), in its events and in the counts of what it ignores.
    const NAME: &'static str;
    /// The wanted fields of the outermost object, in the order in which the source writes them. A name in this list is
    /// cheaper to skip than one that is not.
    const WANTED: &'static [Name];
    /// The indexes in [`Source::WANTED`] of the fields that identify its objects. The rejection of an object that
    /// belongs to no source names them.
    const SIGNS: &'static [usize];
    /// The indexes in [`Source::WANTED`] of the fields that [`Source::read_nested`] reads if they are objects. Two
    /// sources cannot read the same field (the build fails); the second source can read it again in
    /// [`Source::understand`], from [`Object::site`].
    const NESTED: &'static [usize] = &[];
    /// The result of [`Source::read_nested`].
    type Nested: Default;

    /// Whether the object with these fields belongs to the source. A field of `SIGNS` should make it at least
    /// [`Claim::Possibly`].
    fn claims(top: &Fields<'_, '_>) -> Claim;

    /// Reads the object in a field of [`Source::NESTED`]. The reader stands at its beginning. `nested` can contain what
    /// was read before; [`Reader::object`] replaces all of its values.
    ///
    /// # Errors
    /// A grammar fault, which rejects the whole unit of input.
    fn read_nested(_nested: &mut Self::Nested, _field: usize, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        reader.value()
    }

    /// Passes the event that an object is to `take`, or says why the object is ignored.
    ///
    /// # Errors
    /// A fault of the object's content (rule W5).
    fn understand<'a>(object: &Object<'a, '_, Self::Nested>, take: &mut Take<'_>) -> Checked<Understood<'a>>;
}

/// Whether an object belongs to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    No,
    Possibly,
    Surely,
}

/// Takes an event before its texts are copied, with the limit on ids: [`Draft::build_with`], or into columns.
pub(super) type Take<'t> = dyn FnMut(Draft<'_>, usize) -> Result<(), DraftError> + 't;

/// The result of interpreting an object.
pub(super) enum Understood<'a> {
    /// An event, which was taken.
    Event,
    /// Neither an event nor a fault, with the reason in one word.
    Ignored(&'a str),
}

/// The position of an object.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) text: &'a str,
    /// The offset of the object.
    pub(super) at: usize,
    /// The number of containers around the object.
    pub(super) levels: usize,
    /// The parser, with its options.
    pub(super) parser: &'a Parser,
}

impl<'a> Site<'a> {
    /// The fields of the object itself, or of a nested object that begins at `at`.
    #[inline]
    pub(super) fn fields<'v>(
        &self,
        path: &'static str,
        at: usize,
        names: &'static [Name],
        values: &'v [Value],
    ) -> Fields<'a, 'v> {
        Fields { text: self.text, path, at, names, values, parser: self.parser }
    }
}

/// An object in the form in which its source receives it.
pub(super) struct Object<'a, 'r, N> {
    pub(super) site: Site<'a>,
    /// The fields of [`Source::WANTED`].
    pub(super) top: Fields<'a, 'r>,
    nested: &'r N,
}

impl<'a, 'r, N> Object<'a, 'r, N> {
    pub(super) fn new(site: Site<'a>, top: Fields<'a, 'r>, nested: &'r N) -> Self {
        Self { site, top, nested }
    }

    /// The object that a field of [`Source::NESTED`] must contain: its offset, and what [`Source::read_nested`] read.
    pub(super) fn nested(&self, field: usize) -> Checked<(usize, &'r N)> {
        // If the field is not an object, `nested` is from an earlier object of the input.
        Ok((self.top.object(field)?, self.nested))
    }
}
