//! What one would build with Kafka Streams: each event reads, changes and writes the state of its conversation as JSON in a local
//! key-value store, and at each commit, every 100 ms, the changed states are published into a changelog, from which a lost store is
//! made again.
//!
//! It does less than such a program: changed states are kept in memory until the commit, those of one commit are one message of the
//! changelog, not one each, the store itself is never made durable, as in Kafka Streams, and events that come twice are not recognised.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::Client;
use convofold::Event;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold_benches::outcome::Answers;
use convofold_benches::peers::Row;
use convofold_cluster::Message;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The default of Kafka Streams with exactly-once processing.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// A message of the changelog is not longer than this. A broker takes 1 MiB.
const CHANGELOG_BYTES: usize = 512 << 10;
const CACHE_BYTES: u64 = 8 << 20;
/// The key of the last message that was processed.
const POSITION: &str = "position";

/// A stream of changed states for each partition.
pub(crate) struct Changelog {
    runtime: Runtime,
    client: Client,
    partitions: u32,
}

impl Changelog {
    /// Makes the streams, with three replicas.
    pub(crate) fn make(urls: &str, partitions: u32) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let urls: Vec<&str> = urls.split(',').collect();
        let client = runtime.block_on(async_nats::ConnectOptions::new().connect(urls))?;
        let changelog = Self { runtime, client, partitions };
        for partition in 0..partitions {
            let stream = json!({
                "name": stream(partition), "subjects": [subject(partition)], "retention": "limits", "storage": "file",
                "num_replicas": 3,
            });
            changelog.request(
                format!("$JS.API.STREAM.CREATE.{}", stream["name"].as_str().unwrap_or_default()),
                &stream.to_string(),
            )?;
        }
        Ok(changelog)
    }

    fn request(&self, subject: String, payload: &str) -> Result<Value> {
        self.send(subject, payload.as_bytes().to_vec())
    }

    /// Waits for the acknowledgement.
    fn send(&self, subject: String, payload: Vec<u8>) -> Result<Value> {
        let answer = self.runtime.block_on(self.client.request(subject.clone(), payload.into()))?;
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        ensure!(answer["error"].is_null(), "{subject}: {answer}");
        Ok(answer)
    }

    /// What lies in the changelog.
    pub(crate) fn note(&self, events: u64) -> Result<String> {
        let (mut messages, mut bytes) = (0, 0);
        for partition in 0..self.partitions {
            let info = self.request(format!("$JS.API.STREAM.INFO.{}", stream(partition)), "")?;
            messages += info["state"]["messages"].as_u64().unwrap_or_default();
            bytes += info["state"]["bytes"].as_u64().unwrap_or_default();
        }
        Ok(format!("changelog of the stream processor: {messages} messages, {} bytes an event", bytes / events.max(1)))
    }

    pub(crate) fn remove(self) -> Result<()> {
        (0..self.partitions)
            .try_for_each(|it| self.request(format!("$JS.API.STREAM.DELETE.{}", stream(it)), "").map(drop))
    }
}

fn stream(partition: u32) -> String {
    format!("CHANGELOG_{partition}")
}

fn subject(partition: u32) -> String {
    format!("changelog.{partition}")
}

/// Processes one partition.
pub(crate) struct Processor<'a> {
    changelog: &'a Changelog,
    subject: String,
    parser: Parser,
    database: Database,
    states: Keyspace,
    positions: Keyspace,
    /// States that were changed since the last commit, in JSON.
    changed: HashMap<String, Vec<u8>>,
    committed: Instant,
    position: u64,
    events: u64,
}

#[derive(Default)]
struct Found {
    events: Vec<Event>,
    rejected: usize,
}

impl Sink for Found {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {}

    fn rejected(&mut self, _rejection: Rejection) {
        self.rejected += 1;
    }
}

impl<'a> Processor<'a> {
    pub(crate) fn open(folder: &Path, partition: u32, changelog: &'a Changelog) -> Result<Self> {
        let database = Database::builder(folder).cache_size(CACHE_BYTES).open()?;
        let keyspace = |name: &str| database.keyspace(name, KeyspaceCreateOptions::default);
        Ok(Self {
            changelog,
            subject: subject(partition),
            parser: Parser::new(Format::Auto, Limits::default()),
            states: keyspace("states")?,
            positions: keyspace("positions")?,
            database,
            changed: HashMap::new(),
            committed: Instant::now(),
            position: 0,
            events: 0,
        })
    }

    /// Number of events that were processed.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn process(&mut self, messages: &[Message]) -> Result<()> {
        for message in messages {
            let mut found = Found::default();
            self.parser.parse_input(&message.payload, &mut found);
            ensure!(found.rejected == 0, "message {} is no event", message.seq);
            found.events.iter().try_for_each(|event| self.apply(event))?;
            self.position = message.seq;
            if self.committed.elapsed() >= COMMIT_INTERVAL {
                self.commit()?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: &Event) -> Result<()> {
        let id = event.conversation();
        let mut state: Row = match self.changed.get(id) {
            Some(state) => serde_json::from_slice(state)?,
            None => match self.states.get(id)? {
                Some(state) => serde_json::from_slice(&state)?,
                None => Row::begun_by(event),
            },
        };
        state.fold(event);
        let state = serde_json::to_vec(&state)?;
        match self.changed.get_mut(id) {
            Some(before) => *before = state,
            None => drop(self.changed.insert(id.to_owned(), state)),
        }
        self.events += 1;
        Ok(())
    }

    /// Publishes the changed states, waits for the acknowledgement, and writes them with the position.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let mut batch = self.database.batch();
        let mut message = Vec::new();
        for (id, state) in self.changed.drain() {
            if message.len() + id.len() + state.len() + 2 > CHANGELOG_BYTES {
                self.changelog.send(self.subject.clone(), std::mem::take(&mut message))?;
            }
            [id.as_bytes(), b"\t".as_slice(), state.as_slice(), b"\n".as_slice()]
                .into_iter()
                .for_each(|part| message.extend_from_slice(part));
            batch.insert(&self.states, id.as_str(), state);
        }
        if !message.is_empty() {
            self.changelog.send(self.subject.clone(), message)?;
        }
        batch.insert(&self.positions, POSITION, self.position.to_be_bytes());
        batch.commit()?;
        self.committed = Instant::now();
        Ok(())
    }

    /// The answers at the end.
    pub(crate) fn answers(&self) -> Result<Answers> {
        let mut answers = Answers { events: self.events, ..Answers::default() };
        for entry in self.states.iter() {
            let (id, state) = entry.into_inner()?;
            let state: Row = serde_json::from_slice(&state)?;
            answers.add(state.known(std::str::from_utf8(&id).context("an id is UTF-8")?));
        }
        Ok(answers)
    }
}
