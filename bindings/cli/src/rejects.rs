//! The rejects file: rejected input, to be repaired and replayed.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use convofold::ingest::Rejection;
use convofold::{leads_into, private_file_options};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::CliError;
use crate::exit::Exit;

/// The beginning of every line that this command writes.
const RECORD: &[u8] = b"{\"convofold_reject\":";
/// A reject record keeps at most 64 KiB of the input, which JSON makes at most six times longer.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The file for rejected input.
#[derive(Debug, Args)]
pub struct RejectsArgs {
    /// Append rejected input to this file with the reason, one JSON object per line. `replay` and `ingest` read such a file
    /// again after its `raw` parts were repaired. A rejection that it already contains is not repeated. A file with
    /// other contents is refused.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Overwrite the file of --rejects, whatever it contains.
    #[arg(long, requires = "rejects")]
    force: bool,
}

impl RejectsArgs {
    /// Checks that the file can be written without harm, before anything else is done.
    ///
    /// # Errors
    /// [`CliError`] if the file is inside the database or contains something else.
    pub fn check(&self, db: &Path) -> Result<(), CliError> {
        let Some(path) = &self.rejects else { return Ok(()) };
        let usage = |what: String| CliError::new(Exit::Usage, what);
        if leads_into(path, db) {
            return Err(usage(format!("--rejects: {} is inside the database {}", path.display(), db.display()))
                .hint("choose a file outside of the database"));
        }
        let Ok(metadata) = path.metadata() else { return Ok(()) };
        if metadata.is_dir() {
            return Err(usage(format!("--rejects: {} is a folder", path.display())).hint("name a file"));
        }
        let is_ours = !metadata.is_file()
            || holds_rejects(path).map_err(|error| CliError::io("read the file of --rejects,", path, &error))?;
        if is_ours || self.force {
            return Ok(());
        }
        Err(usage(format!("--rejects: {} exists and is not a file of rejects", path.display()))
            .hint("choose another file, or overwrite this one with --force"))
    }

    /// Opens the file, if there is one. If an interrupted replay is resumed (`resumes`), its rejects are kept.
    ///
    /// # Errors
    /// [`CliError`] if the file cannot be read or written.
    pub fn open(&self, resumes: bool) -> Result<Option<Rejects>, CliError> {
        let Some(path) = &self.rejects else { return Ok(None) };
        let failed = |error: io::Error| CliError::io("write", path, &error);
        let keeps = !self.force || (resumes && holds_rejects(path).unwrap_or(false));
        Rejects::open(path, keeps).map(Some).map_err(failed)
    }
}

/// A file of rejections, one JSON object per line.
pub struct Rejects {
    path: PathBuf,
    file: File,
    /// Hashes of the lines that the file contained when it was opened.
    written: HashSet<u64>,
    failed: Option<io::Error>,
}

impl Rejects {
    fn open(path: &Path, keeps: bool) -> io::Result<Self> {
        let is_special = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        let mut file = private_file_options()
            .read(!is_special)
            .write(true)
            .create(true)
            .truncate(!keeps && !is_special)
            .open(path)?;
        let written = if is_special { HashSet::new() } else { go_to_end(&mut file)? };
        Ok(Self { path: path.to_owned(), file, written, failed: None })
    }

    /// Adds a rejection. Returns false if the file cannot be written; [`Rejects::finish`] returns the error.
    pub fn write(&mut self, rejection: &Rejection, input: &str) -> bool {
        if self.failed.is_none() {
            self.failed = self.add(rejection, input).err();
        }
        self.failed.is_none()
    }

    /// Returns the first write error.
    ///
    /// # Errors
    /// [`CliError`] names the file.
    pub fn finish(self) -> Result<(), CliError> {
        self.failed.map_or(Ok(()), |error| Err(CliError::io("write", &self.path, &error)))
    }

    /// A line is one write, so that a killed process leaves whole lines.
    fn add(&mut self, rejection: &Rejection, input: &str) -> io::Result<()> {
        let mut line = serde_json::to_vec(&rejection.record(input))?;
        line.push(b'\n');
        if self.written.contains(&hash(&line)) {
            return Ok(());
        }
        self.file.write_all(&line)
    }
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

/// Whether the file is empty or begins with a reject record, written here or by a program such as `jq`.
fn holds_rejects(path: &Path) -> io::Result<bool> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "convofold_reject")]
        _version: IgnoredAny,
    }
    let mut line = Vec::new();
    BufReader::new(File::open(path)?.take(MAX_LINE_BYTES)).read_until(b'\n', &mut line)?;
    if line.is_empty() || line.starts_with(RECORD) || serde_json::from_slice::<Record>(&line).is_ok() {
        return Ok(true);
    }
    // A record over several lines.
    let mut beginning = Vec::new();
    File::open(path)?.take(MAX_LINE_BYTES).read_to_end(&mut beginning)?;
    beginning.retain(|byte| !byte.is_ascii_whitespace());
    Ok(beginning.starts_with(RECORD))
}

/// Seeks to the end of the last complete line, where a torn line of an earlier run is cut off, and returns the hashes of the
/// lines.
fn go_to_end(file: &mut File) -> io::Result<HashSet<u64>> {
    let mut written = HashSet::new();
    let mut end = 0;
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line)? as u64;
        if line.ends_with(b"\n") {
            end += bytes;
            written.insert(hash(&line));
            continue;
        }
        let is_torn = line.starts_with(RECORD) && serde_json::from_slice::<IgnoredAny>(&line).is_err();
        if is_torn {
            file.set_len(end)?;
        }
        file.seek(SeekFrom::End(0))?;
        if !line.is_empty() && !is_torn {
            file.write_all(b"\n")?;
        }
        return Ok(written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(contents: &str) -> (String, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        std::fs::write(&path, contents).unwrap();
        let mut rejects = Rejects::open(&path, true).unwrap();
        rejects.file.write_all(b"x\n").unwrap();
        (std::fs::read_to_string(&path).unwrap(), rejects.written.len())
    }

    #[test]
    fn only_a_torn_line_of_an_earlier_run_is_cut_off() {
        let line = "{\"convofold_reject\":1,\"line\":1}";
        assert_eq!(opened(&format!("{line}\n{{\"convofold_reject\":1,\"li")), (format!("{line}\nx\n"), 1));
        // Written by another program without a line end.
        assert_eq!(opened(line), (format!("{line}\nx\n"), 0));
        assert_eq!(opened("{\n  \"convofold_reject\": 1\n}"), ("{\n  \"convofold_reject\": 1\n}\nx\n".to_owned(), 2));
        assert_eq!(opened(""), ("x\n".to_owned(), 0));
    }

    #[test]
    fn a_file_of_rejects_is_known_by_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (contents, expected) in [
            ("", true),
            ("{\"convofold_reject\":1,\"li", true),
            ("{\"byte_offset\":1,\"convofold_reject\":1}\n", true),
            ("{\n  \"convofold_reject\": 1\n}", true),
            ("{\"convofold\":1}\n{\"convofold_reject\":1}\n", false),
            ("notes\n", false),
            ("\n", false),
        ] {
            std::fs::write(&path, contents).unwrap();
            assert_eq!(holds_rejects(&path).unwrap(), expected, "{contents}");
        }
    }
}
