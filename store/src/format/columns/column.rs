//! Columns: numbers of the same kind, stored together so that similar values compress well.
//!
//! A number has seven bits per byte, the lowest bits first. The highest bit of a byte is set if more bytes follow.
//! Signed numbers use the zigzag encoding (0, -1, 1, -2, ...).

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::damage::Damage;

/// A column being written.
#[derive(Debug, Default)]
pub(crate) struct Column {
    bytes: Vec<u8>,
}

impl Column {
    pub(crate) fn put(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes.push(low_bits(number) | 0x80);
            number >>= 7;
        }
        self.bytes.push(low_bits(number));
    }

    pub(crate) fn put_signed(&mut self, number: i64) {
        self.put(zigzag(number));
    }

    pub(crate) fn put_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn stored(&self) -> Bytes<'_> {
        Bytes(&self.bytes)
    }
}

fn low_bits(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low & 0x7f
}

pub(crate) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// A column being read. Missing numbers read as zero, and [`Reader::end`] reports them, so that callers need not check
/// each number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
    is_short: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(Bytes(left): Bytes<'a>) -> Self {
        Self { left, is_short: false }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> u8 {
        match self.left.split_first() {
            Some((first, rest)) => {
                self.left = rest;
                *first
            }
            None => {
                self.is_short = true;
                0
            }
        }
    }

    #[inline]
    pub(crate) fn number(&mut self) -> u64 {
        let byte = self.byte();
        if byte < 0x80 { u64::from(byte) } else { self.long_number(byte) }
    }

    fn long_number(&mut self, first: u8) -> u64 {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        // Longer than any number that was written.
        self.is_short = true;
        0
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> i64 {
        unzigzag(self.number())
    }

    /// The next `length` bytes.
    pub(crate) fn bytes(&mut self, length: u64) -> &'a [u8] {
        let split = usize::try_from(length).ok().and_then(|length| self.left.split_at_checked(length));
        match split {
            Some((bytes, rest)) => {
                self.left = rest;
                bytes
            }
            None => {
                self.is_short = true;
                &[]
            }
        }
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.left.split_first_chunk() {
            Some((first, rest)) => {
                self.left = rest;
                *first
            }
            None => {
                self.is_short = true;
                [0; N]
            }
        }
    }

    /// Number of bytes left.
    pub(crate) fn left(&self) -> usize {
        self.left.len()
    }

    /// Checks that exactly the stored bytes were read.
    pub(crate) fn end(&self, column: &'static str) -> Result<(), Damage> {
        if self.is_short || !self.left.is_empty() { Err(Damage::Column { column }) } else { Ok(()) }
    }
}

/// Concatenated texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextReader<'a> {
    left: &'a str,
    is_short: bool,
}

impl<'a> TextReader<'a> {
    pub(crate) fn new(left: &'a str) -> Self {
        Self { left, is_short: false }
    }

    /// The next text, of `length` bytes.
    #[inline]
    pub(crate) fn text(&mut self, length: u64) -> &'a str {
        let split = usize::try_from(length).ok().and_then(|length| self.left.split_at_checked(length));
        match split {
            Some((text, rest)) => {
                self.left = rest;
                text
            }
            None => {
                self.is_short = true;
                ""
            }
        }
    }

    /// See [`Reader::end`].
    pub(crate) fn end(&self, column: &'static str) -> Result<(), Damage> {
        if self.is_short || !self.left.is_empty() { Err(Damage::Column { column }) } else { Ok(()) }
    }
}

/// A column as stored: its length and its bytes, in one bincode value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = Bytes<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX];
        let signed = [0, -1, 1, -64, 64, i64::MIN, i64::MAX];
        let mut column = Column::default();
        numbers.iter().for_each(|number| column.put(*number));
        signed.iter().for_each(|number| column.put_signed(*number));
        let mut reader = Reader::new(column.stored());
        assert_eq!(numbers.map(|_| reader.number()), numbers);
        assert!(reader.end("numbers").is_err());
        assert_eq!(signed.map(|_| reader.signed()), signed);
        reader.end("numbers").unwrap();
        assert_eq!(reader.number(), 0);
        assert!(reader.end("numbers").is_err());
    }

    #[test]
    fn a_number_that_does_not_end_is_none() {
        for bytes in [vec![0x80], vec![0xff; 11]] {
            let mut reader = Reader::new(Bytes(&bytes));
            reader.number();
            assert!(reader.end("numbers").is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn texts_end_where_characters_do() {
        let mut texts = TextReader::new("aé");
        assert_eq!(texts.text(1), "a");
        assert_eq!(texts.text(1), "");
        assert!(texts.end("texts").is_err());
    }
}
