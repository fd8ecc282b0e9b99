//! Ingests a log in pieces into a new database, and prints the duration in seconds and the state hash. `benches/bindings.py`
//! compares the other bindings with it.
//!
//! ```text
//! ingest_rate LOG NEW-FOLDER
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::error::Error;
use std::time::Instant;

use convofold::Convofold;
use convofold::ingest::Format;

/// Minimum size of a piece, which ends at the next end of a line.
const PIECE_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name: &str| arguments.next().ok_or(format!("missing: {name}"));
    let log = std::fs::read(argument("a log")?)?;
    let db = Convofold::open(argument("a new folder")?)?;
    let started = Instant::now();
    let mut rest = log.as_slice();
    while !rest.is_empty() {
        let line_end = rest.iter().skip(PIECE_BYTES).position(|byte| *byte == b'\n');
        let (piece, behind) = rest.split_at(line_end.map_or(rest.len(), |end| PIECE_BYTES + end + 1));
        db.ingest(piece, Format::Auto)?;
        rest = behind;
    }
    let took = started.elapsed();
    println!("{:.6} {}", took.as_secs_f64(), db.state_hash());
    Ok(db.close()?)
}
