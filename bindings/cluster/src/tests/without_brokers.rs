//! A node that starts while no broker answers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use convofold::ingest::{Format, Limits, Parser};
use convofold_server::{Client, Settings};

use super::publish::Log;
use super::servers::until;
use super::{event, one_machine};
use crate::nats::{ConnectOptions, Nats, PublishOptions, Registry};
use crate::node::{KnownCluster, Node, NodeError, NodeOptions, PartitionStatus};

fn options(dir: &Path) -> NodeOptions {
    let mut settings = Settings::default();
    (settings.db, settings.listen) = (Some(dir.to_owned()), "127.0.0.1:0".parse().ok());
    NodeOptions::new("a", settings.resolve().unwrap())
}

fn partition(node: &Node) -> Option<PartitionStatus> {
    node.status().partitions.into_iter().next()
}

#[test]
fn a_node_that_starts_without_brokers_says_what_it_knew_and_follows_when_they_come_back() {
    let mut log = Log::of(1);
    log.registry.change_owners(|owners| owners.spread(log.registry.partitions(), &["a".to_owned()], 1)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(&log.nats, &log.registry, options(dir.path())).unwrap();
    let (publisher, _) = log.publisher(PublishOptions::new());
    let publish = |numbers: std::ops::Range<u64>| {
        let events: Vec<Vec<u8>> = numbers.map(event).collect();
        publisher.publish(&Parser::new(Format::Auto, Limits::default()), "test", &events.join(&b'\n')).unwrap();
        publisher.finish(|_| {}).unwrap();
    };
    let expected = |count: u64| {
        let events: Vec<Vec<u8>> = (0..count).map(event).collect();
        one_machine(events.iter().map(Vec::as_slice))
    };
    publish(0..100);
    until("the node has read all", || partition(&node).filter(|it| it.hash == expected(100) && it.is_following()));
    node.close().unwrap();
    (0..3).for_each(|number| log.servers.kill(number));

    let nats = Nats::connect_later(&log.servers.urls, ConnectOptions::new()).unwrap();
    let known = KnownCluster::read(dir.path(), "chat").unwrap().unwrap();
    let registry = Registry::known(&nats, &log.name, known.log).unwrap();
    // A node that knows nothing has nothing to say.
    let empty = tempfile::tempdir().unwrap();
    let refused = Node::start(&nats, &registry, options(empty.path()));
    assert!(matches!(refused, Err(NodeError::Cluster(error)) if error.is_unreachable()));
    let node = Node::start(&nats, &registry, options(dir.path())).unwrap();
    let client = Client::of_url(&format!("http://{}/partitions/0", node.address()), None).unwrap();
    until("the partition waits", || partition(&node).filter(|it| it.state == "waiting"));
    assert_eq!(client.state_hash().unwrap(), expected(100));
    assert_eq!(partition(&node).unwrap().verified_ms, None);

    (0..3).for_each(|number| log.servers.launch(number));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| node.run(&stop));
        until("the node follows", || partition(&node).filter(PartitionStatus::is_following));
        publish(100..120);
        until("the node has read all", || partition(&node).filter(|it| it.hash == expected(120)));
        let url = format!("http://{}", node.address());
        let is_known = || log.registry.nodes().is_ok_and(|nodes| nodes.get("a").is_some_and(|node| node.url == url));
        until("the others know its address", || is_known().then_some(()));
        stop.store(true, Ordering::Relaxed);
    });
    node.close().unwrap();
}
