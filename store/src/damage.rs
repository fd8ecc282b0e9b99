//! What can be wrong with a stored value.

use convofold_engine::{DraftError, ImageError};

/// What is wrong with something that was read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It should be there and is not.
    #[error("it is missing")]
    Missing,
    /// Some of its chunks are missing.
    #[error("expected {expected} chunks, found {found}")]
    Chunks {
        /// How many there should be.
        expected: u32,
        /// How many there are.
        found: u32,
    },
    /// One of its chunks is not what was written.
    #[error("chunk {chunk_no} is not what was written")]
    Chunk {
        /// Number of the chunk, from 0.
        chunk_no: u32,
    },
    /// It is shorter than its header.
    #[error("expected at least {expected} bytes, found {found}")]
    TooShort {
        /// The length of the header.
        expected: usize,
        /// The length of the value.
        found: usize,
    },
    /// It does not begin with the mark of what it should be.
    #[error("expected the mark {expected}, found {found}", expected = .expected.escape_ascii(), found = .found.escape_ascii())]
    NotOurs {
        /// The mark expected.
        expected: [u8; 4],
        /// What is there.
        found: [u8; 4],
    },
    /// Another version of convofold wrote it.
    #[error("expected version {expected} of this stored form, found {found}")]
    UnknownVersion {
        /// The version that this version of convofold reads.
        expected: u8,
        /// The version found.
        found: u8,
    },
    /// It is compressed in an unknown way.
    #[error("it is compressed by codec {found}; this version of convofold knows {known:?}")]
    UnknownCodec {
        /// Its codec.
        found: u8,
        /// The codecs known.
        known: &'static [u8],
    },
    /// The header states another length.
    #[error("expected {expected} bytes after the header, found {found}")]
    Length {
        /// The length stated.
        expected: u64,
        /// The length found.
        found: u64,
    },
    /// It is not what was written.
    #[error("expected the checksum {expected:032x}, found {found:032x}")]
    Checksum {
        /// The checksum stated.
        expected: u128,
        /// The checksum of what is there.
        found: u128,
    },
    /// A field of the header is not what its place demands.
    #[error("expected {field} {expected}, found {found}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What its place demands.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// It does not follow the block before it.
    #[error("expected to follow the block with checksum {expected:032x}, but it follows {found:032x}")]
    Chain {
        /// The checksum of the block before it.
        expected: u128,
        /// The checksum it names.
        found: u128,
    },
    /// The body does not decompress.
    #[error("the body does not decompress: {why}")]
    Compression {
        /// What the codec says.
        why: String,
    },
    /// The body does not decode.
    #[error("the body does not decode: {why}")]
    Body {
        /// What the decoder says.
        why: String,
    },
    /// A column of the body has less in it than the others refer to, or more.
    #[error("the {column} in it do not go with the rest")]
    Column {
        /// What stands in it.
        column: &'static str,
    },
    /// A field without which the others are of no use is missing.
    #[error("field {tag} is missing")]
    MissingField {
        /// The tag of the field.
        tag: u16,
    },
    /// A later version of convofold wrote a field that must not be ignored.
    #[error("field {tag} is required, and this version of convofold does not know it")]
    UnknownField {
        /// The tag of the field.
        tag: u16,
    },
    /// A number stands for nothing.
    #[error("{found} is no {field}")]
    NoSuch {
        /// What it should stand for.
        field: &'static str,
        /// The number.
        found: u64,
    },
    /// What is stored is no event.
    #[error("an event in it is none: {0}")]
    Event(DraftError),
    /// What is stored is no conversation.
    #[error("a conversation in it is none: {0}")]
    Conversation(ImageError),
}
