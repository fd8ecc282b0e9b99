//! The rejects file: rejected input, to be repaired and replayed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use convofold::ingest::Rejection;
use convofold::private_file_options;
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// A file of rejections, one JSON object per line, in the order of the input.
pub(super) struct Rejects {
    path: PathBuf,
    file: File,
    /// Rejections that an earlier, stopped run wrote after its last bookmark.
    written: HashSet<Place>,
    failed: Option<io::Error>,
}

/// The position of a rejection. Each position has one rejection.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
struct Place {
    input: String,
    byte_offset: u64,
    path: String,
}

#[derive(Serialize)]
struct RejectJson<'a> {
    input: &'a str,
    #[serde(flatten)]
    rejection: &'a Rejection,
}

impl Rejects {
    /// Opens the file; if an interrupted replay is resumed (`goes_on`), after its existing lines.
    pub(super) fn create(path: &Path, goes_on: bool) -> Result<Self, CliError> {
        let failed = |error: io::Error| CliError::io("write", path, &error);
        let mut file =
            private_file_options().read(true).write(true).create(true).truncate(!goes_on).open(path).map_err(failed)?;
        let written = go_to_end(&mut file).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, written, failed: None })
    }

    /// Adds a rejection. Returns false if the file cannot be written; [`Rejects::finish`] returns the error.
    pub(super) fn write(&mut self, rejection: &Rejection, input: &str) -> bool {
        if self.failed.is_none() {
            self.failed = self.add(rejection, input).err();
        }
        self.failed.is_none()
    }

    /// Returns the first write error.
    pub(super) fn finish(self) -> Result<(), CliError> {
        self.failed.map_or(Ok(()), |error| Err(CliError::io("write", &self.path, &error)))
    }

    /// A line is one write, so that a killed process leaves whole lines.
    fn add(&mut self, rejection: &Rejection, input: &str) -> io::Result<()> {
        if !self.written.is_empty() {
            let place =
                Place { input: input.to_owned(), byte_offset: rejection.byte_offset, path: rejection.path.clone() };
            if self.written.remove(&place) {
                return Ok(());
            }
        }
        let mut text = serde_json::to_vec(&RejectJson { input, rejection })?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

/// Seeks to the end of the last complete line, truncates the file there, and returns the positions of its lines.
fn go_to_end(file: &mut File) -> io::Result<HashSet<Place>> {
    let mut written = HashSet::new();
    let mut end = 0;
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            break;
        }
        end += bytes as u64;
        written.extend(serde_json::from_slice::<Place>(&line));
    }
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_wrote_is_found_and_a_torn_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        std::fs::write(&path, "{\"input\":\"a\",\"line\":1,\"byte_offset\":5,\"path\":\"$\"}\n{\"input\":\"a\",\"li")
            .unwrap();
        let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let written = go_to_end(&mut file).unwrap();
        assert_eq!(written.len(), 1);
        file.write_all(b"x\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("\"$\"}\nx\n"), "{text}");
    }
}
