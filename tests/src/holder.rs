//! Processes that hold a database while other commands work on it.

#![expect(clippy::expect_used, clippy::panic, reason = "tests and their helpers may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::command::Desk;

/// `convofold ingest` that waits for its next line.
#[derive(Debug)]
pub struct Holder {
    /// The process.
    pub child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Holder {
    /// Holds the database `db` of the desk.
    #[must_use]
    pub fn start(desk: &Desk) -> Self {
        Self::of(desk.command(&["ingest", "--db", "db"]))
    }

    /// Runs this `convofold ingest`.
    #[must_use]
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the command starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut holder = Self { child, stdin, stdout };
        // An ignored line shows that the database is open.
        holder.send("");
        holder
    }

    /// Sends a line and returns its answer, when it is durable.
    pub fn send(&mut self, line: &str) -> Value {
        writeln!(self.stdin, "{line}").expect("the command reads");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("an answer");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// Kills the process, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("a signal");
        self.child.wait().expect("an end");
    }

    /// Ends its input and waits until it has closed the database.
    pub fn end(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        assert!(child.wait().expect("an end").success());
    }
}

/// `convofold serve` on a free port.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Serving {
    /// Serves the database `db` of the desk.
    #[must_use]
    pub fn start(desk: &Desk) -> Self {
        let args = ["serve", "--db", "db", "--listen", "127.0.0.1:0", "--log", "json"];
        let mut child = desk.command(&args).stderr(Stdio::piped()).spawn().expect("the command starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let url = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).expect("a log") > 0, "the server does not start");
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = entry.get("address").and_then(Value::as_str) {
                break format!("http://{address}");
            }
        };
        thread::spawn(move || log.read_to_string(&mut String::new()));
        Self { child, url }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
