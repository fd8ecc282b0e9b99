//! The limits of this machine for the same bytes; everything else is compared with them.

pub mod group_commit;
pub mod line;
pub mod parse;
pub mod raw;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::figure::{Figure, Unit};
use crate::machine::cores;
use parse::{Library, parse};
use raw::{Appends, copy, read};

/// Sizes of appends: about the stored bytes of one event, and of the events of 64 submitters.
const APPENDED_BYTES: [usize; 2] = [300, 5_000];
const APPENDS: usize = 200;
const COPIED_BYTES: u32 = 64 << 20;

/// A limit of the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// The measured speed.
    pub figure: Figure,
}

/// All limits, measured with this log and this number of rounds.
///
/// # Errors
/// If the log cannot be read or parsed.
pub fn measure(log: &Path, rounds: usize, scratch: &Path) -> Result<Vec<Limit>> {
    let mut limits = vec![
        of_rounds("read the log", Unit::BytesPerSecond, rounds, || {
            let (took, bytes) = read(log)?;
            Ok(bytes as f64 / took.as_secs_f64())
        })?,
        of_rounds("copy memory", Unit::BytesPerSecond, rounds, || {
            Ok(f64::from(COPIED_BYTES) * 4.0 / copy(usize::try_from(COPIED_BYTES)?, 4).as_secs_f64())
        })?,
    ];
    for (library, threads) in Library::ALL.into_iter().flat_map(|library| [(library, 1), (library, cores())]) {
        limits.extend(parsing(log, library, threads, rounds)?);
    }
    let folder = tempfile::tempdir_in(scratch)?;
    let mut appends = Appends::new(folder.path())?;
    for bytes in APPENDED_BYTES {
        let name = format!("append {bytes} bytes + fdatasync");
        let append = || Ok(appends.append(bytes)?.as_nanos() as f64);
        limits.push(of_rounds(&name, Unit::Nanoseconds, rounds * APPENDS, append)?);
    }
    Ok(limits)
}

fn parsing(log: &Path, library: Library, threads: usize, rounds: usize) -> Result<[Limit; 2]> {
    let parsed = (0..rounds).map(|_| parse(log, library, threads)).collect::<Result<Vec<_>>>()?;
    let limit = |what: &str, took: fn(&parse::Parsed) -> Duration| Limit {
        name: format!("{}, {threads} threads: {what}", library.name()),
        figure: Figure::new(
            Unit::EventsPerSecond,
            parsed.iter().map(|parsed| parsed.lines as f64 / took(parsed).as_secs_f64()),
        ),
    };
    Ok([limit("parse", |parsed| parsed.parsing), limit("read and parse", |parsed| parsed.with_reading)])
}

fn of_rounds(name: &str, unit: Unit, rounds: usize, once: impl FnMut() -> Result<f64>) -> Result<Limit> {
    let values = std::iter::repeat_with(once).take(rounds).collect::<Result<Vec<_>>>()?;
    Ok(Limit { name: name.to_owned(), figure: Figure::new(unit, values) })
}
