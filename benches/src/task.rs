//! Work in a process of its own: so that its memory is its own, and so that it can be killed.
//!
//! A program that measures begins with [`serve`]. It calls itself with a task in its environment, and reads the answer from
//! that process's output.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::parse::{Library, parse};
use crate::peers::Peer;
use crate::targets::{disk, growth, memory, opening, pages, recovery};
use crate::{ours, peers};

const VARIABLE: &str = "CONVOFOLD_BENCHES_TASK";

/// What a process can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Parse a log and do nothing with it.
    Parse(PathBuf, Library, usize),
    /// Replay a log into a new database of a peer in this folder.
    Replay(Peer, PathBuf, PathBuf),
    /// Replay files with convofold, in this order, into a new database in this folder.
    Files(Vec<PathBuf>, PathBuf),
    /// P3: replay a log without a checkpoint.
    Leave(PathBuf, PathBuf),
    /// P3: open that and audit it.
    Fold(PathBuf),
    /// P4: so many open conversations, a checkpoint, and more events.
    LeaveOpen(u64, PathBuf),
    /// P4: open that.
    Open(PathBuf, u64, u64),
    /// P4: the same events in SQLite.
    LeaveOpenSqlite(u64, PathBuf),
    /// P4: open that and load what is open.
    OpenSqlite(PathBuf, u64),
    /// P5: pages of so many open conversations, beside so many closed ones, so many rounds.
    Pages(u64, u64, usize, PathBuf),
    /// P5: the same with SQLite.
    PagesSqlite(u64, u64, usize, PathBuf),
    /// P6: memory by so many open and closed conversations.
    Held(u64, u64, PathBuf),
    /// P6: memory with so many open after so many events.
    Growing(u64, u64, PathBuf),
    /// P7: replay a log and watch the disk.
    Disk(PathBuf, PathBuf),
    /// P9: replay a log and tell how far it was when.
    Growth(PathBuf, PathBuf),
}

impl Task {
    fn carry_out(&self) -> Result<Value> {
        match self {
            Self::Parse(log, library, threads) => value(parse(log, *library, *threads)),
            Self::Replay(peer, log, folder) => value(peers::replay(*peer, log, folder)),
            Self::Files(files, folder) => value(ours::replay_files(files, folder)),
            Self::Leave(log, folder) => value(recovery::leave(log, folder)),
            Self::Fold(folder) => value(recovery::fold(folder)),
            Self::LeaveOpen(open, folder) => value(opening::leave(*open, folder)),
            Self::Open(folder, open, after) => value(opening::open(folder, *open, *after)),
            Self::LeaveOpenSqlite(open, folder) => value(opening::leave_sqlite(*open, folder)),
            Self::OpenSqlite(folder, open) => value(opening::open_sqlite(folder, *open)),
            Self::Pages(open, closed, rounds, folder) => value(pages::ours(*open, *closed, *rounds, folder)),
            Self::PagesSqlite(open, closed, rounds, folder) => value(pages::theirs(*open, *closed, *rounds, folder)),
            Self::Held(open, closed, folder) => value(memory::held(*open, *closed, folder)),
            Self::Growing(open, events, folder) => value(memory::growing(*open, *events, folder)),
            Self::Disk(log, folder) => value(disk::used(log, folder)),
            Self::Growth(log, folder) => value(growth::course(log, folder)),
        }
    }

    /// Carries it out in a process of its own.
    ///
    /// # Errors
    /// What that process says.
    pub fn run<T: DeserializeOwned>(&self) -> Result<T> {
        let (answer, mut child) = self.start()?;
        child.wait()?;
        answer
    }

    /// Carries it out in a process of its own, which is killed once it has answered and before it can tidy up anything.
    ///
    /// # Errors
    /// What that process says.
    pub fn run_and_kill<T: DeserializeOwned>(&self) -> Result<T> {
        let (answer, mut child) = self.start()?;
        child.kill()?;
        child.wait()?;
        answer
    }

    /// The answer, and the process: it goes on until its input ends.
    fn start<T: DeserializeOwned>(&self) -> Result<(Result<T>, Child)> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(VARIABLE, serde_json::to_string(self)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("it has an output")?).read_line(&mut line)?;
        if line.is_empty() {
            child.wait()?;
        }
        let answer = serde_json::from_str(&line).with_context(|| format!("{self:?} did not answer"));
        Ok((answer, child))
    }
}

fn value<T: Serialize>(answer: Result<T>) -> Result<Value> {
    Ok(serde_json::to_value(answer?)?)
}

/// Carries out the task that this process was started for, if any. Where it says yes, there is nothing else to do.
///
/// # Errors
/// Whatever went wrong in the task.
pub fn serve() -> Result<bool> {
    let Ok(task) = std::env::var(VARIABLE) else { return Ok(false) };
    let answer = serde_json::from_str::<Task>(&task)?.carry_out()?;
    let mut out = std::io::stdout();
    writeln!(out, "{answer}")?;
    out.flush()?;
    // Whoever asked decides how this process ends.
    let left = std::io::stdin().read_to_end(&mut Vec::new())?;
    ensure!(left == 0, "a task has no input");
    Ok(true)
}
