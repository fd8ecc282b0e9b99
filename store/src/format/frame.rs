//! The header of every stored value.
//!
//! ```text
//!  0  magic         4 bytes   what the value is
//!  4  version       1 byte    version of fields and body
//!  5  codec         1 byte    0 plain, 1 zstd, 2 zstd followed by an uncompressed rest
//!  6  zero          2 bytes
//!  8  body bytes    u32       length of the body before compression
//! 12  stored bytes  u32       length of the body after compression
//! 16  checksum      u128      XXH3-128, seed 0, of all other bytes in order
//! 32  fields        their length depends on magic and version
//!     stored body
//! ```
//!
//! Numbers are little-endian. The checksum detects accidental damage; it does not protect against forgery.

use std::cell::RefCell;
use std::io;

use xxhash_rust::xxh3::Xxh3;
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

use crate::damage::Damage;

/// A larger stated length of a body is rejected.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 30;

/// The length of the header before the fields.
pub(crate) const HEADER_BYTES: usize = 32;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Random bytes do not compress, and make the bytes around them compress worse.
const ZSTD_AND_REST: u8 = 2;
/// Level 1 writes the log at half the speed of no compression and to a quarter of the bytes. Higher levels save another
/// 5 % at a third of the speed. LZ4 is no faster, and its output is twice as large.
const ZSTD_LEVEL: i32 = 1;

/// The events of a shorter body are usually one. zstd makes its block a sixth shorter, but takes more than half of the
/// instructions of its commit.
const MIN_PACKED_BYTES: usize = 512;

/// XXH3-128 of a value.
pub(crate) type Checksum = u128;

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameKind {
    pub(crate) magic: [u8; 4],
    /// The only version that is written and read.
    pub(crate) version: u8,
    pub(crate) field_bytes: usize,
}

/// A value with a valid header and checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) fields: &'a [u8],
    pub(crate) checksum: Checksum,
    codec: u8,
    body_bytes: usize,
    stored: &'a [u8],
}

/// Compresses bodies. Reused for many values, because a compressor is expensive to create.
pub(crate) struct Compressor {
    /// `None`: bodies are not compressed.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// A reused buffer, because the upper bound for the compressed length is much larger than the result.
    compressed: Vec<u8>,
    max_body_bytes: usize,
    min_packed_bytes: usize,
}

impl Compressor {
    pub(crate) fn new() -> Result<Self, io::Error> {
        Self::bounded(MAX_BODY_BYTES)
    }

    /// A compressor that refuses longer bodies.
    pub(crate) fn bounded(max_body_bytes: usize) -> Result<Self, io::Error> {
        let zstd = Some(zstd::bulk::Compressor::new(ZSTD_LEVEL)?);
        Ok(Self { zstd, compressed: Vec::new(), max_body_bytes, min_packed_bytes: MIN_PACKED_BYTES })
    }

    /// For fixtures, whose bytes must not depend on the version of zstd.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { zstd: None, compressed: Vec::new(), max_body_bytes: MAX_BODY_BYTES, min_packed_bytes: 0 }
    }

    /// For fixtures, whose events are few.
    #[cfg(test)]
    pub(crate) fn always() -> Result<Self, io::Error> {
        Ok(Self { min_packed_bytes: 0, ..Self::new()? })
    }

    /// Encodes a value with these fields and this body. Returns it with its checksum.
    pub(crate) fn seal(&mut self, mark: FrameKind, fields: &[u8], body: &[u8]) -> Result<(Vec<u8>, Checksum), Damage> {
        self.seal_with_rest(mark, fields, body, &[])
    }

    /// The compressed body, if it is shorter.
    fn compress(&mut self, body: &[u8]) -> Option<&[u8]> {
        let zstd = self.zstd.as_mut()?;
        self.compressed.clear();
        self.compressed.reserve(zstd_safe::compress_bound(body.len()));
        zstd.compress_to_buffer(body, &mut self.compressed).ok()?;
        Some(self.compressed.as_slice()).filter(|compressed| compressed.len() < body.len())
    }

    /// Compresses a body that [`Compressor::seal_packed`] makes a value of, possibly another compressor's. A short one is
    /// stored as it is.
    pub(crate) fn pack(&mut self, body: &[u8], packed: &mut Packed) {
        let compressed = if body.len() < self.min_packed_bytes { None } else { self.compress(body) };
        packed.is_compressed = compressed.is_some();
        packed.body_bytes = body.len();
        packed.stored.clear();
        packed.stored.extend_from_slice(compressed.unwrap_or(body));
    }

    /// Like [`Compressor::seal`], with a body that ends with incompressible bytes.
    pub(crate) fn seal_with_rest(
        &mut self,
        mark: FrameKind,
        fields: &[u8],
        body: &[u8],
        rest: &[u8],
    ) -> Result<(Vec<u8>, Checksum), Damage> {
        let max_bytes = self.max_body_bytes;
        let compressed = self.compress(body);
        let is_compressed = compressed.is_some();
        let body_bytes = body.len() + rest.len();
        assemble(mark, fields, is_compressed, compressed.unwrap_or(body), [rest, &[]], body_bytes, max_bytes)
    }

    /// Like [`Compressor::seal_with_rest`], with a beginning that is compressed already and a rest of two parts.
    pub(crate) fn seal_packed(
        &self,
        mark: FrameKind,
        fields: &[u8],
        packed: &Packed,
        rest: [&[u8]; 2],
    ) -> Result<(Vec<u8>, Checksum), Damage> {
        let body_bytes = packed.body_bytes + rest.iter().map(|part| part.len()).sum::<usize>();
        assemble(mark, fields, packed.is_compressed, &packed.stored, rest, body_bytes, self.max_body_bytes)
    }
}

/// The beginning of a body, compressed if that makes it shorter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    stored: Vec<u8>,
    is_compressed: bool,
    body_bytes: usize,
}

fn assemble(
    mark: FrameKind,
    fields: &[u8],
    is_compressed: bool,
    stored: &[u8],
    rest: [&[u8]; 2],
    body_bytes: usize,
    max_body_bytes: usize,
) -> Result<(Vec<u8>, Checksum), Damage> {
    debug_assert_eq!(fields.len(), mark.field_bytes);
    let too_long = Damage::Length { expected: max_body_bytes as u64, found: body_bytes as u64 };
    let body_bytes = u32::try_from(body_bytes).ok().filter(|_| body_bytes <= max_body_bytes).ok_or(too_long)?;
    let rest_bytes = rest.iter().map(|part| part.len()).sum::<usize>();
    let codec = match is_compressed {
        false => PLAIN,
        true if rest_bytes == 0 => ZSTD,
        true => ZSTD_AND_REST,
    };
    let stored_bytes = u32::try_from(stored.len() + rest_bytes).unwrap_or(body_bytes);

    let mut value = Vec::with_capacity(HEADER_BYTES + fields.len() + stored.len() + rest_bytes);
    value.extend_from_slice(&mark.magic);
    value.extend_from_slice(&[mark.version, codec, 0, 0]);
    value.extend_from_slice(&body_bytes.to_le_bytes());
    value.extend_from_slice(&stored_bytes.to_le_bytes());
    value.extend_from_slice(&[0; 16]);
    value.extend_from_slice(fields);
    value.extend_from_slice(stored);
    rest.iter().for_each(|part| value.extend_from_slice(part));
    let checksum = checksum(&value);
    if let Some(place) = value.get_mut(16..HEADER_BYTES) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    Ok((value, checksum))
}

/// Replaces a field of 128 bits at this offset of the fields of a valid value, and its checksum, which is returned.
pub(crate) fn replace_u128(value: &mut [u8], at: usize, field: u128) -> Checksum {
    put(value, HEADER_BYTES + at, &field.to_le_bytes());
    let checksum = checksum(value);
    put(value, 16, &checksum.to_le_bytes());
    checksum
}

fn put(value: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = value.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Builds a value of this kind from arbitrary bytes by correcting the parts of the header that a reader checks, for
/// fuzzing.
#[cfg(fuzzing)]
pub(crate) fn mended(mark: FrameKind, bytes: &[u8]) -> Vec<u8> {
    let whole = HEADER_BYTES + mark.field_bytes;
    let mut value = bytes.to_vec();
    value.resize(value.len().max(whole), 0);
    let stored_bytes = u32::try_from(value.len() - whole).unwrap_or(u32::MAX);
    put(&mut value, 0, &mark.magic);
    put(&mut value, 4, &[mark.version]);
    put(&mut value, 12, &stored_bytes.to_le_bytes());
    if !matches!(value.get(5), Some(&(ZSTD | ZSTD_AND_REST))) {
        put(&mut value, 5, &[PLAIN]);
        put(&mut value, 8, &stored_bytes.to_le_bytes());
    }
    let checksum = checksum(&value);
    put(&mut value, 16, &checksum.to_le_bytes());
    value
}

/// The length of the value as stated in its header, if plausible. The checksum is not checked.
pub(crate) fn stated_bytes(mark: FrameKind, header: &[u8; HEADER_BYTES]) -> u64 {
    (HEADER_BYTES + mark.field_bytes) as u64 + u64::from(u32_at(header, 12))
}

impl<'a> Frame<'a> {
    /// Checks everything that can be checked without decoding the body.
    pub(crate) fn open(mark: FrameKind, value: &'a [u8]) -> Result<Self, Damage> {
        let whole = HEADER_BYTES + mark.field_bytes;
        let (header, rest) = value
            .split_first_chunk::<HEADER_BYTES>()
            .filter(|(_, rest)| rest.len() >= mark.field_bytes)
            .ok_or(Damage::TooShort { expected: whole, found: value.len() })?;
        let [m0, m1, m2, m3, version, codec, ..] = *header;
        let magic = [m0, m1, m2, m3];
        if magic != mark.magic {
            return Err(Damage::NotOurs { expected: mark.magic, found: magic });
        }
        if version != mark.version {
            return Err(Damage::UnknownVersion { expected: mark.version, found: version });
        }
        let (fields, stored) = rest.split_at(mark.field_bytes);
        let (body_bytes, stored_bytes) = (u32_at(header, 8), u32_at(header, 12));
        if u64::from(stored_bytes) != stored.len() as u64 {
            return Err(Damage::Length { expected: u64::from(stored_bytes), found: stored.len() as u64 });
        }
        let (expected, found) = (u128_at(header, 16), checksum(value));
        if expected != found {
            return Err(Damage::Checksum { expected, found });
        }
        if !matches!(codec, PLAIN | ZSTD | ZSTD_AND_REST) {
            return Err(Damage::UnknownCodec { found: codec, known: &[PLAIN, ZSTD, ZSTD_AND_REST] });
        }
        Ok(Self { fields, checksum: found, codec, body_bytes: body_bytes as usize, stored })
    }

    /// The body before compression.
    pub(crate) fn body(&self) -> Result<Vec<u8>, Damage> {
        let length = |found: usize| Damage::Length { expected: self.body_bytes as u64, found: found as u64 };
        let body = match self.codec {
            _ if self.body_bytes > MAX_BODY_BYTES => return Err(length(MAX_BODY_BYTES)),
            ZSTD => decompress(self.stored, self.body_bytes, 0).map_err(compression)?,
            ZSTD_AND_REST => decompress_with_rest(self.stored, self.body_bytes).map_err(compression)?,
            _ => self.stored.to_vec(),
        };
        if body.len() == self.body_bytes { Ok(body) } else { Err(length(body.len())) }
    }
}

/// The body of a value of any kind, before compression.
pub(crate) fn body_of_any(value: &[u8]) -> Result<Vec<u8>, Damage> {
    // What is neither header nor body is fields.
    let field_bytes = value.len().saturating_sub(HEADER_BYTES).saturating_sub(u32_at(value, 12) as usize);
    let [version] = array_at(value, 4);
    Frame::open(FrameKind { magic: array_at(value, 0), version, field_bytes }, value)?.body()
}

fn compression(error: io::Error) -> Damage {
    Damage::Compression { why: error.to_string() }
}

thread_local! {
    /// Expensive to create, and needed wherever a value is read.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// `rest_bytes`: room for the rest of the body.
fn decompress(stored: &[u8], body_bytes: usize, rest_bytes: usize) -> io::Result<Vec<u8>> {
    // The codec states the length too. If the lengths differ, no memory is allocated.
    let stated = zstd_safe::get_frame_content_size(stored).ok().flatten();
    if stated.is_some_and(|stated| stated != body_bytes as u64) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the length differs from the length in the header"));
    }
    let mut body = Vec::with_capacity(body_bytes + rest_bytes);
    DECOMPRESSOR.with_borrow_mut(|held| match held {
        Some(decompressor) => decompressor.decompress_to_buffer(stored, &mut body),
        None => held.insert(Decompressor::new()?).decompress_to_buffer(stored, &mut body),
    })?;
    Ok(body)
}

/// The codec states the length of its part. The remaining bytes of the body are the rest.
fn decompress_with_rest(stored: &[u8], body_bytes: usize) -> io::Result<Vec<u8>> {
    let invalid =
        || io::Error::new(io::ErrorKind::InvalidData, "the codec states no length, or a longer one than the header");
    let stated = zstd_safe::get_frame_content_size(stored).ok().flatten();
    let stated = stated.and_then(|stated| usize::try_from(stated).ok()).ok_or_else(invalid)?;
    let rest_bytes = body_bytes.checked_sub(stated).ok_or_else(invalid)?;
    let (compressed, rest) = stored.len().checked_sub(rest_bytes).map(|at| stored.split_at(at)).ok_or_else(invalid)?;
    let mut body = decompress(compressed, stated, rest_bytes)?;
    body.extend_from_slice(rest);
    Ok(body)
}

/// The checksum of a value: all bytes except the checksum itself.
fn checksum(value: &[u8]) -> Checksum {
    let mut hash = Xxh3::new();
    hash.update(value.get(..16).unwrap_or_default());
    hash.update(value.get(HEADER_BYTES..).unwrap_or_default());
    hash.digest128()
}

/// The number at this offset. Missing bytes read as zero, so callers check the length first.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// See [`u32_at`].
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// See [`u32_at`].
pub(crate) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(array_at(bytes, at))
}

/// The bytes at this offset; see [`u32_at`].
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_body_is_packed_as_it_is() {
        let mark = FrameKind { magic: *b"cfXX", version: 1, field_bytes: 0 };
        let mut compressor = Compressor::new().unwrap();
        for (bytes, codec) in [(MIN_PACKED_BYTES - 1, PLAIN), (MIN_PACKED_BYTES, ZSTD_AND_REST)] {
            let (body, mut packed) = (vec![7; bytes], Packed::default());
            compressor.pack(&body, &mut packed);
            let (value, _) = compressor.seal_packed(mark, &[], &packed, [b"re", b"st"]).unwrap();
            let frame = Frame::open(mark, &value).unwrap();
            assert_eq!(frame.codec, codec, "{bytes} bytes");
            assert_eq!(frame.body().unwrap(), [body.as_slice(), b"rest"].concat());
        }
    }
}
