//! What a source of events is to the parser.
//!
//! # Adding a source
//!
//! 1. `engine/src/ingest/sources/NAME.rs`: a unit struct that implements [`Source`]. `helpdesk.rs` there is a small one.
//! 2. `engine/src/ingest/sources/mod.rs`: `mod NAME;`, and a line in the list with a number that no other source has had.
//! 3. The Cargo feature: `engine/Cargo.toml` declares it, `bindings/rust/Cargo.toml` forwards it; both add it to `default`
//!    where it should be on.
//!
//! [`Format`](super::Format), detection, the texts of rejections, the values of `--source`, the strings of Python and the
//! constants of C follow from the list. `just generate` writes the C header again. A transcript for the source belongs in
//! `tests/transcripts/NAME/`.

use super::fields::{Checked, Fields};
use crate::event::Event;
use crate::json::{Fault, Name, Reader, Value};

/// The most bytes that a source may add to an id that it was given, as in `superoffice:CONTEXT:NUMBER`.
pub(super) const COMPOSED_BYTES: usize = 32;

/// A source of events: how its objects are recognised, and how one becomes an event.
///
/// Every object of an input is read once, with the names that any source wants, before it is known whose it is. Then each
/// source says whether the object is its own (rule W6), and the one that is surest understands it.
pub(super) trait Source {
    /// Its name: in [`Format`](super::Format), in the events it makes and in the counts of what it ignores.
    const NAME: &'static str;
    /// The fields of the outermost object that it wants, in the order in which it writes them. A name that is listed here is
    /// cheaper to skip than one that is not.
    const WANTED: &'static [Name];
    /// Which of [`Source::WANTED`] make an object look like its own; named where an object belongs to no source.
    const SIGNS: &'static [usize];
    /// Which of [`Source::WANTED`] [`Source::read_nested`] reads where they are objects. Two sources cannot read one field
    /// (the build fails); the second can read it again in [`Source::understand`], from [`Object::site`].
    const NESTED: &'static [usize] = &[];
    /// What [`Source::read_nested`] found.
    type Nested: Default;

    /// Whether the object with these fields is its own. A `SIGNS` field should make it [`Claim::Possibly`] at least.
    fn claims(top: &Fields<'_, '_>) -> Claim;

    /// Reads the object in a field of [`Source::NESTED`], which begins where the reader is.
    ///
    /// # Errors
    /// A fault of its grammar, which rejects the whole input unit.
    fn read_nested(_nested: &mut Self::Nested, _field: usize, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        reader.value()
    }

    /// The event that an object is, or the reason why the source has no use for it.
    ///
    /// # Errors
    /// What is wrong with the object (rule W5).
    fn understand(object: &Object<'_, '_, Self::Nested>) -> Checked<Understood>;
}

/// Whether an object belongs to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    No,
    Possibly,
    Surely,
}

/// What an object is.
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and a box for each would be paid for")]
pub(super) enum Understood {
    Event(Event),
    /// Neither an event nor a fault: why, in one word.
    Ignored(&'static str),
}

/// Where an object is.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) text: &'a str,
    /// Where the object begins.
    pub(super) at: usize,
    /// The number of containers around the object.
    pub(super) levels: usize,
    pub(super) max_id_bytes: usize,
}

impl<'a> Site<'a> {
    /// The fields of the object itself, or of one in it that begins at `at`.
    #[inline]
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

/// An object as its source gets it.
pub(super) struct Object<'a, 'r, N> {
    pub(super) site: Site<'a>,
    /// The fields of [`Source::WANTED`].
    pub(super) top: Fields<'a, 'r>,
    pub(super) nested: &'r N,
}
