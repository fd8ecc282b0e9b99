//! A file that records the finished trials: one JSON object per line, only ever appended to.

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

/// Trials that were made in one campaign.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    /// Their kind.
    pub kind: String,
    /// Their seed.
    pub seed: u64,
    /// The first of them.
    pub from: u64,
    /// The one after the last of them.
    pub to: u64,
    /// The failed ones.
    pub failed: Vec<u64>,
    /// Seconds since the start of the campaign.
    pub seconds: f64,
    /// Counts of observations since the start of the campaign.
    pub tally: BTreeMap<String, u64>,
}

impl Ledger {
    /// The ledger in this file, which is created with the first line.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends a line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&self, share: &Share) -> Result<()> {
        let mut line = serde_json::to_vec(share)?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(&line)).with_context(|| in_words(&self.path))
    }

    /// The trial after the last one of this kind and seed.
    ///
    /// # Errors
    /// If the file cannot be read. A truncated line, for example after a full disk, is ignored.
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
