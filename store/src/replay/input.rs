//! Inputs of a replay: files, plain or compressed, and readers.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convofold_engine::ingest::Decoder;
use xxhash_rust::xxh3::xxh3_64;

use super::decoded::Decoded;
use super::members::{MAGIC_BYTES, Members, is_compressed};

/// Size of one read.
const CHUNK_BYTES: usize = 256 << 10;
/// Number of bytes at the beginning of an input by which it is recognised.
const FINGERPRINT_BYTES: u64 = 64 << 10;

/// An input of a replay. Input compressed with gzip or zstd is recognised by its first bytes, not by its name.
pub struct Input {
    name: String,
    kind: Kind,
}

enum Kind {
    Path(PathBuf),
    Reader(Box<dyn Read + Send>),
}

impl Input {
    /// Creates an input from a file. A folder is not a file; [`Input::find`] finds the files in it.
    #[must_use]
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { name: path.display().to_string(), kind: Kind::Path(path) }
    }

    /// Creates an input from a reader, such as standard input. A replay with such an input cannot be resumed, because a
    /// reader cannot be read twice.
    #[must_use]
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self { name: name.into(), kind: Kind::Reader(Box::new(reader)) }
    }

    /// Returns the path, or the given name of a reader.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn as_path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Path(path) => Some(path),
            Kind::Reader(_) => None,
        }
    }

    /// Checks that the input can be opened. Readers are open.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn check(&self) -> io::Result<()> {
        let Kind::Path(path) = &self.kind else { return Ok(()) };
        if path.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { File::open(path).map(drop) }
    }

    /// Opens the input for one reading.
    pub(crate) fn into_reader(self) -> io::Result<OpenInput> {
        self.open(Arc::default())
    }

    /// Opens the input. `bytes_read` counts the bytes read from it, before decompression.
    pub(super) fn open(self, bytes_read: Arc<AtomicU64>) -> io::Result<OpenInput> {
        match self.kind {
            Kind::Path(path) => OpenInput::open_file(&path, bytes_read),
            Kind::Reader(reader) => OpenInput::open_reader(reader, bytes_read),
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Input").field(&self.name).finish()
    }
}

/// An input that is being read, decompressed.
pub(crate) struct OpenInput {
    source: Source,
    /// Bytes read, but not yet returned.
    beginning: Vec<u8>,
    /// Why reading ended early. Returned after the bytes before it.
    failed: Option<io::Error>,
    /// XXH3-64 of the first 64 KiB.
    pub(super) fingerprint: u64,
    /// Whether available bytes are parsed without waiting for more.
    pub(super) is_live: bool,
}

enum Source {
    /// A file that supports seeking, with the counter of bytes read.
    Plain(File, Arc<AtomicU64>),
    Stream(Box<dyn Read + Send>),
    Compressed(Members),
}

impl OpenInput {
    pub(super) fn open_file(path: &Path, bytes_read: Arc<AtomicU64>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        file.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
        file.rewind()?;
        let source = if is_compressed(&magic) {
            Source::Compressed(Members::new(Vec::new(), Box::new(Counted { reader: file, bytes_read })))
        } else {
            Source::Plain(file, bytes_read)
        };
        Ok(Self::begin(source))
    }

    fn open_reader(reader: Box<dyn Read + Send>, bytes_read: Arc<AtomicU64>) -> io::Result<Self> {
        let mut magic = Vec::new();
        let mut reader = Counted { reader, bytes_read };
        reader.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
        let (source, beginning) = if is_compressed(&magic) {
            (Source::Compressed(Members::new(magic, Box::new(reader))), Vec::new())
        } else if let Some(decoder) = Decoder::for_mark(&magic) {
            (Source::Stream(Box::new(Decoded::new(Cursor::new(magic).chain(reader), decoder))), Vec::new())
        } else {
            (Source::Stream(Box::new(reader)), magic)
        };
        // Computing a fingerprint would wait for 64 KiB, and readers do not need one.
        Ok(Self { source, beginning, failed: None, fingerprint: 0, is_live: true })
    }

    fn begin(mut source: Source) -> Self {
        let mut beginning = Vec::new();
        let mut failed = source.by_ref().take(FINGERPRINT_BYTES).read_to_end(&mut beginning).err();
        if let Some(decoder) = Decoder::for_mark(&beginning) {
            let whole = Cursor::new(std::mem::take(&mut beginning)).chain(source);
            source = Source::Stream(Box::new(Decoded::new(whole, decoder)));
            let outcome = source.by_ref().take(FINGERPRINT_BYTES).read_to_end(&mut beginning);
            failed = failed.or(outcome.err());
        }
        let fingerprint = xxh3_64(&beginning);
        Self { source, beginning, failed, fingerprint, is_live: false }
    }

    /// What was ignored in the input, such as bytes after the compressed data. Complete at the end of the input.
    pub(crate) fn warning(&self) -> Option<&str> {
        match &self.source {
            Source::Compressed(members) => members.warning(),
            Source::Plain(..) | Source::Stream(_) => None,
        }
    }

    /// Skips the first bytes, decompressed. Call it only right after opening.
    pub(super) fn skip(&mut self, byte_offset: u64) -> io::Result<()> {
        let held = self.beginning.len() as u64;
        match usize::try_from(byte_offset) {
            Ok(offset) if byte_offset <= held => drop(self.beginning.drain(..offset)),
            _ => {
                self.beginning.clear();
                self.source.skip(byte_offset - held)?;
            }
        }
        Ok(())
    }

    /// Appends the next `bytes` bytes, fewer if the input ends before. An error comes after all bytes before it, alone.
    pub(super) fn read_onto(&mut self, held: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
        let length_before = held.len();
        let read_already = bytes.min(self.beginning.len());
        held.extend(self.beginning.drain(..read_already));
        if self.failed.is_none() {
            self.failed = self.source.read_onto(held, (bytes - read_already) as u64).err();
        }
        match self.failed.take_if(|_| held.len() == length_before) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Returns the next bytes as soon as there are any; empty at the end.
    pub(super) fn read_chunk<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        if !self.beginning.is_empty() {
            *buffer = std::mem::take(&mut self.beginning);
            return Ok(buffer);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        buffer.resize(CHUNK_BYTES, 0);
        let length = read_some(&mut self.source, buffer)?;
        Ok(buffer.get(..length).unwrap_or_default())
    }
}

impl Read for OpenInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.beginning.is_empty() {
            let length = self.beginning.as_slice().read(buffer)?;
            self.beginning.drain(..length);
            return Ok(length);
        }
        self.failed.take().map_or_else(|| read_some(&mut self.source, buffer), Err)
    }
}

impl Source {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        match self {
            Self::Plain(file, bytes_read) => {
                let offset = i64::try_from(bytes).map_err(io::Error::other)?;
                file.seek(SeekFrom::Current(offset))?;
                bytes_read.fetch_add(bytes, Ordering::Relaxed);
            }
            Self::Stream(reader) => {
                io::copy(&mut reader.take(bytes), &mut io::sink())?;
            }
            Self::Compressed(members) => {
                io::copy(&mut members.take(bytes), &mut io::sink())?;
            }
        }
        Ok(())
    }

    /// Appends the next bytes. After an error, the bytes before it are in `held`.
    fn read_onto(&mut self, held: &mut Vec<u8>, bytes: u64) -> io::Result<usize> {
        match self {
            // Reads straight into the spare capacity, without clearing it first.
            Self::Plain(file, bytes_read) => {
                let length_before = held.len();
                let outcome = file.take(bytes).read_to_end(held);
                bytes_read.fetch_add((held.len() - length_before) as u64, Ordering::Relaxed);
                outcome
            }
            Self::Stream(reader) => reader.take(bytes).read_to_end(held),
            Self::Compressed(members) => members.take(bytes).read_to_end(held),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file, bytes_read) => {
                let length = file.read(buffer)?;
                bytes_read.fetch_add(length as u64, Ordering::Relaxed);
                Ok(length)
            }
            Self::Stream(reader) => reader.read(buffer),
            Self::Compressed(members) => members.read(buffer),
        }
    }
}

/// A reader that counts the bytes read.
struct Counted<R> {
    reader: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
