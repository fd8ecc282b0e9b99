//! A file that says which trials were made: one JSON object a line, added to and never written anew.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The file.
#[derive(Clone, Debug)]
pub struct Ledger {
    path: PathBuf,
}

/// Trials that were made in one go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    /// Of which kind.
    pub kind: String,
    /// What chance began from.
    pub seed: u64,
    /// The first of them.
    pub from: u64,
    /// The one after the last of them.
    pub to: u64,
    /// Those that failed.
    pub failed: Vec<u64>,
    /// Since the run began.
    pub seconds: f64,
    /// How often what was seen since the run began.
    pub tally: BTreeMap<String, u64>,
}

impl Ledger {
    /// The ledger in this file, which is made with the first line.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn add(&self, share: &Share) -> Result<()> {
        let mut line = serde_json::to_vec(share)?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(&line)).with_context(|| in_words(&self.path))
    }

    /// The trial after the last one that was made of this kind with this seed.
    ///
    /// # Errors
    /// Where the file cannot be read. A line that is cut off, as by a full disk, counts as not written.
    pub fn next(&self, kind: &str, seed: u64) -> Result<u64> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error).with_context(|| in_words(&self.path)),
        };
        let mut next = 0;
        for line in BufReader::new(file).lines() {
            let Ok(share) = serde_json::from_str::<Share>(&line?) else { continue };
            if share.kind == kind && share.seed == seed {
                next = next.max(share.to);
            }
        }
        Ok(next)
    }
}

fn in_words(path: &Path) -> String {
    format!("the ledger {}", path.display())
}
