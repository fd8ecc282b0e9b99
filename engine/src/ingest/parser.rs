//! Turns pieces of an input into events.

use std::borrow::Cow;

use super::fields::Complaint;
use super::record::{Accepted, Record};
use super::rejection::excerpt;
use super::source::Site;
use super::values::{self, Break, Found, Rest, Values};
use super::{
    Decoder, Format, IgnoreList, Ignored, Limits, Origin, Piece, Position, Reason, Rejection, Sink, known_file,
};
use crate::Zone;
use crate::json::{Fault, FaultKind, Progress, Reader, Scratch, Unwatched, Walk, locate, skip_blanks, skip_whitespace};

/// Turns pieces of an input into events. It has options but no state, and can be shared between threads.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    pub(super) format: Format,
    pub(super) limits: Limits,
    pub(super) zone: Zone,
    pub(super) ignored: IgnoreList,
    /// Whether the input is the raw part of a reject record.
    pub(super) is_again: bool,
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
        if let Some(mut decoder) = Decoder::for_mark(bytes) {
            let mut decoded = Vec::with_capacity(bytes.len());
            decoder.decode(bytes, &mut decoded);
            decoder.finish(&mut decoded);
            return self.parse_utf8(&decoded, sink);
        }
        self.parse_utf8(bytes, sink);
    }

    fn parse_utf8(&self, bytes: &[u8], sink: &mut impl Sink) {
        match known_file::refuse(bytes) {
            Some(rejection) => sink.rejected(rejection),
            None => self.values(bytes, Position::BEGINNING, false, sink),
        }
    }

    /// Parses one piece of an input.
    pub fn parse(&self, piece: &Piece, sink: &mut impl Sink) {
        match piece {
            Piece::Values { start, bytes, end } => self.values(bytes, *start, end.element.is_some(), sink),
            Piece::Rejected { rejection, .. } => sink.rejected(rejection.clone()),
        }
    }

    /// Parses complete values. `is_open`: they end inside an array.
    fn values(&self, bytes: &[u8], start: Position, is_open: bool, sink: &mut impl Sink) {
        // Nearly all pieces are valid UTF-8. Only if one is not, each line is checked.
        let text = simdutf8::basic::from_utf8(bytes).ok();
        let mut block = Block { parser: self, bytes, text, start, line: start.line, counted: 0 };
        let mut buffers = Buffers::default();
        let mut at = match start.element {
            None => 0,
            element => block.found(Values::new(self.limits, 0, element), is_open, &mut buffers, sink),
        };
        while at < bytes.len() {
            at = match block.line(at, &mut buffers, sink) {
                Some(next) => next,
                None => block.found(Values::new(self.limits, at, None), is_open, &mut buffers, sink),
            };
        }
    }
}

/// Reused from object to object.
#[derive(Default)]
struct Buffers<'a> {
    scratch: Scratch<'a>,
    record: Record,
}

/// Values that are being parsed.
struct Block<'a> {
    parser: &'a Parser,
    bytes: &'a [u8],
    /// The bytes, if they are valid UTF-8.
    text: Option<&'a str>,
    start: Position,
    /// The number of the line at the offset `counted`. Lines are counted forward only.
    line: u64,
    counted: usize,
}

impl<'a> Block<'a> {
    /// Parses the line at `at`, if it is an object or a unit by itself. Returns the offset of the next line.
    fn line(&mut self, at: usize, buffers: &mut Buffers<'a>, sink: &mut impl Sink) -> Option<usize> {
        let start = values::skip_marks(self.bytes, at);
        let first = skip_blanks(self.bytes, start);
        let next = match self.bytes.get(first) {
            Some(b'[') => return None,
            Some(b'{') => self.object_on_line(start, first, buffers, sink)?,
            _ => {
                let rest = self.bytes.get(start..).unwrap_or_default();
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.unit_at(start, start + length, None).line(sink);
                self.bytes.len().min(start + length + 1)
            }
        };
        // The next line begins here; its number is known.
        (self.line, self.counted) = (self.line_at(start) + 1, next);
        Some(next)
    }

    /// Parses the object at `first`, if it is alone on the line that begins at `start`. Returns the offset of the next
    /// line.
    fn object_on_line(
        &mut self,
        start: usize,
        first: usize,
        buffers: &mut Buffers<'a>,
        sink: &mut impl Sink,
    ) -> Option<usize> {
        let text = match self.text {
            Some(text) => text.get(first..)?,
            None => {
                let rest = self.bytes.get(first..)?;
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.text_of(first, first + length)?
            }
        };
        let Buffers { scratch, record } = &mut *buffers;
        let end = first + record.read(&mut Reader::new(text, 0, 0, scratch).on_one_line()).ok()?;
        let Rest::Nothing(next) = values::rest_of_line(self.bytes, end, true) else { return None };
        if self.parser.limits.can_be_too_long(next - start) {
            return None;
        }
        let bytes = self.bytes.get(first..end)?;
        self.unit(first, bytes, None).tell(text, &buffers.record, sink);
        Some(next)
    }

    /// Parses the values that are found until a line begins that can be read by itself. Returns its offset.
    fn found(&mut self, mut values: Values, is_open: bool, buffers: &mut Buffers<'a>, sink: &mut impl Sink) -> usize {
        loop {
            match values.next(self.bytes, true, is_open) {
                Found::Line { start, end } => self.unit_at(start, end, None).line(sink),
                Found::Object { start, end } => {
                    self.unit_at(start, end, None).object(self.text_of(start, end), buffers, sink);
                }
                Found::Element { index, start, end } => {
                    self.unit_at(start, end, Some(index)).element(self.text_of(start, end), buffers, sink);
                }
                Found::EmptyArray { start, end } => {
                    let expected = "an object, or an array of at least one";
                    sink.rejected(self.unit_at(start, end, None).no_event(0, expected, "an empty array".to_owned()));
                }
                Found::Broken { index, start, end, why } => {
                    let unit = self.unit_at(start, end, index);
                    let rest = self.bytes.get(start..).unwrap_or_default();
                    sink.rejected(unit.broken(why, start, rest));
                }
                Found::More | Found::End => return self.bytes.len(),
            }
            if values.is_settled() {
                return values.at();
            }
        }
    }

    /// The text between two offsets, if it is valid UTF-8.
    fn text_of(&self, start: usize, end: usize) -> Option<&'a str> {
        match self.text {
            Some(text) => text.get(start..end),
            None => simdutf8::basic::from_utf8(self.bytes.get(start..end)?).ok(),
        }
    }

    fn unit_at(&mut self, start: usize, end: usize, index: Option<u64>) -> Unit<'a> {
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        self.unit(start, bytes, index)
    }

    fn unit(&mut self, start: usize, bytes: &'a [u8], index: Option<u64>) -> Unit<'a> {
        (self.line, self.counted) = (self.line_at(start), start.max(self.counted));
        let byte_offset = self.start.byte_offset + start as u64;
        Unit { parser: self.parser, bytes, at: Origin { line: self.line, byte_offset }, index }
    }

    fn line_at(&self, at: usize) -> u64 {
        let between = self.bytes.get(self.counted..at).unwrap_or_default();
        self.line + memchr::memchr_iter(b'\n', between).count() as u64
    }
}

/// Whether nothing but a comma follows a value on its line.
fn is_end_of_line(line: &[u8], end: usize) -> bool {
    let mut at = skip_blanks(line, end);
    if line.get(at) == Some(&b',') {
        at = skip_blanks(line, at + 1);
    }
    at == line.len()
}

/// A line, an object over several lines, or an element of an array.
#[derive(Clone, Copy)]
struct Unit<'a> {
    parser: &'a Parser,
    bytes: &'a [u8],
    /// Where it begins.
    at: Origin,
    /// Its index in an array.
    index: Option<u64>,
}

impl<'a> Unit<'a> {
    /// A line that begins neither an object nor an array, or is too long.
    fn line(self, sink: &mut impl Sink) {
        let first = skip_whitespace(self.bytes, 0);
        if self.parser.limits.is_too_long(self.bytes) {
            sink.rejected(self.too_long());
        } else if first == self.bytes.len() {
            sink.ignored(self.at, Ignored::BLANK);
        } else {
            sink.rejected(self.scalar(first));
        }
    }

    fn too_long(self) -> Rejection {
        let max_bytes = self.parser.limits.max_bytes_of(self.bytes);
        let rejection = Rejection::line_too_long(self.at, max_bytes, self.bytes.len() as u64, self.bytes);
        Rejection { path: self.path(""), ..rejection }
    }

    /// A well-formed object.
    fn object(self, text: Option<&'a str>, buffers: &mut Buffers<'a>, sink: &mut impl Sink) {
        let Some(text) = text else { return };
        if memchr::memmem::find(self.bytes, b"\n\xef\xbb\xbf").is_some() {
            return self.object_in(&without_marks(text), &mut Buffers::default(), sink);
        }
        self.object_in(text, buffers, sink);
    }

    fn object_in<'t>(self, text: &'t str, buffers: &mut Buffers<'t>, sink: &mut impl Sink) {
        match self.read(text, buffers) {
            Ok(_) => self.tell(text, &buffers.record, sink),
            Err(fault) => sink.rejected(self.faulty(fault, text)),
        }
    }

    /// A well-formed element of an array.
    fn element(self, text: Option<&'a str>, buffers: &mut Buffers<'a>, sink: &mut impl Sink) {
        if self.parser.limits.is_too_long(self.bytes) {
            sink.rejected(self.too_long());
        } else if self.bytes.first() == Some(&b'{') {
            self.object(text, buffers, sink);
        } else {
            sink.rejected(self.no_event(0, "an object", excerpt(text.unwrap_or_default())));
        }
    }

    /// Reads the object at the beginning of the text. Returns its end.
    fn read<'t>(self, text: &'t str, buffers: &mut Buffers<'t>) -> Result<usize, Fault> {
        let Buffers { scratch, record } = buffers;
        record.read(&mut Reader::new(text, 0, self.levels(), scratch))
    }

    /// The number of containers around it.
    fn levels(self) -> usize {
        usize::from(self.index.is_some())
    }

    /// Reports to the sink what the object is that was read at the beginning of the text.
    fn tell(self, text: &str, record: &Record, sink: &mut impl Sink) {
        let origin = self.at;
        let site = Site { text, at: 0, levels: self.levels(), parser: self.parser };
        match record.accept(site, &mut |draft, max_id_bytes| sink.draft(origin, draft, max_id_bytes)) {
            Ok(Accepted::Event) => {}
            Ok(Accepted::Ignored(why)) => sink.ignored(origin, why),
            Ok(Accepted::Again(reject)) => reject.parse(self.parser, origin, sink),
            Err(complaint) => {
                let Complaint { reason, at, path, expected, found } = *complaint;
                let rejection = Rejection::new(self.origin(at), self.path(&path), reason, expected, found);
                sink.rejected(rejection.with_raw(self.bytes));
            }
        }
    }

    /// A value that is neither an object nor an array, and possibly not JSON.
    fn scalar(self, first: usize) -> Rejection {
        let mut walk = Walk::default();
        let end = match walk.run(self.bytes, first, &mut Unwatched) {
            Ok(Progress::Complete(end)) if is_end_of_line(self.bytes, end) => Ok(()),
            Ok(Progress::Complete(end)) => Err(FaultKind::MoreAfterTheEnd.at(skip_whitespace(self.bytes, end))),
            Ok(Progress::More(_)) => Err(walk.too_early(self.bytes.len())),
            Err(fault) => Err(fault),
        };
        match (simdutf8::compat::from_utf8(self.bytes), end) {
            (Err(error), Ok(())) => self.not_utf8(error.valid_up_to()),
            (Err(error), Err(fault)) if error.valid_up_to() <= fault.at => self.not_utf8(error.valid_up_to()),
            (text, Err(fault)) => {
                let text = text.unwrap_or_else(|error| valid_beginning(self.bytes, error.valid_up_to()));
                self.faulty(fault, text)
            }
            (Ok(text), Ok(())) => {
                let found = excerpt(text.get(first..).unwrap_or_default());
                self.no_event(first, "an object or an array of objects", found)
            }
        }
    }

    /// A value that breaks. `rest` is the input from its beginning on, which is at `start`; the unit is the line on which
    /// it begins.
    fn broken(self, why: Break, start: usize, rest: &[u8]) -> Rejection {
        let at = why.at().saturating_sub(start);
        match why {
            // Where exactly it breaks may be in another piece, so it is not said.
            _ if at > self.bytes.len() && rest.len() > self.bytes.len() => self.breaks_off(),
            Break::TooLong(_) => self.breaks_off(),
            Break::NotUtf8(_) => self.not_utf8(at),
            Break::Fault(fault) => {
                // A string that is open at the end of its line.
                let is_open = at >= self.bytes.len() && fault.kind == FaultKind::ControlCharacter;
                let fault = if is_open { FaultKind::OpenString } else { fault.kind }.at(at);
                match simdutf8::compat::from_utf8(self.bytes) {
                    Err(error) if error.valid_up_to() <= at => self.not_utf8(error.valid_up_to()),
                    Err(error) => self.faulty(fault, valid_beginning(self.bytes, error.valid_up_to())),
                    Ok(text) => self.faulty(fault, text),
                }
            }
        }
    }

    /// A value that is not complete on its line and breaks on a later one.
    fn breaks_off(self) -> Rejection {
        let max_bytes = self.parser.limits.max_document_bytes;
        let expected = format!(
            "a value that is complete on its line, or on the next ones within {max_bytes} bytes (the limit can be set)"
        );
        self.rejection(0, Reason::NotJson, expected.into(), "one that breaks off".to_owned(), "")
    }

    /// A unit that is invalid UTF-8 from `valid_bytes` on.
    fn not_utf8(self, valid_bytes: usize) -> Rejection {
        let rest = self.bytes.get(valid_bytes..).unwrap_or_default();
        let shown: Vec<_> = rest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let found = format!("the bytes {}", shown.join(" "));
        let text = valid_beginning(self.bytes, valid_bytes);
        self.rejection(valid_bytes, Reason::NotUtf8, "UTF-8".into(), found, text)
    }

    fn no_event(self, at: usize, expected: &'static str, found: String) -> Rejection {
        let rejection = Rejection::new(self.origin(at), self.path(""), Reason::NotAnEvent, expected.into(), found);
        rejection.with_raw(self.bytes)
    }

    fn faulty(self, fault: Fault, text: &str) -> Rejection {
        let reason = match fault.kind {
            FaultKind::DuplicateKey => Reason::DuplicateKey,
            FaultKind::TooDeep => Reason::TooDeep,
            _ => Reason::NotJson,
        };
        let rest = text.get(fault.at..).unwrap_or_default();
        let found = if rest.is_empty() { "the end".to_owned() } else { excerpt(rest) };
        self.rejection(fault.at, reason, fault.kind.expected().into(), found, text)
    }

    /// A rejection at an offset of the unit. `text` is the unit up to there.
    fn rejection(self, at: usize, reason: Reason, expected: Cow<'static, str>, found: String, text: &str) -> Rejection {
        let path = self.path(&locate(text, 0, at));
        Rejection::new(self.origin(at), path, reason, expected, found).with_raw(self.bytes)
    }

    fn path(self, within: &str) -> String {
        self.index.map_or_else(|| format!("${within}"), |index| format!("$[{index}]{within}"))
    }

    /// The position of an offset of the unit.
    fn origin(self, at: usize) -> Origin {
        let before = self.bytes.get(..at).unwrap_or(self.bytes);
        let lines = memchr::memchr_iter(b'\n', before).count() as u64;
        Origin { line: self.at.line + lines, byte_offset: self.at.byte_offset + at as u64 }
    }
}

/// The text with spaces in the place of byte-order marks before lines, which the reader does not know. The offsets stay.
fn without_marks(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches('\u{feff}');
        spaced.extend(std::iter::repeat_n(' ', line.len() - content.len()));
        spaced.push_str(content);
    }
    spaced
}

fn valid_beginning(bytes: &[u8], valid_bytes: usize) -> &str {
    simdutf8::basic::from_utf8(bytes.get(..valid_bytes).unwrap_or_default()).unwrap_or_default()
}
