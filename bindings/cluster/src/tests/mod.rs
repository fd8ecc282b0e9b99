//! Tests across the crate. This file has what they share.

#[cfg(feature = "ask")]
mod ask;
#[cfg(feature = "ask")]
mod asking;
#[cfg(feature = "nats")]
mod brokers;
#[cfg(feature = "ask")]
mod down;
mod follow;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
mod publish;
mod owners;
mod removed;
#[cfg(feature = "nats")]
mod servers;
#[cfg(feature = "node")]
mod lease;
#[cfg(feature = "node")]
mod node;
#[cfg(feature = "node")]
mod without_brokers;
mod split;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use convofold::ingest::Format;
use convofold::{Convofold, Options, StateHash};
use tempfile::TempDir;

use crate::testing::{DrivenClock, KeptRejects, Twin, TwinSource};
use crate::{Clock as _, FollowError, FollowOptions, Follower, Step};

/// The `number`th event, of one of seven conversations.
pub(crate) fn event(number: u64) -> Vec<u8> {
    let (conversation, second) = (number % 7, number % 60);
    let kind = if number % 11 == 10 { "close" } else { "message" };
    let direction = if number.is_multiple_of(3) { "out" } else { "in" };
    let said =
        if kind == "message" { format!(r#","direction":"{direction}","text":"{number}""#) } else { String::new() };
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":"c-{conversation}","identity":"e-{number}","kind":"{kind}","occurred":"2026-03-02T09:15:{second:02}Z"{said}}}"#
    )
    .into_bytes()
}

/// The state hash of one machine that was given these inputs.
pub(crate) fn one_machine<'a>(inputs: impl IntoIterator<Item = &'a [u8]>) -> StateHash {
    let home = tempfile::tempdir().unwrap();
    let db = options().open(home.path().join("db")).unwrap();
    let all: Vec<u8> = inputs.into_iter().flat_map(|input| [input, b"\n"].concat()).collect();
    db.ingest(&all, Format::Auto).unwrap();
    db.state_hash()
}

pub(crate) fn options() -> Options {
    Options::new().cache_bytes(1 << 20)
}

/// One of the owners of a partition: a database that follows the twin, and can crash.
pub(crate) struct Owner {
    dir: TempDir,
    life: u32,
    twin: Twin,
    pub(crate) clock: Arc<DrivenClock>,
    pub(crate) rejects: KeptRejects,
    follow: FollowOptions,
    pub(crate) db: Convofold,
    pub(crate) follower: Follower<TwinSource, KeptRejects>,
}

impl Owner {
    pub(crate) fn of(twin: &Twin) -> Self {
        Self::with(twin, |options| options)
    }

    pub(crate) fn with(twin: &Twin, set: impl FnOnce(FollowOptions) -> FollowOptions) -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (clock, rejects) = (DrivenClock::new(), KeptRejects::default());
        let follow = set(FollowOptions::new("chat", 0).clock(clock.clone()));
        let db = options().open(dir.path().join("0")).unwrap();
        let follower = Follower::new(db.clone(), twin.source(), rejects.clone(), follow.clone()).unwrap();
        Self { dir, life: 0, twin: twin.clone(), clock, rejects, follow, db, follower }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(self.life.to_string())
    }

    /// The process is killed, and started again with what is in the files.
    pub(crate) fn crash(&mut self) {
        let before = self.path();
        self.life += 1;
        copy_dir(&before, &self.path());
        self.db = options().open(self.path()).unwrap();
        let source = self.twin.source();
        self.follower = Follower::new(self.db.clone(), source, self.rejects.clone(), self.follow.clone()).unwrap();
        std::fs::remove_dir_all(before).unwrap();
    }

    /// One step; a pause passes at once.
    pub(crate) fn step(&mut self) -> Result<Step, FollowError> {
        let step = self.follower.step()?;
        if let Step::Wait(pause) = step {
            self.clock.sleep(pause);
        }
        Ok(step)
    }

    /// Reads to the end of the log, which is verified before.
    pub(crate) fn catch_up(&mut self) -> Result<(), FollowError> {
        self.clock.sleep(Duration::from_secs(10));
        for _ in 0..10_000 {
            if self.step()? == Step::Idle && self.read_to() == self.twin.bounds().1 {
                return self.follower.finish();
            }
        }
        panic!("no end: {:?}", self.follower.status().get());
    }

    pub(crate) fn read_to(&self) -> u64 {
        self.follower.bookmark().map_or(0, |bookmark| bookmark.read_to)
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
