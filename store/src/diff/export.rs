//! An export as a side.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use convofold_engine::ingest::Limits;
use convofold_engine::{ExportLine, HistoryEntry, StateHash};
use parking_lot::Mutex;

use super::side::{Conversations, DiffError, Side};
use crate::replay::{Input, OpenInput};

/// Size of one read.
const BUFFER_BYTES: usize = 256 << 10;
/// The first byte of a byte-order mark in UTF-8.
const BYTE_ORDER_MARK: u8 = 0xef;
/// The longest end of a line.
const LINE_END_BYTES: u64 = 2;
/// The bytes that are read of a line that cannot be JSON.
const SHOWN_BYTES: u64 = 64;

/// An export of conversations: a file or a reader, plain or compressed with gzip or zstd. It is read once, line by line.
#[derive(Debug)]
pub struct Export {
    name: String,
    max_line_bytes: usize,
    /// `None` after it was read.
    input: Mutex<Option<Input>>,
}

impl Export {
    /// The export in an input.
    #[must_use]
    pub fn new(input: Input) -> Self {
        let max_line_bytes = Limits::default().max_document_bytes;
        Self { name: input.name().to_owned(), max_line_bytes, input: Mutex::new(Some(input)) }
    }

    /// Sets the maximum length of a line in bytes, without its line end. Default: that of an object in an input of a replay
    /// ([`Limits::max_document_bytes`]), 64 MiB.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Reads the conversations one after another.
    ///
    /// # Errors
    /// [`DiffError`] if the export cannot be opened, or was read already.
    pub fn read(&self) -> Result<Conversations<'static>, DiffError> {
        let mut lines = self.lines()?;
        Ok(Box::new(std::iter::from_fn(move || lines.next_line().transpose()).map(|line| line.map(Into::into))))
    }

    fn lines(&self) -> Result<Lines, DiffError> {
        let name = self.name.clone();
        let Some(input) = self.input.lock().take() else { return Err(DiffError::ReadAlready { name }) };
        match input.into_reader() {
            Ok(input) => {
                let reader = BufReader::with_capacity(BUFFER_BYTES, input);
                Ok(Lines { name, max_line_bytes: self.max_line_bytes, reader, line: 0, before: None })
            }
            Err(source) => Err(DiffError::Read { name, source }),
        }
    }
}

impl Side for Export {
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        Ok(None)
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        self.read()
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        let mut lines = self.lines()?;
        while let Some(line) = lines.next_line()? {
            if **line.id() >= *id {
                return Ok(Some(line).filter(|line| **line.id() == *id));
            }
        }
        Ok(None)
    }

    fn history(&self, _id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        Ok(None)
    }
}

/// The lines of an export.
struct Lines {
    name: String,
    max_line_bytes: usize,
    reader: BufReader<OpenInput>,
    /// The number of the last line.
    line: u64,
    /// The id in the last line.
    before: Option<Arc<str>>,
}

impl Lines {
    /// The next line that is not blank.
    fn next_line(&mut self) -> Result<Option<ExportLine>, DiffError> {
        loop {
            let Some(text) = self.next_text()? else { return Ok(None) };
            self.line += 1;
            if text.trim().is_empty() {
                continue;
            }
            let (name, line) = (|| self.name.clone(), self.line);
            let found = ExportLine::parse(text).map_err(|why| DiffError::Line { name: name(), line, why })?;
            let id = found.id().clone();
            if let Some(after) = self.before.replace(id.clone()).filter(|after| *after >= id) {
                return Err(DiffError::Order { name: name(), line, id, after });
            }
            return Ok(Some(found));
        }
    }

    /// The next line, without its line feed. Input that does not look like JSON is not read to the end of its line, which could
    /// be that of the file.
    fn next_text(&mut self) -> Result<Option<String>, DiffError> {
        let failed = |source| DiffError::Read { name: self.name.clone(), source };
        let beginning = self.reader.fill_buf().map_err(failed)?;
        let limit = match beginning.first().copied() {
            None => return self.at_end(),
            Some(b'{' | b'\n' | b'\r' | b' ' | b'\t' | BYTE_ORDER_MARK) => {
                (self.max_line_bytes as u64).saturating_add(LINE_END_BYTES)
            }
            Some(_) => SHOWN_BYTES,
        };
        let mut bytes = Vec::new();
        let mut limited = std::io::Read::take(&mut self.reader, limit);
        limited.read_until(b'\n', &mut bytes).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        if text.len() > self.max_line_bytes {
            let (name, line, max_bytes) = (self.name.clone(), self.line + 1, self.max_line_bytes);
            return Err(DiffError::LineTooLong { name, line, max_bytes });
        }
        Ok(Some(text.to_owned()))
    }

    /// An export of which something was ignored, such as bytes after the compressed data, is not complete.
    fn at_end(&self) -> Result<Option<String>, DiffError> {
        match self.reader.get_ref().warning() {
            None => Ok(None),
            Some(warning) => {
                Err(DiffError::Read { name: self.name.clone(), source: std::io::Error::other(warning.to_owned()) })
            }
        }
    }
}
