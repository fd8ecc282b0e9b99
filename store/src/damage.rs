//! Damage of a stored value.

use convofold_engine::{DraftError, ImageError, PackedError};

/// What is wrong with a stored value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The value does not exist.
    #[error("it is missing")]
    Missing,
    /// Some of its fragments are missing.
    #[error("expected {expected} fragments, found {found}")]
    Fragments {
        /// The expected number of fragments.
        expected: u32,
        /// The number of fragments found.
        found: u32,
    },
    /// The checksum of a fragment is wrong.
    #[error("fragment {fragment_no} has a wrong checksum")]
    Fragment {
        /// The number of the fragment, from 0.
        fragment_no: u32,
    },
    /// The value is shorter than its header.
    #[error("expected at least {expected} bytes, found {found}")]
    TooShort {
        /// The length of the header in bytes.
        expected: usize,
        /// The length of the value in bytes.
        found: usize,
    },
    /// The value does not begin with the magic of its stored form.
    #[error("expected the magic {expected}, found {found}", expected = .expected.escape_ascii(), found = .found.escape_ascii())]
    NotOurs {
        /// The expected magic.
        expected: [u8; 4],
        /// The magic found.
        found: [u8; 4],
    },
    /// The value has a version of its stored form that this version of convofold does not read.
    #[error("expected version {expected} of this stored form, found {found}")]
    UnknownVersion {
        /// The version that this version of convofold reads.
        expected: u8,
        /// The version found.
        found: u8,
    },
    /// The value is compressed with an unknown codec.
    #[error("unknown compression codec {found}; this version of convofold knows {known:?}")]
    UnknownCodec {
        /// The codec found.
        found: u8,
        /// The known codecs.
        known: &'static [u8],
    },
    /// The length of the value differs from the length in its header.
    #[error("expected {expected} bytes after the header, found {found}")]
    Length {
        /// The length in the header, in bytes.
        expected: u64,
        /// The length found, in bytes.
        found: u64,
    },
    /// The checksum of the value is wrong.
    #[error("expected the checksum {expected:032x}, found {found:032x}")]
    Checksum {
        /// The stored checksum.
        expected: u128,
        /// The checksum of the bytes found.
        found: u128,
    },
    /// A field of the header does not match its context.
    #[error("expected {field} {expected}, found {found}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// The expected value.
        expected: u64,
        /// The value found.
        found: u64,
    },
    /// The block does not continue the chain of checksums.
    #[error("expected the previous block to have checksum {expected:032x}, found {found:032x}")]
    Chain {
        /// The checksum of the previous block.
        expected: u128,
        /// The checksum of the previous block that this block states.
        found: u128,
    },
    /// The body cannot be decompressed.
    #[error("cannot decompress the body: {why}")]
    Compression {
        /// The message of the codec.
        why: String,
    },
    /// The body cannot be decoded.
    #[error("cannot decode the body: {why}")]
    Body {
        /// The message of the decoder.
        why: String,
    },
    /// A part of a page is missing.
    #[error("part {part} is missing")]
    MissingPart {
        /// The number of the part, from 0.
        part: u32,
    },
    /// The length of a column does not match the other columns.
    #[error("column {column} does not match the others")]
    Column {
        /// The name of the column.
        column: &'static str,
    },
    /// A required field is missing.
    #[error("field {tag} is missing")]
    MissingField {
        /// The tag of the field.
        tag: u16,
    },
    /// A field that must not be ignored is unknown. A later version of convofold wrote it.
    #[error("field {tag} is required, but unknown to this version of convofold")]
    UnknownField {
        /// The tag of the field.
        tag: u16,
    },
    /// A field has a number without meaning.
    #[error("invalid {field}: {found}")]
    NoSuch {
        /// The name of the field.
        field: &'static str,
        /// The number found.
        found: u64,
    },
    /// An event in the value is invalid.
    #[error("it contains an invalid event: {0}")]
    Event(DraftError),
    /// The packed events of a conversation in the value are invalid.
    #[error("it contains invalid events: {0}")]
    Facts(PackedError),
    /// A conversation in the value is invalid.
    #[error("it contains an invalid conversation: {0}")]
    Conversation(ImageError),
}
