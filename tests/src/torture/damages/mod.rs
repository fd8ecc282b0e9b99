//! Damage: one random damage to one file of a database, and what the command then reports.
//!
//! A damaged database may be complete (the damage hit nothing), may open with fewer events and report that, or may
//! refuse to open with a reason and a hint. It must not lose events silently, panic, hang or use unbounded memory. If
//! it refuses to open, `repair` must save what is readable into a new database, and nothing else.

mod template;
mod damage;
mod outcome;
mod repair;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::campaign::{Campaign, Trials};
use super::examination::copy_folder;
use super::feed::Feed;
use super::limits::run_limited;
use super::report::Report;
use crate::command::convofold;
use damage::Damage;
use outcome::Outcome;
use rand::RngExt;
use repair::Repair;
use template::Template;

/// How long a feed is. With it some hundred conversations lie on dozens of pages.
const EVENTS: u64 = 6_000;
/// Opening a database of that size takes a small part of it.
const OPENING_TIME: Duration = Duration::from_secs(30);

/// Damages databases until all trials are done.
///
/// # Errors
/// If the templates cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("damages-").tempdir().context("a folder")?;
    let feed = Feed::generate(EVENTS, campaign.seed)?;
    let templates = template::build_all(folder.path(), &feed)?;
    let repair = Repair::find(&feed)?;
    campaign.run(1, |range, trials| {
        for trial in range {
            let desk = tempfile::Builder::new().prefix("damaged-").tempdir_in(folder.path()).context("a folder")?;
            match damage_one(&templates, repair.as_ref(), desk.path(), trial, trials) {
                Ok(what) => trials.passed(&what),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
        }
        Ok(())
    })
}

fn damage_one(
    templates: &[Template],
    repair: Option<&Repair>,
    desk: &Path,
    trial: u64,
    trials: &Trials<'_>,
) -> Result<String> {
    let mut random = trials.random(trial);
    let template = templates.get(random.random_range(0..templates.len())).context("a template")?;
    let db = desk.join("db");
    copy_folder(&template.db, &db)?;
    let damage = Damage::any(&mut random);
    let done = damage.apply(&db, template.older.as_deref(), &mut random)?;
    let mut hash = convofold();
    hash.arg("hash").arg("--db").arg(&db);
    let mut ran = run_limited(&hash, OPENING_TIME, desk)?;
    let mut outcome = Outcome::of(&ran, template.hash);
    if outcome == Outcome::Whole {
        let mut export = convofold();
        export.arg("export").arg("--db").arg(&db);
        ran = run_limited(&export, OPENING_TIME, desk)?;
        outcome = Outcome::of_reading(&ran);
    }
    let story = || format!("{} after {done} in a database {}: {ran:?}", outcome.in_words(), template.name);
    if outcome.breaks_a_promise() {
        trials.saw(&format!("{damage}: {}", outcome.in_words()), 1);
        anyhow::bail!("{}", story());
    }
    let needs_repair = matches!(outcome, Outcome::Refused | Outcome::FoundByReading);
    if let Some(repair) = repair.filter(|_| needs_repair) {
        let saved = repair.check(&db, &desk.join("repaired"), template.events, desk).with_context(story)?;
        trials.saw("events where repair was asked for", template.events);
        trials.saw("events saved by repair", saved);
    }
    Ok(format!("{damage}: {}", outcome.in_words()))
}
