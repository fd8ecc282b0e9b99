//! Decides, line by line, whether an input is one document over several lines (rule W1, section 8).

use super::{Format, Ignored, Limits, Origin, Parser, Piece, Reason, Rejection, Sink};
use crate::event::Event;
use crate::json::{Progress, Unwatched, Walk, skip_whitespace};

/// Lines that begin at most this far after the line with a fault still help to decide what the input is. That is some
/// dozens of events.
const LOOK_AHEAD_BYTES: usize = 64 << 10;

/// A possible document, of which some lines are known.
///
/// If it has a fault, it may not be a document: the first line of a log, and some after it, may be damaged. A line of a
/// log is complete by itself: an object or an array. A line of a document seldom is, because of the commas, even if
/// each element of an array has its own line. So the input is read as lines if the second line is complete, or if more
/// than half of the lines after the first are, up to a little after the fault (rule W5: a fault never affects its
/// neighbours).
#[derive(Debug)]
pub(super) struct Document {
    walk: Walk,
    after_first: Lines,
    /// The end of the line with the fault, if there is one.
    fault: Option<usize>,
}

/// The lines after the first line of a document, without blank ones.
#[derive(Debug, Default)]
struct Lines {
    count: usize,
    /// The number of lines that are complete objects or arrays.
    whole: usize,
    second_is_whole: bool,
}

/// What the input is, after one more line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Possibly a document; more input is needed.
    More,
    /// A document that ends at this offset.
    Complete(usize),
    /// Lines, not a document.
    Lines,
    /// A document with a grammar fault in the line that ends at this offset.
    Faulty(usize),
    /// A document that exceeds the limit.
    TooLong,
}

impl Document {
    /// Begins with the first line that is not blank; `None` if that line is complete or damaged by itself.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let mut walk = Walk::default();
        let is_open = matches!(walk.run(line, 0, &mut Unwatched), Ok(Progress::More));
        is_open.then(|| Self { walk, after_first: Lines::default(), fault: None })
    }

    /// Continues with the line at `start..end` of the document.
    pub(super) fn line(&mut self, document: &[u8], start: usize, end: usize, limits: &Limits) -> Verdict {
        if self.is_over(start, end, limits) {
            return self.over();
        }
        let up_to_line = document.get(..end).unwrap_or_default();
        self.after_first.add(up_to_line.get(start..).unwrap_or_default());
        if let Some(fault) = self.fault {
            let is_far = end >= fault.saturating_add(LOOK_AHEAD_BYTES);
            return if is_far { self.lines_or_faulty(fault) } else { Verdict::More };
        }
        match self.walk.run(up_to_line, start, &mut Unwatched) {
            Ok(Progress::More) => Verdict::More,
            Ok(Progress::Complete(end)) => Verdict::Complete(end),
            Err(_) if self.after_first.second_is_whole => Verdict::Lines,
            Err(_) => {
                self.fault = Some(end);
                Verdict::More
            }
        }
    }

    /// Whether the line that begins at `start`, known up to `end`, exceeds a limit.
    pub(super) fn is_over(&self, start: usize, end: usize, limits: &Limits) -> bool {
        // A line of a document can be longer than a line of a log. The line limit applies only after a fault.
        let is_long_line = self.fault.is_some() && end - start > limits.max_own_line_bytes() + 1;
        is_long_line || end > limits.max_document_bytes
    }

    /// An exceeded limit ends the document or the look-ahead, where the line counts as incomplete.
    pub(super) fn over(&mut self) -> Verdict {
        match self.fault {
            Some(fault) => {
                self.after_first.count += 1;
                self.lines_or_faulty(fault)
            }
            None if self.after_first.second_is_whole => Verdict::Lines,
            None => Verdict::TooLong,
        }
    }

    /// The input ends here; its last line ends at `end`.
    pub(super) fn too_early(&self, end: usize) -> Verdict {
        self.lines_or_faulty(self.fault.unwrap_or(end))
    }

    fn lines_or_faulty(&self, fault: usize) -> Verdict {
        let Lines { count, whole, second_is_whole } = self.after_first;
        if second_is_whole || 2 * whole > count { Verdict::Lines } else { Verdict::Faulty(fault) }
    }
}

impl Lines {
    fn add(&mut self, line: &[u8]) {
        if skip_whitespace(line, 0) == line.len() {
            return;
        }
        let is_whole = is_whole(line);
        self.second_is_whole |= is_whole && self.count == 0;
        self.count += 1;
        self.whole += usize::from(is_whole);
    }
}

/// Whether a line is a complete object or array.
fn is_whole(line: &[u8]) -> bool {
    let start = skip_whitespace(line, 0);
    // A look at both ends avoids a second walk over most lines of a document.
    let is_container = matches!(line.get(start), Some(b'{' | b'['));
    if !is_container || !matches!(line.trim_ascii_end().last(), Some(b'}' | b']')) {
        return false;
    }
    let end = Walk::default().run(line, start, &mut Unwatched);
    matches!(end, Ok(Progress::Complete(end)) if skip_whitespace(line, end) == line.len())
}

/// A document longer than `max_bytes`.
pub(super) fn rejected_for_length(start: Origin, max_bytes: usize, beginning: &[u8]) -> Rejection {
    let expected = format!("a document over several lines of at most {max_bytes} bytes").into();
    let path = "$".to_owned();
    let rejection = Rejection::new(start, path, Reason::DocumentTooLong, expected, "more".to_owned());
    Rejection { raw_cut: true, ..rejection.with_raw(beginning) }
}

/// A document with a grammar fault, given up to the end of the faulty line. The parser determines the exact fault; it
/// can find an earlier one.
pub(super) fn rejected_for_grammar(limits: Limits, start: Origin, bytes: &[u8]) -> Rejection {
    let mut first = FirstRejection(None);
    let Origin { line: first_line, byte_offset } = start;
    let piece = Piece::Document { first_line, byte_offset, bytes: bytes.to_vec(), end: start };
    Parser::new(Format::Auto, limits).parse(&piece, &mut first);
    first.0.unwrap_or_else(|| {
        let (expected, found) = ("JSON".into(), "something else".to_owned());
        Rejection::new(start, "$".to_owned(), Reason::NotJson, expected, found).with_raw(bytes)
    })
}

/// A document that is followed by something that begins with the byte `next`.
pub(super) fn rejected_for_company(at: Origin, next: u8, document: &[u8]) -> Rejection {
    let (reason, expected) = if matches!(next, b'{' | b'[') {
        let hint = "one document over several lines, or several with each on a line of its own";
        (Reason::SeveralDocuments, hint)
    } else {
        (Reason::NotJson, "the end of the input after the document")
    };
    let found = format!("further input that begins with `{}`", next.escape_ascii());
    Rejection::new(at, "$".to_owned(), reason, expected.into(), found).with_raw(document)
}

struct FirstRejection(Option<Rejection>);

impl Sink for FirstRejection {
    fn event(&mut self, _origin: Origin, _event: Event) {}

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, rejection: Rejection) {
        self.0.get_or_insert(rejection);
    }
}
