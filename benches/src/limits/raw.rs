//! The limits of disk and memory.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The time to read a file sequentially, and its size in bytes.
///
/// # Errors
/// If the file cannot be read.
pub fn read(path: &Path) -> Result<(Duration, u64)> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let began = Instant::now();
    let mut bytes = 0;
    loop {
        let length = file.read(black_box(&mut buffer))?;
        if length == 0 {
            return Ok((began.elapsed(), bytes));
        }
        bytes += length as u64;
    }
}

/// The time to copy `bytes` bytes in memory, `times` times.
#[must_use]
pub fn copy(bytes: usize, times: u32) -> Duration {
    let from = vec![0x5a_u8; bytes];
    let mut to = vec![0_u8; bytes];
    let began = Instant::now();
    for _ in 0..times {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    }
    began.elapsed()
}

/// Appends to a file with an `fdatasync` each time: the minimal cost of a durable log.
#[derive(Debug)]
pub struct Appends {
    file: File,
    /// Bytes that do not compress.
    bytes: Vec<u8>,
}

impl Appends {
    /// A new file in this directory.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn new(folder: &Path) -> Result<Self> {
        Ok(Self { file: File::create(folder.join("appends"))?, bytes: Vec::new() })
    }

    /// Appends this number of bytes and makes them durable.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&mut self, bytes: usize) -> Result<Duration> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        while self.bytes.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.bytes.extend_from_slice(&state.to_be_bytes());
        }
        let began = Instant::now();
        self.file.write_all(self.bytes.get(..bytes).unwrap_or_default())?;
        self.file.sync_data()?;
        Ok(began.elapsed())
    }
}
