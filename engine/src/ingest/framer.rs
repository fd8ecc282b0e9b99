//! Splits an input, which arrives in chunks of any size, into pieces.

use super::document::{self, Document, Verdict};
use super::{Limits, Origin, Piece, Rejection};
use crate::json::skip_whitespace;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A larger spare buffer is freed.
const MAX_SPARE_BYTES: usize = 4 << 20;
const ROOM_STEP_BYTES: usize = 64 << 10;

/// Splits an input into [`Piece`]s that can be parsed independently.
///
/// An input is read as lines of JSON unless its first line that is not blank ends between two tokens. Then it is read
/// as one document over several lines, as in the samples of the vendors. If that document has a fault, the lines up to
/// 64 KiB after the fault decide whether the input consists of lines after all, of which the first ones are damaged.
/// For lines, the framer buffers at most one piece and one line; for a possible document, at most the limit.
///
/// A document is emitted at the end of the input, because nothing may follow it. For an endless input that consists of
/// lines, use [`Framer::resume`] at line 1, offset 0.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    piece_bytes: usize,
    /// Bytes that were not emitted yet, from the beginning of a line.
    held: Vec<u8>,
    /// The buffer for the next bytes after `held` was emitted.
    spare: Vec<u8>,
    /// The position of `held` in the input.
    start: Origin,
    /// The end of the last complete line in `held`.
    whole: usize,
    /// Line ends were searched up to this offset.
    searched: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// A byte-order mark may follow.
    Beginning,
    /// Only blank lines so far.
    Undecided,
    /// Lines of JSON.
    Lines,
    /// In a line that exceeds the limit; only its beginning is in `held`.
    LongLine { bytes: u64, last: u8 },
    /// Possibly one document over several lines.
    Document(Document),
    /// After a document of `document_bytes` bytes, with only whitespace up to `end`.
    AfterDocument { document_bytes: usize, end: Origin },
    /// The rest of the input is part of a rejection.
    Rejected { rejection: Box<Rejection>, end: Origin },
}

impl Framer {
    /// Starts at the beginning of an input. Pieces of lines have about `piece_bytes` bytes.
    #[must_use]
    pub fn new(limits: Limits, piece_bytes: usize) -> Self {
        Self::begin(limits, piece_bytes, Origin { line: 1, byte_offset: 0 }, State::Beginning)
    }

    /// Resumes in an input that consists of lines, at the beginning of the line with this number and offset; see
    /// [`Piece::end`].
    #[must_use]
    pub fn resume(limits: Limits, piece_bytes: usize, line: u64, byte_offset: u64) -> Self {
        Self::begin(limits, piece_bytes, Origin { line, byte_offset }, State::Lines)
    }

    fn begin(limits: Limits, piece_bytes: usize, start: Origin, state: State) -> Self {
        let (limits, piece_bytes) = (limits.within_bounds(), piece_bytes.max(1));
        Self { limits, piece_bytes, held: Vec::new(), spare: Vec::new(), start, whole: 0, searched: 0, state }
    }

    /// Processes the next bytes of the input, in chunks of any size.
    pub fn feed(&mut self, bytes: &[u8], emit: &mut impl FnMut(Piece)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.state {
                State::LongLine { .. } => self.pass_long_line(rest, emit),
                State::AfterDocument { .. } => self.pass_after_document(rest),
                State::Rejected { rejection, end } => {
                    rejection.add_raw(rest);
                    *end = end.after(rest);
                    &[]
                }
                State::Beginning | State::Undecided | State::Lines | State::Document(_) => self.hold(rest, emit),
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
        if matches!(self.state, State::Lines) {
            let (room, before) = (self.room(), self.held.len());
            append(&mut self.held, room)?;
            let is_more = self.held.len() > before;
            self.hold_lines(emit);
            return Ok(is_more);
        }
        let mut bytes = Vec::new();
        append(&mut bytes, self.piece_bytes)?;
        self.feed(&bytes, emit);
        Ok(!bytes.is_empty())
    }

    /// Reuses the buffer of a piece.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > self.spare.capacity() && bytes.capacity() <= MAX_SPARE_BYTES {
            self.spare = bytes;
        }
    }

    /// The position of the first line that was not emitted yet, once the input is known to consist of lines.
    pub(super) fn start_of_lines(&self) -> Option<Origin> {
        matches!(self.state, State::Lines | State::LongLine { .. }).then_some(self.start)
    }

    /// Emits the complete lines in the buffer, so that a pause of the input does not delay events.
    pub fn flush(&mut self, emit: &mut impl FnMut(Piece)) {
        if matches!(self.state, State::Lines | State::Undecided) {
            self.emit_lines(self.whole, emit);
        }
    }

    /// Ends the input: emits the rest, including a last line without a line end.
    pub fn finish(&mut self, emit: &mut impl FnMut(Piece)) {
        if let State::Document(document) = &mut self.state {
            let end = self.held.len();
            let verdict = document.line(&self.held, self.whole, end, &self.limits);
            let verdict = if verdict == Verdict::More { document.too_early(end) } else { verdict };
            self.decide(verdict, end, emit);
        }
        let end = self.start.after(&self.held);
        match std::mem::replace(&mut self.state, State::Lines) {
            State::Beginning | State::Undecided | State::Lines | State::Document(_) => {
                self.emit_lines(self.held.len(), emit);
            }
            State::LongLine { bytes, last } => self.emit_long_line(bytes, last, 0, emit),
            State::AfterDocument { document_bytes, end } => self.emit_document(document_bytes, end, emit),
            State::Rejected { rejection, end } => emit(Piece::Rejected { rejection: *rejection, end }),
        }
        self.restart_at(end);
    }

    /// Buffers the next bytes, at most enough for one piece, and emits what is complete.
    fn hold<'b>(&mut self, bytes: &'b [u8], emit: &mut impl FnMut(Piece)) -> &'b [u8] {
        let (now, rest) = bytes.split_at_checked(self.room()).unwrap_or((bytes, &[]));
        self.held.extend_from_slice(now);
        if matches!(self.state, State::Beginning) && !self.skip_byte_order_mark() {
            return rest;
        }
        while matches!(self.state, State::Undecided | State::Document(_)) && self.next_line(emit) {}
        if matches!(self.state, State::Lines) {
            self.hold_lines(emit);
        }
        rest
    }

    /// How many bytes to buffer next. The buffer is filled up to one piece and emitted, so it seldom has to grow.
    fn room(&self) -> usize {
        match self.piece_bytes.saturating_sub(self.held.len()) {
            0 => self.piece_bytes,
            room => room,
        }
    }

    /// Skips a byte-order mark. Returns false if more bytes are needed to detect it.
    fn skip_byte_order_mark(&mut self) -> bool {
        if self.held.starts_with(BYTE_ORDER_MARK) {
            self.held.drain(..BYTE_ORDER_MARK.len());
            self.start.byte_offset += BYTE_ORDER_MARK.len() as u64;
        } else if BYTE_ORDER_MARK.starts_with(&self.held) {
            return false;
        }
        self.state = State::Undecided;
        true
    }

    /// Examines the next complete line while the kind of input is unknown. Returns whether there was one.
    fn next_line(&mut self, emit: &mut impl FnMut(Piece)) -> bool {
        let unsearched = self.held.get(self.searched..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.held.len();
            self.check_open_line(emit);
            return false;
        };
        let end = self.searched + length;
        match &mut self.state {
            State::Document(document) => {
                let verdict = document.line(&self.held, self.whole, end, &self.limits);
                self.decide(verdict, end, emit);
            }
            _ => self.first_line(end, emit),
        }
        true
    }

    /// Handles a line that exceeds the limit before its end is known.
    fn check_open_line(&mut self, emit: &mut impl FnMut(Piece)) {
        let open_bytes = self.held.len() - self.whole;
        match &mut self.state {
            State::Document(document) if document.is_over(self.whole, self.held.len(), &self.limits) => {
                let verdict = document.over();
                self.decide(verdict, self.held.len(), emit);
            }
            State::Undecided if open_bytes > self.limits.max_own_line_bytes() + 1 => self.state = State::Lines,
            _ => {}
        }
    }

    /// Handles the first line that may not be blank. It ends at `end`.
    fn first_line(&mut self, end: usize, emit: &mut impl FnMut(Piece)) {
        let line = self.held.get(self.whole..end).unwrap_or_default();
        if line.len() > self.limits.max_own_line_bytes() + 1 {
            self.state = State::Lines;
        } else if skip_whitespace(line, 0) == line.len() {
            (self.whole, self.searched) = (end + 1, end + 1);
            if self.whole >= self.piece_bytes {
                self.emit_lines(self.whole, emit);
            }
        } else if let Some(document) = Document::begin(line) {
            let line_bytes = line.len();
            self.emit_lines(self.whole, emit);
            (self.whole, self.searched) = (line_bytes + 1, line_bytes + 1);
            self.state = State::Document(document);
        } else {
            self.state = State::Lines;
        }
    }

    /// Acts on a verdict about the document after the line that ends at `end`.
    fn decide(&mut self, verdict: Verdict, end: usize, emit: &mut impl FnMut(Piece)) {
        match verdict {
            Verdict::More => (self.whole, self.searched) = (end + 1, end + 1),
            Verdict::Lines => {
                (self.whole, self.searched) = (0, 0);
                self.state = State::Lines;
                self.hold_lines(emit);
            }
            Verdict::Complete(document_bytes) => {
                let after = self.held.split_off(document_bytes);
                let end = self.start.after(&self.held);
                self.state = State::AfterDocument { document_bytes, end };
                self.feed(&after, emit);
            }
            Verdict::Faulty(end) => {
                let after = self.held.split_off(end);
                let rejection = document::rejected_for_grammar(self.limits, self.start, &self.held);
                self.reject_all(rejection, &after, emit);
            }
            Verdict::TooLong => {
                let max_bytes = self.limits.max_document_bytes;
                let after = self.held.split_off(max_bytes);
                let rejection = document::rejected_for_length(self.start, max_bytes, &self.held);
                self.reject_all(rejection, &after, emit);
            }
        }
    }

    /// Rejects the buffer, `after` and the rest of the input.
    fn reject_all(&mut self, rejection: Rejection, after: &[u8], emit: &mut impl FnMut(Piece)) {
        let rejection = Box::new(rejection);
        self.state = State::Rejected { rejection, end: self.start.after(&self.held) };
        self.feed(after, emit);
    }

    /// Emits complete lines once they make a piece, and starts to skip a line that is too long.
    fn hold_lines(&mut self, emit: &mut impl FnMut(Piece)) {
        let unsearched = self.held.get(self.searched..).unwrap_or_default();
        if let Some(last) = memchr::memrchr(b'\n', unsearched) {
            self.whole = self.searched + last + 1;
        }
        self.searched = self.held.len();
        let open_bytes = self.held.len() - self.whole;
        let is_too_long = open_bytes > self.limits.max_own_line_bytes() + 1;
        if self.held.len() >= self.piece_bytes || is_too_long {
            self.emit_lines(self.whole, emit);
        }
        if is_too_long {
            let last = self.held.last().copied().unwrap_or_default();
            self.state = State::LongLine { bytes: open_bytes as u64, last };
            self.held.truncate(Rejection::MAX_RAW_BYTES + 1);
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
        self.state = State::Lines;
        self.emit_long_line(passed, last, 1, emit);
        rest
    }

    /// Emits the rejection of a line that was too long. `end_bytes` is the length of its line end.
    fn emit_long_line(&mut self, bytes: u64, last: u8, end_bytes: u64, emit: &mut impl FnMut(Piece)) {
        let line_bytes = bytes - u64::from(last == b'\r');
        let kept = usize::try_from(line_bytes).unwrap_or(usize::MAX).min(self.held.len());
        let beginning = self.held.get(..kept).unwrap_or_default();
        let rejection =
            Rejection::line_too_long(self.start, self.limits.max_bytes_of(beginning), line_bytes, beginning);
        let end = Origin { line: self.start.line + 1, byte_offset: self.start.byte_offset + bytes + end_bytes };
        emit(Piece::Rejected { rejection, end });
        self.held.clear();
        self.restart_at(end);
    }

    /// After a document, only whitespace is allowed.
    fn pass_after_document<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let State::AfterDocument { document_bytes, end } = &mut self.state else { return bytes };
        let (blank, rest) = bytes.split_at_checked(skip_whitespace(bytes, 0)).unwrap_or((bytes, &[]));
        let room = (*document_bytes + Rejection::MAX_RAW_BYTES).saturating_sub(self.held.len());
        self.held.extend_from_slice(blank.get(..room).unwrap_or(blank));
        *end = end.after(blank);
        if let Some(next) = rest.first() {
            let rejection = Box::new(document::rejected_for_company(*end, *next, &self.held));
            let end = *end;
            self.state = State::Rejected { rejection, end };
        }
        rest
    }

    fn emit_document(&mut self, document_bytes: usize, end: Origin, emit: &mut impl FnMut(Piece)) {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.truncate(document_bytes);
        let Origin { line: first_line, byte_offset } = self.start;
        emit(Piece::Document { first_line, byte_offset, bytes, end });
    }

    /// Emits the first `length` bytes of the buffer.
    fn emit_lines(&mut self, length: usize, emit: &mut impl FnMut(Piece)) {
        let Some((lines, open)) = self.held.split_at_checked(length).filter(|(lines, _)| !lines.is_empty()) else {
            return;
        };
        let end = self.start.after(lines);
        let mut held = std::mem::take(&mut self.spare);
        held.clear();
        // In steps, so that a recycled buffer is large enough for any remaining line.
        held.reserve((self.piece_bytes.min(1 << 20) + open.len()).next_multiple_of(ROOM_STEP_BYTES));
        held.extend_from_slice(open);
        let mut bytes = std::mem::replace(&mut self.held, held);
        bytes.truncate(length);
        let Origin { line: first_line, byte_offset } = self.start;
        emit(Piece::Lines { first_line, byte_offset, bytes });
        let searched = self.searched.saturating_sub(length);
        self.restart_at(end);
        self.searched = searched;
    }

    /// The buffer now begins at `start`.
    fn restart_at(&mut self, start: Origin) {
        (self.start, self.whole, self.searched) = (start, 0, 0);
    }
}

#[cfg(test)]
impl Framer {
    /// The number of buffered bytes, which the limits bound.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }
}

impl Origin {
    /// The position after these bytes.
    fn after(self, bytes: &[u8]) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        Self { line: self.line + lines, byte_offset: self.byte_offset + bytes.len() as u64 }
    }
}
