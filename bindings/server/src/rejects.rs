//! The rejects: what webhooks delivered and no source understands, kept until somebody repairs or drops it.
//!
//! A file of reject records, one a line, and a copy of it in memory. It is small: its limits are settings.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use convofold::ingest::Rejection;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::error::ServeError;
use crate::files;
use crate::tokens::{clock_ms, hex};

const FILE: &str = "rejects.ndjson";
/// Characters of an id: enough to tell as many rejects apart as fit into the table.
const ID_CHARS: usize = 16;

/// The kept rejects.
pub(crate) struct Rejects {
    path: PathBuf,
    max_records: usize,
    max_bytes: u64,
    table: Mutex<Table>,
}

struct Table {
    /// `None` until the first reject is kept.
    file: Option<File>,
    bytes: u64,
    records: Vec<Kept>,
}

/// A kept reject.
#[derive(Clone)]
pub(crate) struct Kept {
    id: String,
    line: String,
}

impl Kept {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The reject record.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The rejected bytes.
    pub(crate) fn raw(&self) -> Option<Vec<u8>> {
        let Raw { raw, raw_base64 } = serde_json::from_str(&self.line).ok()?;
        raw.map(String::into_bytes).or_else(|| STANDARD.decode(raw_base64?).ok())
    }
}

#[derive(Deserialize)]
struct Raw {
    raw: Option<String>,
    raw_base64: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// A reject record, which `replay` and `ingest` take, with its id and the time of its arrival.
#[derive(Serialize)]
struct Record<'a, R: Serialize> {
    id: &'a str,
    received_at: i64,
    #[serde(flatten)]
    rejection: R,
}

/// Why rejects were not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("the table of rejects is full ({records} rejects, {bytes} bytes): repair or drop some")]
    Full { records: usize, bytes: u64 },
    #[error("the rejects cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl Rejects {
    /// Reads the kept rejects. An incomplete last line was never answered and is removed.
    pub(crate) fn open(config: &Config) -> Result<Self, ServeError> {
        let folder = config.folder();
        let path = folder.join(FILE);
        let failed = |why: String| ServeError::Rejects { path: path.clone(), why };
        let file = match path.exists() {
            true => Some(files::open_append(&path).map_err(|error| failed(error.to_string()))?),
            false => None,
        };
        let text = if file.is_some() { std::fs::read(&path) } else { Ok(Vec::new()) };
        let text = text.map_err(|error| failed(error.to_string()))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut records = Vec::new();
        for (number, line) in (1..).zip(text.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n')) {
            let damaged =
                |why: String| failed(format!("line {number} is damaged: {why}; remove it to start the server"));
            let line = std::str::from_utf8(line).map_err(|error| damaged(error.to_string()))?.trim_end();
            let Id { id } = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
            records.push(Kept { id, line: line.to_owned() });
        }
        if let Some(file) = &file {
            file.set_len(whole as u64).map_err(|error| failed(error.to_string()))?;
        }
        let table = Mutex::new(Table { file, bytes: whole as u64, records });
        Ok(Self { path, max_records: config.max_rejects, max_bytes: config.max_rejects_bytes, table })
    }

    /// Keeps rejections of one body, durably. A rejection that is kept already is not added again. `body` is `None` if not all
    /// of it is known. Blocks.
    pub(crate) fn keep(&self, source: &str, body: Option<&[u8]>, rejections: &[Rejection]) -> Result<(), KeepError> {
        let table = &mut *self.table.lock();
        let mut added = Vec::new();
        let mut text = String::new();
        for rejection in rejections {
            let (id, line) = record(source, body, rejection);
            if table.records.iter().chain(&added).all(|kept| kept.id != id) {
                text.push_str(&line);
                text.push('\n');
                added.push(Kept { id, line });
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        let (records, bytes) = (table.records.len() + added.len(), table.bytes + text.len() as u64);
        if records > self.max_records || bytes > self.max_bytes {
            return Err(KeepError::Full { records: table.records.len(), bytes: table.bytes });
        }
        let before = table.bytes;
        let file = match table.file.take() {
            Some(file) => file,
            None => {
                files::create_folder(self.path.parent().unwrap_or(&self.path))?;
                files::open_append(&self.path)?
            }
        };
        let file = table.file.insert(file);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // So that the next record does not follow half of this one.
            file.set_len(before)?;
            return Err(error.into());
        }
        table.bytes = bytes;
        table.records.append(&mut added);
        Ok(())
    }

    /// Removes a reject, durably. Returns whether it was there. Blocks.
    pub(crate) fn remove(&self, id: &str) -> io::Result<bool> {
        self.remove_all(|kept| kept.id == id).map(|removed| removed > 0)
    }

    /// Removes these rejects, durably. Returns their number. Blocks.
    pub(crate) fn remove_all(&self, is_one: impl Fn(&Kept) -> bool) -> io::Result<u64> {
        let mut table = self.table.lock();
        let rest: Vec<_> = table.records.iter().filter(|kept| !is_one(kept)).cloned().collect();
        let removed = table.records.len() - rest.len();
        if removed == 0 {
            return Ok(0);
        }
        let text: String = rest.iter().flat_map(|kept| [kept.line.as_str(), "\n"]).collect();
        files::replace(&self.path, text.as_bytes())?;
        *table = Table { file: Some(files::open_append(&self.path)?), bytes: text.len() as u64, records: rest };
        Ok(removed as u64)
    }

    /// The rejects after the one with this id, oldest first, and whether there are more.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> (Vec<Kept>, bool) {
        let table = self.table.lock();
        let start = after.and_then(|id| table.records.iter().position(|kept| kept.id == id)).map_or(0, |at| at + 1);
        let rest = table.records.get(start..).unwrap_or_default();
        (rest.iter().take(limit).cloned().collect(), rest.len() > limit)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Kept> {
        self.table.lock().records.iter().find(|kept| kept.id == id).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.lock().records.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        let table = self.table.lock();
        table.records.len() >= self.max_records || table.bytes >= self.max_bytes
    }

    /// Where they are kept.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// The id and the record of a rejection. If it is only the beginning of what was rejected, the whole body is kept: its other
/// events count as duplicates when it is sent again.
fn record(source: &str, body: Option<&[u8]>, rejection: &Rejection) -> (String, String) {
    let mut rejection = rejection.clone();
    if let Some(body) = body.filter(|_| rejection.raw_cut) {
        (rejection.raw, rejection.raw_cut) = (body.to_vec(), false);
    }
    let mut digest = Sha256::new();
    for part in [source.as_bytes(), rejection.path.as_bytes(), &rejection.raw] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut id = hex(&digest.finalize());
    id.truncate(ID_CHARS);
    let record = Record { id: &id, received_at: clock_ms(), rejection: rejection.record(source) };
    let line = serde_json::to_string(&record).unwrap_or_default();
    (id, line)
}

#[cfg(test)]
mod tests {
    use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Sink};

    use std::path::Path;

    use super::*;
    use crate::Settings;

    #[derive(Default)]
    struct Found(Vec<Rejection>);

    impl Sink for Found {
        fn event(&mut self, _origin: Origin, _event: convofold::Event) {}
        fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {}
        fn rejected(&mut self, rejection: Rejection) {
            self.0.push(rejection);
        }
    }

    fn rejections(body: &[u8]) -> Vec<Rejection> {
        let mut found = Found::default();
        Parser::new(Format::Auto, Limits::default()).parse_input(body, &mut found);
        found.0
    }

    fn open(dir: &Path, max_rejects: usize) -> Rejects {
        let settings = Settings { db: Some(dir.to_owned()), max_rejects: Some(max_rejects), ..Settings::default() };
        Rejects::open(&settings.resolve().unwrap()).unwrap()
    }

    fn keep(rejects: &Rejects, body: &[u8]) -> Result<(), KeepError> {
        rejects.keep("hook", Some(body), &rejections(body))
    }

    #[test]
    fn rejects_survive_a_reopening_and_a_torn_end_and_are_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let rejects = open(dir.path(), 10);
        keep(&rejects, b"7").unwrap();
        keep(&rejects, b"{\"a\":\"\xff\"}").unwrap();
        keep(&rejects, b"7").unwrap();
        assert_eq!(rejects.len(), 2);
        let path = rejects.path().to_owned();
        drop(rejects);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"convofold_reject\":1,\"id\":\"to").unwrap();
        let rejects = open(dir.path(), 10);
        let (all, more) = rejects.page(None, 10);
        let raw: Vec<_> = all.iter().map(|kept| kept.raw().unwrap()).collect();
        assert_eq!((raw, more), (vec![b"7".to_vec(), b"{\"a\":\"\xff\"}".to_vec()], false));
        let (first, more) = rejects.page(None, 1);
        assert!(more && rejects.page(Some(&first[0].id), 1).0[0].id == all[1].id);
    }

    #[test]
    fn a_full_table_refuses_and_a_removal_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let rejects = open(dir.path(), 2);
        keep(&rejects, b"1").unwrap();
        keep(&rejects, b"2").unwrap();
        assert!(rejects.is_full());
        assert!(matches!(keep(&rejects, b"3"), Err(KeepError::Full { records: 2, .. })));
        // Nothing new.
        keep(&rejects, b"2").unwrap();
        let id = rejects.page(None, 1).0[0].id.clone();
        assert!(rejects.remove(&id).unwrap() && !rejects.remove(&id).unwrap());
        keep(&rejects, b"3").unwrap();
        drop(rejects);
        assert_eq!(open(dir.path(), 2).len(), 2);
    }

    #[test]
    fn what_is_too_long_for_a_rejection_is_kept_whole() {
        let dir = tempfile::tempdir().unwrap();
        let rejects = open(dir.path(), 2);
        let body = [b"{\"a\":\"".as_slice(), &[b'x'; 100_000], b"\"}"].concat();
        keep(&rejects, &body).unwrap();
        assert_eq!(rejects.page(None, 1).0[0].raw().unwrap(), body);
    }

    #[test]
    fn damage_is_not_taken_for_a_shorter_table() {
        let dir = tempfile::tempdir().unwrap();
        let rejects = open(dir.path(), 2);
        keep(&rejects, b"1").unwrap();
        std::fs::write(rejects.path(), "{\"i\n").unwrap();
        let settings = Settings { db: Some(dir.path().to_owned()), ..Settings::default() };
        assert!(Rejects::open(&settings.resolve().unwrap()).is_err());
    }
}
