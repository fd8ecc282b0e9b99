//! The log that everything is measured with.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use convofold_cli::generate::{GenerateOptions, generate};

/// A generated log of so many events, the same every time.
///
/// # Errors
/// What the file system says.
pub fn generated(events: u64, folder: &Path) -> Result<PathBuf> {
    let path = folder.join("log.ndjson");
    let mut out = BufWriter::new(std::fs::File::create(&path)?);
    generate(&GenerateOptions { events, ..GenerateOptions::default() }, &mut out)?;
    out.flush()?;
    Ok(path)
}
