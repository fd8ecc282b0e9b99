//! Splits standard input into pieces of whole lines as it arrives.

use std::cell::Cell;
use std::io::{self, Read};

use convofold::ingest::{Framer, Limits, Piece};
use crossbeam_channel::Sender;

/// Read size. Together with the maximum line length it bounds memory.
const CHUNK_BYTES: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A message to the thread that submits events.
#[derive(Debug)]
pub(super) enum Input {
    /// Lines, or one that is too long.
    Piece(Piece),
    /// The input ends here.
    End,
    /// The input cannot be read.
    Failed(io::Error),
    /// Stop submitting.
    Stop,
}

/// Reads to the end of the input, or until the receiver is gone.
pub(super) fn read(mut from: impl Read, limits: Limits, to: &Sender<Input>) {
    // A stream consists of lines; detecting a document would mean waiting.
    let mut framer = Framer::resume(limits, CHUNK_BYTES, 1, 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    let is_wanted = Cell::new(true);
    let mut emit = |piece| {
        is_wanted.set(is_wanted.get() && to.send(Input::Piece(without_byte_order_mark(piece))).is_ok());
    };
    let mut end = Input::End;
    while is_wanted.get() {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(bytes) => {
                framer.feed(chunk.get(..bytes).unwrap_or_default(), &mut emit);
                framer.flush(&mut emit);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                end = Input::Failed(error);
                break;
            }
        }
    }
    framer.finish(&mut emit);
    let _ = to.send(end);
}

fn without_byte_order_mark(piece: Piece) -> Piece {
    match piece {
        Piece::Lines { first_line, byte_offset: 0, bytes } if bytes.starts_with(BYTE_ORDER_MARK) => {
            let bytes = bytes.get(BYTE_ORDER_MARK.len()..).unwrap_or_default().to_vec();
            Piece::Lines { first_line, byte_offset: BYTE_ORDER_MARK.len() as u64, bytes }
        }
        piece => piece,
    }
}
