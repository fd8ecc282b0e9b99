//! `convofold retain`.

use std::time::Duration;

use clap::Args;
use convofold::retention::{Retained, Retention, RetentionHorizon, RetentionRun, Rule};
use convofold::{Options, Time};

use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::{Facts, Listing};
use crate::output::{text, time};
use crate::values::Millis;

/// Remove what is older than rules allow: events in the log, texts, closed conversations.
///
/// --log-older-than trims the log as `trim` does; states and histories stay. --texts-older-than removes the texts of older
/// messages; the events stay, and so do counts, times and reports. --closed-older-than removes closed conversations in
/// which nothing happened since, once their events are trimmed from the log; so it needs --log-older-than with the same
/// or a shorter duration. With --tenant, the rules for texts and closed conversations apply to this tenant only.
///
/// What was removed does not come back: events that arrive again or late lose texts that are too old before they are
/// stored, and events of removed conversations are counted as erased. Questions about a moment, and reports of a period,
/// from which conversations were removed, are refused. Conversations under a legal hold stay.
///
/// The command writes a copy of the storage without what is old, which needs room for a second copy, reads it again, and
/// only then uses it. A killed process leaves the database as it was, with the log trimmed or not, or the complete
/// result. Each run is recorded (--runs). Backups, exports and other copies are not changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold retain --db ./db --log-older-than 90d --texts-older-than 365d --dry-run
  convofold retain --db ./db --log-older-than 90d --closed-older-than 730d
  convofold retain --db ./db --texts-older-than 30d --tenant acme
  convofold retain --db ./db --runs
")]
pub struct RetainArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Trim the log: drop events older than this, such as 90d or 12h. States stay.
    #[arg(long, value_name = "DURATION")]
    log_older_than: Option<Millis>,
    /// Remove texts older than this.
    #[arg(long, value_name = "DURATION")]
    texts_older_than: Option<Millis>,
    /// Remove closed conversations in which nothing happened for this time. Needs --log-older-than.
    #[arg(long, value_name = "DURATION", requires = "log_older_than")]
    closed_older_than: Option<Millis>,
    /// Remove texts and closed conversations of this tenant only.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Say what would be removed, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print all runs so far.
    #[arg(long, conflicts_with_all = ["log_older_than", "texts_older_than", "closed_older_than", "tenant", "dry_run"])]
    runs: bool,
    #[command(flatten)]
    now: NowArgs,
    /// Print one JSON object; with --runs, one object per line.
    #[arg(long)]
    json: bool,
}

impl RetainArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        if self.runs {
            return self.list(console);
        }
        let rules = self.rules()?;
        let db = if self.dry_run {
            self.db.open(console)?
        } else {
            self.db.open_or_ask(&Options::new().create(false), CliError::open, console)?
        };
        let now = Time::from_ms(self.now.ms(&db)).ok_or_else(|| CliError::new(Exit::Usage, "--now is not a time"))?;
        let retained = db.retain(&rules, now, self.dry_run)?;
        if self.json {
            console.json(&retained)?;
        } else {
            print(&retained, self.dry_run, console)?;
        }
        Ok(Exit::Success)
    }

    fn rules(&self) -> Result<Retention, CliError> {
        let [log, texts, closed] =
            [self.log_older_than, self.texts_older_than, self.closed_older_than].map(|age| age.map(duration));
        if log.is_none() && texts.is_none() && closed.is_none() {
            let expected = "expected --log-older-than, --texts-older-than or --closed-older-than";
            return Err(CliError::new(Exit::Usage, expected));
        }
        let rules = Retention::new().log_older_than(log);
        let rules = match &self.tenant {
            Some(tenant) => rules.tenant(tenant, Rule::new().texts_older_than(texts).closed_older_than(closed)),
            None => rules.texts_older_than(texts).closed_older_than(closed),
        };
        rules.check().map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
        Ok(rules)
    }

    fn list(&self, console: &mut Console) -> Result<Exit, CliError> {
        let runs = self.db.open(console)?.retention_runs()?;
        if self.json {
            runs.iter().try_for_each(|run| console.json(run))?;
            return Ok(Exit::Success);
        }
        let headings = &["RUN", "AT (UTC)", "TRIMMED", "TEXTS", "CONVERSATIONS", "HELD", "HASH AFTER"];
        let mut listing = Listing::new(headings).right(2).right(3).right(4).right(5);
        for run in &runs {
            listing.row(vec![
                run.number.to_string(),
                time::to_millisecond(run.at),
                text::count(run.trimmed_events),
                text::count(sum(run, |horizon| horizon.texts)),
                text::count(sum(run, |horizon| horizon.conversations)),
                text::count(run.held),
                run.hash_after.to_string(),
            ]);
        }
        if listing.is_empty() {
            console.note("there was no run");
        } else {
            listing.print(console)?;
        }
        Ok(Exit::Success)
    }
}

fn sum(run: &RetentionRun, of: impl Fn(&RetentionHorizon) -> u64) -> u64 {
    run.horizons.iter().map(of).sum()
}

fn duration(Millis(ms): Millis) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

fn print(retained: &Retained, is_dry: bool, console: &mut Console) -> Result<(), CliError> {
    let run = &retained.run;
    let mut facts = Facts::default();
    if !is_dry {
        facts.add("run", run.number.to_string());
    }
    facts.add("events trimmed from the log", text::count(run.trimmed_events));
    for horizon in &run.horizons {
        let of = horizon.tenant.as_deref().map_or_else(String::new, |tenant| format!(" of {tenant}"));
        let before = |ms: i64| format!(", before {}", time::to_millisecond(ms));
        if let Some(ms) = horizon.texts_before {
            facts.add(format!("texts removed{of}"), text::count(horizon.texts) + &before(ms));
        }
        if let Some(ms) = horizon.closed_before {
            let removed = format!("{}{}", text::count(horizon.conversations), before(ms));
            facts.add(format!("conversations removed{of}"), removed);
        }
    }
    facts.add("conversations held", text::count(run.held));
    if !is_dry {
        facts
            .add("hash after", run.hash_after.to_string())
            .add("on disk before", text::bytes(retained.before_bytes))
            .add("on disk now", text::bytes(retained.after_bytes));
    }
    facts.print(console)?;
    if is_dry {
        console.note("nothing was changed (--dry-run)");
    }
    Ok(())
}
