//! Ingests a log in pieces of whole lines, some 1 MiB each, into a new store and says how many seconds that took: what other
//! ways in are measured beside (`benches/python_overhead.py`).
//!
//! ```text
//! ingest_pieces LOG DIR
//! ```

#![expect(clippy::print_stdout, reason = "it is what it is run for")]

use std::error::Error;
use std::time::Instant;

use convofold::Convofold;
use convofold::ingest::Format;

const PIECE_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name: &str| arguments.next().ok_or(format!("missing: {name}"));
    let log = std::fs::read(argument("a log")?)?;
    let db = Convofold::open(argument("a directory")?)?;
    let started = Instant::now();
    let mut rest = log.as_slice();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(piece_bytes(rest));
        db.ingest(piece, Format::Auto)?;
        rest = behind;
    }
    println!("{} {}", started.elapsed().as_secs_f64(), db.state_hash());
    Ok(db.close()?)
}

/// Up to the first end of a line behind 1 MiB.
fn piece_bytes(log: &[u8]) -> usize {
    let behind = log.iter().skip(PIECE_BYTES).position(|byte| *byte == b'\n');
    behind.map_or(log.len(), |place| PIECE_BYTES + place + 1)
}
