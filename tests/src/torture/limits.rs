//! Runs a command that may hang, use unbounded memory or print without end.

use std::fmt;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

/// The address space of a command, in KiB. Normal work on a small database uses a fraction of it.
const ADDRESS_SPACE_KIB: u64 = 2 << 20;

/// The result of a limited command.
#[derive(Debug)]
pub struct Ran {
    /// How it ended; `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command with limits of time and memory. Its output goes to files in `desk`, which the next run overwrites.
///
/// # Errors
/// If the command cannot be run.
pub fn run_limited(command: &Command, time: Duration, desk: &Path) -> Result<Ran> {
    let (out, err) = (desk.join("stdout"), desk.join("stderr"));
    let file = |path: &Path| File::create(path).with_context(|| format!("making {}", path.display()));
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$@\""), "sh"]);
    limited.arg(command.get_program()).args(command.get_args()).env_remove("CONVOFOLD_DB");
    limited.stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&err)?).process_group(0);
    let mut child = limited.spawn().context("starting a command")?;
    let deadline = Instant::now() + time;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().context("waiting for a command")? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            kill_group(&child)?;
            child.wait().context("waiting for a command")?;
            break None;
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let text = |path: &Path| Ok::<_, anyhow::Error>(String::from_utf8_lossy(&std::fs::read(path)?).into_owned());
    Ok(Ran { status, stdout: text(&out)?, stderr: text(&err)? })
}

/// A process that leads a group; dropping it kills both.
#[derive(Debug)]
pub(super) struct Leader(pub(super) Child);

impl Drop for Leader {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_group(&self.0).and_then(|()| Ok(self.0.wait()?));
        }
    }
}

/// Kills a process that leads a group, and the group. A process that has already ended is not an error.
///
/// # Errors
/// If the system refuses.
pub fn kill_group(leader: &Child) -> Result<()> {
    match kill_process_group(Pid::from_child(leader), Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error).context("killing"),
    }
}

/// A way of ending that is always a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disgrace {
    /// It did not end.
    Hang,
    /// It panicked.
    Panic,
    /// A signal that no trial sends ended it.
    Signal(i32),
    /// It asked for more memory than the limit.
    Memory,
}

impl Ran {
    /// The way in which it ended, if that is always a fault.
    #[must_use]
    pub fn disgrace(&self) -> Option<Disgrace> {
        let says = |what: &str| self.stderr.contains(what);
        let Some(status) = self.status else { return Some(Disgrace::Hang) };
        if says("memory allocation of") || says("out of memory") {
            return Some(Disgrace::Memory);
        }
        if status.code() == Some(101) {
            return Some(Disgrace::Panic);
        }
        status.signal().map(Disgrace::Signal)
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

impl fmt::Display for Disgrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hang => f.write_str("hang"),
            Self::Panic => f.write_str("panic"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Memory => f.write_str("memory"),
        }
    }
}
