//! A value as it was read: its position and its shape, not its meaning.

use std::borrow::Cow;

use super::string;

/// The shape of a value. As wide as an offset: without padding, arrays of values are cleared at once.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The field does not exist.
    #[default]
    Missing,
    Null,
    True,
    False,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    Object,
    Array,
}

/// A value of a text. It takes 12 bytes, because several arrays of them are cleared for every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) shape: Shape,
    start: u32,
    end: u32,
}

impl Value {
    /// A value at `start..end` of its text, for a string without its quotes.
    pub(crate) fn new(shape: Shape, start: usize, end: usize) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the limits of ingest keep texts below 4 GiB")]
        Self { shape, start: start as u32, end: end as u32 }
    }

    /// The offset of the value; for a string, of its opening quote.
    pub(crate) fn at(self) -> usize {
        (self.start as usize).saturating_sub(usize::from(self.is_string()))
    }

    pub(crate) fn is_missing(self) -> bool {
        self.shape == Shape::Missing
    }

    pub(crate) fn is_string(self) -> bool {
        matches!(self.shape, Shape::Plain | Shape::Escaped)
    }

    /// The value as written, without the quotes of a string.
    #[inline]
    pub(crate) fn written(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Whether it is a string with half of a surrogate pair.
    pub(crate) fn has_lone_surrogate(self, text: &str) -> bool {
        self.shape == Shape::Escaped && string::has_lone_surrogate(self.written(text))
    }

    /// The decoded string, or the digits of a number; `None` for every other shape.
    #[inline]
    pub(crate) fn text(self, text: &str) -> Option<Cow<'_, str>> {
        match self.shape {
            Shape::Plain | Shape::Number => Some(Cow::Borrowed(self.written(text))),
            Shape::Escaped => Some(Cow::Owned(string::decode(self.written(text)))),
            _ => None,
        }
    }
}
