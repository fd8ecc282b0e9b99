//! Parses a log, or folds its events, PASSES times. `benches/instructions.sh` counts the instructions.
//!
//! ```text
//! instructions parse|fold LOG PASSES
//! ```

use std::error::Error;
use std::hint::black_box;

use convofold::Event;
use convofold::engine::Board;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name: &str| arguments.next().ok_or(format!("missing: {name}"));
    let what = argument("parse or fold")?;
    let log = std::fs::read(argument("a log")?)?;
    let passes: usize = argument("the number of passes")?.parse()?;
    match what.as_str() {
        "parse" => (0..passes).for_each(|_| drop(black_box(parse(&log)))),
        "fold" => {
            let events = parse(&log);
            (0..passes).for_each(|_| drop(black_box(fold(&events))));
        }
        other => return Err(format!("{other} is neither parse nor fold").into()),
    }
    Ok(())
}

fn parse(log: &[u8]) -> Vec<Event> {
    let mut events = Events(Vec::with_capacity(2_000));
    Parser::new(Format::Auto, Limits::default()).parse_input(log, &mut events);
    events.0
}

/// Folds the events in one batch on an empty board.
fn fold(events: &[Event]) -> Board {
    let mut board = Board::new();
    let mut batch = board.edit();
    for (seq, event) in (1..).zip(events) {
        batch.apply(seq, event);
    }
    drop(batch);
    board
}

struct Events(Vec<Event>);

impl Sink for Events {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.0.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, _rejection: Rejection) {}
}
