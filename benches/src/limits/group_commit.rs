//! The limit of many submitters: a bare group commit. Each thread hands some bytes to a bounded channel and sleeps; one
//! thread drains the channel, appends everything to a file with one `fdatasync`, and wakes each of them. Nothing is parsed,
//! folded, numbered, checked or kept in memory.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};

/// About the stored bytes of an event in a block of 64.
const BYTES: usize = 60;

/// What a thread hands over. Dropping it wakes the thread: after the barrier, or because the channel is gone.
struct Handed {
    bytes: [u8; BYTES],
    ticket: Arc<Ticket>,
}

/// Counts the answers to a thread.
struct Ticket {
    answers: AtomicUsize,
    thread: Thread,
}

impl Drop for Handed {
    fn drop(&mut self) {
        self.ticket.answers.fetch_add(1, Ordering::Release);
        self.ticket.thread.unpark();
    }
}

/// The time for `count` submissions of `submitters` threads to a new file in this folder.
///
/// # Errors
/// If the file cannot be written.
pub fn group_commit(submitters: usize, count: usize, folder: &Path) -> Result<Duration> {
    let file = File::create(folder.join("group-commit"))?;
    let (sender, receiver) = bounded(submitters);
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let committing = scope.spawn(move || commit(file, &receiver));
        let start = |_| {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || submit(&sender, next, count))
        };
        let threads: Vec<_> = (0..submitters).map(start).collect();
        // The committer ends when the last thread has dropped its sender.
        drop(sender);
        let submitted =
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a submitter panicked"))?);
        committing.join().map_err(|_| anyhow!("the committer panicked"))??;
        submitted
    })?;
    Ok(began.elapsed())
}

fn submit(sender: &Sender<Handed>, next: &AtomicUsize, count: usize) -> Result<()> {
    let ticket = Arc::new(Ticket { answers: AtomicUsize::new(0), thread: std::thread::current() });
    let mut submitted = 0;
    while next.fetch_add(1, Ordering::Relaxed) < count {
        sender.send(Handed { bytes: [0x5a; BYTES], ticket: ticket.clone() })?;
        submitted += 1;
        while ticket.answers.load(Ordering::Acquire) < submitted {
            std::thread::park();
        }
    }
    Ok(())
}

fn commit(mut file: File, receiver: &Receiver<Handed>) -> Result<()> {
    let (mut group, mut bytes) = (Vec::new(), Vec::new());
    while let Ok(first) = receiver.recv() {
        group.push(first);
        group.extend(receiver.try_iter());
        bytes.clear();
        group.iter().for_each(|handed| bytes.extend_from_slice(&handed.bytes));
        file.write_all(&bytes)?;
        file.sync_data()?;
        group.clear();
    }
    Ok(())
}
