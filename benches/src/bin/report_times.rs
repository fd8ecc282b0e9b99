//! Opens a database and asks for the same report three times: first after opening, again, and after an event has arrived.
//! Prints the times and both answers as JSON. `benches/reports/` compares them with SQLite and polars.
//!
//! ```text
//! report_times DATABASE FROM-MS TO-MS ZONE EVENT-FILE
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

use anyhow::{Context, Result, ensure};
use convofold::ingest::Format;
use convofold::{Convofold, Every, GroupBy, Measure, ReportQuery};
use convofold_benches::usage::Stages;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MEASURES: [Measure; 8] = [
    Measure::Started,
    Measure::Closings,
    Measure::MessagesIn,
    Measure::MessagesOut,
    Measure::FirstResponse,
    Measure::Response,
    Measure::Open,
    Measure::Waiting,
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name: &str| arguments.next().with_context(|| format!("missing: {name}"));
    let folder = argument("a database")?;
    let (from_ms, to_ms) = (argument("the beginning")?.parse()?, argument("the end")?.parse()?);
    let query = ReportQuery::new(from_ms, to_ms)
        .every(Every::Days(1))
        .by([GroupBy::Agent])
        .measures(MEASURES)
        .zone(argument("a zone")?.parse()?);
    let event = std::fs::read(argument("a file with an event")?)?;

    let mut stages = Stages::begin()?;
    let db = Convofold::open(folder)?;
    stages.end("opened")?;
    let first = db.measures(query.clone())?;
    stages.end("first")?;
    let again = db.measures(query.clone())?;
    stages.end("again")?;
    let counts = db.ingest(&event, Format::Auto)?.counts;
    let late = db.measures(query)?;
    stages.end("late")?;
    ensure!(counts.applied + counts.late == 1, "the event was not new: {counts:?}");

    let [first, again, late] = [first, again, late].map(serde_json::to_value);
    let (first, again, late) = (first?, again?, late?);
    ensure!(first == again, "the second report differs from the first");
    println!("{}", serde_json::json!({ "stages": stages.all(), "answers": [first, late] }));
    Ok(db.close()?)
}
