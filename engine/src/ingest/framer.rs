//! Cuts an input, in whatever chunks it arrives, into pieces.

use super::document::{self, Document, Verdict};
use super::{Limits, Origin, Piece, Rejection};
use crate::json::skip_whitespace;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Room larger than this is given back to the system.
const MAX_SPARE_BYTES: usize = 4 << 20;
const ROOM_STEP_BYTES: usize = 64 << 10;

/// Cuts an input into [`Piece`]s that can be parsed independently.
///
/// An input is taken for lines of JSON unless its first line that is not blank ends between two tokens; then it is tried as
/// one document over several lines, as the sources' own pages print them. If that has a fault, the lines up to 64 KiB after
/// it tell whether the input is lines after all, of which the first ones are damaged. Of lines no more than a piece and a
/// line is held at any time, of what may be a document no more than the limit, whatever the input.
///
/// A document is handed on at the end of the input only, because nothing may follow it. An input that never ends and is
/// known to be lines is better begun with [`Framer::resume`] at line 1, offset 0.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    piece_bytes: usize,
    /// Bytes not handed on yet, from the beginning of a line.
    held: Vec<u8>,
    /// To hold the next bytes in, once what is held is handed on.
    spare: Vec<u8>,
    /// Where what is held begins in the input.
    start: Origin,
    /// The end of the last line in it that is known to be whole.
    whole: usize,
    /// The end of what has been searched for the ends of lines.
    searched: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// There may be a byte-order mark.
    Beginning,
    /// Only blank lines so far.
    Undecided,
    /// Lines of JSON.
    Lines,
    /// In a line over the limit, of which only the beginning is held.
    LongLine { bytes: u64, last: u8 },
    /// Perhaps one document over several lines.
    Document(Document),
    /// After a document of so many bytes; whitespace so far, up to `end`.
    AfterDocument { document_bytes: usize, end: Origin },
    /// Everything up to the end of the input belongs to what is rejected.
    Rejected { rejection: Box<Rejection>, end: Origin },
}

impl Framer {
    /// Begins at the beginning of an input. Pieces of lines have about `piece_bytes` bytes.
    #[must_use]
    pub fn new(limits: Limits, piece_bytes: usize) -> Self {
        Self::begin(limits, piece_bytes, Origin { line: 1, byte_offset: 0 }, State::Beginning)
    }

    /// Goes on in the middle of an input that is known to be lines, at the beginning of the line with this number and
    /// offset; see [`Piece::end`].
    #[must_use]
    pub fn resume(limits: Limits, piece_bytes: usize, line: u64, byte_offset: u64) -> Self {
        Self::begin(limits, piece_bytes, Origin { line, byte_offset }, State::Lines)
    }

    fn begin(limits: Limits, piece_bytes: usize, start: Origin, state: State) -> Self {
        let (limits, piece_bytes) = (limits.within_bounds(), piece_bytes.max(1));
        Self { limits, piece_bytes, held: Vec::new(), spare: Vec::new(), start, whole: 0, searched: 0, state }
    }

    /// Takes the next bytes of the input, in chunks of any size.
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

    /// Takes the next bytes of the input from `append`, which adds them to what is held: no more than it is told, none at the
    /// end. It spares the copy that [`Framer::feed`] makes. Whether there were any.
    ///
    /// # Errors
    /// What `append` returns.
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

    /// Gives back the room of a piece, to hold the next bytes in.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > self.spare.capacity() && bytes.capacity() <= MAX_SPARE_BYTES {
            self.spare = bytes;
        }
    }

    /// Where the first line begins that has not been handed on, once it is known that the input is lines.
    pub(super) fn start_of_lines(&self) -> Option<Origin> {
        matches!(self.state, State::Lines | State::LongLine { .. }).then_some(self.start)
    }

    /// Hands on the whole lines that are held, so that the events of an input that pauses are not held back.
    pub fn flush(&mut self, emit: &mut impl FnMut(Piece)) {
        if matches!(self.state, State::Lines | State::Undecided) {
            self.emit_lines(self.whole, emit);
        }
    }

    /// Ends the input: hands on all that is left, a last line without its end included.
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

    /// Holds the next bytes, as many as make a piece, and hands on what can be.
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

    /// How many bytes to hold next: what is held fills up to a piece and is handed on, so that it seldom has to grow.
    fn room(&self) -> usize {
        match self.piece_bytes.saturating_sub(self.held.len()) {
            0 => self.piece_bytes,
            room => room,
        }
    }

    /// Whether it is known that there is none, or no more.
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

    /// Looks at the next whole line while it is not known what the input is; whether there was one.
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

    /// A line is longer than allowed before its end is seen.
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

    /// The first line that may not be blank ends at `end`.
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

    /// What became of a document with its line that ends at `end`.
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

    /// What is held is rejected, and so are `after` and everything else.
    fn reject_all(&mut self, rejection: Rejection, after: &[u8], emit: &mut impl FnMut(Piece)) {
        let rejection = Box::new(rejection);
        self.state = State::Rejected { rejection, end: self.start.after(&self.held) };
        self.feed(after, emit);
    }

    /// Hands on whole lines once they make a piece, and goes over to passing a line that is too long.
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

    /// Hands on that a line was too long. `end_bytes` is the length of its end.
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

    /// Nothing but whitespace may follow a document.
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

    /// Hands on the first `length` bytes that are held.
    fn emit_lines(&mut self, length: usize, emit: &mut impl FnMut(Piece)) {
        let Some((lines, open)) = self.held.split_at_checked(length).filter(|(lines, _)| !lines.is_empty()) else {
            return;
        };
        let end = self.start.after(lines);
        let mut held = std::mem::take(&mut self.spare);
        held.clear();
        // In steps, so that room that is given back suffices whatever line was cut.
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

    /// What is held from now on begins there.
    fn restart_at(&mut self, start: Origin) {
        (self.start, self.whole, self.searched) = (start, 0, 0);
    }
}

#[cfg(test)]
impl Framer {
    /// How much is held: what the limits are for.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }
}

impl Origin {
    /// The place behind these bytes.
    fn after(self, bytes: &[u8]) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        Self { line: self.line + lines, byte_offset: self.byte_offset + bytes.len() as u64 }
    }
}
