//! One document over several lines: whether an input is one, line by line (spec W1, section 8).

use super::{Format, Ignored, Limits, Origin, Parser, Piece, Reason, Rejection, Sink};
use crate::event::Event;
use crate::json::{Progress, Unwatched, Walk, skip_whitespace};

/// So far after the line with a fault may lines begin that are asked what the input is: some dozens of events.
const LOOK_AHEAD_BYTES: usize = 64 << 10;

/// A document of which some lines are known.
///
/// Where it has a fault, it may never have been one: the first line of a log may be damaged, and some after it, too. A line
/// of a log is whole by itself, an object or an array; a line of a document seldom is, not even where each element of an
/// array has one, because of the commas. So the input is lines after all where the second line is whole, or more than half
/// are of those after the first, up to a little after the fault (spec W5: never fatal to its neighbours).
#[derive(Debug)]
pub(super) struct Document {
    walk: Walk,
    after_first: Lines,
    /// Where the line with the fault ends, once there is one.
    fault: Option<usize>,
}

/// The lines after the first one of a document that are not blank.
#[derive(Debug, Default)]
struct Lines {
    count: usize,
    /// How many of them are whole.
    whole: usize,
    second_is_whole: bool,
}

/// What an input is, after one more line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Perhaps a document; more is needed.
    More,
    /// A document that ends at this place.
    Complete(usize),
    /// Lines after all.
    Lines,
    /// A document with a fault in its grammar, in the line that ends at this place.
    Faulty(usize),
    /// A document over the limit.
    TooLong,
}

impl Document {
    /// Begins with the first line that is not blank; `None` where that is complete, or damaged, by itself.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let mut walk = Walk::default();
        let is_open = matches!(walk.run(line, 0, &mut Unwatched), Ok(Progress::More));
        is_open.then(|| Self { walk, after_first: Lines::default(), fault: None })
    }

    /// Goes on with the line at `start..end` of the document.
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

    /// Whether the line that begins at `start` is over a limit, as soon as it is known up to `end`.
    pub(super) fn is_over(&self, start: usize, end: usize, limits: &Limits) -> bool {
        // A line may be longer in a document than in a log, and so it may be until there is a fault.
        let is_long_line = self.fault.is_some() && end - start > limits.max_own_line_bytes() + 1;
        is_long_line || end > limits.max_document_bytes
    }

    /// What is over a limit ends the document, or the look ahead: there it is a line that is not whole.
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

    /// The input ends here, with the line that ends at `end`.
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

/// Whether a line is an object or an array by itself.
fn is_whole(line: &[u8]) -> bool {
    let start = skip_whitespace(line, 0);
    // A glance at both ends spares most lines of a document the second walk.
    let is_container = matches!(line.get(start), Some(b'{' | b'['));
    if !is_container || !matches!(line.trim_ascii_end().last(), Some(b'}' | b']')) {
        return false;
    }
    let end = Walk::default().run(line, start, &mut Unwatched);
    matches!(end, Ok(Progress::Complete(end)) if skip_whitespace(line, end) == line.len())
}

/// A document of which more than `max_bytes` bytes came.
pub(super) fn rejected_for_length(start: Origin, max_bytes: usize, beginning: &[u8]) -> Rejection {
    let expected = format!("a document over several lines of at most {max_bytes} bytes").into();
    let path = "$".to_owned();
    let rejection = Rejection::new(start, path, Reason::DocumentTooLong, expected, "more".to_owned());
    Rejection { raw_cut: true, ..rejection.with_raw(beginning) }
}

/// A document with a fault in its grammar, up to the line that the fault is in. What exactly is wrong is for the parser to
/// say, which may find something else before it.
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

/// Something that begins with the byte `next` follows a document.
pub(super) fn rejected_for_company(at: Origin, next: u8, document: &[u8]) -> Rejection {
    let (reason, expected) = if matches!(next, b'{' | b'[') {
        let hint = "one document over several lines, or several with each on a line of its own";
        (Reason::SeveralDocuments, hint)
    } else {
        (Reason::NotJson, "nothing more after the document")
    };
    let found = format!("more, beginning with `{}`", next.escape_ascii());
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
