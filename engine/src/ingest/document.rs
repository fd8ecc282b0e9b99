//! One document over several lines: whether an input is one, line by line (spec W1, section 8).

use super::{Format, Ignored, Limits, Origin, Parser, Piece, Reason, Rejection, Sink};
use crate::event::Event;
use crate::json::{Progress, Unwatched, Walk, skip_whitespace};

/// A document of which some lines are known.
#[derive(Debug)]
pub(super) struct Document {
    walk: Walk,
    /// Whether the second of its lines that are not blank is an object or an array by itself: then, if there is no such
    /// document, the input is lines and only the first one is damaged.
    second_line_is_whole: Option<bool>,
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
    /// A document with a fault in its grammar.
    Faulty,
    /// A document over the limit.
    TooLong,
}

impl Document {
    /// Begins with the first line that is not blank; `None` where that is complete, or damaged, by itself.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let mut walk = Walk::default();
        let is_open = matches!(walk.run(line, 0, &mut Unwatched), Ok(Progress::More));
        is_open.then_some(Self { walk, second_line_is_whole: None })
    }

    /// Goes on with the line at `start..end` of the document.
    pub(super) fn line(&mut self, document: &[u8], start: usize, end: usize, max_bytes: usize) -> Verdict {
        if end > max_bytes {
            return self.too_long();
        }
        let up_to_line = document.get(..end).unwrap_or_default();
        let line = up_to_line.get(start..).unwrap_or_default();
        if self.second_line_is_whole.is_none() && skip_whitespace(line, 0) < line.len() {
            self.second_line_is_whole = Some(is_whole(line));
        }
        match self.walk.run(up_to_line, start, &mut Unwatched) {
            Ok(Progress::More) => Verdict::More,
            Ok(Progress::Complete(end)) => Verdict::Complete(end),
            Err(_) => self.lines_or(Verdict::Faulty),
        }
    }

    /// The input ends here.
    pub(super) fn too_early(&self) -> Verdict {
        self.lines_or(Verdict::Faulty)
    }

    /// The document goes over the limit.
    pub(super) fn too_long(&self) -> Verdict {
        self.lines_or(Verdict::TooLong)
    }

    fn lines_or(&self, otherwise: Verdict) -> Verdict {
        if self.second_line_is_whole == Some(true) { Verdict::Lines } else { otherwise }
    }
}

/// Whether a line is an object or an array by itself.
fn is_whole(line: &[u8]) -> bool {
    let start = skip_whitespace(line, 0);
    let is_container = matches!(line.get(start), Some(b'{' | b'['));
    let end = Walk::default().run(line, start, &mut Unwatched);
    is_container && matches!(end, Ok(Progress::Complete(end)) if skip_whitespace(line, end) == line.len())
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
