//! A cluster of real processes: brokers, nodes and publishers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use convofold::ingest::Format;
use convofold::{Convofold, StateHash};
use serde_json::Value;

use crate::servers::{Servers, until};

/// The partitions of a log in most tests.
pub(crate) const PARTITIONS: u32 = 4;

/// The namespace of commands.
const COMMANDS: &str = "hub";

pub(crate) struct Cluster {
    pub(crate) servers: Servers,
    dir: tempfile::TempDir,
    nodes: Vec<(String, Option<Child>)>,
    pub(crate) places: Places,
}

/// Where the processes run.
#[derive(Default)]
pub(crate) struct Places {
    /// The names of all namespaces of the network begin like this.
    pub(crate) namespaces: Option<String>,
    /// The token of all nodes.
    pub(crate) token: Option<String>,
}

impl Places {
    /// The command, in the namespace with this name.
    fn words(&self, name: &str) -> Vec<String> {
        let binary = env!("CARGO_BIN_EXE_convofold").to_owned();
        let Some(namespaces) = &self.namespaces else { return vec![binary] };
        ["ip", "netns", "exec", &format!("{namespaces}{name}"), &binary].map(str::to_owned).to_vec()
    }

    fn command(&self, name: &str) -> Command {
        let words = self.words(name);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(self.token.as_ref().map(|token| ("CONVOFOLD_TOKEN", token)));
        command
    }

    /// The same for commands that could wait for a part of the network that does not answer.
    fn limited(&self) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after", "1", "60"]).args(self.words(COMMANDS));
        command.envs(self.token.as_ref().map(|token| ("CONVOFOLD_TOKEN", token)));
        command
    }
}

pub(crate) fn convofold() -> Command {
    Places::default().command(COMMANDS)
}

#[track_caller]
pub(crate) fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Cluster {
    pub(crate) fn start(partitions: u32) -> Self {
        Self::start_on(Servers::start(), Places::default(), partitions)
    }

    pub(crate) fn start_on(servers: Servers, places: Places, partitions: u32) -> Self {
        let cluster = Self { servers, dir: tempfile::tempdir().unwrap(), nodes: Vec::new(), places };
        // The brokers have just been started, and may not have elected a leader.
        cluster.init(partitions);
        cluster
    }

    /// Makes the streams that are not there.
    pub(crate) fn init(&self, partitions: u32) {
        let partitions = partitions.to_string();
        until("the log is made", || self.run(&["init", "--partitions", &partitions]).status.success().then_some(()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.with(self.places.command(COMMANDS), args)
    }

    fn with(&self, mut command: Command, args: &[&str]) -> Command {
        command.arg("cluster").args(args).args(["--nats", &self.servers.urls, "--log", "chat"]);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.with(self.places.limited(), args).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn expect(&self, args: &[&str]) {
        expect_success(&self.run(args));
    }

    /// Makes these nodes the owners of every partition, and starts them.
    pub(crate) fn start_owners(&mut self, names: &[&str]) {
        let copies = names.len().to_string();
        self.expect(&["assign", "--nodes", &names.join(","), "--copies", &copies]);
        names.iter().for_each(|name| self.start_node(name));
    }

    pub(crate) fn start_node(&mut self, name: &str) {
        self.start_node_with(name, &["--listen", "127.0.0.1:0"]);
    }

    pub(crate) fn start_node_with(&mut self, name: &str, args: &[&str]) {
        // A node does not start while no broker answers.
        until("the brokers answer", || self.status());
        let dir = self.path(name);
        let args_of_all = ["node", "--name", name, "--dir", dir.to_str().unwrap()];
        let mut command = self.with(self.places.command(name), &args_of_all);
        // What it says is shown if a test fails.
        let log = fs::File::options().create(true).append(true).open(self.path(&format!("{name}.log"))).unwrap();
        let child = command.args(args).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.nodes.retain(|(known, _)| known != name);
        self.nodes.push((name.to_owned(), Some(child)));
    }

    /// A process that ends with the cluster.
    pub(crate) fn end_with(&mut self, name: &str, process: Child) {
        self.nodes.push((name.to_owned(), Some(process)));
    }

    pub(crate) fn kill_node(&mut self, name: &str) {
        let (_, child) = self.nodes.iter_mut().find(|(known, _)| known == name).unwrap();
        let mut child = child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What the nodes say; `None` if the brokers do not answer.
    pub(crate) fn status(&self) -> Option<Value> {
        serde_json::from_slice(&self.run(&["status", "--json"]).stdout).ok()
    }

    /// The partitions of a node.
    pub(crate) fn partitions_of(&self, name: &str) -> Option<Vec<Value>> {
        let status = self.status()?;
        let node = status["nodes"].as_array()?.iter().find(|node| node["node"] == name)?;
        node["partitions"].as_array().cloned()
    }

    /// Something about each partition of a node, for instance `rollbacks`, added up.
    pub(crate) fn sum(&self, name: &str, field: &str) -> Option<u64> {
        Some(self.partitions_of(name)?.iter().filter_map(|it| it[field].as_u64()).sum())
    }

    /// The number of messages that a node has read.
    pub(crate) fn read_by(&self, name: &str) -> Option<u64> {
        self.sum(name, "log_seq")
    }

    /// Waits until each of these nodes has the state of one machine in all partitions.
    #[track_caller]
    pub(crate) fn expect_state(&self, names: &[&str], partitions: u32, expected: StateHash) {
        for name in names {
            until("a node has the state of one machine", || {
                let found = self.partitions_of(name)?;
                let hash = |it: &Value| serde_json::from_value::<StateHash>(it["hash"].clone()).unwrap();
                let sum = found.iter().map(hash).reduce(StateHash::plus)?;
                (found.len() == partitions as usize && sum == expected).then_some(())
            });
        }
    }

    /// The sum of the state hashes of all partitions on two owners, when both have read this number of messages.
    pub(crate) fn hash_of_both(&self, messages: u64) -> StateHash {
        until("the nodes have read all", || {
            let status = self.status()?;
            let nodes = status["nodes"].as_array()?;
            let partitions: Vec<&Value> = nodes.iter().filter_map(|it| it["partitions"].as_array()).flatten().collect();
            let read: u64 = partitions.iter().filter_map(|it| it["log_seq"].as_u64()).sum();
            let is_idle = partitions.iter().all(|it| it["state"] == "caught-up");
            let hash = |it: &&Value| serde_json::from_value::<StateHash>(it["hash"].clone()).unwrap();
            let hashes = partitions.iter().map(hash);
            (partitions.len() == 2 * PARTITIONS as usize && read == 2 * messages && is_idle)
                .then(|| hashes.reduce(StateHash::plus))?
        })
    }

    /// Waits until a partition of a node has stopped. Returns why.
    pub(crate) fn stopped(&self, name: &str, partition: u32) -> String {
        until("a partition has stopped", || {
            let found = self.partitions_of(name)?;
            let stopped = found.iter().find(|it| it["partition"] == partition && it["state"] == "stopped")?;
            stopped["why"].as_str().map(str::to_owned)
        })
    }

    /// The state hash that a question to the cluster has as its answer, if no partition is missing.
    pub(crate) fn asked_hash(&self) -> Option<StateHash> {
        let url = format!("{}/chat", self.servers.urls.replace(",nats://", ","));
        let output = self.places.limited().args(["hash", "--db", &url]).output().unwrap();
        if !output.status.success() {
            return None;
        }
        String::from_utf8(output.stdout).ok()?.split_whitespace().next()?.parse().ok()
    }

    /// Starts a publisher of what is written into its input.
    pub(crate) fn start_publisher(&self) -> Child {
        let mut command = self.command(&["publish", "-", "--json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Publishes these events. Returns the report.
    pub(crate) fn publish(&self, name: &str, events: &[u8]) -> Value {
        let path = self.path(name);
        fs::write(&path, events).unwrap();
        let output = self.run(&["publish", path.to_str().unwrap(), "--json"]);
        expect_success(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (name, _) in &self.nodes {
                let log = fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
                eprintln!("node {name} said:\n{log}");
            }
            eprintln!("{}", String::from_utf8_lossy(&self.run(&["status"]).stdout));
        }
        for child in self.nodes.iter_mut().filter_map(|(_, child)| child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The number of events of a trial.
pub(crate) fn trial_events() -> u64 {
    std::env::var("CONVOFOLD_TRIAL_EVENTS").ok().and_then(|events| events.parse().ok()).unwrap_or(50_000)
}

/// Generated events, in this number of parts of equal size.
pub(crate) fn generated(events: u64, parts: usize) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.ndjson");
    let args = ["generate", "--events", &events.to_string(), "--out", path.to_str().unwrap()];
    expect_success(&convofold().args(args).output().unwrap());
    let log = fs::read(path).unwrap();
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    lines.chunks(lines.len().div_ceil(parts)).map(<[&[u8]]>::concat).collect()
}

/// The state hash of one machine with these events.
pub(crate) fn one_machine(events: &[u8]) -> StateHash {
    let home = tempfile::tempdir().unwrap();
    let db = Convofold::open(home.path().join("db")).unwrap();
    db.ingest(events, Format::Auto).unwrap();
    db.state_hash()
}

/// Copies a folder.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
