//! A naive model of a database: what was submitted, what was guaranteed, and what must therefore exist.

use std::collections::BTreeMap;

use convofold_engine::{Board, Event, Query, Sort, StateHash, StatusFilter};

use super::export;
use super::marks::expect_commit_times;
use crate::log::marks::last_committed_ms;
use crate::state::base::all_images;
use crate::state::lent_storage::LentStorage;
use crate::{Batch, Change, Convofold, StorageError};

/// The possible contents of the log of a database.
#[derive(Clone)]
pub(super) struct Witness {
    /// Every event that may be in the log, in log order.
    log: Vec<Event>,
    /// The commit time of each event, if it was committed.
    times: Vec<u64>,
    /// The state before and after each batch.
    points: Vec<Point>,
    /// The last batch that is known to survive a power cut.
    durable: usize,
    /// The number of events in each checkpoint that was written.
    checkpoints: Vec<usize>,
    /// What was erased.
    erased: Vec<Event>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Point {
    events: usize,
    bookmarks: BTreeMap<String, Vec<u8>>,
    /// The time of the last commit.
    committed_ms: u64,
}

impl Witness {
    pub(super) fn of_an_empty_store() -> Self {
        Self {
            log: Vec::new(),
            times: Vec::new(),
            points: vec![Point::default()],
            durable: 0,
            checkpoints: vec![],
            erased: vec![],
        }
    }

    /// Records a batch submitted at this time, which may or must be in the log after the earlier ones.
    pub(super) fn submitted(&mut self, batch: &Batch, now_ms: u64) {
        let last_ms = self.last().committed_ms;
        let known = self.log.len();
        for event in batch.events() {
            let event = event.to_event();
            if !self.log.contains(&event) && !self.erased.iter().any(|erased| is_same(erased, &event)) {
                self.log.push(event);
            }
        }
        let mut bookmarks = self.last().bookmarks.clone();
        if let Some(bookmark) = &batch.bookmark {
            match &bookmark.value {
                Some(value) => drop(bookmarks.insert(bookmark.name.clone(), value.clone())),
                None => drop(bookmarks.remove(&bookmark.name)),
            }
        }
        let is_logged = self.log.len() > known || batch.bookmark.is_some();
        let committed_ms = if is_logged { last_ms.max(now_ms) } else { last_ms };
        self.times.resize(self.log.len(), committed_ms);
        self.points.push(Point { events: self.log.len(), bookmarks, committed_ms });
    }

    /// Records that everything submitted so far is guaranteed to survive.
    pub(super) fn synced(&mut self) {
        self.durable = self.points.len() - 1;
    }

    /// Records that a checkpoint of everything submitted so far was written.
    pub(super) fn checkpointed(&mut self) {
        self.synced();
        self.checkpoints.push(self.log.len());
    }

    /// Records that a conversation was erased. What its events became is random; all others must be as before.
    #[track_caller]
    pub(super) fn erased(&mut self, db: &Convofold, id: &str) -> Result<(), StorageError> {
        self.checkpointed();
        let storage = LentStorage::of(db.shared());
        let mut now = BTreeMap::new();
        for image in all_images(db.shared(), storage.as_ref()) {
            now.extend(image?.events().unwrap());
        }
        assert_eq!(now.len(), self.log.len());
        for (event, now) in self.log.iter_mut().zip(now.into_values()) {
            if event.conversation() != id {
                assert_eq!(*event, now);
                continue;
            }
            assert!(
                now.conversation().starts_with("erased-") && now.text().is_none_or(|text| text.starts_with("(erased"))
            );
            self.erased.push(std::mem::replace(event, now));
        }
        Ok(())
    }

    /// Compares an opened database with the possible states: a prefix of the submitted batches that includes everything
    /// guaranteed. From then on, this prefix is the expected state.
    #[track_caller]
    pub(super) fn expect_recovered(&mut self, db: &Convofold) {
        let storage = LentStorage::of(db.shared());
        let committed_ms = last_committed_ms(storage.as_ref(), &db.shared().log_start.read());
        let found = Point {
            events: usize::try_from(db.stats().last_seq).unwrap(),
            bookmarks: db.bookmarks().into_iter().collect(),
            committed_ms: committed_ms.unwrap(),
        };
        let promised = self.points.iter().enumerate().skip(self.durable);
        let Some(place) = promised.clone().rev().find(|(_, point)| **point == found).map(|(place, _)| place) else {
            let allowed: Vec<_> = promised.map(|(_, point)| point).collect();
            panic!("found {found:?}, allowed {allowed:?}, recovery {:?}", db.recovery())
        };
        self.points.truncate(place + 1);
        self.log.truncate(found.events);
        self.times.truncate(found.events);
        self.durable = place;
        self.expect_answers(db);
        self.expect_log(db);
    }

    /// Compares an opened database with the expected state; nothing may be missing.
    #[track_caller]
    pub(super) fn expect_whole(&self, db: &Convofold) {
        assert_eq!(db.stats().last_seq, self.log.len() as u64, "{:?}", db.recovery());
        self.expect_answers(db);
    }

    /// Compares the answers from memory with the expected state.
    #[track_caller]
    pub(super) fn expect_answers(&self, db: &Convofold) {
        let (lines, hash) = self.fold();
        assert_eq!(export(db), lines);
        assert_eq!(db.state_hash(), hash);
        self.expect_pages(db);
        assert_eq!(db.bookmarks().into_iter().collect::<BTreeMap<_, _>>(), self.last().bookmarks);
    }

    /// Compares pages of closed and of all conversations with those of all rows.
    #[track_caller]
    fn expect_pages(&self, db: &Convofold) {
        let board = self.board();
        let rows: Vec<_> = board.ids().iter().filter_map(|id| board.row(id)).collect();
        for (status, sort) in [(StatusFilter::Any, Sort::Started), (StatusFilter::Closed, Sort::Closed)] {
            let mut query = Query::new().status(status).sort(sort).limit(9);
            loop {
                let (expected, found) = (query.page_of(rows.clone()).unwrap(), db.query(&query).unwrap());
                assert_eq!((&found.rows, &found.next), (&expected.rows, &expected.next));
                let Some(next) = found.next else { break };
                query = query.cursor(next);
            }
        }
    }

    /// Compares the log, as the feed and the export return it, with the expected durable events.
    #[track_caller]
    pub(super) fn expect_log(&self, db: &Convofold) {
        let stats = db.stats();
        let durable = &self.log[..usize::try_from(stats.durable_seq).unwrap()];
        assert!(durable.len() >= self.points[self.durable].events, "{stats:?}");
        let dropped = usize::try_from(stats.first_seq).unwrap() - 1;
        let mut changes = db.changes(stats.first_seq);
        let shown: Vec<Change> = std::iter::from_fn(|| changes.try_next().unwrap()).collect();
        let expected = (stats.first_seq..).zip(&durable[dropped..]);
        assert_eq!(shown, expected.map(|(seq, event)| Change { seq, event: event.clone() }).collect::<Vec<_>>());
        let mut lines = Vec::new();
        db.export_events(&mut lines).unwrap();
        let expected: String = durable.iter().map(|event| event.export_line() + "\n").collect();
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
        expect_commit_times(db, &self.times);
        self.expect_recorded_hashes(db);
    }

    /// Every checkpoint left the hash of its events.
    #[track_caller]
    fn expect_recorded_hashes(&self, db: &Convofold) {
        let recorded = db.recorded_hashes().unwrap().hashes;
        let seqs: Vec<_> = recorded.iter().map(|recorded| usize::try_from(recorded.seq).unwrap()).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
        let missing = self.checkpoints.iter().find(|events| **events > 0 && !seqs.contains(events));
        assert_eq!(missing, None, "recorded: {seqs:?}");
        for (recorded, events) in recorded.iter().zip(seqs) {
            assert_eq!(recorded.hash, board_of(&self.log[..events]).state_hash(), "after {events} events");
        }
    }

    /// The export and the hash of a fold from the beginning.
    fn fold(&self) -> (String, StateHash) {
        let mut board = self.board();
        let lines =
            board.ids().iter().filter_map(|id| board.state(id)).map(|state| state.export_line() + "\n").collect();
        (lines, board.state_hash())
    }

    /// A fold from the beginning.
    fn board(&self) -> Board {
        board_of(&self.log)
    }

    fn last(&self) -> &Point {
        self.points.last().unwrap()
    }
}

/// Whether two events have the same identity in the same conversation.
fn is_same(a: &Event, b: &Event) -> bool {
    a.conversation() == b.conversation() && a.source() == b.source() && a.as_ref().identity() == b.as_ref().identity()
}

/// A board with these events of a log.
fn board_of(log: &[Event]) -> Board {
    let mut board = Board::new();
    let mut batch = board.edit();
    for (seq, event) in (1..).zip(log) {
        batch.apply(seq, event);
    }
    drop(batch);
    board
}
