//! Turns pieces of an input into events.

use std::borrow::Cow;

use super::fields::Complaint;
use super::record::{Accepted, Record};
use super::rejection::excerpt;
use super::source::Site;
use super::{Format, Framer, IgnoreList, Ignored, Limits, Origin, Piece, Reason, Rejection, Sink};
use crate::Zone;
use crate::json::{Fault, FaultKind, Progress, Reader, Scratch, Unwatched, Walk, locate, skip_whitespace};

/// The size of the pieces of an input in memory. A piece should fit into the processor's cache.
const PIECE_BYTES: usize = 256 << 10;

/// Turns pieces of an input into events. It has options but no state, and can be shared between threads.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    pub(super) format: Format,
    pub(super) limits: Limits,
    pub(super) zone: Zone,
    pub(super) ignored: IgnoreList,
}

impl Parser {
    /// A parser for one format, or for all of them.
    #[must_use]
    pub fn new(format: Format, limits: Limits) -> Self {
        Self { format, limits: limits.within_bounds(), ..Self::default() }
    }

    /// Sets the zone of times that are written without one (rule W4). It becomes part of the times, and with them of the
    /// identity of events that have no id. Default: UTC.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets unknown interaction types to ignore (rule W5). Default: none.
    #[must_use]
    pub fn ignore(mut self, ignored: IgnoreList) -> Self {
        self.ignored = ignored;
        self
    }

    /// Parses a complete input in memory: a file, or the body of a webhook.
    pub fn parse_input(&self, bytes: &[u8], sink: &mut impl Sink) {
        let mut framer = Framer::new(self.limits, PIECE_BYTES);
        for chunk in bytes.chunks(PIECE_BYTES) {
            framer.feed(chunk, &mut |piece| self.parse(&piece, sink));
            // Lines are parsed in place, without a copy into pieces.
            if let Some(Origin { line, byte_offset }) = framer.start_of_lines() {
                let start = usize::try_from(byte_offset).unwrap_or(usize::MAX);
                return self.all_lines(line, byte_offset, bytes.get(start..).unwrap_or_default(), sink);
            }
        }
        framer.finish(&mut |piece| self.parse(&piece, sink));
    }

    /// Parses one piece of an input.
    pub fn parse(&self, piece: &Piece, sink: &mut impl Sink) {
        match piece {
            Piece::Lines { first_line, byte_offset, bytes } => {
                self.lines(*first_line, *byte_offset, bytes, sink);
            }
            Piece::Document { first_line, byte_offset, bytes, .. } => {
                let unit = Unit { parser: self, bytes, line: *first_line, byte_offset: *byte_offset };
                unit.parse(None, &mut Scratch::default(), sink);
            }
            Piece::Rejected { rejection, .. } => sink.rejected(rejection.clone()),
        }
    }

    /// Parses lines in blocks that stay in the processor's cache while they are read more than once.
    fn all_lines(&self, mut line: u64, mut byte_offset: u64, bytes: &[u8], sink: &mut impl Sink) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let next_end = memchr::memchr(b'\n', rest.get(PIECE_BYTES..).unwrap_or_default());
            let length = next_end.map_or(rest.len(), |end| PIECE_BYTES + end + 1);
            let (block, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            line = self.lines(line, byte_offset, block, sink);
            byte_offset += block.len() as u64;
            rest = after;
        }
    }

    /// Parses complete lines. Returns the number of the line after them.
    fn lines(&self, first_line: u64, byte_offset: u64, bytes: &[u8], sink: &mut impl Sink) -> u64 {
        // Most pieces are valid UTF-8. Only if a piece is not, each line is checked.
        let text = simdutf8::basic::from_utf8(bytes).ok();
        let mut scratch = Scratch::default();
        let (mut start, mut line) = (0, first_line);
        while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let whole = rest.get(..length).unwrap_or_default();
            let bytes = whole.strip_suffix(b"\r").unwrap_or(whole);
            let text = text.and_then(|text| text.get(start..start + bytes.len()));
            let unit = Unit { parser: self, bytes, line, byte_offset: byte_offset + start as u64 };
            unit.line(text, &mut scratch, sink);
            start += length + 1;
            line += 1;
        }
        line
    }
}

/// A line or a document.
#[derive(Clone, Copy)]
struct Unit<'a> {
    parser: &'a Parser,
    bytes: &'a [u8],
    /// The number of its first line.
    line: u64,
    /// The offset of its first byte.
    byte_offset: u64,
}

impl<'a> Unit<'a> {
    fn line(self, text: Option<&'a str>, scratch: &mut Scratch<'a>, sink: &mut impl Sink) {
        let (length, limits) = (self.bytes.len(), &self.parser.limits);
        // Nearly all lines are within the common limit and need no second check.
        if length > limits.max_line_bytes && length > limits.max_bytes_of(self.bytes) {
            let origin = Origin { line: self.line, byte_offset: self.byte_offset };
            let max_bytes = limits.max_bytes_of(self.bytes);
            sink.rejected(Rejection::line_too_long(origin, max_bytes, length as u64, self.bytes));
        } else if skip_whitespace(self.bytes, 0) == length {
            sink.ignored(Origin { line: self.line, byte_offset: self.byte_offset }, Ignored::BLANK);
        } else {
            self.parse(text, scratch, sink);
        }
    }

    /// Parses the unit. `text` is the unit if it is known to be UTF-8.
    fn parse(self, text: Option<&'a str>, scratch: &mut Scratch<'a>, sink: &mut impl Sink) {
        match text.map_or_else(|| simdutf8::compat::from_utf8(self.bytes), Ok) {
            Ok(text) => self.value(text, scratch, sink),
            Err(error) => sink.rejected(self.not_utf8(error.valid_up_to())),
        }
    }

    fn value(self, text: &'a str, scratch: &mut Scratch<'a>, sink: &mut impl Sink) {
        let root = self.root(text);
        match self.bytes.get(root.start) {
            Some(b'{') => {
                let mut record = root.record();
                match record.read(&mut root.reader(scratch)).and_then(|end| self.ends_at(end)) {
                    Ok(()) => root.tell(&record, self.bytes, sink),
                    Err(fault) => sink.rejected(root.faulty(fault, self.bytes)),
                }
            }
            Some(b'[') => self.array(root, scratch, sink),
            _ => sink.rejected(self.scalar(root)),
        }
    }

    /// An array of events. Its grammar is checked first: a grammar fault rejects the whole array, a content fault only
    /// the element (rules, section 8).
    fn array(self, root: Element<'a>, scratch: &mut Scratch<'a>, sink: &mut impl Sink) {
        if let Err(fault) = root.end().and_then(|end| self.ends_at(end)) {
            return sink.rejected(root.faulty(fault, self.bytes));
        }
        let mut element = Element { index: Some(0), ..root }.moved_to(skip_whitespace(self.bytes, root.start + 1));
        if self.bytes.get(element.start) == Some(&b']') {
            let expected = "an object, or an array of at least one";
            return sink.rejected(root.no_event(expected, "an empty array".to_owned(), self.bytes));
        }
        while self.bytes.get(element.start).is_some_and(|byte| *byte != b']') {
            let mut at = skip_whitespace(self.bytes, element.parse(scratch, sink));
            if self.bytes.get(at) == Some(&b',') {
                at = skip_whitespace(self.bytes, at + 1);
            }
            element = Element { index: element.index.map(|index| index + 1), ..element }.moved_to(at);
        }
    }

    /// A value that is neither an object nor an array, and possibly not JSON.
    fn scalar(self, root: Element<'a>) -> Rejection {
        match root.end().and_then(|end| self.ends_at(end)) {
            Ok(()) => {
                let found = excerpt(root.text.get(root.start..).unwrap_or_default());
                root.no_event("an object or an array of objects", found, self.bytes)
            }
            Err(fault) => root.faulty(fault, self.bytes),
        }
    }

    /// A unit that is invalid UTF-8 from `valid_bytes` on, unless an earlier fault is found.
    fn not_utf8(self, valid_bytes: usize) -> Rejection {
        let (valid, rest) = self.bytes.split_at_checked(valid_bytes).unwrap_or((self.bytes, &[]));
        let text = simdutf8::basic::from_utf8(valid).unwrap_or_default();
        let before = Unit { bytes: valid, ..self };
        let root = before.root(text);
        let fault = root.end().and_then(|end| before.ends_at(end)).err();
        if let Some(fault) = fault.filter(|fault| fault.at < valid_bytes) {
            return root.faulty(fault, self.bytes);
        }
        let shown: Vec<_> = rest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let found = format!("the bytes {}", shown.join(" "));
        root.rejection(valid_bytes, Reason::NotUtf8, "UTF-8".into(), found, self.bytes)
    }

    fn root(self, text: &'a str) -> Element<'a> {
        let element = Element { unit: self, text, start: 0, line: self.line, index: None };
        element.moved_to(skip_whitespace(self.bytes, 0))
    }

    fn ends_at(self, end: usize) -> Result<(), Fault> {
        let next = skip_whitespace(self.bytes, end);
        if next == self.bytes.len() { Ok(()) } else { Err(FaultKind::MoreAfterTheEnd.at(next)) }
    }
}

/// The value of a unit, or an element of it if it is an array.
#[derive(Clone, Copy)]
struct Element<'a> {
    unit: Unit<'a>,
    text: &'a str,
    /// Its offset in the unit, and its line.
    start: usize,
    line: u64,
    /// Its index in the array.
    index: Option<u64>,
}

impl<'a> Element<'a> {
    /// The same at a later offset. Lines are counted from element to element, never from the beginning again.
    fn moved_to(self, start: usize) -> Self {
        Self { line: self.line_at(start), start, ..self }
    }

    fn line_at(self, at: usize) -> u64 {
        let between = self.unit.bytes.get(self.start..at).unwrap_or_default();
        self.line + memchr::memchr_iter(b'\n', between).count() as u64
    }

    fn origin(self, at: usize) -> Origin {
        Origin { line: self.line_at(at), byte_offset: self.unit.byte_offset + at as u64 }
    }

    fn levels(self) -> usize {
        usize::from(self.index.is_some())
    }

    fn record(self) -> Record<'a> {
        Record::new(Site { text: self.text, at: self.start, levels: self.levels(), parser: self.unit.parser })
    }

    fn reader<'s>(self, scratch: &'s mut Scratch<'a>) -> Reader<'a, 's> {
        Reader::new(self.text, self.start, self.levels(), scratch)
    }

    /// Parses an element of an array whose grammar was checked. Returns its end.
    fn parse(self, scratch: &mut Scratch<'a>, sink: &mut impl Sink) -> usize {
        let mut record = self.record();
        let is_object = self.unit.bytes.get(self.start) == Some(&b'{');
        let read = is_object.then(|| record.read(&mut self.reader(scratch)));
        if let Some(Ok(end)) = read {
            self.tell(&record, self.raw(end), sink);
            return end;
        }
        let end = self.end().unwrap_or(self.unit.bytes.len());
        let raw = self.raw(end);
        sink.rejected(match read {
            Some(Err(fault)) => self.faulty(fault, raw),
            _ => self.no_event("an object", excerpt(self.text.get(self.start..end).unwrap_or_default()), raw),
        });
        end
    }

    /// Reports to the sink what an object is.
    fn tell(self, record: &Record<'_>, raw: &[u8], sink: &mut impl Sink) {
        let origin = self.origin(self.start);
        match record.accept() {
            Ok(Accepted::Event(event)) => sink.event(origin, event),
            Ok(Accepted::Ignored(why)) => sink.ignored(origin, why),
            Err(complaint) => {
                let Complaint { reason, at, path, expected, found } = *complaint;
                let rejection = Rejection::new(self.origin(at), self.path(&path), reason, expected, found);
                sink.rejected(rejection.with_raw(raw));
            }
        }
    }

    /// Its end, by the grammar alone.
    fn end(self) -> Result<usize, Fault> {
        let mut walk = Walk::default();
        match walk.run(self.unit.bytes, self.start, &mut Unwatched)? {
            Progress::Complete(end) => Ok(end),
            Progress::More => Err(walk.too_early(self.unit.bytes.len())),
        }
    }

    fn raw(self, end: usize) -> &'a [u8] {
        self.unit.bytes.get(self.start..end).unwrap_or_default()
    }

    fn path(self, within: &str) -> String {
        self.index.map_or_else(|| format!("${within}"), |index| format!("$[{index}]{within}"))
    }

    fn no_event(self, expected: &'static str, found: String, raw: &[u8]) -> Rejection {
        let origin = self.origin(self.start);
        Rejection::new(origin, self.path(""), Reason::NotAnEvent, expected.into(), found).with_raw(raw)
    }

    fn faulty(self, fault: Fault, raw: &[u8]) -> Rejection {
        let reason = match fault.kind {
            FaultKind::DuplicateKey => Reason::DuplicateKey,
            FaultKind::TooDeep => Reason::TooDeep,
            _ => Reason::NotJson,
        };
        let rest = self.text.get(fault.at..).unwrap_or_default();
        let found = if rest.is_empty() { "the end".to_owned() } else { excerpt(rest) };
        self.rejection(fault.at, reason, fault.kind.expected().into(), found, raw)
    }

    /// A rejection at the offset `at` of the unit; `raw` is the rejected input.
    fn rejection(self, at: usize, reason: Reason, expected: Cow<'static, str>, found: String, raw: &[u8]) -> Rejection {
        let path = self.path(&locate(self.text, self.start, at));
        Rejection::new(self.origin(at), path, reason, expected, found).with_raw(raw)
    }
}
