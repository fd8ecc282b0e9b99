//! Decodes UTF-16 and UTF-32 (rule W1).

/// Decodes an input that begins with a byte-order mark of UTF-16 or UTF-32. What is not a character is U+FFFD.
#[derive(Clone, Debug)]
pub struct Decoder {
    encoding: Encoding,
    /// The beginning of a code unit.
    pending: Vec<u8>,
    /// The first half of a surrogate pair.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Utf16(fn([u8; 2]) -> u16),
    Utf32(fn([u8; 4]) -> u32),
}

impl Decoder {
    /// The number of bytes at the beginning of an input that decide whether it is decoded.
    pub const MARK_BYTES: usize = 4;

    /// The decoder for an input with this beginning, which must have [`Decoder::MARK_BYTES`] unless the input has fewer;
    /// `None` if it has no such mark. The beginning, with the mark, must be decoded too.
    #[must_use]
    pub fn for_mark(beginning: &[u8]) -> Option<Self> {
        let encoding = match beginning {
            [0xff, 0xfe, 0, 0, ..] => Encoding::Utf32(u32::from_le_bytes),
            [0, 0, 0xfe, 0xff, ..] => Encoding::Utf32(u32::from_be_bytes),
            [0xff, 0xfe, ..] => Encoding::Utf16(u16::from_le_bytes),
            [0xfe, 0xff, ..] => Encoding::Utf16(u16::from_be_bytes),
            _ => return None,
        };
        Some(Self { encoding, pending: Vec::new(), high: None })
    }

    /// Decodes the next bytes of the input and appends the text. Byte-order marks become those of UTF-8.
    pub fn decode(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        let pending = std::mem::take(&mut self.pending);
        let whole;
        let bytes = if pending.is_empty() {
            bytes
        } else {
            whole = [&pending, bytes].concat();
            &whole
        };
        self.pending = match self.encoding {
            Encoding::Utf16(read) => {
                let (units, rest) = bytes.as_chunks();
                units.iter().for_each(|unit| self.unit(read(*unit), text));
                rest.to_vec()
            }
            Encoding::Utf32(read) => {
                let (units, rest) = bytes.as_chunks();
                units.iter().for_each(|unit| push(char::from_u32(read(*unit)), text));
                rest.to_vec()
            }
        };
    }

    /// Ends the input.
    pub fn finish(self, text: &mut Vec<u8>) {
        if self.high.is_some() || !self.pending.is_empty() {
            push(None, text);
        }
    }

    fn unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        let units = self.high.take().into_iter().chain([unit]);
        if (0xd800..0xdc00).contains(&unit) {
            if units.count() > 1 {
                push(None, text);
            }
            self.high = Some(unit);
            return;
        }
        for c in char::decode_utf16(units) {
            push(c.ok(), text);
        }
    }
}

fn push(c: Option<char>, text: &mut Vec<u8>) {
    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], step: usize) -> String {
        let mut decoder = Decoder::for_mark(bytes).unwrap();
        let mut text = Vec::new();
        bytes.chunks(step).for_each(|chunk| decoder.decode(chunk, &mut text));
        decoder.finish(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn w1_text_of_16_and_32_bits_is_decoded_in_chunks_of_any_size() {
        let text = "\u{feff}{\"a\":\"\u{e4}\u{1f600}\"}\n";
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let utf32: Vec<u32> = text.chars().map(u32::from).collect();
        for bytes in [
            utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>(),
            utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            utf32.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
            utf32.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        ] {
            for step in 1..9 {
                assert_eq!(decoded(&bytes, step), text);
            }
        }
        assert!(Decoder::for_mark(text.as_bytes()).is_none());
    }

    #[test]
    fn w1_what_is_no_character_is_replaced() {
        let lone = [0xfffe, 0x00d8, 0x00d8, 0x00dc, 0x6100_u16, 0x00dc, 0x00d8];
        let bytes: Vec<u8> = lone.iter().flat_map(|unit| unit.to_be_bytes()).chain([7]).collect();
        assert_eq!(decoded(&bytes, 3), "\u{feff}\u{fffd}\u{10000}a\u{fffd}\u{fffd}");
    }
}
