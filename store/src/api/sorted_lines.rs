//! An external sort of lines by id: runs that do not fit into memory are kept in temporary files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Maximum number of bytes that are sorted in memory.
const RUN_BYTES: usize = 64 << 20;
/// Size of the read buffer of each run.
const READ_BYTES: usize = 256 << 10;

/// An id and its line.
type Entry = (Box<str>, Box<str>);

/// Accepts lines in any order and returns them sorted by the bytes of their ids.
#[derive(Debug)]
pub(crate) struct SortedLines {
    run: Vec<Entry>,
    run_bytes: usize,
    max_run_bytes: usize,
    /// Sorted runs.
    spilled: Vec<File>,
}

impl Default for SortedLines {
    fn default() -> Self {
        Self { run: Vec::new(), run_bytes: 0, max_run_bytes: RUN_BYTES, spilled: Vec::new() }
    }
}

impl SortedLines {
    pub(crate) fn push(&mut self, id: &str, line: String) -> io::Result<()> {
        self.run_bytes += id.len() + line.len() + 2 * size_of::<Entry>();
        self.run.push((id.into(), line.into()));
        if self.run_bytes > self.max_run_bytes { self.spill() } else { Ok(()) }
    }

    /// Passes every line to `take`, in order.
    pub(crate) fn finish(mut self, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        self.run.sort_unstable();
        if self.spilled.is_empty() {
            return self.run.iter().try_for_each(|(_, line)| take(line));
        }
        self.spill()?;
        let mut runs: Vec<_> =
            self.spilled.into_iter().map(|file| BufReader::with_capacity(READ_BYTES, file)).collect();
        let mut next = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(read(run)?.map(|entry| Reverse((entry, number))));
        }
        while let Some(Reverse(((_, line), number))) = next.pop() {
            take(&line)?;
            if let Some(run) = runs.get_mut(number) {
                next.extend(read(run)?.map(|entry| Reverse((entry, number))));
            }
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile()?);
        for text in self.run.drain(..).flat_map(|(id, line)| [id, line]) {
            out.write_all(&(text.len() as u64).to_le_bytes())?;
            out.write_all(text.as_bytes())?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.spilled.push(file);
        self.run_bytes = 0;
        Ok(())
    }
}

/// The next entry of a run; `None` at its end.
fn read(run: &mut impl Read) -> io::Result<Option<Entry>> {
    let Some(id) = read_text(run)? else { return Ok(None) };
    let line = read_text(run)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Some((id, line)))
}

fn read_text(run: &mut impl Read) -> io::Result<Option<Box<str>>> {
    let mut length = Vec::with_capacity(8);
    run.take(8).read_to_end(&mut length)?;
    if length.is_empty() {
        return Ok(None);
    }
    let length = length.first_chunk().copied().map(u64::from_le_bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut text = String::new();
    run.take(length).read_to_string(&mut text)?;
    if text.len() as u64 == length { Ok(Some(text.into())) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_the_order_of_their_ids_whether_they_fit_into_memory_or_not() {
        for max_run_bytes in [1, 500, RUN_BYTES] {
            let mut lines = SortedLines { max_run_bytes, ..SortedLines::default() };
            for number in 0..100_u32 {
                let id = format!("{}", number * 37 % 100);
                lines.push(&id, format!("line {id}")).unwrap();
            }
            let mut found = Vec::new();
            lines
                .finish(|line| {
                    found.push(line.to_owned());
                    Ok(())
                })
                .unwrap();
            let mut expected: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
            expected.sort();
            assert_eq!(found, expected, "{max_run_bytes}");
        }
    }
}
