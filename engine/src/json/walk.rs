//! The grammar as a state machine: walks over any JSON text of any depth and reports its parts.

use super::fault::{Fault, FaultKind};
use super::number;
use super::string::{self, Scanned};

/// Receives the parts that a [`Walk`] passes. An error ends the walk.
pub(crate) trait Watch {
    /// An object or an array begins at `at`.
    fn open(&mut self, at: usize, is_object: bool) -> Result<(), Fault>;
    /// The innermost object or array ends with the byte at `at`.
    fn close(&mut self, at: usize, is_object: bool);
    /// A key of the innermost object.
    fn key(&mut self, key: Scanned) -> Result<(), Fault>;
    /// A value of any kind begins at `at`.
    fn value(&mut self, at: usize) -> Result<(), Fault>;
    /// A value is this string.
    fn string(&mut self, string: Scanned) -> Result<(), Fault>;
}

/// Ignores all parts: only the grammar is checked.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn open(&mut self, _at: usize, _is_object: bool) -> Result<(), Fault> {
        Ok(())
    }

    fn close(&mut self, _at: usize, _is_object: bool) {}

    fn key(&mut self, _key: Scanned) -> Result<(), Fault> {
        Ok(())
    }

    fn value(&mut self, _at: usize) -> Result<(), Fault> {
        Ok(())
    }

    fn string(&mut self, _string: Scanned) -> Result<(), Fault> {
        Ok(())
    }
}

/// The progress of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The text ended before the value did. With more text, the walk continues from this offset.
    More(usize),
    /// The value ends at this offset.
    Complete(usize),
}

/// The state of a walk over one value.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    next: Next,
    open: Nesting,
}

/// What can come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Value,
    /// After `[` or a comma. A trailing comma is accepted because of this.
    ElementOrClose,
    /// After `{` or a comma.
    KeyOrClose,
    Colon,
    CommaOrClose,
}

impl Walk {
    /// Restarts for a new value.
    pub(crate) fn restart(&mut self) {
        self.next = Next::Value;
        self.open.clear();
    }

    /// Walks over a text from `at`.
    pub(crate) fn run(&mut self, bytes: &[u8], at: usize, watch: &mut impl Watch) -> Result<Progress, Fault> {
        let mut at = skip_space(bytes, at);
        while let Some(byte) = bytes.get(at) {
            at = self.token(bytes, at, *byte, watch)?;
            if self.open.depth == 0 {
                return Ok(Progress::Complete(at));
            }
            at = skip_space(bytes, at);
        }
        Ok(Progress::More(at))
    }

    /// Walks over the available part of a text from `at`. A token that may continue behind it is left for later.
    pub(crate) fn run_on(&mut self, bytes: &[u8], at: usize) -> Result<Progress, Fault> {
        let mut at = skip_space(bytes, at);
        while let Some(byte) = bytes.get(at) {
            let before = self.next;
            let read = self.token(bytes, at, *byte, &mut Unwatched);
            if is_cut(bytes, at, read) {
                self.next = before;
                return Ok(Progress::More(at));
            }
            at = read?;
            if self.open.depth == 0 {
                return Ok(Progress::Complete(at));
            }
            at = skip_space(bytes, at);
        }
        Ok(Progress::More(at))
    }

    fn token(&mut self, bytes: &[u8], at: usize, byte: u8, watch: &mut impl Watch) -> Result<usize, Fault> {
        match self.next {
            Next::Value => self.value(bytes, at, FaultKind::NoValue, watch),
            Next::ElementOrClose if byte == b']' => Ok(self.close(at, watch)),
            Next::ElementOrClose => self.value(bytes, at, FaultKind::NoElement, watch),
            Next::KeyOrClose if byte == b'}' => Ok(self.close(at, watch)),
            Next::KeyOrClose => self.key(bytes, at, watch),
            Next::Colon => self.colon(byte, at),
            Next::CommaOrClose => self.comma_or_close(byte, at, watch),
        }
    }

    /// The fault of a text that ends at this state.
    pub(crate) fn too_early(&self, at: usize) -> Fault {
        let kind = match self.next {
            Next::Value => FaultKind::NoValue,
            Next::ElementOrClose => FaultKind::NoElement,
            Next::KeyOrClose => FaultKind::NoKey,
            Next::Colon => FaultKind::NoColon,
            Next::CommaOrClose => self.no_comma(),
        };
        kind.at(at)
    }

    fn value(&mut self, bytes: &[u8], at: usize, other: FaultKind, watch: &mut impl Watch) -> Result<usize, Fault> {
        watch.value(at)?;
        self.next = Next::CommaOrClose;
        match bytes.get(at) {
            Some(b'"') => {
                let string = string::scan(bytes, at + 1)?;
                watch.string(string)?;
                Ok(string.end + 1)
            }
            Some(open @ (b'{' | b'[')) => {
                let is_object = *open == b'{';
                watch.open(at, is_object)?;
                self.open.push(is_object);
                self.next = if is_object { Next::KeyOrClose } else { Next::ElementOrClose };
                Ok(at + 1)
            }
            Some(b'-' | b'0'..=b'9') => number::scan(bytes, at),
            Some(b'n' | b't' | b'f') => literal(bytes, at),
            _ => Err(other.at(at)),
        }
    }

    fn close(&mut self, at: usize, watch: &mut impl Watch) -> usize {
        watch.close(at, self.open.in_object());
        self.open.pop();
        self.next = Next::CommaOrClose;
        at + 1
    }

    fn key(&mut self, bytes: &[u8], at: usize, watch: &mut impl Watch) -> Result<usize, Fault> {
        if bytes.get(at) != Some(&b'"') {
            return Err(FaultKind::NoKey.at(at));
        }
        let key = string::scan(bytes, at + 1)?;
        watch.key(key)?;
        self.next = Next::Colon;
        Ok(key.end + 1)
    }

    fn colon(&mut self, byte: u8, at: usize) -> Result<usize, Fault> {
        if byte != b':' {
            return Err(FaultKind::NoColon.at(at));
        }
        self.next = Next::Value;
        Ok(at + 1)
    }

    fn comma_or_close(&mut self, byte: u8, at: usize, watch: &mut impl Watch) -> Result<usize, Fault> {
        let in_object = self.open.in_object();
        match byte {
            b',' => {
                self.next = if in_object { Next::KeyOrClose } else { Next::ElementOrClose };
                Ok(at + 1)
            }
            b'}' if in_object => Ok(self.close(at, watch)),
            b']' if !in_object => Ok(self.close(at, watch)),
            _ => Err(self.no_comma().at(at)),
        }
    }

    fn no_comma(&self) -> FaultKind {
        if self.open.in_object() { FaultKind::NoCommaInObject } else { FaultKind::NoCommaInArray }
    }
}

/// The open containers, one bit each, because hostile text can open as many as it has bytes.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    words: Vec<u64>,
}

impl Nesting {
    fn clear(&mut self) {
        self.depth = 0;
        self.words.clear();
    }

    fn push(&mut self, is_object: bool) {
        if self.depth.is_multiple_of(64) {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word = *word << 1 | u64::from(is_object);
        }
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth.is_multiple_of(64) {
            self.words.pop();
        } else if let Some(word) = self.words.last_mut() {
            *word >>= 1;
        }
    }

    fn in_object(&self) -> bool {
        self.words.last().is_some_and(|word| word & 1 == 1)
    }
}

/// Whether the token at `at` may continue behind the text.
fn is_cut(bytes: &[u8], at: usize, read: Result<usize, Fault>) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    match read {
        Ok(end) => end == bytes.len() && rest.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-'),
        Err(Fault { kind: FaultKind::OpenString, .. }) => true,
        Err(Fault { kind: FaultKind::BadNumber, at }) => at == bytes.len(),
        Err(Fault { kind: FaultKind::BadLiteral, .. }) => {
            ["null", "true", "false"].iter().any(|it| is_beginning(rest, it.as_bytes()))
        }
        Err(_) => begins_line(bytes, at) && is_beginning(rest, BYTE_ORDER_MARK),
    }
}

fn is_beginning(text: &[u8], whole: &[u8]) -> bool {
    text.len() < whole.len() && whole.starts_with(text)
}

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The offset of the first byte from `at` on that is neither whitespace nor a byte-order mark at the beginning of a line
/// (rule W1).
#[inline]
pub(crate) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let at = skip_whitespace(bytes, at);
    if bytes.get(at) == Some(&0xef) { skip_marks(bytes, at) } else { at }
}

#[cold]
fn skip_marks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(BYTE_ORDER_MARK)) && begins_line(bytes, at) {
        at = skip_whitespace(bytes, at + BYTE_ORDER_MARK.len());
    }
    at
}

/// Whether only byte-order marks lie between a line feed and `at`.
fn begins_line(bytes: &[u8], at: usize) -> bool {
    let mut before = bytes.get(..at).unwrap_or_default();
    while let Some(rest) = before.strip_suffix(BYTE_ORDER_MARK) {
        before = rest;
    }
    before.ends_with(b"\n")
}

/// The offset of the first byte from `at` on that is not whitespace.
#[inline]
pub(crate) fn skip_whitespace(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The offset after the whitespace at `at` that does not end the line.
#[inline]
pub(crate) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The end of the `null`, `true` or `false` that begins at `at`.
#[inline]
pub(super) fn literal(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.starts_with(b"null") || rest.starts_with(b"true") {
        Ok(at + 4)
    } else if rest.starts_with(b"false") {
        Ok(at + 5)
    } else {
        Err(FaultKind::BadLiteral.at(at))
    }
}
