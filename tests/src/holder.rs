//! Processes that hold a database while other commands work on it.

#![expect(clippy::expect_used, clippy::panic, reason = "tests and their helpers may panic")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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
