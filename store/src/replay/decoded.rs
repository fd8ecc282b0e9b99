//! Inputs in UTF-16 and UTF-32.

use std::io::{self, Read};

use convofold_engine::ingest::Decoder;

const CHUNK_BYTES: usize = 64 << 10;

/// A reader of the text, in UTF-8.
pub(super) struct Decoded<R> {
    reader: R,
    /// `None` after the end of the input.
    decoder: Option<Decoder>,
    text: Vec<u8>,
    taken: usize,
}

impl<R: Read> Decoded<R> {
    /// `reader` begins with the byte-order mark for which the decoder is.
    pub(super) fn new(reader: R, decoder: Decoder) -> Self {
        Self { reader, decoder: Some(decoder), text: Vec::new(), taken: 0 }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            (self.text, self.taken) = (Vec::new(), 0);
            let mut chunk = vec![0; CHUNK_BYTES];
            match self.reader.read(&mut chunk)? {
                0 => {
                    if let Some(decoder) = self.decoder.take() {
                        decoder.finish(&mut self.text);
                    }
                }
                bytes => decoder.decode(chunk.get(..bytes).unwrap_or_default(), &mut self.text),
            }
        }
        let bytes = self.text.get(self.taken..).unwrap_or_default().read(buffer)?;
        self.taken += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w1_text_of_16_bits_is_read_as_utf8() {
        let text = "\u{feff}{\"a\":\"\u{1f600}\"}\n".repeat(10_000);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let decoder = Decoder::for_mark(&bytes).unwrap();
        let mut read = String::new();
        Decoded::new(bytes.as_slice(), decoder).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    }
}
