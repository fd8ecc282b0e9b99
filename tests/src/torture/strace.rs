//! `convofold` under strace: its system calls in order.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// The calls that are always traced; they show the order of reads, writes, barriers and answers.
const TRACED: &str = "read,write,pwrite64,fdatasync,fsync";

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The thread.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// Its first argument: a descriptor and the file in angle brackets, or something else.
    pub subject: String,
    /// What it returned, if that is a number.
    pub returned: Option<i64>,
    /// The positions in the trace at which it began and ended. A call that never ended has no end.
    pub began: usize,
    /// See `began`.
    pub ended: Option<usize>,
    /// Whether strace made it fail.
    pub injected: bool,
}

/// Whether strace is installed and permitted.
#[must_use]
pub fn is_here() -> bool {
    Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output().is_ok_and(|output| output.status.success())
}

/// The command under strace. `more` are further calls to trace, and `inject` are faults to inject.
pub fn traced(command: &Command, more: Option<&str>, inject: Option<&str>, trace: &Path) -> Command {
    let mut traced = Command::new("strace");
    // Without the content of reads and writes.
    traced.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(trace);
    let calls = more.filter(|more| !TRACED.split(',').any(|call| call == *more));
    traced.arg("-e").arg(format!("trace={TRACED}{}", calls.map(|more| format!(",{more}")).unwrap_or_default()));
    if let Some(inject) = inject {
        traced.arg("-e").arg(format!("inject={inject}"));
    }
    traced.arg(command.get_program()).args(command.get_args()).env_remove("CONVOFOLD_DB");
    traced
}

/// Reads a trace.
///
/// # Errors
/// If the file cannot be read.
pub fn calls(trace: &Path) -> Result<Vec<Call>> {
    let file = File::open(trace).with_context(|| format!("opening the trace {}", trace.display()))?;
    let mut calls = Vec::new();
    let mut unfinished: HashMap<u32, usize> = HashMap::new();
    for (at, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.context("reading the trace")?;
        let line = String::from_utf8_lossy(&line);
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Ok(thread) = thread.parse() else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            let call = unfinished.remove(&thread).and_then(|index| calls.get_mut(index));
            if let Some(Call { ended, returned, injected, .. }) = call {
                *ended = Some(at);
                (*returned, *injected) = outcome(rest);
            }
        } else if let Some((name, arguments)) = rest.split_once('(') {
            let is_finished = !rest.ends_with("<unfinished ...>");
            let (returned, injected) = outcome(rest);
            if !is_finished {
                unfinished.insert(thread, calls.len());
            }
            let subject = arguments.split([',', ')']).next().unwrap_or_default().trim();
            let subject = subject.trim_end_matches(" <unfinished ...>").to_owned();
            let ended = is_finished.then_some(at);
            calls.push(Call { thread, name: name.to_owned(), subject, returned, began: at, ended, injected });
        }
    }
    Ok(calls)
}

/// What a call returned, and whether strace caused it.
fn outcome(line: &str) -> (Option<i64>, bool) {
    let returned = line.rsplit_once(" = ").and_then(|(_, returned)| returned.split(' ').next()?.parse().ok());
    (returned, line.ends_with("(INJECTED)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_with_their_subjects_and_outcomes_also_where_others_come_between() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        let text = "7  fdatasync(5</db/sled/db> <unfinished ...>\n\
                    8  pwrite64(4</db/sled/db>, \"\"..., 24, 335) = 24\n\
                    7  <... fdatasync resumed>) = -1 EIO (Input/output error) (INJECTED)\n\
                    7  write(1<pipe:[3]>, \"\"..., 110 <unfinished ...>\n\
                    8  +++ killed by SIGKILL +++\n";
        std::fs::write(&path, text).unwrap();
        let found = calls(&path).unwrap();
        let told: Vec<_> =
            found.iter().map(|call| (call.name.as_str(), call.subject.as_str(), call.returned, call.ended)).collect();
        assert_eq!(
            told,
            [
                ("fdatasync", "5</db/sled/db>", Some(-1), Some(2)),
                ("pwrite64", "4</db/sled/db>", Some(24), Some(1)),
                ("write", "1<pipe:[3]>", None, None),
            ]
        );
        assert_eq!(found.iter().map(|call| call.injected).collect::<Vec<_>>(), [true, false, false]);
    }
}
