//! Kinds of damage to a file.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use crate::torture::examination::copy_folder;

const SECTOR: usize = 512;
const PAGE: usize = 4_096;

/// A kind of damage to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    FlipBit,
    FlipBits,
    ZeroSector,
    ZeroPage,
    ScrambleSector,
    ExchangeSectors,
    Truncate,
    Append,
    Remove,
    OlderFile,
    RemoveSled,
    OlderSled,
}

use Damage::{
    Append, ExchangeSectors, FlipBit, FlipBits, OlderFile, OlderSled, Remove, RemoveSled, ScrambleSector, Truncate,
    ZeroPage, ZeroSector,
};

/// Likely kinds are more frequent.
const CHANCES: [Damage; 20] = [
    FlipBit,
    FlipBit,
    FlipBit,
    FlipBits,
    FlipBits,
    ZeroSector,
    ZeroSector,
    ZeroPage,
    ZeroPage,
    ZeroPage,
    ScrambleSector,
    ExchangeSectors,
    Truncate,
    Truncate,
    Truncate,
    Append,
    Remove,
    OlderFile,
    RemoveSled,
    OlderSled,
];

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FlipBit => "a flipped bit",
            FlipBits => "flipped bits",
            ZeroSector => "a zeroed sector",
            ZeroPage => "a zeroed page",
            ScrambleSector => "a scrambled sector",
            ExchangeSectors => "exchanged sectors",
            Truncate => "a truncated file",
            Append => "garbage at the end",
            Remove => "a removed file",
            OlderFile => "an older file",
            RemoveSled => "sled's folder removed",
            OlderSled => "an older folder of sled's",
        })
    }
}

impl Damage {
    /// A random kind.
    pub(super) fn any(random: &mut impl Rng) -> Self {
        CHANCES.choose(random).copied().unwrap_or(FlipBit)
    }

    /// Damages a file of the database and returns a description.
    pub(super) fn apply(self, db: &Path, older: Option<&Path>, random: &mut impl Rng) -> Result<String> {
        let sled = db.join("sled");
        match (self, older) {
            (RemoveSled, _) => {
                fs::remove_dir_all(&sled).context("removing sled's folder")?;
                return Ok(self.to_string());
            }
            (OlderSled, Some(older)) => {
                fs::remove_dir_all(&sled).context("removing sled's folder")?;
                copy_folder(&older.join("sled"), &sled)?;
                return Ok(self.to_string());
            }
            _ => {}
        }
        let file = any_file(db, random)?;
        let name = file.strip_prefix(db).unwrap_or(&file).display().to_string();
        let bytes = fs::read(&file).with_context(|| format!("reading {name}"))?;
        if self == Remove {
            fs::remove_file(&file).with_context(|| format!("removing {name}"))?;
            return Ok(format!("{self} ({name})"));
        }
        let (changed, what) = match (self, older.map(|older| older.join(&name)).filter(|older| older.exists())) {
            (OlderFile, Some(older)) => (fs::read(older).context("reading an older file")?, self.to_string()),
            // If there is no older copy, the file stays.
            (OlderFile | OlderSled, _) => FlipBit.change(bytes, random),
            _ => self.change(bytes, random),
        };
        fs::write(&file, changed).with_context(|| format!("writing {name}"))?;
        Ok(format!("{what} ({name})"))
    }

    fn change(self, mut bytes: Vec<u8>, random: &mut impl Rng) -> (Vec<u8>, String) {
        let length = bytes.len();
        let at = any_place(&bytes, random);
        match self {
            FlipBit => flip(&mut bytes, at, random),
            FlipBits => {
                for _ in 0..random.random_range(2..=16) {
                    let at = any_place(&bytes, random);
                    flip(&mut bytes, at, random);
                }
            }
            ZeroSector => block_at(&mut bytes, at, SECTOR).fill(0),
            ZeroPage => block_at(&mut bytes, at, PAGE).fill(0),
            ScrambleSector => random.fill_bytes(block_at(&mut bytes, at, SECTOR)),
            ExchangeSectors => {
                let other = any_place(&bytes, random);
                let (one, two) =
                    (block_at(&mut bytes, at, SECTOR).to_vec(), block_at(&mut bytes, other, SECTOR).to_vec());
                put(block_at(&mut bytes, at, SECTOR), &two);
                put(block_at(&mut bytes, other, SECTOR), &one);
            }
            Truncate => bytes.truncate(if length == 0 { 0 } else { random.random_range(0..length) }),
            Append => {
                let mut garbage = vec![0; random.random_range(1..10_000)];
                random.fill_bytes(&mut garbage);
                bytes.extend(garbage);
            }
            Remove | OlderFile | RemoveSled | OlderSled => {}
        }
        let what = format!("{self} at {at}, {} bytes of {length}", bytes.len());
        (bytes, what)
    }
}

/// Half of the time the file of the log, because most of the data is there.
fn any_file(db: &Path, random: &mut impl Rng) -> Result<PathBuf> {
    let log = db.join("sled/db");
    if random.random_bool(0.6) && log.exists() {
        return Ok(log);
    }
    let mut files = Vec::new();
    for folder in [db.to_owned(), db.join("sled")] {
        for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
            let entry = entry.context("listing")?;
            if entry.file_type().context("listing")?.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let Some(file) = files.choose(random) else { bail!("there is no file in {}", db.display()) };
    Ok(file.clone())
}

/// Usually a position with data: large parts of sled's files are zeros.
fn any_place(bytes: &[u8], random: &mut impl Rng) -> usize {
    let used: Vec<_> =
        bytes.chunks(SECTOR).enumerate().filter(|(_, sector)| sector.iter().any(|byte| *byte != 0)).collect();
    match used.choose(random) {
        Some((no, sector)) if random.random_bool(0.9) => no * SECTOR + random.random_range(0..sector.len()),
        _ if bytes.is_empty() => 0,
        _ => random.random_range(0..bytes.len()),
    }
}

fn flip(bytes: &mut [u8], at: usize, random: &mut impl Rng) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.random_range(0..8);
    }
}

/// The aligned block of this size at the position, or its existing part.
fn block_at(bytes: &mut [u8], at: usize, block_bytes: usize) -> &mut [u8] {
    let start = (at / block_bytes * block_bytes).min(bytes.len());
    let end = (start + block_bytes).min(bytes.len());
    bytes.get_mut(start..end).unwrap_or_default()
}

fn put(into: &mut [u8], from: &[u8]) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into = *from);
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn every_damage_changes_what_is_there() {
        for (seed, damage) in (0..).zip(CHANCES.into_iter().cycle().take(200)) {
            let (folder, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let write = |folder: &Path, text: &[u8]| {
                fs::create_dir(folder.join("sled")).unwrap();
                // No two sectors are equal.
                let bytes: Vec<u8> = (0..40_u8).flat_map(|no| [text, &[no + 1; SECTOR - 1]].concat()).collect();
                fs::write(folder.join("sled/db"), bytes).unwrap();
            };
            write(folder.path(), b"a");
            write(older.path(), b"b");
            let before = fs::read(folder.path().join("sled/db")).unwrap();
            let mut random = StdRng::seed_from_u64(seed);
            let what = damage.apply(folder.path(), Some(older.path()), &mut random).unwrap();
            let after = fs::read(folder.path().join("sled/db")).ok();
            let is_exchange_with_itself = damage == ExchangeSectors && after.as_ref() == Some(&before);
            assert!(is_exchange_with_itself || after != Some(before), "{what} (seed {seed})");
        }
    }
}
