//! Writes transcripts as plain files, so that any binding can be tested with them without parsing their format.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use convofold::Convofold;
use convofold::ingest::Format;

use crate::transcript::{Counts, Transcript, inputs};

/// The result of the Rust store for a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The whole export.
    pub export: Vec<u8>,
    /// The state hash, as 64 hexadecimal digits.
    pub hash: String,
    /// Counts of the events by effect.
    pub counts: Counts,
}

/// Runs the Rust store.
///
/// # Errors
/// If a store in a temporary directory does not open, take the inputs or close.
pub fn ask_store(inputs: &[Vec<u8>]) -> Result<Answer> {
    let folder = tempfile::tempdir()?;
    let db = Convofold::open(folder.path().join("db"))?;
    let mut counts = Counts::default();
    for input in inputs {
        let report = db.ingest(input, Format::Auto)?;
        counts.accepted += report.counts.applied + report.counts.late;
        counts.duplicates += report.counts.duplicates;
        counts.conflicts += report.counts.conflicts;
        counts.ignored += report.ignored.total();
        counts.rejected += report.rejected_total();
    }
    let mut export = Vec::new();
    db.export(&mut export)?;
    let hash = db.state_hash().to_string();
    db.close()?;
    Ok(Answer { export, hash, counts })
}

/// Writes a transcript into a directory of its name in `folder`, replacing what is there:
///
/// | file | what it holds |
/// |---|---|
/// | `input-1`, `input-2`, ... | the inputs, in order, byte for byte as a binding receives them |
/// | `export.ndjson` | the export of the Rust store |
/// | `hash` | its state hash, 64 hexadecimal digits and a line feed |
/// | `counts` | counts of the events by effect, one JSON object; only if the transcript states it |
///
/// # Errors
/// If a file cannot be written, or the store fails.
pub fn unpack(transcript: &Transcript, folder: &Path) -> Result<()> {
    let folder = folder.join(&transcript.name);
    // Inputs of an older version of it must not remain.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: &str, content: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))
    };
    let inputs = inputs(&transcript.events);
    for (number, input) in (1..).zip(&inputs) {
        write(&format!("input-{number}"), input)?;
    }
    let answer = ask_store(&inputs).with_context(|| transcript.name.clone())?;
    write("export.ndjson", &answer.export)?;
    write("hash", format!("{}\n", answer.hash).as_bytes())?;
    if let Some(counts) = &transcript.counts {
        write("counts", format!("{}\n", serde_json::to_string(counts)?).as_bytes())?;
    }
    Ok(())
}
