//! Nodes that follow a log on three brokers, and change partitions.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use convofold::StateHash;
use convofold::ingest::{Format, Limits, Parser};
use convofold_server::{Client, Settings};

use super::brokers::request;
use super::publish::Log;
use super::servers::until;
use super::{event, one_machine};
use crate::Source as _;
use crate::nats::PublishOptions;
use crate::node::{Node, NodeOptions, NodeStatus};

/// A node on a thread of its own.
struct Running {
    stop: Arc<AtomicBool>,
    url: String,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(log: &Log, name: &str, dir: &Path) -> Self {
        let mut settings = Settings::default();
        (settings.db, settings.listen) = (Some(dir.join(name)), "127.0.0.1:0".parse().ok());
        let server = settings.resolve().unwrap();
        std::fs::create_dir_all(dir.join(name)).unwrap();
        let node = Node::start(&log.nats, &log.registry, NodeOptions::new(name, server)).unwrap();
        let (stop, url) = (Arc::new(AtomicBool::new(false)), format!("http://{}", node.address()));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            node.run(&stopped);
            node.close().unwrap();
        });
        Self { stop, url, thread }
    }

    fn status(&self) -> NodeStatus {
        Client::of_url(&self.url, None).unwrap().partitions().unwrap()
    }

    /// Waits until the node has these partitions, and has read this number of events.
    fn has_read(&self, partitions: &[u32], events: u64) {
        until("the node has read all", || {
            let found = self.status().partitions;
            let numbers: Vec<u32> = found.iter().map(|it| it.partition).collect();
            let read: u64 = found.iter().map(|it| it.events).sum();
            let is_idle = found.iter().all(|it| it.state == "caught-up");
            (numbers == partitions && read >= events && is_idle).then_some(())
        });
    }

    /// The state hash of a partition, as the server of the node says.
    fn hash(&self, partition: u32) -> StateHash {
        Client::of_url(&format!("{}/partitions/{partition}", self.url), None).unwrap().state_hash().unwrap()
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

#[test]
fn nodes_follow_their_partitions_and_answer_and_a_partition_can_move() {
    let log = Log::of(2);
    let names = ["a".to_owned(), "b".to_owned()];
    let spread = |owners: &crate::Owners| owners.spread(log.registry.partitions(), &names, 1);
    log.registry.change_owners(spread).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| Running::start(&log, name, dir.path()));

    let (publisher, _) = log.publisher(PublishOptions::new());
    let events: Vec<Vec<u8>> = (0..1_000).map(event).collect();
    let parser = Parser::new(Format::Auto, Limits::default());
    publisher.publish(&parser, "test", &events.join(&b'\n')).unwrap();
    publisher.finish(|_| {}).unwrap();
    let expected = one_machine(events.iter().map(Vec::as_slice));
    let lasts = [0, 1].map(|partition| log.nats.source(log.name.stream(partition)).identity().unwrap().last_seq);
    a.has_read(&[0], lasts[0]);
    b.has_read(&[1], lasts[1]);
    assert_eq!(a.hash(0).plus(b.hash(1)), expected);
    assert_eq!(log.registry.read().unwrap().replicas(0), [("a", a.url.as_str())]);

    log.registry.change_owners(|owners| owners.moved(0, "a", "b")).unwrap();
    a.has_read(&[], 0);
    b.has_read(&[0, 1], lasts[0] + lasts[1]);
    assert_eq!(b.hash(0).plus(b.hash(1)), expected);
    a.end();
    b.end();
    // What a node has read survives it.
    let again = Running::start(&log, "b", dir.path());
    again.has_read(&[0, 1], lasts[0] + lasts[1]);
    assert_eq!(again.hash(0).plus(again.hash(1)), expected);
    again.end();
}

#[test]
fn a_stream_with_a_setting_that_cannot_be_used_is_named_and_not_followed() {
    let log = Log::of(1);
    let mut config = request(&log.nats, "$JS.API.STREAM.INFO.CF_chat_0", b"")["config"].clone();
    config["allow_direct"] = false.into();
    request(&log.nats, "$JS.API.STREAM.UPDATE.CF_chat_0", config.to_string().as_bytes());
    let spread = |owners: &crate::Owners| owners.spread(log.registry.partitions(), &["a".to_owned()], 1);
    log.registry.change_owners(spread).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let node = Running::start(&log, "a", dir.path());
    let why = until("the partition has stopped", || {
        let found = node.status().partitions;
        found.iter().find(|it| it.is_stopped()).and_then(|it| it.why.clone())
    });
    assert!(why.contains("CF_chat_0: allow_direct should be true, found false"), "{why}");
    node.end();
}
