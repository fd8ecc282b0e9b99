//! Reads the wanted fields of an object and checks all others.

use std::borrow::Cow;

use super::fault::{Fault, FaultKind};
use super::keys::Keys;
use super::name::Name;
use super::string::{self, Scanned};
use super::value::{Shape, Value};
use super::walk::{self, Progress, Walk, Watch, skip_blanks, skip_whitespace};
use super::{MAX_LEVELS, number};

/// Buffers of a reader, reused from text to text to avoid allocations.
#[derive(Debug, Default)]
pub(crate) struct Scratch<'a> {
    keys: Keys<'a>,
    walk: Walk,
}

/// An offset in a text, with everything needed to continue from there.
#[derive(Debug)]
pub(crate) struct Reader<'a, 's> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    levels: usize,
    passed: usize,
    first_passed: Option<usize>,
    on_one_line: bool,
    scratch: &'s mut Scratch<'a>,
}

impl<'a, 's> Reader<'a, 's> {
    /// Starts to read at `at`, inside of `levels` open containers.
    pub(crate) fn new(text: &'a str, at: usize, levels: usize, scratch: &'s mut Scratch<'a>) -> Self {
        scratch.keys.clear();
        Self { text, bytes: text.as_bytes(), at, levels, passed: 0, first_passed: None, on_one_line: false, scratch }
    }

    /// Faults at a line feed. So what ends on its line is read without a search for the end of the line, and what does not
    /// is not read far.
    pub(crate) fn on_one_line(self) -> Self {
        Self { on_one_line: true, ..self }
    }

    /// The offset up to which the text was read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The number of fields that [`Reader::object`] skipped because their names were not wanted.
    pub(crate) fn passed(&self) -> usize {
        self.passed
    }

    /// The offset of the first key that [`Reader::object`] skipped.
    pub(crate) fn first_passed(&self) -> Option<usize> {
        self.first_passed
    }

    /// Whether an object with this first field begins here.
    pub(crate) fn is_first(&self, name: &Name) -> bool {
        self.is_at_object() && self.bytes.get(self.at..).is_some_and(|rest| name.before(rest, true).is_some())
    }

    /// Whether an object begins here.
    #[inline]
    pub(crate) fn is_at_object(&self) -> bool {
        self.bytes.get(self.at) == Some(&b'{')
    }

    /// Reads the object that begins here. `values[i]` becomes the value of the field `names[i]`; all other fields are
    /// checked and skipped.
    ///
    /// If the value of a wanted field is an object, `inner` can read it; it returns `None` to leave it to this
    /// function. The search is fastest if `names` are in the order in which sources write them.
    pub(crate) fn object<const N: usize>(
        &mut self,
        names: &[Name; N],
        values: &mut [Value; N],
        mut inner: impl FnMut(&mut Self, usize) -> Option<Result<Value, Fault>>,
    ) -> Result<Value, Fault> {
        let start = self.open()?;
        *values = [Value::default(); N];
        let (mut next, mut has_others) = (0, false);
        loop {
            let mut is_at_value = false;
            if self.bytes.get(self.at) != Some(&b'}') {
                let run = usual_fields(self.bytes, self.at, self.at == start, &names[next..], &mut values[next..]);
                (self.at, next, is_at_value) = (run.at, next + run.next, run.is_at_value);
            }
            if !is_at_value {
                if !self.has_field(self.at == start)? {
                    break;
                }
                let key_at = self.at;
                match self.key(names, next, &mut has_others)? {
                    Some(wanted) if values[wanted].is_missing() => next = wanted,
                    Some(_) => return Err(FaultKind::DuplicateKey.at(key_at)),
                    None => {
                        self.value()?;
                        continue;
                    }
                }
            }
            self.at = self.skip_space(self.at);
            let read = if self.is_at_object() { inner(self, next) } else { None };
            values[next] = match read {
                Some(value) => value?,
                None => self.value()?,
            };
            next += 1;
        }
        if has_others {
            self.scratch.keys.close();
        }
        self.close();
        Ok(Value::new(Shape::Object, start, self.at))
    }

    /// Reads the object that begins here and passes each decoded key with its value to `field`. Two keys for which
    /// `normal` gives the same bytes are duplicates.
    pub(crate) fn each_field(
        &mut self,
        normal: impl Fn(Cow<'a, [u8]>) -> Cow<'a, [u8]>,
        mut field: impl FnMut(&[u8], Value),
    ) -> Result<(), Fault> {
        let start = self.open()?;
        self.scratch.keys.open();
        while self.has_field(self.at == start)? {
            let key = string::scan(self.bytes, self.at + 1)?;
            let name = normal(decoded(self.text, key));
            self.at = key.end + 1;
            self.colon()?;
            let value = self.value()?;
            field(&name, value);
            if !self.scratch.keys.insert(name) {
                return Err(FaultKind::DuplicateKey.at(key.quote()));
            }
        }
        self.scratch.keys.close();
        self.close();
        Ok(())
    }

    /// Checks the value that begins here.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        match self.bytes.get(start..).and_then(string::plain) {
            Some((length, _)) => {
                self.at = start + length + 2;
                Ok(Value::new(Shape::Plain, start + 1, start + 1 + length))
            }
            None => self.other_value(),
        }
    }

    /// Checks a value that is not a plain string.
    fn other_value(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        match self.bytes.get(start) {
            Some(b'"') => {
                let string = string::scan(self.bytes, start + 1)?;
                self.at = string.end + 1;
                let shape = if string.escaped { Shape::Escaped } else { Shape::Plain };
                Ok(Value::new(shape, string.start, string.end))
            }
            Some(b'-' | b'0'..=b'9') => {
                self.at = number::scan(self.bytes, start)?;
                Ok(Value::new(Shape::Number, start, self.at))
            }
            Some(first @ (b'n' | b't' | b'f')) => {
                self.at = walk::literal(self.bytes, start)?;
                let shape = match first {
                    b'n' => Shape::Null,
                    b't' => Shape::True,
                    _ => Shape::False,
                };
                Ok(Value::new(shape, start, self.at))
            }
            Some(b'{') => self.container(Shape::Object),
            Some(b'[') => self.container(Shape::Array),
            _ => Err(FaultKind::NoValue.at(start)),
        }
    }

    /// Checks an object or an array without reading its contents.
    fn container(&mut self, shape: Shape) -> Result<Value, Fault> {
        let start = self.at;
        if shape == Shape::Array
            && self.levels < MAX_LEVELS
            && let Some(rest) = self.bytes.get(start + 1..).and_then(string::after_plain_list)
        {
            self.at = self.bytes.len() - rest.len();
            return Ok(Value::new(shape, start, self.at));
        }
        let Scratch { keys, walk } = &mut *self.scratch;
        walk.restart();
        let mut watch = Strict { text: self.text, levels: self.levels, keys };
        let mut bytes = self.bytes;
        if self.on_one_line {
            let rest = bytes.get(start..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            bytes = bytes.get(..start + length).unwrap_or_default();
        }
        match walk.run(bytes, start, &mut watch)? {
            Progress::Complete(end) => {
                self.at = end;
                Ok(Value::new(shape, start, end))
            }
            Progress::More(_) => Err(walk.too_early(bytes.len())),
        }
    }

    fn open(&mut self) -> Result<usize, Fault> {
        let start = self.at;
        if self.levels >= MAX_LEVELS {
            return Err(FaultKind::TooDeep.at(start));
        }
        self.levels += 1;
        Ok(start)
    }

    fn close(&mut self) {
        self.levels = self.levels.saturating_sub(1);
    }

    /// Advances to the opening quote of the next key, or past the end of the object.
    #[inline]
    fn has_field(&mut self, is_first: bool) -> Result<bool, Fault> {
        let separator = if is_first { b'{' } else { b',' };
        let mut at = self.skip_space(self.at);
        match self.bytes.get(at) {
            Some(byte) if *byte == separator => at = self.skip_space(at + 1),
            Some(b'}') => {}
            _ => return Err(FaultKind::NoCommaInObject.at(at)),
        }
        match self.bytes.get(at) {
            Some(b'"') => {
                self.at = at;
                Ok(true)
            }
            Some(b'}') => {
                self.at = at + 1;
                Ok(false)
            }
            _ => Err(FaultKind::NoKey.at(at)),
        }
    }

    /// Advances past a key to its value. Returns the index of the key in `names`, which is probably `next` or more;
    /// `None` if it is not one of them.
    fn key<const N: usize>(
        &mut self,
        names: &[Name; N],
        next: usize,
        has_others: &mut bool,
    ) -> Result<Option<usize>, Fault> {
        let key = string::scan(self.bytes, self.at + 1)?;
        let name = decoded(self.text, key);
        self.at = key.end + 1;
        self.colon()?;
        let found = (next..N).chain(0..next).find(|known| *names[*known].word.as_bytes() == *name);
        if found.is_none() {
            if !*has_others {
                self.scratch.keys.open();
                *has_others = true;
            }
            if !self.scratch.keys.insert(name) {
                return Err(FaultKind::DuplicateKey.at(key.quote()));
            }
            self.passed += 1;
            self.first_passed = self.first_passed.or(Some(key.quote()));
        }
        Ok(found)
    }

    #[inline]
    fn colon(&mut self) -> Result<(), Fault> {
        let at = self.skip_space(self.at);
        if self.bytes.get(at) != Some(&b':') {
            return Err(FaultKind::NoColon.at(at));
        }
        self.at = self.skip_space(at + 1);
        Ok(())
    }

    /// The offset after the whitespace at `at`.
    #[inline]
    fn skip_space(&self, at: usize) -> usize {
        if self.on_one_line { skip_blanks(self.bytes, at) } else { skip_whitespace(self.bytes, at) }
    }
}

/// Where a run of usual fields ends.
struct Run {
    at: usize,
    /// The index after the last name in the run.
    next: usize,
    /// Whether `at` is the value of the next name. If not, it is before a key or the end of the object.
    is_at_value: bool,
}

/// Reads fields while their names are the next ones in order, without whitespace, and their values are plain strings,
/// numbers or literals: the way machines write them. One name at a time can be absent.
///
/// Nearly all fields are read here. A small loop of its own keeps everything in registers.
#[inline(never)]
fn usual_fields(bytes: &[u8], at: usize, mut is_first: bool, names: &[Name], values: &mut [Value]) -> Run {
    let mut rest = bytes.get(at..).unwrap_or_default();
    let mut next = 0;
    for (field, (name, value)) in names.iter().zip(values).enumerate() {
        let Some(written) = name.before(rest, is_first) else {
            if field > next {
                break;
            }
            continue;
        };
        if !value.is_missing() {
            break;
        }
        let start = bytes.len() - written.len();
        if let Some((length, after)) = string::plain(written) {
            *value = Value::new(Shape::Plain, start + 1, start + 1 + length);
            rest = after;
        } else if let Some((shape, length)) = scalar(written) {
            *value = Value::new(shape, start, start + length);
            rest = written.get(length..).unwrap_or_default();
        } else {
            return Run { at: start, next: field, is_at_value: true };
        }
        (next, is_first) = (field + 1, false);
    }
    Run { at: bytes.len() - rest.len(), next, is_at_value: false }
}

/// The shape and the length of a number or a literal.
#[inline(never)]
fn scalar(bytes: &[u8]) -> Option<(Shape, usize)> {
    let shape = match bytes.first()? {
        b'0'..=b'9' => {
            let length = number::plain_length(bytes).or_else(|| number::scan(bytes, 0).ok())?;
            return Some((Shape::Number, length));
        }
        b'-' => return Some((Shape::Number, number::scan(bytes, 0).ok()?)),
        b'n' => Shape::Null,
        b't' => Shape::True,
        b'f' => Shape::False,
        _ => return None,
    };
    Some((shape, walk::literal(bytes, 0).ok()?))
}

/// A decoded key.
fn decoded(text: &str, key: Scanned) -> Cow<'_, [u8]> {
    let content = text.get(key.start..key.end).unwrap_or_default();
    if key.escaped { Cow::Owned(string::decode_exactly(content)) } else { Cow::Borrowed(content.as_bytes()) }
}

/// Refuses well-formed text that the rules refuse everywhere: duplicate keys and too many levels.
struct Strict<'a, 's> {
    text: &'a str,
    levels: usize,
    keys: &'s mut Keys<'a>,
}

impl Watch for Strict<'_, '_> {
    fn open(&mut self, at: usize, is_object: bool) -> Result<(), Fault> {
        if self.levels >= MAX_LEVELS {
            return Err(FaultKind::TooDeep.at(at));
        }
        self.levels += 1;
        if is_object {
            self.keys.open();
        }
        Ok(())
    }

    fn close(&mut self, _at: usize, is_object: bool) {
        self.levels = self.levels.saturating_sub(1);
        if is_object {
            self.keys.close();
        }
    }

    fn key(&mut self, key: Scanned) -> Result<(), Fault> {
        let name = decoded(self.text, key);
        if self.keys.insert(name) { Ok(()) } else { Err(FaultKind::DuplicateKey.at(key.quote())) }
    }

    fn value(&mut self, _at: usize) -> Result<(), Fault> {
        Ok(())
    }

    fn string(&mut self, _string: Scanned) -> Result<(), Fault> {
        Ok(())
    }
}
