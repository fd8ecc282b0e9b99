//! From the bytes of the body to lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;

use convofold::ingest::Limits;
use flate2::write::MultiGzDecoder;

/// Bytes of the body that are decoded at once: what they become is bounded, as gzip makes a byte of at most about 1,000.
pub(super) const SLICE_BYTES: usize = 4 << 10;
/// The first byte of gzip. No JSON begins with it.
const GZIP_MARK: u8 = 0x1f;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The line, or its beginning if it is too long for an event.
    pub(super) bytes: Vec<u8>,
    /// Its whole length.
    pub(super) length: u64,
}

impl Line {
    pub(super) fn is_cut(&self) -> bool {
        self.bytes.len() as u64 != self.length
    }
}

/// How the body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    /// The header says nothing; the first byte tells.
    Unnamed,
}

enum Decoder {
    /// Nothing has arrived.
    Unknown,
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

/// Decodes a body, and cuts it into lines.
pub(super) struct Lines {
    decoder: Decoder,
    /// The line whose end has not arrived.
    open: Line,
    ready: VecDeque<Line>,
    max_bytes: usize,
}

impl Lines {
    pub(super) fn new(encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Gzip => Decoder::gzip(),
            Encoding::Unnamed => Decoder::Unknown,
        };
        let open = Line { bytes: Vec::new(), length: 0 };
        // One more than an event can have, so that the parser sees that it is too long.
        Self { decoder, open, ready: VecDeque::new(), max_bytes: Limits::default().max_line_bytes + 1 }
    }

    /// Takes the next bytes of the body, at most [`SLICE_BYTES`]. After an error, the lines before the damage are ready.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let (Decoder::Unknown, Some(first)) = (&self.decoder, bytes.first()) {
            self.decoder = if *first == GZIP_MARK { Decoder::gzip() } else { Decoder::Plain };
        }
        let Decoder::Gzip(gzip) = &mut self.decoder else {
            self.split(bytes);
            return Ok(());
        };
        // The flush returns what was decoded so far, so that no line waits for the next one.
        let written = gzip.write_all(bytes);
        let outcome = written.and(gzip.flush());
        let decoded = mem::take(gzip.get_mut());
        self.split(&decoded);
        outcome
    }

    pub(super) fn next(&mut self) -> Option<Line> {
        self.ready.pop_front()
    }

    fn split(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (part, ends) = part.strip_suffix(b"\n").map_or((part, false), |part| (part, true));
            self.open.length += part.len() as u64;
            let room = self.max_bytes - self.open.bytes.len();
            self.open.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
            if ends {
                let mut line = mem::replace(&mut self.open, Line { bytes: Vec::new(), length: 0 });
                if !line.is_cut() && line.bytes.last() == Some(&b'\r') {
                    line.bytes.pop();
                    line.length -= 1;
                }
                self.ready.push_back(line);
            }
        }
    }
}

impl Decoder {
    fn gzip() -> Self {
        Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const TEXT: &str = "{\"a\":1}\r\n\n{\"name\":\"Zoë 日本\"}\n{\"b\":2}\nopen";

    /// The lines that are ready after each part.
    fn after_each<'a>(lines: &mut Lines, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut found = Vec::new();
        for part in parts {
            lines.feed(part).unwrap();
            while let Some(line) = lines.next() {
                assert!(!line.is_cut());
                found.push(String::from_utf8(line.bytes).unwrap());
            }
        }
        found
    }

    fn member(text: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    /// A line is in the output of the encoder as soon as it is written.
    fn with_sync_flush(text: &str) -> Vec<Vec<u8>> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let line = |line: &str| {
            gzip.write_all(line.as_bytes()).unwrap();
            gzip.flush().unwrap();
            mem::take(gzip.get_mut())
        };
        text.split_inclusive('\n').map(line).collect()
    }

    #[test]
    fn lines_may_be_split_anywhere() {
        let expected = ["{\"a\":1}", "", "{\"name\":\"Zoë 日本\"}", "{\"b\":2}"];
        let compressed = with_sync_flush(TEXT).concat();
        for bytes in [TEXT.as_bytes(), &member(TEXT), &compressed] {
            for size in [1, 2, 3, 7, 1_000] {
                let found = after_each(&mut Lines::new(Encoding::Unnamed), bytes.chunks(size));
                assert_eq!(found, expected, "{size}");
            }
        }
    }

    #[test]
    fn a_line_of_gzip_is_ready_when_it_is_flushed_or_its_member_ends() {
        let lines = ["{\"a\":1}\n", "\n", "{\"b\":\"ø\"}\n"];
        let flushed = with_sync_flush(&lines.concat());
        let members: Vec<_> = lines.map(member).into();
        for parts in [flushed, members] {
            let mut reader = Lines::new(Encoding::Gzip);
            for (part, line) in parts.iter().zip(lines) {
                assert_eq!(after_each(&mut reader, [part.as_slice()]), [line.trim_end()]);
            }
        }
    }

    #[test]
    fn damage_is_told_and_the_lines_before_it_are_kept() {
        let mut bytes = with_sync_flush("{\"a\":1}\n").concat();
        bytes.extend([0xff; 40]);
        let mut lines = Lines::new(Encoding::Gzip);
        assert!(lines.feed(&bytes).is_err());
        assert_eq!(lines.next().unwrap().bytes, b"{\"a\":1}");
        // The header says gzip, and it is not.
        assert!(Lines::new(Encoding::Gzip).feed(b"{\"a\":1}\n{\"a\":1}\n").is_err());
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut lines = Lines::new(Encoding::Unnamed);
        let (long, max) = (vec![b'x'; 3 << 20], lines.max_bytes);
        for part in long.chunks(SLICE_BYTES) {
            lines.feed(part).unwrap();
        }
        lines.feed(b"\n{}\n").unwrap();
        let cut = lines.next().unwrap();
        assert!(cut.is_cut());
        assert_eq!((cut.bytes.len(), cut.length), (max, 3 << 20));
        assert_eq!(lines.next().unwrap().bytes, b"{}");
    }
}
