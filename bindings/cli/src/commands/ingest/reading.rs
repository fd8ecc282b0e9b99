//! Splits standard input into pieces of whole values as it arrives.

use std::cell::Cell;
use std::io::{self, Read};

use convofold::ingest::{Decoder, Framer, Limits, Piece};
use crossbeam_channel::Sender;

/// Read size. Together with the maximum line length it bounds memory.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// A message to the thread that submits events.
#[derive(Debug)]
pub(super) enum Input {
    /// Values, or a line that is too long.
    Piece(Piece),
    /// The input ends here.
    End,
    /// Values of a file, and the bookmark of their end.
    Marked {
        /// The values.
        piece: Piece,
        /// Name and value.
        bookmark: (String, Vec<u8>),
    },
    /// The input cannot be read.
    Failed {
        /// Which one.
        name: String,
        /// The reason.
        error: io::Error,
    },
    /// Stop submitting.
    Stop,
}

/// Reads to the end of the input, or until the receiver is gone.
pub(super) fn read(mut from: impl Read, limits: Limits, to: &Sender<Input>) {
    let mut framer = Framer::new(limits, CHUNK_BYTES);
    let is_wanted = Cell::new(true);
    let mut emit = |piece| is_wanted.set(is_wanted.get() && to.send(Input::Piece(piece)).is_ok());
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut decoder, mut beginning, mut text) = (None, Vec::new(), Vec::new());
    let mut is_first = true;
    let mut end = Input::End;
    while is_wanted.get() {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(bytes) => {
                let mut bytes = chunk.get(..bytes).unwrap_or_default();
                if is_first {
                    beginning.extend_from_slice(bytes);
                    // Only a byte-order mark needs more than the first byte.
                    let is_marked = matches!(beginning.first(), Some(0 | 0xfe | 0xff));
                    if is_marked && beginning.len() < Decoder::MARK_BYTES {
                        continue;
                    }
                    (is_first, decoder, bytes) = (false, Decoder::for_mark(&beginning), &beginning);
                }
                if let Some(decoder) = &mut decoder {
                    text.clear();
                    Decoder::decode(decoder, bytes, &mut text);
                    bytes = &text;
                }
                framer.feed(bytes, &mut emit);
                framer.flush(&mut emit);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                end = Input::Failed { name: "standard input".to_owned(), error };
                break;
            }
        }
    }
    if is_first {
        framer.feed(&beginning, &mut emit);
    }
    text.clear();
    if let Some(decoder) = decoder {
        decoder.finish(&mut text);
        framer.feed(&text, &mut emit);
    }
    framer.finish(&mut emit);
    let _ = to.send(end);
}
