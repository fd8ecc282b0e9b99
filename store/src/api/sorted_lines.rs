//! An external sort of lines by key: runs that do not fit into memory are kept in temporary files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Size of the buffers of files.
const BUFFER_BYTES: usize = 256 << 10;

/// A key and its line.
pub(crate) type Entry = (Box<[u8]>, Box<[u8]>);

/// Accepts lines in any order and writes them sorted by the bytes of their keys. No key may occur twice.
#[derive(Debug)]
pub(crate) struct SortedLines {
    run: Vec<Entry>,
    run_bytes: usize,
    /// Maximum number of bytes that are sorted in memory.
    max_bytes: usize,
    /// Sorted runs.
    spilled: Vec<File>,
    lines: u64,
}

impl SortedLines {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { run: Vec::new(), run_bytes: 0, max_bytes, spilled: Vec::new(), lines: 0 }
    }

    /// Adds the line that `write` writes, without its line feed. A line that does not fit into memory goes to a file
    /// while it is written.
    pub(crate) fn push(&mut self, key: &[u8], write: impl FnOnce(&mut Line<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut line = Line { key, held: Vec::new(), max_bytes: self.max_bytes, spilled: None };
        write(&mut line)?;
        self.lines += 1;
        if let Some(out) = line.spilled {
            self.spilled.push(run_of_one(key, out)?);
            return Ok(());
        }
        self.run_bytes += key.len() + line.held.len() + 2 * size_of::<Entry>();
        self.run.push((key.into(), line.held.into()));
        if self.run_bytes > self.max_bytes { self.spill() } else { Ok(()) }
    }

    /// Writes every line with its line feed, in order. Returns their number.
    pub(crate) fn write_to(mut self, out: &mut impl Write) -> io::Result<u64> {
        self.run.sort_unstable();
        if self.spilled.is_empty() {
            for (_, line) in &self.run {
                out.write_all(line)?;
                out.write_all(b"\n")?;
            }
            return Ok(self.lines);
        }
        let (lines, mut merge) = (self.lines, self.into_merge()?);
        while let Some((_, number)) = merge.pop() {
            let Some(run) = merge.runs.get_mut(number) else { break };
            let line_bytes = read_number(run)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if io::copy(&mut run.take(line_bytes), out)? != line_bytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            out.write_all(b"\n")?;
            merge.advance(number)?;
        }
        Ok(lines)
    }

    /// Every key with its line, in order.
    pub(crate) fn into_entries(mut self) -> io::Result<Entries> {
        if self.spilled.is_empty() {
            self.run.sort_unstable();
            return Ok(Entries::InMemory(self.run.into_iter()));
        }
        self.into_merge().map(Entries::Merged)
    }

    fn into_merge(mut self) -> io::Result<Merge> {
        self.spill()?;
        let runs = self.spilled.into_iter().map(|file| BufReader::with_capacity(BUFFER_BYTES, file)).collect();
        let mut merge = Merge { runs, next: BinaryHeap::new() };
        (0..merge.runs.len()).try_for_each(|number| merge.advance(number))?;
        Ok(merge)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
        for text in self.run.drain(..).flat_map(|(key, line)| [key, line]) {
            out.write_all(&(text.len() as u64).to_le_bytes())?;
            out.write_all(&text)?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.spilled.push(file);
        self.run_bytes = 0;
        Ok(())
    }
}

/// Sorted runs that are merged.
#[derive(Debug)]
pub(crate) struct Merge {
    runs: Vec<BufReader<File>>,
    /// The next key of each run, and the number of the run. The run is at the length of the line.
    next: BinaryHeap<Reverse<(Box<[u8]>, usize)>>,
}

impl Merge {
    /// The next key, and the run that has its line.
    fn pop(&mut self) -> Option<(Box<[u8]>, usize)> {
        self.next.pop().map(|Reverse(next)| next)
    }

    /// Reads the key after a line.
    fn advance(&mut self, number: usize) -> io::Result<()> {
        let Some(run) = self.runs.get_mut(number) else { return Ok(()) };
        self.next.extend(read_text(run)?.map(|key| Reverse((key, number))));
        Ok(())
    }

    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let Some((key, number)) = self.pop() else { return Ok(None) };
        let line = self.runs.get_mut(number).map_or(Ok(None), read_text)?;
        self.advance(number)?;
        Ok(Some((key, line.ok_or(io::ErrorKind::UnexpectedEof)?)))
    }
}

/// Sorted lines, one at a time.
#[derive(Debug)]
pub(crate) enum Entries {
    InMemory(std::vec::IntoIter<Entry>),
    Merged(Merge),
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::InMemory(entries) => entries.next().map(Ok),
            Self::Merged(merge) => merge.next_entry().transpose(),
        }
    }
}

/// A line being written.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    key: &'a [u8],
    held: Vec<u8>,
    max_bytes: usize,
    /// A run with this line alone, if the line does not fit into memory.
    spilled: Option<BufWriter<File>>,
}

impl Write for Line<'_> {
    /// Lines are written in many short pieces.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.spilled.is_none() && self.held.len() + bytes.len() <= self.max_bytes {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        self.write(bytes).map(drop)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.spilled.is_none() && self.held.len() + bytes.len() > self.max_bytes {
            let mut out = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
            // The length of the line is not known yet.
            out.write_all(&head(self.key, 0))?;
            out.write_all(&std::mem::take(&mut self.held))?;
            self.spilled = Some(out);
        }
        match &mut self.spilled {
            Some(out) => out.write_all(bytes)?,
            None => self.held.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What precedes a line in a run.
fn head(key: &[u8], line_bytes: u64) -> Vec<u8> {
    [&(key.len() as u64).to_le_bytes(), key, &line_bytes.to_le_bytes()].concat()
}

/// Completes a run of one line.
fn run_of_one(key: &[u8], out: BufWriter<File>) -> io::Result<File> {
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let line_bytes = file.stream_position()? - head(key, 0).len() as u64;
    file.rewind()?;
    file.write_all(&head(key, line_bytes))?;
    file.rewind()?;
    Ok(file)
}

/// The next key or line of a run; `None` at its end.
fn read_text(run: &mut impl Read) -> io::Result<Option<Box<[u8]>>> {
    let Some(length) = read_number(run)? else { return Ok(None) };
    let mut text = Vec::new();
    run.take(length).read_to_end(&mut text)?;
    if text.len() as u64 == length { Ok(Some(text.into())) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_number(run: &mut impl Read) -> io::Result<Option<u64>> {
    let mut number = Vec::with_capacity(8);
    run.take(8).read_to_end(&mut number)?;
    if number.is_empty() {
        return Ok(None);
    }
    Ok(Some(number.first_chunk().copied().map(u64::from_le_bytes).ok_or(io::ErrorKind::UnexpectedEof)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(max_bytes: usize) -> SortedLines {
        let mut lines = SortedLines::new(max_bytes);
        for number in 0..100_usize {
            let key = format!("{}", number * 37 % 100);
            let line = format!("line {key}{}", "x".repeat(number));
            lines.push(key.as_bytes(), |out| line.bytes().try_for_each(|byte| out.write_all(&[byte]))).unwrap();
        }
        lines
    }

    #[test]
    fn lines_come_in_the_order_of_their_keys_whether_they_fit_into_memory_or_not() {
        for max_bytes in [1, 60, 500, 1 << 20] {
            let mut found = Vec::new();
            assert_eq!(filled(max_bytes).write_to(&mut found).unwrap(), 100);
            let mut expected: Vec<_> =
                (0..100).map(|number| format!("line {}{}\n", number * 37 % 100, "x".repeat(number))).collect();
            expected.sort_by_key(|line| line.trim_end_matches(['x', '\n']).to_owned());
            assert_eq!(String::from_utf8(found).unwrap(), expected.concat(), "{max_bytes}");
            let entries = filled(max_bytes).into_entries().unwrap().map(|entry| entry.unwrap().1);
            let lines: Vec<_> = entries.map(|line| String::from_utf8(line.into()).unwrap() + "\n").collect();
            assert_eq!(lines, expected, "{max_bytes}");
        }
    }
}
