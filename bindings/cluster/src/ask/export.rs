//! Answers of all partitions that are read while they arrive: exports, and the conflicts of all conversations.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufRead, BufReader, Write};
use std::thread;
use std::time::Duration;

use convofold::{Conflict, Time};
use convofold_server::{Body, Client, ClientError, ExportedEvents};
use serde::Deserialize;

use super::answer::{Gathered, Missing, PartitionAnswer};
use super::asking::{REFUSALS, Told};
use super::error::GatherError;
use super::owners::Owner;
use super::view::GatherView;

/// How long an owner may be silent while its answer is read.
const SILENCE: Duration = Duration::from_secs(60);

const EXPORT: &str = "/api/v1/export";

/// What a partition answers, line by line.
struct Lines {
    from: PartitionAnswer,
    body: BufReader<Body>,
    /// The current line, with its line feed.
    line: Vec<u8>,
}

/// The beginning of an export line.
#[derive(Deserialize)]
struct ExportedId<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl GatherView<'_> {
    /// Writes every conversation as one line of JSON, sorted by id: the bytes that one database writes. Returns their number, and who
    /// answered.
    ///
    /// # Errors
    /// [`GatherError::Missing`] before anything is written, [`GatherError::Broken`] if an owner ends in the middle: what was
    /// written is then a part. [`GatherError::Write`] if `out` cannot be written.
    pub fn export(&self, out: &mut impl Write) -> Result<Gathered<u64>, GatherError> {
        let path = self.questions().path_of(EXPORT, &[]);
        let opened: Vec<Result<Lines, GatherError>> = thread::scope(|scope| {
            let path = path.as_str();
            let open = |partition| scope.spawn(move || self.open(partition, path));
            let opening: Vec<_> = self.all_partitions().map(|partition| (partition, open(partition))).collect();
            let failed =
                |partition| GatherError::Missing(Missing { partition, why: vec!["a thread failed".to_owned()] });
            let opened = |(partition, thread): (u32, thread::ScopedJoinHandle<'_, _>)| {
                thread.join().unwrap_or_else(|_| Err(failed(partition)))
            };
            opening.into_iter().map(opened).collect()
        });
        let mut parts = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut next = BinaryHeap::new();
        for (place, part) in parts.iter_mut().enumerate() {
            next.extend(part.next_id()?.map(|id| Reverse((id, place))));
        }
        let mut written = 0;
        while let Some(Reverse((_, place))) = next.pop() {
            let Some(part) = parts.get_mut(place) else { continue };
            out.write_all(&part.line).map_err(GatherError::Write)?;
            written += 1;
            next.extend(part.next_id()?.map(|id| Reverse((id, place))));
        }
        out.flush().map_err(GatherError::Write)?;
        Ok(of_all(written, parts.into_iter().map(|part| part.from)))
    }

    /// Writes every event as one line: one partition after the other, each in the order of arrival at the owner that answers.
    ///
    /// # Errors
    /// As for [`GatherView::export`].
    pub fn export_events(&self, out: &mut impl Write) -> Result<Gathered<ExportedEvents>, GatherError> {
        // Before anything is written.
        if let Some(missing) = self.moment()?.missing.into_iter().next() {
            return Err(GatherError::Missing(missing));
        }
        let path = self.questions().path_of(EXPORT, &[("events", "true")]);
        let (mut report, mut from) = (ExportedEvents::default(), Vec::new());
        for partition in self.all_partitions() {
            let mut lines = self.open(partition, &path)?;
            while lines.advance()? {
                report.events += 1;
                report.longest_line_bytes = report.longest_line_bytes.max(lines.line.len() as u64 - 1);
                out.write_all(&lines.line).map_err(GatherError::Write)?;
            }
            from.push(lines.from);
        }
        out.flush().map_err(GatherError::Write)?;
        Ok(of_all(report, from))
    }

    /// The conflicts of all conversations, by partition; those of a partition are in the order of its conversations.
    /// The sequence numbers are those of the owner that answers.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn scan_conflicts(&self) -> Result<Gathered<Vec<Conflict>>, GatherError> {
        let path = self.questions().path_of("/api/v1/conflicts", &[]);
        let mut found = Gathered::<Vec<Conflict>>::default();
        for partition in self.all_partitions() {
            let mut lines = match self.open(partition, &path) {
                Ok(lines) => lines,
                Err(GatherError::Missing(missing)) => {
                    found.missing.push(missing);
                    continue;
                }
                Err(error) => return Err(error),
            };
            while lines.advance()? {
                let conflict = serde_json::from_slice(&lines.line).map_err(|error| lines.broken(error))?;
                found.answer.push(conflict);
            }
            found.partitions.push(lines.from);
        }
        Ok(found)
    }

    fn all_partitions(&self) -> std::ops::Range<u32> {
        0..self.gather().partitions().count()
    }

    /// Begins to read what a partition answers. The first owner that is not stale counts, and a stale one only if there is no better.
    fn open(&self, partition: u32, path: &str) -> Result<Lines, GatherError> {
        let (mut why, mut stale) = (Vec::new(), None);
        for owner in self.gather().asking().owners_of(partition) {
            match self.open_at(partition, &owner, path)? {
                Ok(lines) if !lines.from.is_stale => return Ok(lines),
                Ok(lines) => drop(stale.get_or_insert(lines)),
                Err(failed) => why.push(format!("{}: {failed}", owner.node)),
            }
        }
        stale.ok_or(GatherError::Missing(Missing { partition, why }))
    }

    /// The inner error is that of this owner.
    fn open_at(&self, partition: u32, owner: &Owner, path: &str) -> Result<Result<Lines, String>, GatherError> {
        let asked_ms = Time::now().ms();
        let token = self.gather().token();
        let opened = Client::of_url(&format!("{}{}", owner.url, owner.path), token.as_deref())
            .and_then(|client| client.patience(SILENCE).stream(path));
        match opened {
            Ok(body) => {
                let told = Told::of(asked_ms, |name| body.header(name));
                if let Some(why) = told.mismatch(owner) {
                    return Ok(Err(why));
                }
                let from = told.from(partition, owner.clone(), self.known_at_time());
                Ok(Ok(Lines { from, body: BufReader::new(body), line: Vec::new() }))
            }
            Err(ClientError::Problem(refusal)) => {
                let mismatch = Told::of(asked_ms, |name| refusal.header(name)).mismatch(owner);
                let is_refusal = REFUSALS.contains(&refusal.status);
                let error = ClientError::Problem(refusal);
                match mismatch {
                    None if is_refusal => {
                        Err(GatherError::Refused { node: owner.node.clone(), source: Box::new(error) })
                    }
                    mismatch => Ok(Err(mismatch.unwrap_or_else(|| error.words()))),
                }
            }
            Err(error) => Ok(Err(error.words())),
        }
    }
}

fn of_all<T>(answer: T, from: impl IntoIterator<Item = PartitionAnswer>) -> Gathered<T> {
    Gathered { answer, partitions: from.into_iter().collect(), missing: Vec::new() }
}

impl Lines {
    /// Reads the next line. Returns false at the end.
    fn advance(&mut self) -> Result<bool, GatherError> {
        self.line.clear();
        let read = self.body.read_until(b'\n', &mut self.line);
        Ok(read.map_err(|error| self.broken(error))? > 0)
    }

    /// Reads the next line of an export. Returns its id.
    fn next_id(&mut self) -> Result<Option<String>, GatherError> {
        if !self.advance()? {
            return Ok(None);
        }
        let found: Result<ExportedId<'_>, _> = serde_json::from_slice(&self.line);
        found.map(|ExportedId { id }| Some(id.into_owned())).map_err(|error| self.broken(error))
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GatherError {
        let PartitionAnswer { partition, node, .. } = &self.from;
        GatherError::Broken { partition: *partition, node: node.clone(), source: source.into() }
    }
}
