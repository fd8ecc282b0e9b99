//! The speed of parsing the lines of a log into types: on all cores, borrowed, without further processing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::line::{Line, Touch};

/// The size of a window, in bytes; a thread parses the lines that begin in it.
const WINDOW_BYTES: u64 = 4 << 20;
/// How far the last line of a window may extend beyond it.
const TAIL_BYTES: usize = 64 << 10;

/// The parsers to compare. Both are maintained, use SIMD, and borrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Library {
    /// sonic-rs.
    SonicRs,
    /// simd-json.
    SimdJson,
}

impl Library {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SonicRs, Self::SimdJson];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SonicRs => "sonic-rs",
            Self::SimdJson => "simd-json",
        }
    }
}

/// The result of parsing a whole log.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Parsed {
    /// Number of parsed lines.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// A sum that depends on every field.
    pub touched: u64,
    /// The time for reading the file and parsing it.
    pub with_reading: Duration,
    /// The time for parsing only: the sum over all threads divided by their number.
    pub parsing: Duration,
}

/// Parses every line of a log, on this number of threads.
///
/// # Errors
/// If the log cannot be read or parsed.
pub fn parse(log: &Path, library: Library, threads: usize) -> Result<Parsed> {
    let file = File::open(log)?;
    let length = file.metadata()?.len();
    let next = AtomicU64::new(0);
    let began = Instant::now();
    let parts = std::thread::scope(|scope| {
        let work = || windows(&file, length, &next, library);
        let running: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let parts = running.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a parser panicked"))?);
        parts.collect::<Result<Vec<_>>>()
    })?;
    let with_reading = began.elapsed();
    let zero = Duration::ZERO;
    let mut all = Parsed { lines: 0, bytes: 0, touched: 0, with_reading, parsing: zero };
    for part in &parts {
        all.lines += part.lines;
        all.bytes += part.bytes;
        all.touched = all.touched.wrapping_add(part.touched);
        all.parsing += part.parsing;
    }
    all.parsing /= u32::try_from(parts.len())?;
    Ok(all)
}

fn windows(file: &File, length: u64, next: &AtomicU64, library: Library) -> Result<Parsed> {
    let zero = Duration::ZERO;
    let mut all = Parsed { lines: 0, bytes: 0, touched: 0, with_reading: zero, parsing: zero };
    let mut buffer = vec![0; usize::try_from(WINDOW_BYTES)? + TAIL_BYTES];
    let mut buffers = simd_json::Buffers::default();
    loop {
        let start = next.fetch_add(WINDOW_BYTES, Ordering::Relaxed);
        if start >= length {
            return Ok(all);
        }
        // The byte before the window shows whether a line begins with the window.
        let read_from = start.saturating_sub(1);
        let wanted = usize::try_from((start + WINDOW_BYTES + TAIL_BYTES as u64).min(length) - read_from)?;
        buffer.resize(wanted.max(buffer.len()), 0);
        let bytes = buffer.get_mut(..wanted).context("the buffer is as long")?;
        file.read_exact_at(bytes, read_from)?;
        let lines = lines_of(bytes, usize::from(start > 0), start, length)?;
        let began = Instant::now();
        let (count, touched) = match library {
            Library::SonicRs => sonic(lines)?,
            Library::SimdJson => simd(lines, &mut buffers)?,
        };
        all.parsing += began.elapsed();
        all.lines += count;
        all.touched = all.touched.wrapping_add(touched);
        all.bytes += lines.len() as u64;
    }
}

/// The lines that begin in the window.
fn lines_of(bytes: &mut [u8], before: usize, start: u64, length: u64) -> Result<&mut [u8]> {
    let is_first = before == 0;
    let from = if is_first { 0 } else { memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1) };
    let window_end = before + usize::try_from(WINDOW_BYTES)?;
    let to = match bytes.get(window_end - 1..) {
        None => bytes.len(),
        Some(tail) => match memchr::memchr(b'\n', tail) {
            Some(at) => window_end + at,
            None => {
                ensure!(start + bytes.len() as u64 >= length, "a line is longer than {TAIL_BYTES} bytes");
                bytes.len()
            }
        },
    };
    bytes.get_mut(from..to.max(from)).context("a line is longer than a window")
}

fn sonic(lines: &[u8]) -> Result<(u64, u64)> {
    let (mut count, mut touched, mut from) = (0, 0_u64, 0);
    for end in memchr::memchr_iter(b'\n', lines).chain(ending(lines)) {
        let line: Line<'_> = sonic_rs::from_slice(lines.get(from..end).unwrap_or_default())?;
        touched = touched.wrapping_add(line.touch());
        count += 1;
        from = end + 1;
    }
    Ok((count, touched))
}

fn simd(lines: &mut [u8], buffers: &mut simd_json::Buffers) -> Result<(u64, u64)> {
    let (mut count, mut touched) = (0, 0_u64);
    for bytes in lines.split_mut(|byte| *byte == b'\n').filter(|bytes| !bytes.is_empty()) {
        let line: Line<'_> = simd_json::serde::from_slice_with_buffers(bytes, buffers)?;
        touched = touched.wrapping_add(line.touch());
        count += 1;
    }
    Ok((count, touched))
}

/// The end of a last line without a line feed.
fn ending(lines: &[u8]) -> Option<usize> {
    lines.last().filter(|last| **last != b'\n').map(|_| lines.len())
}
