//! Input that is not JSON at all, known by its first bytes (rule W1). It is refused once, with its name.

use super::{Origin, Reason, Rejection};
use crate::json::{BYTE_ORDER_MARK, skip_whitespace};

/// The number of bytes by which every kind is known.
pub(super) const BEGINNING_BYTES: usize = 512;

/// A kind of input.
struct Kind {
    name: &'static str,
    /// How to get JSON from it.
    hint: &'static str,
}

/// The first bytes of files, their kinds, and how to convert them.
const MAGIC: [(&[u8], Kind); 22] = {
    const DECOMPRESS: &str = "decompress it, or use `replay`, which does";
    const CONVERT: &str = "convert it to newline-delimited JSON";
    const fn kind(name: &'static str, hint: &'static str) -> Kind {
        Kind { name, hint }
    }
    [
        (b"PK\x03\x04", kind("a zip archive", "extract it with `unzip -p`")),
        (b"PK\x05\x06", kind("a zip archive", "extract it with `unzip -p`")),
        (b"\x1f\x8b", kind("gzip data", DECOMPRESS)),
        (b"\x28\xb5\x2f\xfd", kind("zstd data", DECOMPRESS)),
        (b"BZh", kind("bzip2 data", "decompress it with `bzcat`")),
        (b"\xfd7zXZ\x00", kind("xz data", "decompress it with `xzcat`")),
        (b"\x04\x22\x4d\x18", kind("lz4 data", "decompress it with `lz4cat`")),
        (b"\xff\x06\x00\x00sNaPpY", kind("snappy data", "decompress it with `snzip -dc`")),
        (b"7z\xbc\xaf\x27\x1c", kind("a 7-Zip archive", "extract it with `7z e -so`")),
        (b"Rar!\x1a\x07", kind("a RAR archive", "extract it with `unrar p -inul`")),
        (b"PAR1", kind("a Parquet file", CONVERT)),
        (b"ARROW1\x00\x00", kind("an Arrow file", CONVERT)),
        (b"ORC", kind("an ORC file", CONVERT)),
        (b"Obj\x01", kind("an Avro file", "convert it with `avro-tools tojson`")),
        (b"SQLite format 3\x00", kind("an SQLite database", CONVERT)),
        (b"%PDF-", kind("a PDF document", CONVERT)),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", kind("a Microsoft Office document", CONVERT)),
        (b"\x7fELF", kind("a program", "name the file of events")),
        (b"<?xml", kind("an XML document", CONVERT)),
        (b"<!DOCTYPE", kind("an HTML document", "check the address that it was downloaded from")),
        (b"<html", kind("an HTML document", "check the address that it was downloaded from")),
        (b"\x1e", kind("JSON records of RFC 7464", "remove the record separators with `tr -d '\\036'`")),
    ]
};

/// Fields of an event stream (server-sent events).
const STREAM_FIELDS: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];

/// The rejection of an input that begins with these bytes; `None` if it can be JSON.
pub(super) fn refuse(beginning: &[u8]) -> Option<Rejection> {
    let content = without_marks(beginning);
    let (reason, Kind { name, hint }) = encoding(content).or_else(|| file(content))?;
    let expected = format!("lines of JSON in UTF-8 ({hint})").into();
    let origin = Origin { line: 1, byte_offset: (beginning.len() - content.len()) as u64 };
    let rejection = Rejection::new(origin, "$".to_owned(), reason, expected, name.to_owned());
    Some(rejection.with_raw(beginning.get(..BEGINNING_BYTES).unwrap_or(beginning)))
        .map(|rejection| Rejection { raw_cut: true, ..rejection })
}

/// Whether the first bytes show that the input is JSON, so that no more are needed.
pub(super) fn is_surely_json(beginning: &[u8]) -> bool {
    let content = without_marks(beginning);
    matches!(content.get(skip_whitespace(content, 0)), Some(b'{' | b'[')) && content.len() >= 4
}

fn without_marks(mut beginning: &[u8]) -> &[u8] {
    while let Some(rest) = beginning.strip_prefix(BYTE_ORDER_MARK) {
        beginning = rest;
    }
    beginning
}

/// UTF-16 or UTF-32 without a byte-order mark: JSON begins with an ASCII character.
fn encoding(content: &[u8]) -> Option<(Reason, Kind)> {
    let name = match content.first_chunk()? {
        [0, 0, 0, 1..=0x7f] => "UTF-32 (big-endian) without a byte-order mark",
        [1..=0x7f, 0, 0, 0] => "UTF-32 (little-endian) without a byte-order mark",
        [0, 1..=0x7f, 0, 1..=0x7f] => "UTF-16 (big-endian) without a byte-order mark",
        [1..=0x7f, 0, 1..=0x7f, 0] => "UTF-16 (little-endian) without a byte-order mark",
        _ => return None,
    };
    Some((Reason::OtherEncoding, Kind { name, hint: "convert it with `iconv -t UTF-8`" }))
}

fn file(content: &[u8]) -> Option<(Reason, Kind)> {
    let text = content.get(skip_whitespace(content, 0)..).unwrap_or_default();
    let kind = if content.get(257..262) == Some(b"ustar") {
        Kind { name: "a tar archive", hint: "extract it with `tar -xO`" }
    } else if STREAM_FIELDS.iter().any(|field| text.starts_with(field)) {
        Kind { name: "an event stream", hint: "keep its data with `sed -n 's/^data: *//p'`" }
    } else {
        let (_, Kind { name, hint }) = MAGIC.iter().find(|(magic, _)| content.starts_with(magic))?;
        Kind { name, hint }
    };
    Some((Reason::OtherFormat, kind))
}
