//! Runs the stages of a replay one after the other, on the events of each kind, in a function of its own. Valgrind counts
//! the instructions of that function for `benches/instructions.sh`.
//!
//! ```text
//! instructions EVENTS
//! ```
//!
//! Prints a line for each call of [`counted`]: the kind of the events, the stage, the number of events and of their bytes.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;

use convofold::engine::{Admission, Board, Index};
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::{Draft, DraftError, Event, EventColumns, EventNumbers, Seq};
use convofold_generator::{Generator, Options};
use convofold_store::stages;

/// Number of events that a replay folds together.
const TOGETHER: usize = 512;

/// A kind of event, with a text by which its lines are known; all lines last.
const KINDS: [(&str, &str); 4] = [
    ("airship message", r#""name":"live_chat_message""#),
    ("airship convo", r#""name":"live_chat_convo""#),
    ("superoffice", r#""EventId":"#),
    ("all", ""),
];

/// Texts of the same length that make an event one that is ignored: the parser reads its line and builds nothing.
const FOREIGN: [(&str, &str); 2] =
    [(r#""name":"live_chat_"#, r#""name":"dead_chat_"#), (r#""Event":"chatsession."#, r#""Event":"projectteam."#)];

fn main() -> Result<(), Box<dyn Error>> {
    let events: u64 = std::env::args().nth(1).ok_or("missing: the number of events")?.parse()?;
    let mut log = Vec::new();
    Generator::new(Options::new().events(events))?.write_to(&mut log)?;
    let log = String::from_utf8(log)?;
    for (kind, sign) in KINDS {
        let lines: String = log.split_inclusive('\n').filter(|line| line.contains(sign)).collect();
        run(kind, &lines)?;
    }
    Ok(())
}

fn run(kind: &str, log: &str) -> Result<(), Box<dyn Error>> {
    let foreign = FOREIGN.iter().fold(log.to_owned(), |log, (own, other)| log.replace(own, other));
    let expected = log.lines().count();
    let done = |stage: &str, run: &mut dyn FnMut()| -> Result<(), Box<dyn Error>> {
        counted(run);
        Ok(writeln!(std::io::stdout(), "{kind}\t{stage}\t{expected}\t{}", log.len())?)
    };
    let (mut scanned, mut parsed, mut board) = (Found::default(), Found::default(), Board::new());
    done("scan", &mut || parse(&foreign, &mut scanned))?;
    done("parse", &mut || parse(log, &mut parsed))?;
    done("fold", &mut || fold(&parsed.pieces, &mut board))?;
    let (mut blocks, mut pages) = (Ok(0), Ok(0));
    done("block", &mut || blocks = stages::blocks(&parsed.pieces))?;
    done("page", &mut || pages = stages::pages(&board))?;
    if (scanned.ignored, parsed.events()) != (expected, expected) || blocks? == 0 || pages? == 0 {
        return Err(format!("{kind}: a stage did not see all {expected} events").into());
    }
    Ok(())
}

/// The function whose instructions are counted.
#[inline(never)]
fn counted(run: &mut dyn FnMut()) {
    black_box(run)();
}

fn parse(log: &str, found: &mut Found) {
    Parser::new(Format::Auto, Limits::default()).parse_input(log.as_bytes(), found);
}

/// Admits and folds events as the writer of a database does, and updates the index.
fn fold(pieces: &[EventColumns], board: &mut Board) {
    let mut index = Index::default();
    let mut seq: Seq = 0;
    for events in pieces {
        let mut slots: Vec<_> = events.conversations().map(|id| board.slot_of(id)).collect();
        let mut admissions = board.admissions();
        admissions.reserve(events.len());
        let mut is_new = |(numbers, event): (EventNumbers, _)| {
            admissions.admit_at(slots[numbers.conversation as usize], event) == Admission::Log
        };
        let is_new: Vec<_> = events.iter().map(&mut is_new).collect();
        let mut contexts = vec![None; events.context_count()];
        let mut edit = board.edit();
        for ((numbers, event), _) in events.iter().zip(is_new).filter(|(_, is_new)| *is_new) {
            seq += 1;
            let context = &mut contexts[numbers.context as usize];
            edit.apply_at(&mut slots[numbers.conversation as usize], context, seq, event);
        }
        edit.finish().into_iter().for_each(|update| index.apply(update));
    }
    black_box(index);
}

#[derive(Default)]
struct Found {
    pieces: Vec<EventColumns>,
    ignored: usize,
}

impl Found {
    fn events(&self) -> usize {
        self.pieces.iter().map(EventColumns::len).sum()
    }

    fn piece(&mut self) -> &mut EventColumns {
        if self.pieces.last().is_none_or(|piece| piece.len() == TOGETHER) {
            self.pieces.push(EventColumns::new());
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }
}

impl Sink for Found {
    #[expect(clippy::expect_used, reason = "the events of a piece are shorter than 4 GiB")]
    fn event(&mut self, _origin: Origin, event: Event) {
        self.piece().push(&event).expect("a piece of short events");
    }

    fn draft(&mut self, _origin: Origin, draft: Draft<'_>, max_id_bytes: usize) -> Result<(), DraftError> {
        self.piece().push_draft(draft, max_id_bytes)
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {
        self.ignored += 1;
    }

    fn rejected(&mut self, _rejection: Rejection) {}
}
