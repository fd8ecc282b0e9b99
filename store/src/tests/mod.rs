//! Tests across the crate. This file has what they share.

mod archive;
mod audit;
mod backup;
mod checkpoints;
mod commits;
mod compact;
mod counters;
mod damage;
mod directory;
mod erase;
mod erase_beside;
mod erase_load;
mod erase_open;
mod exact;
mod explain;
mod export;
mod feed;
mod find;
mod fixtures;
mod hold;
mod ingest;
#[cfg(feature = "serde")]
mod json;
mod ledger;
mod machine;
mod marks;
mod moments;
mod read_only;
mod recorded;
mod refusals;
mod removed;
mod repair;
#[cfg(feature = "airship")]
mod replay;
mod scan;
mod sizes;
mod sled_files;
mod report;
mod retention;
mod suspects;
mod sweep;
#[cfg(feature = "tracing")]
mod tracing;
mod trim;
mod verify;
mod witness;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use convofold_engine::{AgentMention, Direction, Draft, Event, Kind, Time};
use tempfile::TempDir;

use crate::conversations::page::PageWriter;
use crate::format::frame::Compressor;
use crate::format::key::PageKey;
use crate::format::page_head::{self, PageEntry, PageHead, StoredHead};
use crate::storage::memory::{Contents, MemoryStorage};
use crate::{Batch, Convofold, Options};

/// The `number`th message of a conversation.
pub(crate) fn message(conversation: &str, number: u64) -> Event {
    message_with(conversation, number, "Is anybody there?")
}

pub(crate) fn message_with(conversation: &str, number: u64, text: &str) -> Event {
    let direction = if number % 3 == 2 { Direction::Out } else { Direction::In };
    Draft::new(
        "helpdesk",
        conversation,
        Kind::Message,
        Time::from_ms(1_700_000_000_000 + i64::try_from(number).unwrap() * 1_000),
    )
    .direction(direction)
    .text(text)
    .agent(AgentMention::agent("7", "Ida"))
    .tenant("acme")
    .build()
    .unwrap()
}

/// `count` messages in several conversations, the same ones for the same `first`.
pub(crate) fn messages(first: u64, count: u64) -> Vec<Event> {
    (first..first + count).map(|number| message(&format!("case-{}", number % 37), number)).collect()
}

pub(crate) fn submit(db: &Convofold, batch: Batch) -> crate::Receipt {
    db.submit(batch).unwrap().wait().unwrap()
}

/// A database with all that a long life leaves: two checkpoints, late events, duplicates, conflicts, bookmarks, and
/// events after the last checkpoint.
pub(crate) fn lived_in(options: Options) -> (Home, Arc<MemoryStorage>, Convofold) {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, options);
    for chunk in [0, 2, 1, 3] {
        submit(&db, Batch::new(messages(chunk * 100, 100)).bookmark("upstream", chunk.to_string()));
        submit(&db, Batch::new(messages(chunk * 100 + 50, 50)));
        submit(&db, Batch::new(vec![at_odds(chunk), at_odds(chunk + 10)]).bookmark(chunk.to_string(), "x"));
        db.checkpoint().unwrap();
    }
    submit(&db, Batch::new(messages(400, 60)).delete_bookmark("0"));
    submit(&db, Batch::default().bookmark("alone", "x"));
    (home, storage, db)
}

/// Events with one identity and different contents.
fn at_odds(number: u64) -> Event {
    let identity = Some(convofold_engine::Identity::given("one", 0));
    let text = number.to_string();
    message("odd", 1).draft().identity(identity).text(text.as_str()).build().unwrap()
}

/// Changes a conversation in the last checkpoint, with correct checksums.
pub(crate) fn forge_checkpoint(storage: &MemoryStorage, forge: impl Fn(&mut convofold_engine::ConversationImage)) {
    forge_pages(storage, |images, _| images.iter_mut().for_each(&forge));
}

/// Changes the pages of the last checkpoint and their heads, with correct checksums.
pub(crate) fn forge_pages(
    storage: &MemoryStorage,
    forge: impl Fn(&mut [convofold_engine::ConversationImage], &mut PageHead),
) {
    use crate::checkpoint::heads::{LIST_PAGES, checksum_of, list_count, list_name, read_list};
    use crate::checkpoint::load::load_page;
    use crate::checkpoint::record::{generations, record_name};
    use crate::format::checkpoint as record;

    let mut compressor = Compressor::new().unwrap();
    let generation = *generations(storage).unwrap().last().unwrap();
    let mut checkpoint = record::open(generation, &storage.contents().records[&record_name(generation)]).unwrap();
    let mut lists = Vec::new();
    for list_no in 0..list_count(&checkpoint) {
        let (stored, mut list) = read_list(storage, &checkpoint, list_no).ok().unwrap();
        let mut heads = Vec::new();
        for (page_no, stored) in (list_no * LIST_PAGES..).zip(stored) {
            let (entry, mut head, mut images) = (stored.entry().unwrap(), stored.head().unwrap(), Vec::new());
            load_page(storage, page_no, entry, |image| images.push(image)).ok().unwrap();
            forge(&mut images, &mut head);
            let key = PageKey { page_no, half: entry.half };
            let mut written = PageEntry::default();
            storage.damage(|contents| written = write_page(contents, key, generation, &images));
            heads.push(StoredHead::new(written, &head).unwrap());
        }
        let (value, checksum) = page_head::seal(list_no, &heads, &mut compressor).unwrap();
        storage.damage(|contents| drop(contents.records.insert(list_name(list_no, list.half), value)));
        list.checksum = checksum;
        lists.push(list);
    }
    checkpoint.heads_checksum = checksum_of(&lists).to_le_bytes();
    let value = record::seal(&checkpoint, &mut compressor).unwrap();
    storage.damage(|contents| drop(contents.records.insert(record_name(generation), value)));
}

/// Changes a fact of a conversation.
pub(crate) fn change_fact(
    image: &mut convofold_engine::ConversationImage,
    place: usize,
    change: impl Fn(&mut convofold_engine::Fact<'_>),
) {
    let changed = image.facts.iter().enumerate().map(|(number, mut fact)| {
        if number == place {
            change(&mut fact);
        }
        fact
    });
    image.facts = changed.collect();
}

/// Writes a page in place of the one with this key.
fn write_page(
    contents: &mut Contents,
    key: PageKey,
    generation: u64,
    images: &[convofold_engine::ConversationImage],
) -> PageEntry {
    let mut compressor = Compressor::new().unwrap();
    let mut writer = PageWriter::new(key.page_no, generation, 2 << 20, &mut compressor);
    let mut put = |part, value| {
        contents.pages.insert(key.part(part), value);
        Ok::<_, crate::StorageError>(())
    };
    images.iter().for_each(|image| writer.push(image, &mut put).unwrap());
    writer.finish(key.half, &mut put).unwrap()
}

pub(crate) fn export(db: &Convofold) -> String {
    let mut out = Vec::new();
    db.export(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A directory for a database, and one in which to open a copy.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// In memory, if the system has a directory for that.
    pub(crate) fn in_memory() -> Self {
        Self { dir: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) fn open(&self) -> Convofold {
        self.open_with(Options::new())
    }

    pub(crate) fn open_with(&self, options: Options) -> Convofold {
        let db = options.open(self.path()).unwrap();
        assert_eq!(db.recovery().stray_values, 0);
        db
    }

    /// A database on a storage in memory.
    pub(crate) fn open_on(&self, storage: &Arc<MemoryStorage>, options: Options) -> Convofold {
        Convofold::open_on(options, &self.path(), storage.clone()).unwrap()
    }

    /// A copy of the files, as the next process would find them if this one were killed now. The directory stays
    /// locked.
    pub(crate) fn killed(&self) -> Self {
        self.copied_to(Self::new())
    }

    pub(crate) fn copied_to(&self, copy: Self) -> Self {
        copy_dir(&self.path(), &copy.path());
        copy
    }
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
