//! Splits an input, which arrives in chunks of any size, into pieces.

use super::values::{self, Found, Values};
use super::{Limits, Origin, Piece, Position, Rejection, known_file};
use crate::json::skip_blanks;

/// A larger spare buffer is freed.
const MAX_SPARE_BYTES: usize = 4 << 20;
const ROOM_STEP_BYTES: usize = 64 << 10;
/// The number of line ends at which a certain cut is searched for.
const CUTS_TRIED: usize = 8;

/// Splits an input into [`Piece`]s that can be parsed independently.
///
/// A log of one object per line is divided at line ends without a look at the objects, except at one line per piece. If
/// that line is an object by itself, without a comma behind it, and the next one begins with `{`, then the next line
/// begins a value: any object around them would break there, and reading would resume line by line after its beginning
/// (rule W1). The rest of an input, such as arrays and objects over several lines, is walked value by value.
///
/// The framer buffers at most one piece and one value, within the [`Limits`].
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    piece_bytes: usize,
    /// Bytes that were not emitted yet.
    held: Vec<u8>,
    /// The buffer for the next bytes after `held` was emitted.
    spare: Vec<u8>,
    /// The position of `held` in the input.
    start: Position,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The kind of the input is not known.
    Beginning,
    /// Lines, which are complete up to `whole`.
    Lines { whole: usize },
    /// Values are found one by one.
    Values(Box<Values>),
    /// In a line that exceeds the limit; only its beginning is in `held`.
    LongLine { bytes: u64, last: u8 },
    /// In the rest of a line of which nothing more is read; `held` ends with what was read of it.
    RestOfLine { bytes: u64 },
    /// The rest of the input is part of a rejection.
    Rejected { rejection: Box<Rejection>, end: Position },
}

impl Framer {
    /// Starts at the beginning of an input. Pieces have about `piece_bytes` bytes.
    #[must_use]
    pub fn new(limits: Limits, piece_bytes: usize) -> Self {
        Self::begin(limits, piece_bytes, Position::BEGINNING, State::Beginning)
    }

    /// Resumes in an input at the end of a piece; see [`Piece::end`].
    #[must_use]
    pub fn resume(limits: Limits, piece_bytes: usize, at: Position) -> Self {
        let mut framer = Self::begin(limits, piece_bytes, at, State::Beginning);
        if at != Position::BEGINNING {
            framer.restart_at(at);
        }
        framer
    }

    fn begin(limits: Limits, piece_bytes: usize, start: Position, state: State) -> Self {
        let (limits, piece_bytes) = (limits.within_bounds(), piece_bytes.max(1));
        Self { limits, piece_bytes, held: Vec::new(), spare: Vec::new(), start, state }
    }

    /// Processes the next bytes of the input, in chunks of any size.
    pub fn feed(&mut self, bytes: &[u8], emit: &mut impl FnMut(Piece)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.state {
                State::LongLine { .. } => self.pass_long_line(rest, emit),
                State::RestOfLine { .. } => self.pass_rest_of_line(rest, emit),
                State::Rejected { end, .. } => {
                    *end = end.after(rest, None);
                    &[]
                }
                State::Beginning | State::Lines { .. } | State::Values(_) => self.hold(rest, emit),
            };
        }
    }

    /// Reads the next bytes of the input with `append`, without the copy that [`Framer::feed`] makes. `append` receives
    /// the buffer and the maximum number of bytes to add to it; at the end of the input it adds none. Returns whether
    /// it added any.
    ///
    /// # Errors
    /// The error of `append`.
    pub fn feed_from<E>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
        emit: &mut impl FnMut(Piece),
    ) -> Result<bool, E> {
        if matches!(self.state, State::Lines { .. } | State::Values(_)) {
            let (room, before) = (self.room(), self.held.len());
            append(&mut self.held, room)?;
            let is_more = self.held.len() > before;
            self.divide(emit);
            return Ok(is_more);
        }
        let mut bytes = Vec::new();
        append(&mut bytes, self.piece_bytes)?;
        self.feed(&bytes, emit);
        Ok(!bytes.is_empty())
    }

    /// Whether the buffer of a piece can be used again: see [`Framer::recycle`].
    #[must_use]
    pub fn needs_buffer(&self) -> bool {
        self.spare.capacity() == 0
    }

    /// Reuses the buffer of a piece.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > self.spare.capacity() && bytes.capacity() <= MAX_SPARE_BYTES {
            self.spare = bytes;
        }
    }

    /// Emits the complete values in the buffer, so that a pause of the input does not delay events.
    pub fn flush(&mut self, emit: &mut impl FnMut(Piece)) {
        if matches!(self.state, State::Beginning) {
            self.decide();
        }
        if let State::Lines { whole } = self.state {
            if let Some(cut) = certain_end(&self.held, whole) {
                self.emit_values(cut, None, emit);
            } else {
                self.find_values();
            }
        }
        self.divide(emit);
        if let State::Values(values) = &self.state
            && let Some((cut, element)) = values.boundary()
        {
            self.emit_values(cut, element, emit);
        }
    }

    /// Ends the input: emits the rest, including a last line without a line end.
    pub fn finish(&mut self, emit: &mut impl FnMut(Piece)) {
        if matches!(self.state, State::Beginning) {
            self.decide();
        }
        match &mut self.state {
            State::Beginning | State::Lines { .. } | State::Values(_) => self.emit_last(0, emit),
            State::LongLine { bytes, last } => {
                let (bytes, last) = (*bytes, *last);
                self.emit_long_line(bytes, last, 0, emit);
            }
            State::RestOfLine { bytes } => {
                let bytes = *bytes;
                self.emit_last(bytes, emit);
            }
            State::Rejected { rejection, end } => {
                let rejection = (**rejection).clone();
                emit(Piece::Rejected { rejection, end: *end });
            }
        }
        self.state = State::Lines { whole: 0 };
        self.held.clear();
    }

    /// Emits everything that is held as the last piece, followed by `passed` bytes that are not.
    fn emit_last(&mut self, passed: u64, emit: &mut impl FnMut(Piece)) {
        let start = self.start;
        if self.held.is_empty() && start.element.is_none() {
            return;
        }
        let bytes = std::mem::take(&mut self.held);
        let open_line = u64::from(bytes.last().is_some_and(|last| *last != b'\n'));
        let end = start.after(&bytes, None);
        let end = Position { line: end.line + open_line, byte_offset: end.byte_offset + passed, element: None };
        self.start = end;
        emit(Piece::Values { start, bytes, end });
    }

    /// Buffers the next bytes, at most enough for one piece, and emits what is complete.
    fn hold<'b>(&mut self, bytes: &'b [u8], emit: &mut impl FnMut(Piece)) -> &'b [u8] {
        let (now, rest) = bytes.split_at_checked(self.room()).unwrap_or((bytes, &[]));
        self.held.extend_from_slice(now);
        if matches!(self.state, State::Beginning) {
            if self.held.len() < known_file::BEGINNING_BYTES && !known_file::is_surely_json(&self.held) {
                return rest;
            }
            self.decide();
        }
        self.divide(emit);
        rest
    }

    /// How many bytes to buffer next. The buffer is filled up to one piece and emitted, so it seldom has to grow.
    fn room(&self) -> usize {
        match self.piece_bytes.saturating_sub(self.held.len()) {
            0 => self.piece_bytes,
            room => room,
        }
    }

    /// Decides whether the input can be JSON at all.
    fn decide(&mut self) {
        self.state = match known_file::refuse(&self.held) {
            None => State::Lines { whole: 0 },
            Some(rejection) => {
                let end = self.start.after(&self.held, None);
                self.held.clear();
                State::Rejected { rejection: Box::new(rejection), end }
            }
        };
    }

    /// Emits pieces of the buffer, as far as they are complete.
    fn divide(&mut self, emit: &mut impl FnMut(Piece)) {
        loop {
            match self.state {
                State::Lines { .. } => {
                    if !self.divide_lines(emit) {
                        return;
                    }
                }
                State::Values(_) => return self.divide_values(emit),
                _ => return,
            }
        }
    }

    /// Divides lines. Returns whether the values have to be found one by one.
    fn divide_lines(&mut self, emit: &mut impl FnMut(Piece)) -> bool {
        let State::Lines { whole } = &mut self.state else { return false };
        let mut has_array = false;
        while let Some(rest) = self.held.get(*whole..)
            && let Some(length) = memchr::memchr(b'\n', rest)
        {
            has_array |= rest.first() != Some(&b'{') && begins_array(rest);
            *whole += length + 1;
        }
        let whole = *whole;
        let open = self.held.get(whole..).unwrap_or_default();
        let is_open_too_long = open.len() > self.limits.max_own_line_bytes() + 1;
        if has_array || is_open_too_long {
            self.find_values();
            return true;
        }
        if self.held.len() < self.piece_bytes {
            return false;
        }
        if let Some(cut) = certain_cut(&self.held, whole) {
            self.emit_values(cut, None, emit);
            return false;
        }
        // A short piece may end in a longer line.
        if whole > 0 || self.held.len() >= 2 * self.piece_bytes {
            self.find_values();
            return true;
        }
        false
    }

    fn find_values(&mut self) {
        self.state = State::Values(Box::new(Values::new(self.limits, 0, self.start.element)));
    }

    /// Finds values one by one. Afterwards all available bytes were looked at.
    fn divide_values(&mut self, emit: &mut impl FnMut(Piece)) {
        loop {
            let State::Values(values) = &mut self.state else { return };
            let found = values.next(&self.held, false, true);
            let cut = values.boundary();
            let is_line = values.is_before_line();
            let at = values.at();
            match found {
                Found::More | Found::End => {
                    self.wait(cut, is_line, at, emit);
                    return;
                }
                Found::Broken { end, .. } if end >= self.held.len() => {
                    self.state = State::RestOfLine { bytes: 0 };
                    return;
                }
                _ => {}
            }
            if let Some((cut, element)) = cut.filter(|(cut, _)| *cut >= self.piece_bytes) {
                self.emit_values(cut, element, emit);
            }
        }
    }

    /// Waits for more bytes. Between values, the fast way of lines is tried again.
    fn wait(&mut self, cut: Option<(usize, Option<u64>)>, is_line: bool, at: usize, emit: &mut impl FnMut(Piece)) {
        let open = self.held.get(at..).unwrap_or_default();
        let is_long = is_line && open.len() > self.limits.max_own_line_bytes() + 1;
        // An object over several lines may lack only the end of its last line.
        let is_too_long = is_long && memchr::memchr(b'\n', open).is_none();
        if is_too_long {
            // What precedes the line decides nothing about it any more.
            self.emit_values(at, None, emit);
            let last = self.held.last().copied().unwrap_or_default();
            self.state = State::LongLine { bytes: self.held.len() as u64, last };
            self.held.truncate(Rejection::MAX_RAW_BYTES + 1);
        } else if let Some((at, None)) = cut {
            self.emit_values(at, None, emit);
            self.state = State::Lines { whole: 0 };
        }
    }

    fn pass_long_line<'b>(&mut self, bytes: &'b [u8], emit: &mut impl FnMut(Piece)) -> &'b [u8] {
        let State::LongLine { bytes: passed, last } = &mut self.state else { return bytes };
        let end = memchr::memchr(b'\n', bytes);
        let (line, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, &[]));
        let room = (Rejection::MAX_RAW_BYTES + 1).saturating_sub(self.held.len());
        self.held.extend_from_slice(line.get(..room).unwrap_or(line));
        *passed += line.len() as u64;
        *last = line.last().copied().unwrap_or(*last);
        let (passed, last) = (*passed, *last);
        let Some(rest) = rest.get(1..) else { return &[] };
        self.emit_long_line(passed, last, 1, emit);
        rest
    }

    /// Emits the rejection of a line that was too long. `end_bytes` is the length of its line end.
    fn emit_long_line(&mut self, bytes: u64, last: u8, end_bytes: u64, emit: &mut impl FnMut(Piece)) {
        // Byte-order marks before the line are no part of it.
        let marks = values::skip_marks(&self.held, 0);
        let line_bytes = bytes - u64::from(last == b'\r') - marks as u64;
        let beginning = self.held.get(marks..).unwrap_or_default();
        let kept = usize::try_from(line_bytes).unwrap_or(usize::MAX).min(beginning.len());
        let beginning = beginning.get(..kept).unwrap_or_default();
        let Position { line, byte_offset, .. } = self.start;
        let origin = Origin { line, byte_offset: byte_offset + marks as u64 };
        let max_bytes = self.limits.max_bytes_of(beginning);
        let rejection = Rejection::line_too_long(origin, max_bytes, line_bytes, beginning);
        let end = Position { line: line + 1, byte_offset: byte_offset + bytes + end_bytes, element: None };
        emit(Piece::Rejected { rejection, end });
        self.held.clear();
        self.restart_at(end);
    }

    /// Passes the rest of the line on which a value broke, and emits the piece with it.
    fn pass_rest_of_line<'b>(&mut self, bytes: &'b [u8], emit: &mut impl FnMut(Piece)) -> &'b [u8] {
        let State::RestOfLine { bytes: passed } = &mut self.state else { return bytes };
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            *passed += bytes.len() as u64;
            return &[];
        };
        let passed = *passed + end as u64 + 1;
        self.emit_last(passed, emit);
        self.restart_at(self.start);
        bytes.get(end + 1..).unwrap_or_default()
    }

    /// Emits the first `length` bytes of the buffer. `element` is the index of the next element if they end in an array.
    fn emit_values(&mut self, length: usize, element: Option<u64>, emit: &mut impl FnMut(Piece)) {
        let Some((values, rest)) = self.held.split_at_checked(length).filter(|(values, _)| !values.is_empty()) else {
            return;
        };
        let (start, end) = (self.start, self.start.after(values, element));
        let mut held = std::mem::take(&mut self.spare);
        held.clear();
        // In steps, so that a recycled buffer is large enough for any remaining line.
        let room = self.piece_bytes.min(MAX_SPARE_BYTES / 2) + rest.len();
        held.reserve_exact((room + ROOM_STEP_BYTES / 2).next_multiple_of(ROOM_STEP_BYTES));
        held.extend_from_slice(rest);
        let mut bytes = std::mem::replace(&mut self.held, held);
        bytes.truncate(length);
        self.start = end;
        match &mut self.state {
            State::Lines { whole } => *whole = whole.saturating_sub(length),
            State::Values(values) => values.advance(length),
            _ => {}
        }
        emit(Piece::Values { start, bytes, end });
    }

    /// The buffer now begins at `start`.
    fn restart_at(&mut self, start: Position) {
        self.start = start;
        self.state = State::Lines { whole: 0 };
        if start.element.is_some() {
            self.find_values();
        }
    }
}

/// Whether a line begins with `[`, after byte-order marks and blanks.
fn begins_array(line: &[u8]) -> bool {
    line.get(skip_blanks(line, values::skip_marks(line, 0))) == Some(&b'[')
}

/// The last line start in the first `whole` bytes, or their end, at which a value begins for certain; see [`Framer`].
/// No line before may begin with `[`.
fn certain_cut(held: &[u8], whole: usize) -> Option<usize> {
    let mut next = whole;
    for _ in 0..CUTS_TRIED {
        let start = start_of_line_before(held, next)?;
        if held.get(next) == Some(&b'{') && is_object_without_comma(held.get(start..next)?) {
            return Some(next);
        }
        next = start;
    }
    None
}

/// The end of the last line in the first `whole` bytes, if that line is an object by itself and certainly a value.
fn certain_end(held: &[u8], whole: usize) -> Option<usize> {
    let last = start_of_line_before(held, whole)?;
    let is_value = match start_of_line_before(held, last) {
        None => true,
        Some(before) => held.get(last) == Some(&b'{') && is_object_without_comma(held.get(before..last)?),
    };
    (is_value && values::is_object(held.get(last..whole)?)).then_some(whole)
}

/// Whether a line is an object by itself, and an object on the next line cannot be the next element of the same array.
fn is_object_without_comma(line: &[u8]) -> bool {
    values::is_object(line) && !line.trim_ascii_end().ends_with(b",")
}

/// The start of the line that ends before `end`.
fn start_of_line_before(held: &[u8], end: usize) -> Option<usize> {
    let line = held.get(..end)?.strip_suffix(b"\n")?;
    Some(memchr::memrchr(b'\n', line).map_or(0, |line_feed| line_feed + 1))
}

#[cfg(test)]
impl Framer {
    /// The number of buffered bytes, which the limits bound.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }
}
