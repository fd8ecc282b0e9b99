//! Readers of the board.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

const REQUEST: &[u8] = b"GET /api/v1/board HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
const BUFFER_BYTES: usize = 64 << 10;

/// Streams of the board, on one thread.
pub(crate) struct Readers {
    runtime: Runtime,
    read: Arc<Read>,
}

#[derive(Default)]
struct Read {
    started: AtomicU64,
    boards: AtomicU64,
    bytes: AtomicU64,
}

impl Readers {
    /// Waits until each has read something. The first one reads nothing after that.
    pub(crate) fn start(address: SocketAddr, count: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let read = Arc::new(Read::default());
        for number in 0..count {
            let mut stream = runtime.block_on(TcpStream::connect(address))?;
            runtime.block_on(stream.write_all(REQUEST))?;
            runtime.spawn(follow(stream, read.clone(), number == 0));
        }
        while read.started.load(Ordering::Relaxed) < count as u64 {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { runtime, read })
    }

    /// The number of boards and of bytes that all have read.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.read.boards.load(Ordering::Relaxed), self.read.bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }
}

async fn follow(mut stream: TcpStream, read: Arc<Read>, is_stuck: bool) -> Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let first = stream.read(&mut buffer).await?;
    ensure!(buffer.get(..first).context("the header")?.starts_with(b"HTTP/1.1 200"), "a reader was refused");
    read.started.fetch_add(1, Ordering::Relaxed);
    if is_stuck {
        return std::future::pending().await;
    }
    loop {
        let length = stream.read(&mut buffer).await?;
        ensure!(length > 0, "the stream ended");
        let part = buffer.get(..length).unwrap_or_default();
        // The beginning of an event is seldom split.
        let boards = memchr::memmem::find_iter(part, b"event: board").count();
        read.boards.fetch_add(boards as u64, Ordering::Relaxed);
        read.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
}
