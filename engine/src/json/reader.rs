//! Reads the wanted fields of an object and checks all others.

use std::borrow::Cow;

use wide::u8x16;

use super::fault::{Fault, FaultKind};
use super::keys::Keys;
use super::string::{self, Scanned};
use super::value::{Shape, Value};
use super::walk::{self, Progress, Walk, Watch, skip_whitespace};
use super::{MAX_LEVELS, number};

/// Buffers of a reader, reused from text to text to avoid allocations.
#[derive(Debug, Default)]
pub(crate) struct Scratch<'a> {
    keys: Keys<'a>,
    walk: Walk,
}

/// The name of a wanted field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) word: &'static str,
    /// The name as it stands before its value: in quotes, with the colon.
    quoted: &'static str,
    /// The first bytes of `quoted`, padded with zeros.
    beginning: [u8; BEGINNING],
}

/// The number of bytes of a name that are compared at once.
const BEGINNING: usize = 16;

impl Name {
    /// See [`names!`].
    pub(crate) const fn new(word: &'static str, quoted: &'static str) -> Self {
        let mut beginning = [0; BEGINNING];
        let mut at = 0;
        while at < BEGINNING && at < quoted.len() {
            beginning[at] = quoted.as_bytes()[at];
            at += 1;
        }
        Self { word, quoted, beginning }
    }

    /// The rest of the bytes after the name, if they begin with it.
    #[inline]
    fn before<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let Some(block) = bytes.first_chunk() else { return bytes.strip_prefix(self.quoted.as_bytes()) };
        let equal = u8x16::new(*block).simd_eq(u8x16::new(self.beginning)).to_bitmask();
        let (length, rest) = (self.quoted.len(), bytes.get(self.quoted.len()..)?);
        // The number of equal bytes at the beginning, possibly including padding.
        let same = equal.trailing_ones() as usize;
        let is_it = same >= length
            || (same == BEGINNING && bytes.get(BEGINNING..length)? == &self.quoted.as_bytes()[BEGINNING..]);
        is_it.then_some(rest)
    }
}

/// Makes an array of [`Name`]s.
macro_rules! names {
    ($($word:expr),* $(,)?) => {
        [$($crate::json::Name::new($word, concat!("\"", $word, "\":"))),*]
    };
}
pub(crate) use names;

/// An offset in a text, with everything needed to continue from there.
#[derive(Debug)]
pub(crate) struct Reader<'a, 's> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    levels: usize,
    passed: usize,
    first_passed: Option<usize>,
    scratch: &'s mut Scratch<'a>,
}

impl<'a, 's> Reader<'a, 's> {
    /// Starts to read at `at`, inside of `levels` open containers.
    pub(crate) fn new(text: &'a str, at: usize, levels: usize, scratch: &'s mut Scratch<'a>) -> Self {
        scratch.keys.clear();
        Self { text, bytes: text.as_bytes(), at, levels, passed: 0, first_passed: None, scratch }
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
        self.first_passed.map(|at| self.key_from(at))
    }

    /// Whether an object with this first field begins here.
    pub(crate) fn is_first(&self, name: &Name) -> bool {
        let fields = self.bytes.get(self.at..).and_then(|rest| rest.strip_prefix(b"{"));
        fields.is_some_and(|fields| name.before(fields).is_some())
    }

    /// Whether an object begins here.
    #[inline]
    pub(crate) fn is_at_object(&self) -> bool {
        self.bytes.get(self.at) == Some(&b'{')
    }

    /// Reads the object that begins here. The value of the field `names[i]` goes into `values[i]`; all other fields are
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
        let mut guess = 0;
        loop {
            let key_at = self.at;
            let wanted = if let Some(value_at) = names.get(guess).and_then(|name| self.value_after(name)) {
                self.at = value_at;
                guess
            } else if !self.has_field()? {
                break;
            } else if let Some(wanted) = self.key(names)? {
                wanted
            } else {
                self.passed += 1;
                self.first_passed = self.first_passed.or(Some(key_at));
                self.value()?;
                continue;
            };
            guess = wanted + 1;
            let Some(slot) = values.get_mut(wanted).filter(|slot| slot.is_missing()) else {
                return Err(FaultKind::DuplicateKey.at(self.key_from(key_at)));
            };
            let read = if self.is_at_object() { inner(self, wanted) } else { None };
            *slot = match read {
                Some(value) => value?,
                None => self.value()?,
            };
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
        self.open()?;
        while self.has_field()? {
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
        self.close();
        Ok(())
    }

    /// Checks the value that begins here.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        if self.bytes.get(start) == Some(&b'"')
            && let Some(end) = string::end_of_plain(self.bytes, start + 1)
        {
            self.at = end + 1;
            return Ok(Value::new(Shape::Plain, start + 1, end));
        }
        self.other_value()
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
            && let Some(end) = string::end_of_plain_list(self.bytes, start + 1)
        {
            self.at = end;
            return Ok(Value::new(shape, start, end));
        }
        let Scratch { keys, walk } = &mut *self.scratch;
        walk.restart();
        let mut watch = Strict { text: self.text, levels: self.levels, keys };
        match walk.run(self.bytes, start, &mut watch)? {
            Progress::Complete(end) => {
                self.at = end;
                Ok(Value::new(shape, start, end))
            }
            Progress::More(_) => Err(walk.too_early(self.bytes.len())),
        }
    }

    fn open(&mut self) -> Result<usize, Fault> {
        let start = self.at;
        if self.levels >= MAX_LEVELS {
            return Err(FaultKind::TooDeep.at(start));
        }
        self.levels += 1;
        self.scratch.keys.open();
        self.at = start + 1;
        Ok(start)
    }

    fn close(&mut self) {
        self.levels = self.levels.saturating_sub(1);
        self.scratch.keys.close();
    }

    /// Advances to the opening quote of the next key, or past the end of the object.
    #[inline]
    fn has_field(&mut self) -> Result<bool, Fault> {
        let is_first = self.bytes.get(self.at.wrapping_sub(1)) == Some(&b'{');
        let mut at = skip_whitespace(self.bytes, self.at);
        if !is_first {
            match self.bytes.get(at) {
                Some(b',') => at = skip_whitespace(self.bytes, at + 1),
                Some(b'}') => {}
                _ => return Err(FaultKind::NoCommaInObject.at(at)),
            }
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

    /// Advances past a key to its value. Returns the index of the key in `names`, `None` if it is not one of them.
    fn key<const N: usize>(&mut self, names: &[Name; N]) -> Result<Option<usize>, Fault> {
        let key = string::scan(self.bytes, self.at + 1)?;
        let name = decoded(self.text, key);
        self.at = key.end + 1;
        self.colon()?;
        let found = names.iter().position(|known| *known.word.as_bytes() == *name);
        if found.is_none() && !self.scratch.keys.insert(name) {
            return Err(FaultKind::DuplicateKey.at(key.quote()));
        }
        Ok(found)
    }

    /// The offset of the value if the next field has exactly this name and no whitespace around it, as machines write
    /// it. This avoids a search for the ends of keys and values.
    #[inline]
    fn value_after(&self, name: &Name) -> Option<usize> {
        let comma = usize::from(self.bytes.get(self.at) == Some(&b','));
        let rest = name.before(self.bytes.get(self.at + comma..)?)?;
        let is_first = self.bytes.get(self.at.wrapping_sub(1)) == Some(&b'{');
        let is_compact = rest.first().is_some_and(|byte| *byte > b' ') && is_first == (comma == 0);
        is_compact.then_some(self.at + comma + name.quoted.len())
    }

    /// The offset of the first key from `at` on.
    #[cold]
    fn key_from(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        memchr::memchr(b'"', rest).map_or(at, |place| at + place)
    }

    #[inline]
    fn colon(&mut self) -> Result<(), Fault> {
        let at = skip_whitespace(self.bytes, self.at);
        if self.bytes.get(at) != Some(&b':') {
            return Err(FaultKind::NoColon.at(at));
        }
        self.at = skip_whitespace(self.bytes, at + 1);
        Ok(())
    }
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
