//! The crossings that are active, or whose messages were not delivered: a journal on the disk, and a copy in memory.
//!
//! A crossing is durable before the first attempt to deliver its message, so that it has the same id and body after a crash.
//! It is removed once both messages were delivered. A line of the journal that survives no power cut (a delivery) means at
//! most that a message is delivered again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::crossing::{Began, Over};
use crate::error::ServeError;
use crate::files;
use crate::tokens::hex;

const FILE: &str = "alerts.ndjson";
/// Characters of the checksum at the beginning of a line.
const CHECKSUM_CHARS: usize = 16;
/// The journal is rewritten when it has this many lines, and more than six for each crossing; three are necessary.
const SPARE_LINES: usize = 1_000;

/// A crossing, and how far its delivery has come.
#[derive(Clone, Debug)]
pub(super) struct Crossing {
    pub(super) began: Began,
    pub(super) over: Option<Over>,
    /// Whether the first message was delivered.
    pub(super) is_begin_delivered: bool,
    pub(super) delivery: Delivery,
}

/// The attempts to deliver the next message of a crossing, since the server was started.
#[derive(Clone, Debug, Default)]
pub(super) struct Delivery {
    pub(super) attempts: u32,
    /// No attempt is made before.
    pub(super) next_try_at: i64,
    /// How the last attempt ended.
    pub(super) last: Option<String>,
}

impl Crossing {
    /// Whether something in it is found.
    fn is_found(&self, finds: &dyn Fn(&[u8]) -> bool) -> bool {
        let is_in = |json: serde_json::Result<Vec<u8>>| json.is_ok_and(|json| finds(&json));
        is_in(serde_json::to_vec(&self.began)) || is_in(serde_json::to_vec(&self.over))
    }

    /// Number of messages that were not delivered.
    pub(super) fn pending(&self) -> u64 {
        u64::from(!self.is_begin_delivered) + u64::from(self.over.is_some())
    }
}

/// A crossing that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Active {
    pub(super) id: String,
    pub(super) since: i64,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Began(Began),
    Over(Over),
    /// The first message of this crossing was delivered.
    BeginDelivered(String),
    /// Both messages were.
    Delivered(String),
}

impl Record {
    fn line(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{} {json}\n", checksum(&json))
    }

    fn of_line(line: &str) -> Option<Self> {
        let (given, json) = line.split_once(' ')?;
        if given != checksum(json) {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}

fn checksum(json: &str) -> String {
    let mut sum = hex(&Sha256::digest(json));
    sum.truncate(CHECKSUM_CHARS);
    sum
}

/// The table of crossings.
pub(super) struct Table {
    path: PathBuf,
    max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// `None` until the first crossing.
    file: Option<File>,
    bytes: u64,
    lines: usize,
    /// In the order in which they began.
    crossings: Crossings,
}

#[derive(Default)]
struct Crossings {
    next: u64,
    all: BTreeMap<u64, Crossing>,
    by_id: HashMap<String, u64>,
}

impl Crossings {
    fn find(&mut self, id: &str) -> Option<(u64, &mut Crossing)> {
        let number = *self.by_id.get(id)?;
        self.all.get_mut(&number).map(|crossing| (number, crossing))
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Began(began) => {
                let crossing = Crossing { began, over: None, is_begin_delivered: false, delivery: Delivery::default() };
                self.by_id.insert(crossing.began.id.clone(), self.next);
                self.all.insert(self.next, crossing);
                self.next += 1;
            }
            Record::Over(over) => {
                if let Some((_, crossing)) = self.find(&over.id) {
                    crossing.over = Some(over);
                }
            }
            Record::BeginDelivered(id) => {
                if let Some((_, crossing)) = self.find(&id) {
                    crossing.is_begin_delivered = true;
                    crossing.delivery = Delivery::default();
                }
            }
            Record::Delivered(id) => {
                if let Some(number) = self.by_id.remove(&id) {
                    self.all.remove(&number);
                }
            }
        }
    }

    /// The shortest journal with these crossings, except some of them.
    fn lines_without(&self, ids: &BTreeSet<String>) -> Vec<String> {
        let mut lines = Vec::new();
        for crossing in self.all.values().filter(|crossing| !ids.contains(&crossing.began.id)) {
            lines.push(Record::Began(crossing.began.clone()).line());
            lines.extend(crossing.is_begin_delivered.then(|| Record::BeginDelivered(crossing.began.id.clone()).line()));
            lines.extend(crossing.over.clone().map(|over| Record::Over(over).line()));
        }
        lines
    }
}

/// What the evaluation of the alerts found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Crossings that are over.
    pub(super) over: Vec<Over>,
    /// New crossings.
    pub(super) began: Vec<Began>,
}

impl Table {
    /// Reads the crossings. An incomplete last line was not acted on and is removed. Damaged lines are left out: a crossing
    /// that still holds is found again, with the same id. The damaged file is kept beside the new one.
    pub(super) fn open(folder: &Path, max: usize) -> Result<Self, ServeError> {
        let path = folder.join(FILE);
        let failed = |error: io::Error| ServeError::Alerts { path: path.clone(), source: error };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, max, inner: Mutex::default() });
            }
            Err(error) => return Err(failed(error)),
        };
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (mut crossings, mut damaged, mut lines) = (Crossings::default(), 0_usize, 0);
        for line in text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            lines += 1;
            match std::str::from_utf8(line).ok().and_then(Record::of_line) {
                Some(record) => crossings.apply(record),
                None => damaged += 1,
            }
        }
        if damaged > 0 {
            let aside = aside(&path);
            std::fs::copy(&path, &aside).map_err(failed)?;
            tracing::error!(lines = damaged, kept = %aside.display(), "the table of alerts is damaged: some messages about the end of an alert may be missing");
            lines = usize::MAX / 4;
        }
        let table = Self { max, inner: Mutex::default(), path: path.clone() };
        {
            let inner = &mut *table.inner.lock();
            let file = files::open_append(&path).map_err(failed)?;
            file.set_len(whole as u64).map_err(failed)?;
            *inner = Inner { file: Some(file), bytes: whole as u64, lines, crossings };
            table.shorten(inner).map_err(failed)?;
        }
        Ok(table)
    }

    /// Adds what was found, durably, as far as there is room. Returns the number of new crossings that have none. Blocks.
    pub(super) fn add(&self, found: Found) -> io::Result<u64> {
        let inner = &mut *self.inner.lock();
        let room = self.max.saturating_sub(inner.crossings.all.len());
        // Without those whose end is not delivered yet.
        let new = found.began.into_iter().filter(|began| !inner.crossings.by_id.contains_key(&began.id));
        let mut began: Vec<_> = new.map(Record::Began).collect();
        let left_out = began.len().saturating_sub(room);
        began.truncate(room);
        let over = found.over.into_iter().map(Record::Over);
        self.write(inner, over.chain(began).collect(), true)?;
        Ok(left_out as u64)
    }

    /// The next message of this crossing was delivered. Blocks.
    pub(super) fn delivered(&self, id: &str) -> io::Result<()> {
        let inner = &mut *self.inner.lock();
        let Some((_, crossing)) = inner.crossings.find(id) else { return Ok(()) };
        let record = if crossing.is_begin_delivered {
            Record::Delivered(id.to_owned())
        } else {
            Record::BeginDelivered(id.to_owned())
        };
        self.write(inner, vec![record], false)
    }

    /// The next message of this crossing was not delivered.
    pub(super) fn failed(&self, id: &str, next_try_at: i64, why: String) {
        if let Some((_, crossing)) = self.inner.lock().crossings.find(id) {
            let attempts = crossing.delivery.attempts.saturating_add(1);
            crossing.delivery = Delivery { attempts, next_try_at, last: Some(why) };
        }
    }

    /// Removes the crossings of alerts that are not in the settings. Returns their number. Blocks.
    pub(super) fn retain_alerts(&self, is_known: impl Fn(&str) -> bool) -> io::Result<usize> {
        let inner = &mut *self.inner.lock();
        let unknown =
            inner.crossings.all.values().map(|crossing| &crossing.began).filter(|began| !is_known(&began.alert));
        let records: Vec<_> = unknown.map(|began| Record::Delivered(began.id.clone())).collect();
        let dropped = records.len();
        self.write(inner, records, true)?;
        Ok(dropped)
    }

    /// Removes the crossings in which something is found, also from the lines of the journal that are of no use any more.
    /// Returns the number of crossings, and of their messages that were not delivered. Blocks.
    pub(super) fn remove_found(&self, finds: &dyn Fn(&[u8]) -> bool) -> io::Result<(u64, u64)> {
        let inner = &mut *self.inner.lock();
        if inner.file.is_none() {
            return Ok((0, 0));
        }
        let found: Vec<_> = inner.crossings.all.values().filter(|crossing| crossing.is_found(finds)).collect();
        let undelivered = found.iter().map(|crossing| crossing.pending()).sum();
        let ids: BTreeSet<_> = found.iter().map(|crossing| crossing.began.id.clone()).collect();
        self.rewrite_without(inner, &ids)?;
        let removed = ids.len() as u64;
        ids.into_iter().for_each(|id| inner.crossings.apply(Record::Delivered(id)));
        Ok((removed, undelivered))
    }

    /// The active crossings of an alert, by subject.
    pub(super) fn active(&self, alert: &str) -> BTreeMap<String, Active> {
        let inner = self.inner.lock();
        let active =
            inner.crossings.all.values().filter(|crossing| crossing.over.is_none() && crossing.began.alert == alert);
        active
            .map(|Crossing { began, .. }| (began.subject.clone(), Active { id: began.id.clone(), since: began.since }))
            .collect()
    }

    /// The messages of an alert for which an attempt is due, the oldest crossing first, and when the next attempt is due. Of
    /// each subject only the first message: the messages about one conversation arrive in their order.
    pub(super) fn due(&self, alert: &str, now: i64) -> (Vec<Crossing>, Option<i64>) {
        let inner = self.inner.lock();
        let (mut due, mut next, mut subjects) = (Vec::new(), None::<i64>, BTreeSet::new());
        for crossing in inner.crossings.all.values() {
            if crossing.began.alert != alert || crossing.pending() == 0 || !subjects.insert(&crossing.began.subject) {
                continue;
            }
            let at = crossing.delivery.next_try_at;
            if at <= now {
                due.push(crossing.clone());
            } else {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        (due, next)
    }

    /// The crossings after the one with this id, in the order in which they began, and whether there are more.
    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> (Vec<Crossing>, bool) {
        let mut inner = self.inner.lock();
        let start = after.and_then(|id| inner.crossings.find(id)).map_or(0, |(number, _)| number + 1);
        let mut rest = inner.crossings.all.range(start..).map(|(_, crossing)| crossing.clone());
        (rest.by_ref().take(limit).collect(), rest.next().is_some())
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.inner.lock().crossings.find(id).is_some()
    }

    /// Number of crossings, of active ones by alert, and of messages that were not delivered.
    pub(super) fn counts(&self) -> (u64, BTreeMap<String, u64>, u64) {
        let inner = self.inner.lock();
        let mut active = BTreeMap::new();
        for crossing in inner.crossings.all.values().filter(|crossing| crossing.over.is_none()) {
            *active.entry(crossing.began.alert.clone()).or_default() += 1;
        }
        let pending = inner.crossings.all.values().map(Crossing::pending).sum();
        (inner.crossings.all.len() as u64, active, pending)
    }

    fn write(&self, inner: &mut Inner, records: Vec<Record>, is_durable: bool) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let text: String = records.iter().map(Record::line).collect();
        let file = match inner.file.take() {
            Some(file) => file,
            None => {
                files::create_folder(self.path.parent().unwrap_or(&self.path))?;
                // Also makes the name of the file durable.
                files::replace(&self.path, b"")?;
                files::open_append(&self.path)?
            }
        };
        let file = inner.file.insert(file);
        let written = file.write_all(text.as_bytes()).and_then(|()| if is_durable { file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // So that the next line does not follow half of this one.
            file.set_len(inner.bytes)?;
            return Err(error);
        }
        inner.bytes += text.len() as u64;
        inner.lines += records.len();
        records.into_iter().for_each(|record| inner.crossings.apply(record));
        self.shorten(inner)
    }

    /// Rewrites the journal if most of its lines are of no use any more.
    fn shorten(&self, inner: &mut Inner) -> io::Result<()> {
        if inner.lines <= SPARE_LINES + 6 * inner.crossings.all.len() {
            return Ok(());
        }
        self.rewrite_without(inner, &BTreeSet::new())
    }

    /// Rewrites the journal without the crossings with these ids.
    fn rewrite_without(&self, inner: &mut Inner, ids: &BTreeSet<String>) -> io::Result<()> {
        let lines = inner.crossings.lines_without(ids);
        let text = lines.concat();
        files::replace(&self.path, text.as_bytes())?;
        inner.file = Some(files::open_append(&self.path)?);
        (inner.bytes, inner.lines) = (text.len() as u64, lines.len());
        Ok(())
    }
}

/// Removes the copy of a damaged journal if something is found in it.
pub(super) fn remove_damaged(folder: &Path, finds: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
    let path = aside(&folder.join(FILE));
    match std::fs::read(&path) {
        Ok(bytes) if finds(&bytes) => std::fs::remove_file(&path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where a damaged journal is kept.
fn aside(journal: &Path) -> PathBuf {
    journal.with_extension("damaged")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::alerts::crossing::Reason;

    fn began(subject: &str, since: i64) -> Began {
        let (alert, id) = ("slow".to_owned(), format!("msg_{subject}_{since}"));
        Began { id, alert, subject: subject.to_owned(), since, at: since, body: format!("{{\"{subject}\":\"ü\\n\"}}") }
    }

    fn over(began: &Began) -> Over {
        Over { id: began.id.clone(), at: 9, reason: Reason::Answered, body: "{}".to_owned() }
    }

    fn begin(table: &Table, began: &[Began]) -> u64 {
        table.add(Found { began: began.to_vec(), over: Vec::new() }).unwrap()
    }

    fn end(table: &Table, began: &Began) {
        table.add(Found { over: vec![over(began)], began: Vec::new() }).unwrap();
    }

    fn open(folder: &Path) -> Table {
        Table::open(folder, 3).unwrap()
    }

    fn due(table: &Table) -> Vec<(String, bool)> {
        let (due, _) = table.due("slow", i64::MAX);
        due.into_iter().map(|crossing| (crossing.began.id, crossing.is_begin_delivered)).collect()
    }

    #[test]
    fn what_was_begun_survives_a_reopening_and_a_torn_end_until_both_messages_are_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let first = began("a", 1);
        begin(&open(folder.path()), std::slice::from_ref(&first));
        let mut file = File::options().append(true).open(folder.path().join(FILE)).unwrap();
        file.write_all(b"0123456789abcdef {\"began\":{\"id\":\"to").unwrap();
        let table = open(folder.path());
        assert_eq!(table.active("slow")["a"], Active { id: first.id.clone(), since: 1 });
        assert_eq!(due(&table), [(first.id.clone(), false)]);
        table.delivered(&first.id).unwrap();
        assert_eq!((due(&table), table.counts().2), (vec![], 0));
        drop(table);
        let table = open(folder.path());
        end(&table, &first);
        assert!(table.active("slow").is_empty());
        assert_eq!(due(&table), [(first.id.clone(), true)]);
        drop(table);
        let table = open(folder.path());
        assert_eq!(due(&table), [(first.id.clone(), true)]);
        table.delivered(&first.id).unwrap();
        drop(table);
        assert_eq!(open(folder.path()).counts(), (0, BTreeMap::new(), 0));
    }

    #[test]
    fn messages_about_one_conversation_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let table = open(folder.path());
        let (first, second, other) = (began("a", 1), began("a", 5), began("b", 2));
        begin(&table, std::slice::from_ref(&first));
        end(&table, &first);
        begin(&table, &[second.clone(), other.clone()]);
        let mut order = Vec::new();
        table.failed(&other.id, 100, "answered 500".to_owned());
        assert_eq!(table.due("slow", 99).1, Some(100));
        while let Some((id, is_begin_delivered)) = due(&table).into_iter().next() {
            table.delivered(&id).unwrap();
            order.push((id, is_begin_delivered));
        }
        let expected = [(&first, false), (&first, true), (&second, false), (&other, false)];
        let expected: Vec<_> =
            expected.iter().map(|(began, is_begin_delivered)| (began.id.clone(), *is_begin_delivered)).collect();
        // `first` before `second`; `other` is another conversation.
        assert_eq!(order, expected);
    }

    #[test]
    fn a_full_table_takes_the_end_of_crossings_and_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let table = open(folder.path());
        let all: Vec<_> = (0..5).map(|number| began(&number.to_string(), number)).collect();
        assert_eq!(begin(&table, &all), 2);
        assert_eq!(table.active("slow").len(), 3);
        end(&table, &all[0]);
        assert_eq!(begin(&table, &all[3..]), 2);
        table.delivered(&all[0].id).unwrap();
        table.delivered(&all[0].id).unwrap();
        assert_eq!(begin(&table, &all[3..]), 1);
        assert!(table.active("slow").contains_key("3"));
    }

    #[test]
    fn the_journal_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let table = open(folder.path());
        let kept = began("kept", 0);
        begin(&table, std::slice::from_ref(&kept));
        for number in 1..=SPARE_LINES as i64 {
            let passing = began("passing", number);
            begin(&table, std::slice::from_ref(&passing));
            table.delivered(&passing.id).unwrap();
            end(&table, &passing);
            table.delivered(&passing.id).unwrap();
        }
        let lines = std::fs::read_to_string(folder.path().join(FILE)).unwrap().lines().count();
        assert!(lines < SPARE_LINES + 20, "{lines}");
        drop(table);
        assert_eq!(due(&open(folder.path())), [(kept.id, false)]);
    }

    #[test]
    fn a_damaged_line_is_left_out_and_the_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        begin(&open(folder.path()), &[began("a", 1), began("b", 1)]);
        let path = folder.path().join(FILE);
        let damaged = std::fs::read_to_string(&path).unwrap().replace("msg_a", "msg_x");
        std::fs::write(&path, &damaged).unwrap();
        let table = open(folder.path());
        assert_eq!(table.active("slow").into_keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("alerts.damaged")).unwrap(), damaged);
        drop(table);
        assert!(!std::fs::read_to_string(path).unwrap().contains("msg_x"));
    }

    #[test]
    fn what_is_found_disappears_from_the_journal_too() {
        let folder = tempfile::tempdir().unwrap();
        let table = open(folder.path());
        let (delivered, waiting, other) = (began("m-7_1", 1), began("m-7_2", 2), began("other", 3));
        begin(&table, &[delivered.clone(), waiting, other.clone()]);
        table.delivered(&delivered.id).unwrap();
        end(&table, &delivered);
        table.delivered(&delivered.id).unwrap();
        let finds = |bytes: &[u8]| bytes.windows(3).any(|part| part == b"m-7");
        // The first one was delivered, and is still in the file.
        assert_eq!(table.remove_found(&finds).unwrap(), (1, 1));
        assert!(!finds(&std::fs::read(folder.path().join(FILE)).unwrap()));
        assert_eq!(due(&table), [(other.id.clone(), false)]);
        end(&table, &other);
        drop(table);
        assert_eq!(open(folder.path()).counts(), (1, BTreeMap::new(), 2));
    }

    #[test]
    fn crossings_of_alerts_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let table = open(folder.path());
        begin(&table, &[began("a", 1)]);
        assert_eq!(table.retain_alerts(|alert| alert != "slow").unwrap(), 1);
        assert_eq!(open(folder.path()).counts().0, 0);
    }
}
