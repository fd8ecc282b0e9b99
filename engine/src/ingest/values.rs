//! Finds where the values of an input begin and end (rule W1).

use super::Limits;
use super::survey::{Outcome, Survey};
use crate::json::{BYTE_ORDER_MARK, Fault, FaultKind, Progress, Walk, skip_blanks, skip_space};

/// More bytes of a line than a rejection shows.
const SHOWN_BYTES: usize = 256;

/// A cursor over an input, of which a part is available.
///
/// A value begins on a line of its own. An object that is not complete at the end of its line continues on the next lines
/// as long as the grammar holds. The elements of an array follow one another on one line or many. Where a value breaks,
/// the line on which it began is one rejection, and reading resumes on the line after it.
///
/// All offsets are those of the available bytes; [`Values::advance`] removes some from their beginning.
#[derive(Debug)]
pub(super) struct Values {
    limits: Limits,
    place: Place,
    at: usize,
    /// A walk over the incomplete value at `at`, and where it continues.
    walk: Walk,
    walked: Option<usize>,
    /// What is known of the lines after the beginning of a broken value.
    survey: Survey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the beginning of a line.
    Line,
    /// After `[` or a comma, before the element with this index.
    Element(u64),
    /// After the element before this index.
    Comma(u64),
}

/// What a [`Values`] found. Its `at` is then behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A line that is a unit by itself: blank, too long, or neither an object nor an array.
    Line { start: usize, end: usize },
    /// An object, on one line or many. It is well-formed.
    Object { start: usize, end: usize },
    /// An element of an array. It is well-formed.
    Element { index: u64, start: usize, end: usize },
    /// An array without elements.
    EmptyArray { start: usize, end: usize },
    /// A value that breaks. `end` is the end of the line on which it began, as far as it is available.
    Broken { index: Option<u64>, start: usize, end: usize, why: Break },
    /// More bytes are needed.
    More,
    /// The input ends here.
    End,
}

/// Why a value breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// A fault of the grammar.
    Fault(Fault),
    /// Invalid UTF-8 at this offset.
    NotUtf8(usize),
    /// Its end was not found within the limit, which is at this offset.
    TooLong(usize),
}

impl Break {
    pub(super) fn at(self) -> usize {
        match self {
            Self::Fault(fault) => fault.at,
            Self::NotUtf8(at) | Self::TooLong(at) => at,
        }
    }
}

/// What follows a value on its line.
pub(super) enum Rest {
    /// Nothing, or a comma. The next line begins here.
    Nothing(usize),
    /// Something else, at this offset.
    Something(usize),
    Unknown,
}

impl Values {
    /// Begins at the beginning of a line at `at`, or after the element before the given index of an array.
    pub(super) fn new(limits: Limits, at: usize, element: Option<u64>) -> Self {
        let place = element.map_or(Place::Line, Place::Comma);
        Self { limits, place, at, walk: Walk::default(), walked: None, survey: Survey::default() }
    }

    /// The offset up to which values were found.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether a line begins at `at`, and nothing before decides how it is read.
    pub(super) fn is_settled(&self) -> bool {
        self.place == Place::Line && self.walked.is_none() && self.at >= self.survey.end()
    }

    /// Where the input can be divided: between two values. The second part is the index of the next element in an array.
    pub(super) fn boundary(&self) -> Option<(usize, Option<u64>)> {
        match self.place {
            Place::Line if self.is_between() => Some((self.at, None)),
            Place::Comma(index) if self.is_between() => Some((self.at, Some(index))),
            _ => None,
        }
    }

    fn is_between(&self) -> bool {
        // What does not end keeps the survey from ending. It is left behind after a while.
        let is_far = self.place == Place::Line && self.at >= self.limits.max_document_bytes.saturating_mul(2);
        self.walked.is_none() && (self.at >= self.survey.end() || is_far)
    }

    /// Whether a line begins at `at` whose kind is not known.
    pub(super) fn is_before_line(&self) -> bool {
        self.place == Place::Line && self.walked.is_none()
    }

    /// Removes bytes from the beginning of the available ones.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
        self.walked = self.walked.map(|at| at.saturating_sub(bytes));
        self.survey.advance(bytes);
    }

    /// The next value. `is_end`: the input ends with these bytes. `is_open`: they end inside an array.
    pub(super) fn next(&mut self, bytes: &[u8], is_end: bool, is_open: bool) -> Found {
        loop {
            let found = match self.place {
                Place::Line => self.line(bytes, is_end),
                Place::Element(index) => self.element(index, bytes, is_end),
                Place::Comma(index) => self.comma(index, bytes, is_end, is_open),
            };
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// At the beginning of a line; `None` if it begins an array.
    fn line(&mut self, bytes: &[u8], is_end: bool) -> Option<Found> {
        let start = skip_marks(bytes, self.at);
        let rest = bytes.get(start..).unwrap_or_default();
        if rest.is_empty() && start == self.at {
            return Some(if is_end { Found::End } else { Found::More });
        }
        if !is_end && rest.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(rest) {
            return Some(Found::More);
        }
        let first = skip_blanks(bytes, start);
        if bytes.get(first) == Some(&b'[') {
            (self.place, self.at) = (Place::Element(0), first + 1);
            return None;
        }
        let end = match memchr::memchr(b'\n', bytes.get(first..).unwrap_or_default()) {
            Some(length) => first + length,
            None if is_end => bytes.len(),
            None => return Some(Found::More),
        };
        let line = bytes.get(start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if bytes.get(first) != Some(&b'{') || self.limits.is_too_long(line) {
            self.at = bytes.len().min(end + 1);
            return Some(Found::Line { start, end });
        }
        Some(self.object(first, bytes, is_end))
    }

    fn object(&mut self, start: usize, bytes: &[u8], is_end: bool) -> Found {
        let end = match self.value(start, bytes, is_end) {
            Ok(Some(end)) => end,
            Ok(None) => return Found::More,
            Err(why) => return self.broken(None, start, why, bytes),
        };
        match rest_of_line(bytes, end, is_end) {
            Rest::Nothing(next) => {
                self.at = next;
                Found::Object { start, end }
            }
            Rest::Something(at) => self.broken(None, start, Break::Fault(FaultKind::MoreAfterTheEnd.at(at)), bytes),
            Rest::Unknown => Found::More,
        }
    }

    /// Before an element, or the end of the array.
    fn element(&mut self, index: u64, bytes: &[u8], is_end: bool) -> Option<Found> {
        let start = skip_space(bytes, self.at);
        if let Some(b']') = bytes.get(start) {
            return self.close(index, start, bytes, is_end);
        }
        if start >= bytes.len() {
            return Some(self.missing(FaultKind::NoElement, index, bytes, is_end));
        }
        if !is_end && is_cut_mark(bytes, start) {
            return Some(Found::More);
        }
        Some(match self.value(start, bytes, is_end) {
            Ok(Some(end)) => {
                (self.place, self.at) = (Place::Comma(index + 1), end);
                Found::Element { index, start, end }
            }
            Ok(None) => Found::More,
            Err(why) => self.broken_element(Some(index), start, why, bytes, is_end),
        })
    }

    /// After an element.
    fn comma(&mut self, index: u64, bytes: &[u8], is_end: bool, is_open: bool) -> Option<Found> {
        let at = skip_space(bytes, self.at);
        match bytes.get(at) {
            Some(b',') => {
                (self.place, self.at) = (Place::Element(index), at + 1);
                None
            }
            Some(b']') => self.close(index, at, bytes, is_end),
            Some(_) if !is_end && is_cut_mark(bytes, at) => Some(Found::More),
            Some(_) => {
                let why = Break::Fault(FaultKind::NoCommaInArray.at(at));
                Some(self.broken_element(Some(index), at, why, bytes, is_end))
            }
            None if is_open => Some(Found::End),
            None => Some(self.missing(FaultKind::NoCommaInArray, index, bytes, is_end)),
        }
    }

    /// The end of an array at `at`, which had `index` elements.
    fn close(&mut self, index: u64, at: usize, bytes: &[u8], is_end: bool) -> Option<Found> {
        match rest_of_line(bytes, at + 1, is_end) {
            Rest::Nothing(next) => {
                // Nothing but whitespace can lie between the brackets of an empty array.
                let start = self.at.saturating_sub(1);
                let is_empty = self.place == Place::Element(0) && index == 0;
                (self.place, self.at) = (Place::Line, next);
                is_empty.then_some(Found::EmptyArray { start, end: at + 1 })
            }
            Rest::Something(more) => {
                let why = Break::Fault(FaultKind::MoreAfterTheEnd.at(more));
                Some(self.broken_element(None, more, why, bytes, is_end))
            }
            Rest::Unknown => Some(Found::More),
        }
    }

    /// The array ends too early.
    fn missing(&mut self, kind: FaultKind, index: u64, bytes: &[u8], is_end: bool) -> Found {
        if !is_end {
            return Found::More;
        }
        // Behind the last token.
        let end = self.at;
        (self.place, self.at) = (Place::Line, bytes.len());
        Found::Broken { index: Some(index), start: end, end, why: Break::Fault(kind.at(end)) }
    }

    /// The end of the value at `start`; `None` if more bytes are needed.
    fn value(&mut self, start: usize, bytes: &[u8], is_end: bool) -> Result<Option<usize>, Break> {
        let limit = start.saturating_add(self.limits.max_document_bytes);
        let walked = match self.walked.take() {
            Some(from) => self.run(bytes, from, is_end),
            None => match self.survey.outcome(start) {
                // Everything before the break is valid UTF-8.
                Outcome::Ends(end) if end <= limit => return Ok(Some(end)),
                Outcome::Ends(_) => return Err(Break::TooLong(limit)),
                Outcome::Breaks(why) => return Err(why),
                Outcome::Unknown => {
                    self.walk.restart();
                    self.run(bytes, start, is_end)
                }
            },
        };
        let (at, outcome) = match walked {
            Ok(Progress::Complete(end)) => (end, Ok(Some(end))),
            Ok(Progress::More(from)) if !is_end && bytes.len() <= limit => {
                self.walked = Some(from);
                return Ok(None);
            }
            Ok(Progress::More(_)) => (bytes.len(), Err(Break::Fault(self.walk.too_early(bytes.len())))),
            Err(fault) => (fault.at, Err(Break::Fault(fault))),
        };
        let value = bytes.get(start..at).unwrap_or_default();
        match simdutf8::compat::from_utf8(value) {
            // A character that is cut off by the end of the available bytes lies behind the limit.
            Err(error) if start + error.valid_up_to() <= limit => Err(Break::NotUtf8(start + error.valid_up_to())),
            _ if at > limit => Err(Break::TooLong(limit)),
            _ => outcome,
        }
    }

    fn run(&mut self, bytes: &[u8], from: usize, is_end: bool) -> Result<Progress, Fault> {
        if is_end { self.walk.run(bytes, from, &mut crate::json::Unwatched) } else { self.walk.run_on(bytes, from) }
    }

    /// An element that breaks. Without the end of its line, enough of the line is needed to show it.
    fn broken_element(&mut self, index: Option<u64>, start: usize, why: Break, bytes: &[u8], is_end: bool) -> Found {
        let line = bytes.get(start..).unwrap_or_default();
        let shown = (why.at() + SHOWN_BYTES).max(start + super::Rejection::MAX_RAW_BYTES + 1);
        if !is_end && bytes.len() < shown && memchr::memchr(b'\n', line).is_none() {
            return Found::More;
        }
        self.broken(index, start, why, bytes)
    }

    /// Reading resumes on the line after the one on which the value began.
    fn broken(&mut self, index: Option<u64>, start: usize, why: Break, bytes: &[u8]) -> Found {
        let line = bytes.get(start..).unwrap_or_default();
        let end = start + memchr::memchr(b'\n', line).unwrap_or(line.len());
        if why.at() > end {
            self.survey.extend(bytes, start, why, self.limits.max_document_bytes);
        }
        (self.place, self.at) = (Place::Line, bytes.len().min(end + 1));
        Found::Broken { index, start, end, why }
    }
}

/// The offset after any byte-order marks at `at`.
pub(super) fn skip_marks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(BYTE_ORDER_MARK)) {
        at += BYTE_ORDER_MARK.len();
    }
    at
}

/// Whether the bytes end with a part of a byte-order mark, at `at`.
fn is_cut_mark(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(rest)
}

/// What follows the value that ends at `end`.
pub(super) fn rest_of_line(bytes: &[u8], end: usize, is_end: bool) -> Rest {
    let mut at = skip_blanks(bytes, end);
    if bytes.get(at) == Some(&b',') {
        at = skip_blanks(bytes, at + 1);
    }
    match bytes.get(at) {
        Some(b'\n') => Rest::Nothing(at + 1),
        Some(_) => Rest::Something(at),
        None if is_end => Rest::Nothing(bytes.len()),
        None => Rest::Unknown,
    }
}

/// Whether a line is an object by itself, with nothing but a comma after it.
pub(super) fn is_object(line: &[u8]) -> bool {
    let end = Walk::default().run(line, 0, &mut crate::json::Unwatched);
    line.first() == Some(&b'{')
        && matches!(end, Ok(Progress::Complete(end)) if matches!(rest_of_line(line, end, true), Rest::Nothing(_)))
}
