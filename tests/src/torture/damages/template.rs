//! Databases to damage, with different histories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use convofold::{Seq, StateHash};

use crate::command::convofold;
use crate::torture::examination::{copy_folder, examine_copy};
use crate::torture::feed::{Feed, Reference};
use crate::torture::ingester::{Ingester, Meal, Pace};

/// A database as its writers left it.
#[derive(Debug)]
pub(super) struct Template {
    /// Its history.
    pub(super) name: &'static str,
    pub(super) db: PathBuf,
    /// An earlier copy of it.
    pub(super) older: Option<PathBuf>,
    pub(super) events: Seq,
    pub(super) hash: StateHash,
}

/// How a writer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Killed,
}

/// The percentage of the feed after each writer, and how the writer ends. A copy is made after the first of several.
const PASTS: [(&str, &[(u64, End)]); 5] = [
    ("closed after one ingest", &[(100, End::Closed)]),
    ("killed in its first ingest", &[(100, End::Killed)]),
    ("closed after several ingests", &[(40, End::Closed), (70, End::Closed), (100, End::Closed)]),
    ("killed several times", &[(30, End::Killed), (60, End::Killed), (65, End::Killed), (100, End::Killed)]),
    ("killed after orderly ends", &[(50, End::Closed), (80, End::Closed), (100, End::Killed)]),
];

pub(super) fn build_all(folder: &Path, feed: &Arc<Feed>) -> Result<Vec<Template>> {
    let mut reference = Reference::new(feed.clone());
    let mut templates = Vec::new();
    let bulk = replayed(folder, feed)?;
    let ingested = PASTS.iter().map(|(name, past)| lived(folder, feed, name, past));
    for (name, db, older) in
        std::iter::once(Ok(bulk)).chain(ingested.collect::<Vec<_>>()).collect::<Result<Vec<_>>>()?
    {
        let found = examine_copy(&db, feed, &mut reference, 1).with_context(|| format!("a database {name}"))?;
        let hash = reference.hash_after(found.events);
        templates.push(Template { name, db, older, events: found.events, hash });
    }
    Ok(templates)
}

type Built = (&'static str, PathBuf, Option<PathBuf>);

fn replayed(folder: &Path, feed: &Feed) -> Result<Built> {
    let (log, db) = (folder.join("log"), folder.join("replayed"));
    feed.write(&log)?;
    let mut replay = convofold();
    replay.arg("replay").arg(&log).arg("--db").arg(&db).stderr(Stdio::null());
    ensure!(replay.status().context("running convofold replay")?.success(), "convofold replay failed");
    Ok(("replayed and never opened again", db, None))
}

fn lived(folder: &Path, feed: &Arc<Feed>, name: &'static str, past: &[(u64, End)]) -> Result<Built> {
    let db = folder.join(name.replace(' ', "-"));
    let mut older = None;
    let mut after = 0;
    for (no, (percent, end)) in past.iter().enumerate() {
        let to = feed.len() * percent / 100;
        let mut ingest = convofold();
        ingest.arg("ingest").arg("--db").arg(&db);
        let ends = *end == End::Closed;
        let meal = Meal { after, to, known: after, pace: Pace::Bursts(60), ends };
        let ingester = Ingester::start(ingest, feed, meal)?;
        ensure!(ingester.wait_for(to)?, "ingest ended before it had answered");
        if ends {
            ingester.finish()?
        } else {
            ingester.kill()?
        };
        after = to;
        if no == 0 && past.len() > 1 {
            let copy = db.with_extension("older");
            copy_folder(&db, &copy)?;
            older = Some(copy);
        }
    }
    ensure!(fs::exists(&db).context("looking for the database")?, "no database was created");
    Ok((name, db, older))
}
