//! `detection`: how much of what is lost the report of suspects notices.

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use convofold::SuspectKind;
use convofold_tests::detection::{Log, Outages, outages, read, singles};

/// Prints the tables of docs/suspects.md: false alarms, lost single events, and outages.
#[derive(Debug, Parser)]
struct Detection {
    /// Logs to lose events from, instead of generated ones.
    logs: Vec<PathBuf>,
    /// Length of each generated log.
    #[arg(long, default_value_t = 4)]
    hours: u64,
    /// Number of generated logs, with seeds from 1.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
}

/// The generated logs: conversations that are active at once, and after which share of messages a count is stated.
const GENERATED: [(u32, f64); 4] = [(20, 0.03), (100, 0.03), (20, 1.0), (100, 1.0)];
/// About the number of events of a conversation that is active for an hour, without counts.
const EVENTS_AN_HOUR: u64 = 180;
/// The shares of events that are lost one by one.
const PROBABILITIES: [f64; 3] = [0.001, 0.01, 0.05];
/// The lengths of outages.
const MINUTES: [i64; 4] = [1, 5, 15, 60];

fn main() -> Result<()> {
    let args = Detection::parse();
    let mut sets = Vec::new();
    if args.logs.is_empty() {
        for (in_flight, counted) in GENERATED {
            let events = u64::from(in_flight) * EVENTS_AN_HOUR * args.hours * if counted < 1.0 { 1 } else { 2 };
            let logs = (1..=args.seeds).map(|seed| Log::generated(events, in_flight, counted, seed));
            let name = format!("{in_flight} in flight, counts after {:.0} % of messages", counted * 100.0);
            sets.push((name, logs.collect::<Result<Vec<_>>>()?));
        }
    } else {
        let logs = args.logs.iter().map(|path| read(path));
        sets.push(("given".to_owned(), logs.collect::<Result<Vec<_>>>()?));
    }
    false_alarms(&sets);
    single_events(&sets);
    all_events(&sets);
    Ok(())
}

type Sets = [(String, Vec<Log>)];

fn false_alarms(sets: &Sets) {
    println!("| log | events | `unread` | `clock_ahead` | `untimed_close` |\n|---|--:|--:|--:|--:|");
    for (name, logs) in sets {
        let mut counts = [0; SuspectKind::ALL.len()];
        for log in logs {
            let found = log.without(|_, _| false);
            counts.iter_mut().zip(SuspectKind::ALL).for_each(|(count, kind)| *count += found.of_kind(kind));
        }
        let events: usize = logs.iter().map(Log::len).sum();
        let [unread, ahead, untimed] = counts;
        println!("| {name} | {events} | {unread} | {ahead} | {untimed} |");
    }
    println!();
}

fn single_events(sets: &Sets) {
    println!(
        "| log | lost | messages from members lost | noticed | gaps | of these false | missing messages stated |\n|---|--:|--:|--:|--:|--:|--:|"
    );
    for (name, logs) in sets {
        for probability in PROBABILITIES {
            let all = logs.iter().zip(1..).map(|(log, seed)| singles(log, probability, seed));
            let [mut lost, mut noticed, mut gaps, mut false_gaps, mut missing] = [0; 5];
            for one in all {
                (lost, noticed, gaps) = (lost + one.lost_inbound, noticed + one.noticed, gaps + one.gaps);
                (false_gaps, missing) = (false_gaps + one.false_gaps, missing + one.missing);
            }
            println!(
                "| {name} | {} % | {lost} | {} | {gaps} | {false_gaps} | {} |",
                probability * 100.0,
                share(noticed, lost),
                share(missing, lost)
            );
        }
    }
    println!();
}

fn all_events(sets: &Sets) {
    println!(
        "| log | length of an outage | outages | noticed | within EARLIEST to LATEST | FROM to TO, p50 | EARLIEST to LATEST, p50 | losses of an outage, p50 | losses without an outage | missing messages stated |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for (name, logs) in sets {
        for minutes in MINUTES {
            let mut all = Outages::default();
            logs.iter().zip(1..).for_each(|(log, seed)| all.add(outages(log, minutes, seed)));
            println!(
                "| {name} | {minutes} min | {} | {} | {} | {} | {} | {} | {} | {} |",
                all.outages,
                share(all.noticed, all.outages),
                share(all.contained, all.outages),
                length(nearest_rank(&all.widths_ms, 50)),
                length(nearest_rank(&all.outer_widths_ms, 50)),
                nearest_rank(&all.losses_each, 50).map_or("-".to_owned(), |losses| losses.to_string()),
                all.false_losses,
                share(all.missing, all.lost_inbound)
            );
        }
    }
}

fn nearest_rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn length(ms: Option<i64>) -> String {
    ms.map_or("-".to_owned(), |ms| format!("{:.1} min", ms as f64 / 60_000.0))
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}
