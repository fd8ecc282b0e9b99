//! Reads a growing file, through rotation and truncation.

mod mark;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use convofold::CommitError;
use convofold::ingest::{Decoder, Framer, Limits, Piece, Position};
use convofold::replay::Target;
use crossbeam_channel::Sender;

use super::reading::{CHUNK_BYTES, Input};
use crate::output::text;
use mark::{FileId, Mark};

/// Time between two looks at a file that does not grow.
const PAUSE: Duration = Duration::from_millis(250);

/// A file to follow, and where it was left.
pub(super) struct Followed {
    path: PathBuf,
    /// The name of the bookmark.
    name: String,
    mark: Option<Mark>,
    limits: Limits,
}

/// Nobody takes the input any more.
struct Unwanted;

impl Followed {
    /// A file, to be read from where an earlier run left it.
    pub(super) fn new(path: &Path, limits: Limits) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), name: mark::name_of(path)?, mark: None, limits })
    }

    /// Finds where an earlier run left the file. A bookmark that cannot be read is ignored: stored events count as
    /// duplicates.
    pub(super) fn resume(mut self, target: &dyn Target) -> Result<Self, CommitError> {
        self.mark = target.bookmark(&self.name)?.and_then(|value| Mark::read(&value));
        Ok(self)
    }

    /// Reads until the receiver is gone or the file cannot be read.
    pub(super) fn read(self, to: &Sender<Input>) {
        let Self { path, name, mark, limits } = self;
        let mut reading = Reading { path: &path, name: &name, limits, to };
        if let Err(error) = reading.read(mark) {
            let _ = to.send(Input::Failed { name: path.display().to_string(), error });
        }
    }
}

struct Reading<'a> {
    path: &'a Path,
    name: &'a str,
    limits: Limits,
    to: &'a Sender<Input>,
}

impl Reading<'_> {
    fn read(&mut self, mark: Option<Mark>) -> io::Result<()> {
        let mut open = match mark {
            Some(mark) => self.reopen(&mark)?,
            None => self.open()?,
        };
        while let Ok(next) = open.read_to_successor(self)? {
            open = match next {
                Successor::Other(file) => OpenFile::new(file, Position::BEGINNING, self)?,
                Successor::Same => {
                    self.note("was truncated: reading it from the beginning");
                    OpenFile::new(open.file, Position::BEGINNING, self)?
                }
            };
        }
        Ok(())
    }

    /// Opens the file of an earlier run under its name of now.
    fn reopen(&self, mark: &Mark) -> io::Result<OpenFile> {
        if let Some(mut file) = existing(File::open(self.path))?
            && mark.is_in(&mut file)?
        {
            return OpenFile::new(file, mark.position(), self);
        }
        if let Some((file, path)) = mark.find_renamed(self.path) {
            self.note(format_args!("is now {}: reading the rest of it first", path.display()));
            return OpenFile::new(file, mark.position(), self);
        }
        self.note(
            "is not the file that was read before: reading it from the beginning; if the other one was moved away, \
             `convofold replay` reads the rest of it",
        );
        self.open()
    }

    /// Opens the file, and waits until it exists.
    fn open(&self) -> io::Result<OpenFile> {
        let mut is_first = true;
        loop {
            if let Some(file) = existing(File::open(self.path))? {
                return OpenFile::new(file, Position::BEGINNING, self);
            }
            if std::mem::take(&mut is_first) {
                self.note("does not exist yet: waiting for it");
            }
            thread::sleep(PAUSE);
        }
    }

    fn note(&self, what: impl std::fmt::Display) {
        let note = text::safe(&format!("{} {what}", self.path.display()));
        let _ = writeln!(io::stderr(), "note: {note}");
    }
}

fn existing<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file that is read after this one.
enum Successor {
    /// A new file of the same name.
    Other(File),
    /// The same file, which was truncated.
    Same,
}

/// A file that is being read.
struct OpenFile {
    file: File,
    id: FileId,
    framer: Framer,
    /// The beginning of the file.
    head: Vec<u8>,
    /// Number of bytes that were read.
    offset: u64,
    /// An incomplete last line, which waits for its end.
    partial: Vec<u8>,
}

impl OpenFile {
    fn new(mut file: File, at: Position, reading: &Reading<'_>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        let id = FileId::of(&metadata);
        file.seek(SeekFrom::Start(at.byte_offset))?;
        let framer = Framer::resume(reading.limits, CHUNK_BYTES, at);
        Ok(Self { file, id, framer, head: Vec::new(), offset: at.byte_offset, partial: Vec::new() })
    }

    /// Reads the file until another one of its name has contents, or until it was truncated.
    fn read_to_successor(&mut self, reading: &mut Reading<'_>) -> io::Result<Result<Successor, Unwanted>> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut successor = None;
        loop {
            let head = mark::head_of(&mut self.file)?;
            if self.was_truncated(&head)? {
                return Ok(Ok(Successor::Same));
            }
            if Decoder::for_mark(&head).is_some() {
                return Err(io::Error::new(ErrorKind::InvalidData, "the text is not UTF-8"));
            }
            self.head = head;
            if !self.read_to_end(&mut chunk, reading)? {
                return Ok(Err(Unwanted));
            }
            // The writer may have written the rest of the old file before the first bytes of the new one.
            if let Some(successor) = successor {
                return Ok(self.finish(reading).map(|()| Successor::Other(successor)));
            }
            successor = self.successor(reading.path)?;
            if successor.is_none() {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Reads what the file has now. Returns false if nobody takes it.
    fn read_to_end(&mut self, chunk: &mut [u8], reading: &Reading<'_>) -> io::Result<bool> {
        loop {
            match self.file.read(chunk) {
                Ok(0) => return Ok(true),
                Ok(bytes) => {
                    self.offset += bytes as u64;
                    if self.take(chunk.get(..bytes).unwrap_or_default(), reading).is_err() {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands over the complete lines.
    fn take(&mut self, bytes: &[u8], reading: &Reading<'_>) -> Result<(), Unwanted> {
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (lines, rest) = bytes.split_at(complete);
        if !lines.is_empty() {
            let partial = std::mem::take(&mut self.partial);
            self.feed(&[&partial, lines], reading)?;
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > reading.limits.max_line_bytes {
            // It is rejected, however it ends.
            let partial = std::mem::take(&mut self.partial);
            self.feed(&[&partial], reading)?;
        }
        Ok(())
    }

    fn feed(&mut self, parts: &[&[u8]], reading: &Reading<'_>) -> Result<(), Unwanted> {
        self.with_framer(reading, |framer, mut emit| {
            for part in parts {
                framer.feed(part, &mut emit);
            }
            framer.flush(&mut emit);
        })
    }

    /// Hands over the rest, including a last line without a line end.
    fn finish(&mut self, reading: &Reading<'_>) -> Result<(), Unwanted> {
        let partial = std::mem::take(&mut self.partial);
        self.with_framer(reading, |framer, mut emit| {
            framer.feed(&partial, &mut emit);
            framer.finish(&mut emit);
        })
    }

    fn with_framer(
        &mut self,
        reading: &Reading<'_>,
        run: impl FnOnce(&mut Framer, &mut dyn FnMut(Piece)),
    ) -> Result<(), Unwanted> {
        let (id, head) = (self.id, &self.head);
        let mut is_wanted = true;
        let mut emit = |piece: Piece| {
            let value = Mark::new(id, head, piece.end()).value();
            let bookmark = (reading.name.to_owned(), value);
            is_wanted = is_wanted && reading.to.send(Input::Marked { piece, bookmark }).is_ok();
        };
        run(&mut self.framer, &mut emit);
        if is_wanted { Ok(()) } else { Err(Unwanted) }
    }

    fn was_truncated(&self, head: &[u8]) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() < self.offset || !head.starts_with(&self.head))
    }

    /// Another file that has the name now, once the writer has begun it.
    fn successor(&self, path: &Path) -> io::Result<Option<File>> {
        let Some(metadata) = existing(fs::metadata(path))? else { return Ok(None) };
        if FileId::of(&metadata) == self.id || metadata.len() == 0 {
            return Ok(None);
        }
        existing(File::open(path))
    }
}
