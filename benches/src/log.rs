//! The logs for all measurements.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use convofold_generator::{Envelope, Faults, Generator, Mix, Options};

/// The content of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Airship in both envelopes.
    Airship,
    /// Airship in both envelopes, and SuperOffice.
    Mixed,
    /// SuperOffice webhooks.
    SuperOffice,
}

/// The window within which events of a shuffled log change places.
pub const SHUFFLE_WINDOW: u32 = 10_000;
/// The share of events that occur twice in a shuffled log.
pub const DUPLICATES: f64 = 0.05;

/// A generated log with this number of events, the same every time; an existing file is reused.
///
/// # Errors
/// If the file cannot be written.
pub fn generated(events: u64, content: Content, folder: &Path) -> Result<PathBuf> {
    write(events, content, Faults::default(), &folder.join(format!("{content:?}-{events}.ndjson")))
}

/// The events of the generated log, shuffled within a window, some of them twice.
///
/// # Errors
/// If a file cannot be read or written.
pub fn shuffled(events: u64, content: Content, folder: &Path) -> Result<PathBuf> {
    let faults = Faults::new().shuffle(SHUFFLE_WINDOW).duplicates(DUPLICATES);
    write(events, content, faults, &folder.join(format!("{content:?}-{events}-shuffled.ndjson")))
}

/// A generated log of Airship events, compressed, because thirty million events are 25 GB.
///
/// # Errors
/// If the file cannot be written.
pub fn compressed(events: u64, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("Airship-{events}.ndjson.zst"));
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        let mut out = zstd::Encoder::new(File::create(&unfinished)?, 1)?;
        Generator::new(options(events, Content::Airship, Faults::new()))?.write_to(&mut out)?;
        out.finish()?.flush()?;
        std::fs::rename(unfinished, &path)?;
    }
    Ok(path)
}

fn write(events: u64, content: Content, faults: Faults, path: &Path) -> Result<PathBuf> {
    if path.exists() {
        return Ok(path.to_owned());
    }
    let unfinished = path.with_extension("unfinished");
    Generator::new(options(events, content, faults))?.write_to(File::create(&unfinished)?)?;
    std::fs::rename(unfinished, path)?;
    Ok(path.to_owned())
}

fn options(events: u64, content: Content, faults: Faults) -> Options {
    let mix = match content {
        Content::Airship => Mix::default().superoffice(0),
        Content::Mixed => Mix::default(),
        Content::SuperOffice => Mix::only(Envelope::SuperOffice),
    };
    Options::new().events(events).mix(mix).faults(faults)
}

/// A log cut into `count` files of equal size, like one per day; in the order of the log.
///
/// # Errors
/// If a file cannot be read or written.
pub fn days(log: &Path, count: u64, folder: &Path) -> Result<Vec<PathBuf>> {
    ensure!(count > 0, "a log has at least one day");
    let day_bytes = std::fs::metadata(log)?.len() / count + 1;
    let mut lines = BufReader::with_capacity(1 << 20, File::open(log)?);
    let mut paths = Vec::new();
    let mut line = Vec::new();
    let mut out: Option<BufWriter<File>> = None;
    let mut bytes = 0;
    while lines.read_until(b'\n', &mut line)? > 0 {
        if out.is_none() || bytes >= day_bytes {
            let path = folder.join(format!("day-{:03}.ndjson", paths.len()));
            out = Some(BufWriter::with_capacity(1 << 20, File::create(&path)?));
            paths.push(path);
            bytes = 0;
        }
        if let Some(out) = &mut out {
            out.write_all(&line)?;
        }
        bytes += line.len() as u64;
        line.clear();
    }
    Ok(paths)
}
