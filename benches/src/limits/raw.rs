//! What the disk and the memory do by themselves.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How long it takes to read a file front to back, and how many bytes it has.
///
/// # Errors
/// What the file system says.
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

/// How long it takes to copy so many bytes from memory to memory, `times` times.
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

/// Appends to a file, each time with an `fdatasync`: what any log pays for a promise.
#[derive(Debug)]
pub struct Appends {
    file: File,
    /// Nothing that a disk could make small.
    bytes: Vec<u8>,
}

impl Appends {
    /// A new file in this folder.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(folder: &Path) -> Result<Self> {
        Ok(Self { file: File::create(folder.join("appends"))?, bytes: Vec::new() })
    }

    /// Appends so many bytes and makes them durable.
    ///
    /// # Errors
    /// What the file system says.
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
