//! Output that waits for its reader without holding up the command that writes it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What is kept in memory; more goes to a temporary file.
const MEMORY_BYTES: usize = 4 << 20;
/// Size of a part that is read from the temporary file.
const PART_BYTES: usize = 64 << 10;
/// A reader that takes nothing for this long is not waited for before a note is printed.
const PATIENCE: Duration = Duration::from_millis(200);

/// Hands over what is written to another thread, which writes it to the real output. Writing never waits for that output.
pub(crate) struct Spool {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    moved: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The parts that come first.
    parts: VecDeque<Vec<u8>>,
    memory_bytes: usize,
    /// The parts after those, if they did not fit into memory.
    file: Option<File>,
    /// The part of the file that is still to be written.
    unread: std::ops::Range<u64>,
    /// Number of bytes that the real output has taken.
    written: u64,
    /// Whether the thread is writing a part.
    is_writing: bool,
    has_ended: bool,
    failure: Option<io::Error>,
}

impl Queue {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unread.is_empty() && self.memory_bytes + bytes.len() <= MEMORY_BYTES {
            self.memory_bytes += bytes.len();
            self.parts.push_back(bytes.to_vec());
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        if self.unread.is_empty() {
            file.set_len(0)?;
            self.unread = 0..0;
        }
        file.seek(SeekFrom::Start(self.unread.end))?;
        file.write_all(bytes)?;
        self.unread.end += bytes.len() as u64;
        Ok(())
    }

    /// The next part; `None` if there is none at the moment.
    fn pop(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(part) = self.parts.pop_front() {
            self.memory_bytes -= part.len();
            return Ok(Some(part));
        }
        let Some(file) = self.file.as_mut().filter(|_| !self.unread.is_empty()) else { return Ok(None) };
        let mut part = Vec::with_capacity(PART_BYTES);
        file.seek(SeekFrom::Start(self.unread.start))?;
        file.take((self.unread.end - self.unread.start).min(PART_BYTES as u64)).read_to_end(&mut part)?;
        self.unread.start += part.len() as u64;
        if part.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some(part)) }
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.unread.is_empty() && !self.is_writing
    }

    fn check(&mut self) -> io::Result<()> {
        match &self.failure {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes parts until the spool has ended.
    fn drain(&self, out: &mut dyn Write) -> io::Result<()> {
        loop {
            let part = {
                let mut queue = self.queue();
                loop {
                    if let Some(part) = queue.pop()? {
                        queue.is_writing = true;
                        break part;
                    }
                    if queue.has_ended {
                        return out.flush();
                    }
                    queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            };
            let mut rest = part.as_slice();
            while !rest.is_empty() {
                let written = match out.write(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => written,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                rest = rest.get(written..).unwrap_or_default();
                self.queue().written += written as u64;
                self.moved.notify_all();
            }
            out.flush()?;
            self.queue().is_writing = false;
            self.moved.notify_all();
        }
    }
}

impl Spool {
    /// Starts the thread that writes to `out`.
    pub(crate) fn new(mut out: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared { queue: Mutex::default(), moved: Condvar::new() });
        let writing = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            if let Err(error) = writing.drain(out.as_mut()) {
                let mut queue = writing.queue();
                queue.failure = Some(error);
                queue.is_writing = false;
                (queue.parts, queue.unread, queue.memory_bytes) = (VecDeque::new(), 0..0, 0);
            }
            writing.moved.notify_all();
        });
        Self { shared, thread: Some(thread) }
    }

    /// Waits until everything is written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.shared.queue().has_ended = true;
        self.shared.moved.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.queue().check()
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut queue = self.shared.queue();
        queue.check()?;
        queue.push(bytes)?;
        drop(queue);
        self.shared.moved.notify_all();
        Ok(bytes.len())
    }

    /// Waits until everything is written, unless nobody reads it.
    fn flush(&mut self) -> io::Result<()> {
        let mut queue = self.shared.queue();
        while !queue.is_empty() {
            let before = queue.written;
            let waited = self.shared.moved.wait_timeout(queue, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            queue = waited.0;
            if waited.1.timed_out() && queue.written == before {
                break;
            }
        }
        queue.check()
    }
}

/// Standard output, directly or through a spool.
#[derive(Clone)]
pub(crate) struct Output(Rc<RefCell<Way>>);

enum Way {
    Direct(io::Stdout),
    Spooled(Spool),
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(Rc::new(RefCell::new(Way::Direct(io::stdout()))))
    }

    /// From now on, writing does not wait for the reader.
    pub(crate) fn spool(&self) {
        let way = &mut *self.0.borrow_mut();
        // A terminal shows a result as fast as it comes.
        if matches!(way, Way::Direct(out) if !out.is_terminal()) {
            *way = Way::Spooled(Spool::new(Box::new(io::stdout())));
        }
    }

    /// Waits until everything is written.
    pub(crate) fn finish(&self) -> io::Result<()> {
        match &mut *self.0.borrow_mut() {
            Way::Direct(out) => out.flush(),
            Way::Spooled(spool) => spool.finish(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.borrow_mut() {
            Way::Direct(out) => out.write(bytes),
            Way::Spooled(spool) => spool.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.0.borrow_mut() {
            Way::Direct(out) => out.flush(),
            Way::Spooled(spool) => spool.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes a byte for each permit.
    struct Slow {
        permits: mpsc::Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            let taken = bytes.len().min(100_000);
            self.taken.lock().unwrap().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn more_than_fits_into_memory_is_written_without_a_reader_and_read_in_order() {
        let (permit, permits) = mpsc::channel();
        let taken = Arc::default();
        let mut spool = Spool::new(Box::new(Slow { permits, taken: Arc::clone(&taken) }));
        let mut expected = Vec::new();
        let mut add = |spool: &mut Spool, number: u32| {
            let part = number.to_le_bytes().repeat(20_000);
            spool.write_all(&part).unwrap();
            expected.extend_from_slice(&part);
        };
        (0..150).for_each(|number| add(&mut spool, number));
        assert!(!spool.shared.queue().unread.is_empty());
        // Nobody reads.
        spool.flush().unwrap();
        (0..80).for_each(|_| permit.send(()).unwrap());
        (150..200).for_each(|number| add(&mut spool, number));
        (0..400).for_each(|_| permit.send(()).unwrap());
        spool.finish().unwrap();
        assert!(*taken.lock().unwrap() == expected);
    }

    #[test]
    fn a_reader_that_goes_away_is_an_error_of_the_writer() {
        let (permit, permits) = mpsc::channel::<()>();
        drop(permit);
        let mut spool = Spool::new(Box::new(Slow { permits, taken: Arc::default() }));
        spool.write_all(b"text").unwrap();
        assert_eq!(spool.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(spool.write(b"text").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(spool.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
