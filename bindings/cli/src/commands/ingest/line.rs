//! The contents of a line.

use convofold::Event;
use convofold::ingest::{Ignored, Origin, Parser, Piece, Rejection, Sink};

use crate::inputs::STDIN;
use crate::rejects::Rejects;

/// Maximum number of rejections listed per line; all are counted. A line can contain half a million.
const REJECTIONS_TOLD: usize = 16;

/// The contents of a line. An empty line is a keep-alive and is ignored.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Its number in the input, from 1.
    pub(super) number: u64,
    pub(super) events: Vec<Event>,
    pub(super) ignored: u64,
    pub(super) rejected: u64,
    /// The first rejections.
    pub(super) rejections: Vec<Rejection>,
}

/// The lines of a piece, in order. `None` if a rejection could not be written to `rejects`.
pub(super) fn lines(parser: &Parser, piece: &Piece, rejects: Option<&mut Rejects>) -> Option<Vec<Line>> {
    let mut lines = Lines { whole: Vec::new(), current: Line::default(), rejects, is_written: true };
    parser.parse(piece, &mut lines);
    lines.begin(0);
    lines.is_written.then_some(lines.whole)
}

struct Lines<'a> {
    whole: Vec<Line>,
    /// The current line; number 0 before the first.
    current: Line,
    rejects: Option<&'a mut Rejects>,
    /// Whether every rejection was written.
    is_written: bool,
}

impl Lines<'_> {
    fn at(&mut self, number: u64) -> &mut Line {
        if self.current.number != number {
            self.begin(number);
        }
        &mut self.current
    }

    fn begin(&mut self, number: u64) {
        let line = std::mem::replace(&mut self.current, Line { number, ..Line::default() });
        if line.number > 0 {
            self.whole.push(line);
        }
    }
}

impl Sink for Lines<'_> {
    fn event(&mut self, origin: Origin, event: Event) {
        self.at(origin.line).events.push(event);
    }

    fn ignored(&mut self, origin: Origin, _why: Ignored<'_>) {
        self.at(origin.line).ignored += 1;
    }

    fn rejected(&mut self, mut rejection: Rejection) {
        if let Some(rejects) = &mut self.rejects {
            self.is_written &= rejects.write(&rejection, STDIN);
        }
        let line = self.at(rejection.line);
        line.rejected += 1;
        if line.rejections.len() < REJECTIONS_TOLD {
            // The answer does not repeat the input, and thousands of lines can wait for their answers.
            rejection.raw = Vec::new();
            line.rejections.push(rejection);
        }
    }
}

#[cfg(test)]
mod tests {
    use convofold::ingest::{Format, Limits};

    use super::*;

    #[test]
    fn every_line_is_found_in_order_and_rejections_are_counted_beyond_those_told() {
        let bytes = [b"\n[".as_slice(), &b"1,".repeat(99), b"1]\nx\n \n"].concat();
        let piece = Piece::values(7, 0, bytes);
        let found = lines(&Parser::new(Format::Auto, Limits::default()), &piece, None).unwrap();
        let counts: Vec<_> =
            found.iter().map(|line| (line.number, line.ignored, line.rejected, line.rejections.len())).collect();
        assert_eq!(counts, [(7, 1, 0, 0), (8, 0, 100, REJECTIONS_TOLD), (9, 0, 1, 1), (10, 1, 0, 0)]);
    }
}
