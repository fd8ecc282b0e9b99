//! A log as events, for peers that do not parse it themselves.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread;

use anyhow::{Result, anyhow};
use convofold::Event;
use convofold::ingest::{Format, Framer, Ignored, Limits, Origin, Parser, Piece, Rejection, Sink};
use crossbeam_channel::{Sender, bounded};

const READ_BYTES: usize = 1 << 20;
/// Maximum number of batches that are parsed ahead.
const BATCHES_AHEAD: usize = 4;

/// Passes the events of a log to `take` in batches of this size. Another thread reads and parses meanwhile.
///
/// # Errors
/// If the log cannot be read, or `take` fails.
pub fn in_batches(log: &Path, size: usize, mut take: impl FnMut(Vec<Event>) -> Result<()>) -> Result<()> {
    let (sender, receiver) = bounded(BATCHES_AHEAD);
    thread::scope(|scope| {
        let batches = Batches { size, batch: Vec::with_capacity(size), sender };
        let parser = thread::Builder::new().name("parser".to_owned());
        let reading = parser.spawn_scoped(scope, || read(log, batches))?;
        // Dropping the receiver stops the reader.
        let taken = receiver.into_iter().try_for_each(&mut take);
        let read = reading.join().map_err(|_| anyhow!("reading the log panicked"))?;
        taken.and(read)
    })
}

/// The first events of a log, at most this number.
///
/// # Errors
/// If the log cannot be read.
pub fn first(log: &Path, count: usize) -> Result<Vec<Event>> {
    let mut events = Vec::with_capacity(count);
    let enough = in_batches(log, count.clamp(1, 1_000), |batch| {
        events.extend(batch);
        if events.len() >= count { Err(anyhow!("enough")) } else { Ok(()) }
    });
    if events.len() < count {
        enough?;
    }
    events.truncate(count);
    Ok(events)
}

fn read(log: &Path, mut batches: Batches) -> Result<()> {
    let mut file = File::open(log)?;
    let parser = Parser::new(Format::Auto, Limits::default());
    let mut framer = Framer::new(Limits::default(), READ_BYTES);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = file.read(&mut buffer)?;
        let mut take = |piece: Piece| parser.parse(&piece, &mut batches);
        if length == 0 {
            framer.finish(&mut take);
            batches.send();
            return Ok(());
        }
        framer.feed(buffer.get(..length).unwrap_or_default(), &mut take);
        if batches.size == 0 {
            return Ok(());
        }
    }
}

struct Batches {
    /// 0 when the receiver is gone.
    size: usize,
    batch: Vec<Event>,
    sender: Sender<Vec<Event>>,
}

impl Batches {
    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(self.size));
        if !batch.is_empty() && self.sender.send(batch).is_err() {
            self.size = 0;
        }
    }
}

impl Sink for Batches {
    fn event(&mut self, _origin: Origin, event: Event) {
        if self.size == 0 {
            return;
        }
        self.batch.push(event);
        if self.batch.len() >= self.size {
            self.send();
        }
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, _rejection: Rejection) {}
}
