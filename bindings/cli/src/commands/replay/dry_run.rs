//! `convofold replay --dry-run`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use convofold::diff::DryRun;
use convofold::replay::Input;
use serde::Serialize;

use super::ReplayArgs;
use super::report::{Report, ReportJson};
use crate::commands::diff::{ChangeReport, ReportFormat, failed, in_words};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::past::MomentArgs;

#[derive(Serialize)]
struct DryRunJson<'a> {
    replay: ReportJson<'a>,
    diff: ChangeReport,
}

/// Prints what a replay would change, and its report.
pub(super) fn run(
    args: &ReplayArgs,
    inputs: Vec<Input>,
    stop: &Arc<AtomicBool>,
    console: &mut Console,
) -> Result<Exit, CliError> {
    let now = MomentArgs::new(None, None).open(&args.db, None, console)?.pinned()?;
    let last_seq = now.last_seq().unwrap_or_default();
    let dry_run = DryRun::new(&now, last_seq).limits(args.parsing.limits()).parse_threads(args.threads);
    let replayed = args.replay(&dry_run, inputs, stop, console);
    // Why a conversation cannot be read is said better here than by the replay.
    let outcome = dry_run.finish().map_err(|error| failed(&error))?;
    let (replay, events_per_second) = replayed?;
    let told = Report { replay, size: None, events_per_second };
    let diff = outcome.diff().map_err(|error| failed(&error))?;
    let format = if args.json { ReportFormat::Json } else { ReportFormat::Text };
    let changes = args.changes.print(diff, format, console)?;
    if args.json {
        console.json(&DryRunJson { replay: told.as_json(), diff: changes })?;
    } else {
        console.flush()?;
        console.note(told.table().plain());
        console.note(format_args!("{}; nothing was written", in_words(&changes.counts)));
    }
    let exit = args.tell_problems(&told.replay, console);
    if told.replay.stopped {
        console.note("stopped: the events that follow are not included");
        return Ok(Exit::Interrupted);
    }
    Ok(exit)
}
