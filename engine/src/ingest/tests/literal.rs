//! Rule W1 as it is written: slow, and without memory of what was read before.

use super::*;
use crate::json::{Progress, Unwatched, Walk};

/// The result for an input, as by [`account`].
pub(super) fn read(input: &[u8], limits: &Limits) -> String {
    // A byte-order mark before a line is skipped wherever the line is; spaces keep its length.
    let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if input.ends_with(b"\n") || input.is_empty() {
        lines.pop();
    }
    let mut marks = Vec::new();
    for line in &mut lines {
        let bytes = (0..).take_while(|n| line[n * 3..].starts_with(b"\xef\xbb\xbf")).count() * 3;
        line[..bytes].fill(b' ');
        marks.push(bytes);
    }
    let mut reader = Reader { limits: *limits, lines, marks, items: Vec::new() };
    let mut line = 0;
    while line < reader.lines.len() {
        line = reader.value(line);
    }
    reader.items.join(" ")
}

struct Reader {
    limits: Limits,
    lines: Vec<Vec<u8>>,
    /// The length of the byte-order marks before each line, which do not count for the limit.
    marks: Vec<usize>,
    items: Vec<String>,
}

impl Reader {
    fn tell(&mut self, kind: &str, line: usize) {
        self.items.push(format!("{kind}{}", line + 1));
    }

    /// Reads what begins on a line. Returns the line after it.
    fn value(&mut self, line: usize) -> usize {
        let text = self.lines[line].clone();
        let content = text.trim_ascii();
        let fits = self.fits(&text[self.marks[line]..]);
        match content.first() {
            None if text.iter().all(|byte| b" \t\r".contains(byte)) && fits => self.tell("i", line),
            Some(b'[') => return self.array(line),
            Some(b'{') if fits => {
                for last in line..self.lines.len() {
                    let value = self.lines[line..=last].join(&b'\n');
                    match end(&value) {
                        Ok(Some(end)) if is_nothing(&value[end..]) && is_text(&value[..end]) => {
                            let (kind, lines) = kind(&value[..end]);
                            self.tell(kind, line + lines);
                            return last + 1;
                        }
                        Ok(None) => {}
                        _ => break,
                    }
                }
                self.tell("r", line);
            }
            _ => self.tell("r", line),
        }
        line + 1
    }

    fn fits(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.len() <= self.limits.max_line_bytes || line.len() <= self.limits.max_bytes_of(line)
    }

    /// Reads the array that begins on a line.
    fn array(&mut self, first: usize) -> usize {
        let text = self.lines[first..].join(&b'\n');
        let line_of = |at: usize| first + text[..at].iter().filter(|byte| **byte == b'\n').count();
        let skip = |mut at: usize| {
            while at < text.len() && b" \t\r\n".contains(&text[at]) {
                at += 1;
            }
            at
        };
        let mut at = skip(0) + 1;
        let (mut is_after_element, mut elements) = (false, 0);
        loop {
            let last = at;
            at = skip(at);
            match text.get(at) {
                None => {
                    let line = line_of(last);
                    self.tell("r", line);
                    return self.lines.len();
                }
                Some(b']') => {
                    let line = line_of(at);
                    let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| at + end);
                    if !is_nothing(&text[at + 1..end]) {
                        self.tell("r", line);
                    } else if elements == 0 {
                        self.tell("r", first);
                    }
                    return line + 1;
                }
                Some(b',') if is_after_element => {
                    (is_after_element, at) = (false, at + 1);
                    continue;
                }
                _ => {}
            }
            let line = line_of(at);
            let found = if is_after_element { Ok(None) } else { end(&text[at..]) };
            let Ok(Some(length)) = found else {
                self.tell("r", line);
                return line + 1;
            };
            let element = &text[at..at + length];
            if !is_text(element) {
                self.tell("r", line);
                return line + 1;
            }
            let (kind, lines) = if element[0] == b'{' && self.fits(element) { kind(element) } else { ("r", 0) };
            self.tell(kind, line + lines);
            (at, is_after_element, elements) = (at + length, true, elements + 1);
        }
    }
}

/// The end of a value; `None` if it is not complete.
fn end(text: &[u8]) -> Result<Option<usize>, ()> {
    match Walk::default().run(text, 0, &mut Unwatched) {
        Ok(Progress::Complete(end)) => Ok(Some(end)),
        Ok(Progress::More(_)) => Ok(None),
        Err(_) => Err(()),
    }
}

/// Whether a comma or nothing follows a value on its line.
fn is_nothing(rest: &[u8]) -> bool {
    matches!(rest.trim_ascii(), b"" | b",")
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// What an object is by itself, and the number of lines before the value to blame.
fn kind(object: &[u8]) -> (&'static str, usize) {
    let mut items = Vec::new();
    Parser::new(Format::Auto, Limits::default()).parse_input(object, &mut items);
    match items.as_slice() {
        [Item::Event(..)] => ("e", 0),
        [Item::Ignored(..)] => ("i", 0),
        [Item::Rejected(rejection)] => ("r", usize::try_from(rejection.line).unwrap() - 1),
        other => panic!("{other:?}"),
    }
}
