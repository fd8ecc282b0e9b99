//! Inputs of a replay: files, plain or compressed, and readers.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use xxhash_rust::xxh3::xxh3_64;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
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
    /// Creates an input from a file.
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
pub(super) struct OpenInput {
    source: Source,
    /// Bytes read, but not yet returned.
    beginning: Vec<u8>,
    /// XXH3-64 of the first 64 KiB.
    pub(super) fingerprint: u64,
    /// Whether available bytes are parsed without waiting for more.
    pub(super) is_live: bool,
}

enum Source {
    /// A file that supports seeking, with the counter of bytes read.
    Plain(File, Arc<AtomicU64>),
    Stream(Box<dyn Read + Send>),
}

impl OpenInput {
    pub(super) fn open_file(path: &Path, bytes_read: Arc<AtomicU64>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        file.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        file.rewind()?;
        let source = match decompressor(&magic) {
            None => Source::Plain(file, bytes_read),
            Some(decompress) => Source::Stream(decompress(Box::new(Counted { reader: file, bytes_read }))?),
        };
        Self::begin(source, false)
    }

    fn open_reader(mut reader: Box<dyn Read + Send>, bytes_read: Arc<AtomicU64>) -> io::Result<Self> {
        let mut magic = Vec::new();
        reader.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        let decompress = decompressor(&magic);
        let whole: Box<dyn Read + Send> = Box::new(Counted { reader: Cursor::new(magic).chain(reader), bytes_read });
        let stream = match decompress {
            None => whole,
            Some(decompress) => decompress(whole)?,
        };
        // Computing a fingerprint would wait for 64 KiB, and readers do not need one.
        Ok(Self { source: Source::Stream(stream), beginning: Vec::new(), fingerprint: 0, is_live: true })
    }

    fn begin(mut source: Source, is_live: bool) -> io::Result<Self> {
        let mut beginning = Vec::new();
        source.by_ref().take(FINGERPRINT_BYTES).read_to_end(&mut beginning)?;
        let fingerprint = xxh3_64(&beginning);
        Ok(Self { source, beginning, fingerprint, is_live })
    }

    /// Whether only white space precedes this offset, which must be within the first 64 KiB. Call it only right after
    /// opening.
    pub(super) fn is_blank_up_to(&self, byte_offset: u64) -> bool {
        let before = usize::try_from(byte_offset).ok().and_then(|end| self.beginning.get(..end));
        before.is_some_and(|before| before.trim_ascii().is_empty())
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

    /// Appends the next `bytes` bytes, fewer if the input ends before.
    pub(super) fn read_onto(&mut self, held: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
        let read_already = bytes.min(self.beginning.len());
        held.extend(self.beginning.drain(..read_already));
        let rest = (bytes - read_already) as u64;
        match &mut self.source {
            // Reads straight into the spare capacity, without clearing it first.
            Source::Plain(file, bytes_read) => {
                let length = file.take(rest).read_to_end(held)?;
                bytes_read.fetch_add(length as u64, Ordering::Relaxed);
            }
            Source::Stream(reader) => {
                reader.take(rest).read_to_end(held)?;
            }
        }
        Ok(())
    }

    /// Returns the next bytes as soon as there are any; empty at the end.
    pub(super) fn read_chunk<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        if !self.beginning.is_empty() {
            *buffer = std::mem::take(&mut self.beginning);
            return Ok(buffer);
        }
        buffer.resize(CHUNK_BYTES, 0);
        let length = read_some(&mut self.source, buffer)?;
        Ok(buffer.get(..length).unwrap_or_default())
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
        }
        Ok(())
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

type Decompress = fn(Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>>;

fn decompressor(magic: &[u8]) -> Option<Decompress> {
    if magic.starts_with(GZIP) {
        Some(|reader| Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK_BYTES, reader)))))
    } else if magic == ZSTD {
        Some(|reader| Ok(Box::new(zstd::stream::read::Decoder::new(reader)?)))
    } else {
        None
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
