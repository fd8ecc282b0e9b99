//! Leases on three brokers, and nodes that send alerts by them.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use convofold_server::Settings;
use serde_json::json;

use super::publish::Log;
use super::servers::until;
use crate::nats::{Lease, LeaseError, Leases};
use crate::node::{Node, NodeOptions, PartitionStatus};

fn acquire(leases: &Leases, holder: &str) -> Option<Lease> {
    until("the brokers answer", || leases.acquire("alerts-0", holder).ok())
}

fn renew(lease: &mut Lease) -> Result<(), LeaseError> {
    until("the brokers answer", || match lease.renew() {
        Err(LeaseError::Cluster(_)) => None,
        outcome => Some(outcome),
    })
}

#[test]
fn a_lease_has_one_holder_and_each_one_has_a_higher_token() {
    let log = Log::of(1);
    let leases = until("the bucket is made", || Leases::open(&log.nats, &log.registry).ok());
    let mut one = until("the bucket has a leader", || acquire(&leases, "a"));
    let began = Instant::now();
    // For longer than it lasts.
    while began.elapsed() < Duration::from_secs(7) {
        renew(&mut one).unwrap();
        assert!(one.is_held() && acquire(&leases, "b").is_none());
        thread::sleep(Duration::from_millis(300));
    }
    let token = one.token();
    one.release().unwrap();
    let mut two = acquire(&leases, "b").unwrap();
    assert!(two.token() > token && two.is_held());
    // Its holder was suspended.
    let three = until("it has ended", || acquire(&leases, "c"));
    assert!(three.token() > two.token() && !two.is_held());
    assert!(matches!(renew(&mut two), Err(LeaseError::Lost { .. })));
    assert!(matches!(two.release(), Err(LeaseError::Lost { .. })));
}

fn node(log: &Log, name: &str, dir: &Path) -> Node {
    std::fs::create_dir_all(dir.join(name)).unwrap();
    let settings = json!({
        "db": dir.join(name), "listen": "127.0.0.1:0",
        // Nobody listens there.
        "alert": [{"name": "slow", "when": "waiting", "after": "5m", "url": "http://127.0.0.1:9/hook"}],
    });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Node::start(&log.nats, &log.registry, NodeOptions::new(name, settings.resolve().unwrap())).unwrap()
}

#[test]
fn one_owner_of_each_partition_sends_its_alerts_and_another_one_takes_over() {
    let log = Log::of(2);
    let names = ["a".to_owned(), "b".to_owned()];
    log.registry.change_owners(|owners| owners.spread(log.registry.partitions(), &names, 2)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let sends = |node: &Node| node.status().partitions.iter().filter(|it| it.sends_alerts).count();
    let a = node(&log, "a", dir.path());
    until("the first node sends all alerts", || (sends(&a) == 2).then_some(()));
    let b = node(&log, "b", dir.path());
    until("the other node follows", || b.status().partitions.iter().all(PartitionStatus::is_following).then_some(()));
    assert_eq!(sends(&b), 0);
    a.close().unwrap();
    until("the other node sends all alerts", || (sends(&b) == 2).then_some(()));
    b.close().unwrap();
}
