//! Kills: SIGKILL at random moments, repeatedly on one database.
//!
//! A database is killed some dozens of times before it is replaced, and never closed in between, so that leftovers
//! accumulate. It is compared with the feed in two ways: the answers of each writer show whether its log continues
//! correctly, and after every few kills a copy is examined.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::Seq;
use rand::RngExt;
use rand::rngs::StdRng;

use super::campaign::{Campaign, Trials};
use super::examination::{examine, examine_copy};
use super::feed::{Feed, Reference};
use super::ingester::{Ingester, Meal, Pace};
use super::report::Report;
use crate::command::convofold;

/// Number of kills per database.
const KILLS_A_DATABASE: u64 = 40;
/// One of this number of databases is written by `replay` instead of `ingest`.
const DATABASES_A_REPLAY: u64 = 5;
/// The number of events of a feed.
const EVENTS: u64 = 30_000;

/// How to kill.
#[derive(Clone, Copy, Debug)]
pub struct KillOptions {
    /// One of this number of kills hits the opening, and another one the closing; 1: all hit the opening.
    pub kills_an_opening: u32,
    /// Number of kills between two examinations of a copy.
    pub kills_an_examination: u64,
}

impl Default for KillOptions {
    fn default() -> Self {
        Self { kills_an_opening: 5, kills_an_examination: 8 }
    }
}

/// Kills until all trials are done.
///
/// # Errors
/// If the feed cannot be made.
pub fn run(campaign: &Campaign, options: KillOptions) -> Result<Report> {
    let feed = Feed::generate(EVENTS, campaign.seed)?;
    campaign.run(KILLS_A_DATABASE, |kills, trials| {
        let folder = tempfile::Builder::new().prefix("kills-").tempdir().context("a folder")?;
        let mut victim = Victim::new(folder.path(), &feed, options);
        if (kills.start / KILLS_A_DATABASE) % DATABASES_A_REPLAY == DATABASES_A_REPLAY - 1 {
            victim.is_replayed = true;
            feed.write(&victim.log)?;
        } else if options.kills_an_opening == 1 {
            // The database must not stay empty, because opening it would take no time.
            victim.fill(trials.random(kills.start).random_range(1..EVENTS / 2))?;
        }
        let last = kills.end.saturating_sub(1);
        for kill in kills {
            if trials.is_stopped() {
                break;
            }
            match victim.kill(kill, trials) {
                Ok(what) => trials.passed(what),
                Err(error) => {
                    trials.failed(kill, &error, Some(folder));
                    return Ok(());
                }
            }
        }
        if let Err(error) = victim.examine(trials) {
            trials.failed(last, &error, Some(folder));
        }
        Ok(())
    })
}

/// A database to kill.
struct Victim {
    db: PathBuf,
    /// For `replay`.
    log: PathBuf,
    feed: Arc<Feed>,
    reference: Reference,
    options: KillOptions,
    /// Whether it is written by `replay`.
    is_replayed: bool,
    /// The last event that it must contain.
    acknowledged: Seq,
    /// The duration of the last opening.
    opening: Duration,
    /// The duration of the last replay that finished.
    replaying: Duration,
}

impl Victim {
    fn new(folder: &Path, feed: &Arc<Feed>, options: KillOptions) -> Self {
        Self {
            db: folder.join("db"),
            log: folder.join("log"),
            feed: feed.clone(),
            reference: Reference::new(feed.clone()),
            options,
            is_replayed: false,
            acknowledged: 0,
            opening: Duration::from_millis(100),
            replaying: Duration::from_secs(2),
        }
    }

    fn kill(&mut self, kill: u64, trials: &Trials<'_>) -> Result<&'static str> {
        let mut random = trials.random(kill);
        let what = if self.is_replayed { self.kill_replay(&mut random)? } else { self.kill_ingest(&mut random)? };
        if (kill + 1).is_multiple_of(self.options.kills_an_examination) {
            let found = examine_copy(&self.db, &self.feed, &mut self.reference, self.acknowledged)?;
            trials.saw("examined", 1);
            found.saw.iter().for_each(|(what, count)| trials.saw(what, *count));
            // A kill removes nothing from files, so what was found stays.
            self.acknowledged = found.events;
        }
        if self.acknowledged + EVENTS / 10 > self.feed.len() {
            self.examine(trials)?;
            fs::remove_dir_all(&self.db).context("removing a full database")?;
            self.acknowledged = 0;
        }
        Ok(what)
    }

    fn examine(&mut self, trials: &Trials<'_>) -> Result<()> {
        let found = examine(&self.db, &self.feed, &mut self.reference, self.acknowledged)?;
        trials.saw("examined", 1);
        found.saw.iter().for_each(|(what, count)| trials.saw(what, *count));
        Ok(())
    }

    /// Feeds up to an event and leaves the database as a kill does.
    fn fill(&mut self, to: Seq) -> Result<()> {
        let mut command = convofold();
        command.arg("ingest").arg("--db").arg(&self.db);
        let meal = Meal { after: 0, to, known: 0, pace: Pace::Fast, ends: false };
        let ingester = Ingester::start(command, &self.feed, meal)?;
        ensure!(ingester.wait_for(to)?, "ingest ended before it had answered");
        self.acknowledged = ingester.kill()?.acknowledged;
        Ok(())
    }

    fn kill_ingest(&mut self, random: &mut StdRng) -> Result<&'static str> {
        let mut command = convofold();
        command.arg("ingest").arg("--db").arg(&self.db);
        // Some lines are sent again, as by a host that did not receive the answers.
        let after = self.acknowledged.saturating_sub(random.random_range(0..20));
        let all = Meal { after, to: self.feed.len(), known: self.acknowledged, pace: Pace::any(random), ends: false };
        let began = Instant::now();
        let (ingester, what) = match random.random_range(0..self.options.kills_an_opening) {
            0 => {
                let ingester = Ingester::start(command, &self.feed, all)?;
                sleep(random.random_range(Duration::ZERO..self.opening + self.opening / 4));
                (ingester, "killed while opening")
            }
            1 => {
                let to = after + random.random_range(1..300);
                let ingester = Ingester::start(command, &self.feed, Meal { to, ends: true, ..all })?;
                ingester.wait_for(to)?;
                sleep(random.random_range(Duration::ZERO..Duration::from_millis(30)));
                (ingester, "killed while closing")
            }
            _ => {
                let ingester = Ingester::start(command, &self.feed, all)?;
                if ingester.wait_for(after + 1)? {
                    self.opening = began.elapsed();
                }
                ingester.wait_for(after + random.random_range(1..800))?;
                sleep(random.random_range(Duration::ZERO..Duration::from_millis(5)));
                (ingester, "killed while writing")
            }
        };
        let ended = ingester.kill()?;
        ended.expect_killed_or_well()?;
        self.acknowledged = self.acknowledged.max(ended.acknowledged);
        Ok(what)
    }

    fn kill_replay(&mut self, random: &mut StdRng) -> Result<&'static str> {
        let mut replay = convofold();
        replay.arg("replay").arg(&self.log).arg("--db").arg(&self.db);
        let began = Instant::now();
        let mut child = replay.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("starting a replay")?;
        sleep(random.random_range(Duration::ZERO..self.replaying));
        let has_ended = child.try_wait().context("asking for the end")?.is_some();
        child.kill().context("killing")?;
        let output = child.wait_with_output().context("waiting for the end")?;
        if output.status.success() && self.acknowledged == 0 {
            self.replaying = began.elapsed();
        }
        let is_killed = output.status.signal() == Some(9);
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(is_killed || output.status.success(), "the replay ended with {}: {said}", output.status);
        if output.status.success() {
            self.acknowledged = self.feed.len();
        }
        Ok(if has_ended { "replayed to the end" } else { "killed while replaying" })
    }
}
