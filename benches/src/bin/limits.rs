//! What this machine can do with a log: reading, parsing, copying, appending.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use comfy_table::{Table, presets};
use convofold_benches::figure::{Figure, Unit};
use convofold_benches::limits::parse::{Library, Parsed, parse};
use convofold_benches::limits::raw::{Appends, copy, read};
use convofold_benches::log::{Content, generated};
use convofold_benches::results::cores;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What this machine can do at all.
#[derive(Parser)]
struct Args {
    /// How many events to generate.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// How often everything is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Take this log instead of a generated one.
    #[arg(long)]
    log: Option<PathBuf>,
    /// The bytes that are appended at once.
    #[arg(long, value_delimiter = ',', default_values_t = [300, 5_000])]
    append: Vec<usize>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let scratch = tempfile::tempdir()?;
    let log = match args.log {
        Some(log) => log,
        None => generated(args.events, Content::Airship, scratch.path())?,
    };
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["limit", "median", "min - max"]);
    let rounds = 0..args.rounds.max(1);
    let mut add = |name: String, figure: Figure| {
        table.add_row([name, figure.show(), figure.spread()]);
    };

    let values = rounds.clone().map(|_| read(&log).map(|(took, bytes)| bytes as f64 / took.as_secs_f64()));
    add("read the file".to_owned(), Figure::new(Unit::BytesPerSecond, values.collect::<Result<Vec<_>>>()?));
    for (library, threads) in Library::ALL.into_iter().flat_map(|library| [(library, 1), (library, cores())]) {
        let parsed = rounds.clone().map(|_| parse(&log, library, threads)).collect::<Result<Vec<Parsed>>>()?;
        let rate = |took: fn(&Parsed) -> f64| {
            Figure::new(Unit::EventsPerSecond, parsed.iter().map(|parsed| parsed.lines as f64 / took(parsed)))
        };
        add(format!("{library:?}, {threads} threads, parsing"), rate(|parsed| parsed.parsing.as_secs_f64()));
        let name = format!("{library:?}, {threads} threads, reading and parsing");
        add(name, rate(|parsed| parsed.with_reading.as_secs_f64()));
    }
    let copied = 256 << 20;
    let values = rounds.clone().map(|_| f64::from(copied) * 4.0 / copy(256 << 20, 4).as_secs_f64());
    add("memcpy".to_owned(), Figure::new(Unit::BytesPerSecond, values));
    let mut appends = Appends::new(scratch.path())?;
    for bytes in args.append {
        let times = (0..200 * args.rounds).map(|_| Ok(appends.append(bytes)?.as_nanos() as f64));
        add(
            format!("append {bytes} bytes + fdatasync"),
            Figure::new(Unit::Nanoseconds, times.collect::<Result<Vec<_>>>()?),
        );
    }
    writeln!(std::io::stdout(), "{table}")?;
    Ok(())
}
