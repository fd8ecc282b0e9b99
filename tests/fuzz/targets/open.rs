//! Changes some bytes of a small store, which must then open with its whole state or be refused. Only if the end mark
//! was changed too, a shorter log goes unnoticed.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use convofold_engine::{Direction, Draft, Event, Kind, StateHash, Time};
use convofold_store::{Batch, Convofold, Options};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const EVENTS: u64 = 60;

static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::new);

struct Template {
    _dir: TempDir,
    path: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
    state_hash: StateHash,
}

impl Template {
    fn new() -> Self {
        // sled panics on damage and the store turns panics into errors, so only panics that pass the store count.
        if std::env::var_os("CONVOFOLD_SHOW_PANICS").is_none() {
            std::panic::set_hook(Box::new(|_| {}));
        }
        let (dir, path) = convofold_fuzz::directory();
        let store = path.join("template");
        let db = Convofold::open(&store).expect("a new store");
        for first in (0..EVENTS).step_by(6) {
            let batch = Batch::new((first..first + 6).map(event).collect()).bookmark("offset", first.to_string());
            db.submit(batch).expect("an open store").wait().expect("a healthy store");
            if first % 24 == 0 {
                db.checkpoint().expect("a healthy store");
            }
        }
        let state_hash = db.state_hash();
        let mut files = Vec::new();
        // Leaves the store as a kill does.
        read_all(&store, Path::new(""), &mut files);
        files.sort();
        Self { _dir: dir, path, files, state_hash }
    }
}

fn read_all(dir: &Path, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = below.join(path.file_name().expect("a name"));
        if path.is_dir() {
            read_all(&path, &name, files);
        } else {
            let mut bytes = fs::read(&path).expect("a file");
            // sled makes its file longer than its contents.
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            bytes.truncate(end.next_multiple_of(4_096).min(bytes.len()));
            files.push((name, bytes));
        }
    }
}

fn event(number: u64) -> Event {
    let conversation = format!("case-{}", number % 7);
    let text = "Is anybody there? ".repeat(1 + usize::try_from(number % 5).expect("a small number"));
    Draft::new(
        "helpdesk",
        &conversation,
        Kind::Message,
        Time::from_ms(1_700_000_000_000 + i64::try_from(number).expect("a small number")),
    )
    .direction(Direction::In)
    .text(text.as_str())
    .build()
    .expect("an event")
}

/// Eight bytes are one change: file, kind, position and value.
fn changed(files: &[(PathBuf, Vec<u8>)], changes: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files.to_vec();
    for change in changes.chunks_exact(8).take(16) {
        let [file_no, how, p0, p1, p2, p3, length, with] = *change else { continue };
        let count = files.len();
        let (_, bytes) = &mut files[usize::from(file_no) % count];
        let at = u32::from_le_bytes([p0, p1, p2, p3]) as usize % bytes.len().max(1);
        let to = (at + usize::from(length)).min(bytes.len());
        match how % 5 {
            0 => bytes[at..to].iter_mut().take(1).for_each(|byte| *byte ^= with | 1),
            1 => bytes[at..to].fill(with),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            _ => bytes.extend(std::iter::repeat_n(with, to - at)),
        }
    }
    files
}

fuzz_target!(|changes: &[u8]| {
    let template = &*TEMPLATE;
    let store = template.path.join("store");
    let _ = fs::remove_dir_all(&store);
    let files = changed(&template.files, changes);
    let has_its_mark =
        files.iter().zip(&template.files).all(|(now, before)| now == before || now.0 != Path::new("HEAD"));
    for (name, bytes) in files {
        let path = store.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    }
    match Options::new().create(false).open(&store) {
        Ok(db) => {
            let is_whole = db.state_hash() == template.state_hash && db.stats().last_seq == EVENTS;
            assert!(is_whole || !has_its_mark && db.stats().last_seq < EVENTS, "{:?}", db.recovery());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
