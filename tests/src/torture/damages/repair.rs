//! `convofold repair` after a database has refused to open.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use convofold::{Options, Seq};

use crate::command::convofold;
use crate::torture::feed::Feed;
use crate::torture::limits::run_limited;

const REPAIR_TIME: Duration = Duration::from_secs(60);

/// Exit codes: everything saved, or not.
const EVERYTHING: i32 = 0;
const NOT_EVERYTHING: i32 = 6;

/// Checks the results of `repair`.
#[derive(Debug)]
pub(super) struct Repair {
    feed: Arc<Feed>,
    /// The seq of each event of the feed, by conversation and identity.
    places: HashMap<(String, String), Seq>,
}

impl Repair {
    /// `None` if this version of the command has no `repair`.
    pub(super) fn find(feed: &Arc<Feed>) -> Result<Option<Self>> {
        let help = convofold().args(["help", "repair"]).output().context("running convofold help")?;
        if !help.status.success() {
            return Ok(None);
        }
        let mut places = HashMap::new();
        for seq in 1..=feed.len() {
            let event = feed.event(seq).context("an event of the feed")?;
            places.insert((event.conversation().to_owned(), event.identity().text().into_owned()), seq);
        }
        Ok(Some(Self { feed: feed.clone(), places }))
    }

    /// Repairs a database of `events` events into a new one and returns the number of saved events. Each saved event
    /// must be one of the feed, and all others must be reported as lost.
    pub(super) fn check(&self, db: &Path, into: &Path, events: Seq, desk: &Path) -> Result<u64> {
        let mut repair = convofold();
        repair.args(["repair", "--json", "--db"]).arg(db).arg("--into").arg(into);
        let ran = run_limited(&repair, REPAIR_TIME, desk)?;
        if let Some(disgrace) = ran.disgrace() {
            bail!("repair failed badly ({disgrace}): {ran:?}");
        }
        if !matches!(ran.code(), Some(EVERYTHING | NOT_EVERYTHING)) {
            // There may be nothing left to repair; then the command must say so.
            ensure!(
                ran.stderr.contains("error: ") && !ran.stderr.contains("panicked"),
                "repair gives no reason: {ran:?}"
            );
            return Ok(0);
        }
        let store = Options::new().create(false).open(into).context("opening the repaired database")?;
        let mut changes = store.changes(1);
        let mut saved = 0;
        while let Some(change) = changes.try_next().context("reading the repaired database")? {
            let key = (change.event.conversation().to_owned(), change.event.identity().text().into_owned());
            let place = self.places.get(&key).copied().filter(|place| *place <= events);
            let is_same = place.and_then(|place| self.feed.event(place)) == Some(&change.event);
            ensure!(is_same, "repair made up event {}: {:?}", change.seq, change.event);
            saved += 1;
        }
        store.close().context("closing the repaired database")?;
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).context("the report of the repair")?;
        let lost = report["lost_events"].as_u64().context("how many events are lost")?;
        ensure!(
            saved + lost == events,
            "repair saved {saved} of {events} events and says of {lost} that they are lost"
        );
        ensure!(ran.code() == Some(if lost == 0 { EVERYTHING } else { NOT_EVERYTHING }), "{lost} events lost: {ran:?}");
        Ok(saved)
    }
}
