//! Measures long conversations: the time for logs that could cost the square of their length, and how long readers of
//! another conversation wait meanwhile.

use std::io::Write;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use comfy_table::{Table, presets};
use convofold_benches::hostile::{Log, Outcome, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures long conversations.
#[derive(Parser)]
struct Args {
    /// Numbers of events.
    #[arg(long, value_delimiter = ',', default_value = "10000,40000,160000")]
    events: Vec<u64>,
    /// Only these logs.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Log>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let columns = args.events.iter().map(|count| format!("{count} events"));
    table.set_header(["log".to_owned()].into_iter().chain(columns).chain(["time for four times as many".to_owned()]));
    for log in Log::value_variants().iter().filter(|log| args.only.is_empty() || args.only.contains(log)) {
        let mut cells = vec![log.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())];
        let mut took = Vec::new();
        for count in &args.events {
            let Outcome { took: now, mut waits } = run(*log, *count)?;
            waits.sort_unstable();
            let at =
                |share: usize| waits.get(waits.len() * share / 1_000).or(waits.last()).copied().unwrap_or_default();
            cells.push(format!("{now:.2?}, reader 99.9 % {:.2?}, max {:.2?}", at(999), at(1_000)));
            took.push(now.as_secs_f64());
        }
        let growth =
            took.windows(2).map(|pair| format!("{:.1}", pair.get(1).zip(pair.first()).map_or(0.0, |(b, a)| b / a)));
        cells.push(growth.collect::<Vec<_>>().join(", "));
        table.add_row(cells);
    }
    writeln!(std::io::stdout(), "{table}")?;
    Ok(())
}
