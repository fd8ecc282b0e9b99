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
use crate::{ours, peers};

const VARIABLE: &str = "CONVOFOLD_BENCHES_TASK";

/// What a process can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Parse a log and do nothing with it.
    Parse(PathBuf, Library, usize),
    /// Replay a log into a new database of a peer in this folder.
    Replay(Peer, PathBuf, PathBuf),
    /// Replay files with convofold, in this order, and tell the disk's use meanwhile.
    Files(Vec<PathBuf>, PathBuf),
}

impl Task {
    fn carry_out(&self) -> Result<Value> {
        Ok(match self {
            Self::Parse(log, library, threads) => serde_json::to_value(parse(log, *library, *threads)?)?,
            Self::Replay(peer, log, folder) => serde_json::to_value(peers::replay(*peer, log, folder)?)?,
            Self::Files(files, folder) => serde_json::to_value(ours::replay_files(files, folder)?)?,
        })
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
