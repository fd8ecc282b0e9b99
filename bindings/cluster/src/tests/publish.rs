//! Making a log on three brokers, and publishing while one of them is away.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use convofold::ingest::{Format, Limits, Parser};
use convofold::{Convofold, Draft, Event, Kind, StateHash, Time};

use super::brokers::{connect, leader, request};
use super::servers::{Servers, until};
use super::{event, one_machine, options};
use crate::nats::{
    ClusterError, DeadLetters, Nats, NewLog, PublishError, PublishOptions, Publisher, Registry, make_log,
};
use crate::{FollowOptions, Follower, LogName, NodeRecord, Owners, Partitions, RecordError, Step};

/// Three brokers with a log of some partitions.
pub(crate) struct Log {
    pub(crate) servers: Servers,
    pub(crate) nats: Nats,
    pub(crate) name: LogName,
    pub(crate) registry: Registry,
}

pub(crate) fn partitions(count: u32) -> Partitions {
    Partitions::new(NonZeroU32::new(count).unwrap())
}

impl Log {
    pub(crate) fn of(count: u32) -> Self {
        let servers = Servers::start();
        let nats = connect(&servers);
        let name: LogName = "chat".parse().unwrap();
        let new = NewLog::new(partitions(count));
        // The brokers have just been started, and may not have elected a leader.
        until("the log is made", || make_log(&nats, &name, &new, |_| {}).ok());
        let registry = Registry::open(&nats, &name).unwrap();
        Self { servers, nats, name, registry }
    }

    /// A publisher whose stop flag is returned, too.
    pub(crate) fn publisher(&self, options: PublishOptions) -> (Publisher, Arc<AtomicBool>) {
        let stop = Arc::new(AtomicBool::new(false));
        (Publisher::new(&self.nats, &self.registry, options.stop(stop.clone())), stop)
    }

    /// The sum of the state hashes of databases that read everything.
    fn hash(&self) -> StateHash {
        let hashes = (0..self.registry.partitions().count()).map(|partition| {
            let dir = tempfile::tempdir().unwrap();
            let db: Convofold = options().open(dir.path().join("db")).unwrap();
            let source = self.nats.source(self.name.stream(partition));
            let rejects = DeadLetters::new(&self.nats, &self.name);
            let follow = FollowOptions::new("chat", partition);
            let mut follower = Follower::new(db.clone(), source, rejects, follow).unwrap();
            until("all is read", || {
                let step = follower.step().unwrap();
                (step == Step::Idle && follower.status().get().lag() == 0).then_some(())
            });
            follower.finish().unwrap();
            db.state_hash()
        });
        hashes.reduce(StateHash::plus).unwrap()
    }
}

fn parser() -> Parser {
    Parser::new(Format::Auto, Limits::default())
}

#[test]
fn a_log_is_made_once_with_the_same_settings_and_its_owners_change_one_at_a_time() {
    let log = Log::of(3);
    let make = |new: &NewLog| make_log(&log.nats, &log.name, new, |_| {});
    let again = make(&NewLog::new(partitions(3))).unwrap();
    assert_eq!((again.made, again.found), (0, 5));
    assert!(matches!(
        make(&NewLog::new(partitions(4))),
        Err(ClusterError::Record(RecordError::Partitions { expected: 4, found: 3 }))
    ));
    let mut smaller = NewLog::new(partitions(3));
    smaller.max_bytes = Some(1 << 20);
    let refused = make(&smaller).unwrap_err();
    assert!(matches!(&refused, ClusterError::Stream { why, .. } if why.contains("other settings")), "{refused}");
    let none = Registry::open(&log.nats, &"none".parse().unwrap());
    assert!(matches!(none, Err(ClusterError::NotFound { log }) if log == "none"));

    let registry = &log.registry;
    assert_eq!(registry.owners().unwrap(), Owners::default());
    let nodes = ["a".to_owned(), "b".to_owned()];
    let spread = registry.change_owners(|owners| owners.spread(registry.partitions(), &nodes, 2)).unwrap();
    assert_eq!(registry.owners().unwrap(), spread);
    let raced = registry.change_owners(|owners| {
        registry.change_owners(|owners| owners.moved(0, "a", "c")).unwrap();
        owners.moved(0, "a", "d")
    });
    assert!(matches!(raced, Err(ClusterError::Changed { key }) if key == "owners"));
    assert_eq!(registry.owners().unwrap().of(0), ["c", "b"]);
    let record = NodeRecord { url: "http://127.0.0.1:1".to_owned(), started_ms: 1 };
    registry.announce("a", &record).unwrap();
    registry.announce("b", &record).unwrap();
    let map = registry.read().unwrap();
    assert_eq!((map.partitions().unwrap(), map.nodes.len()), (partitions(3), 2));
    assert_eq!(map.replicas(0), [("b", "http://127.0.0.1:1")]);
}

#[test]
fn what_is_acknowledged_is_in_the_log_although_a_leader_is_killed() {
    let mut log = Log::of(4);
    let events: Vec<Vec<u8>> = (0..4_000).map(event).collect();
    let (publisher, _) = log.publisher(PublishOptions::new().window(16));
    thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            for body in events.chunks(7) {
                publisher.publish(&parser(), "test", &body.join(&b'\n')).unwrap();
            }
        });
        until("some are acknowledged", || (publisher.published().acknowledged > 500).then_some(()));
        let killed = leader(&log.nats, &log.name.stream(0));
        log.servers.kill(killed);
        publishing.join().unwrap();
        let published = publisher.finish(|_| {}).unwrap();
        assert_eq!((published.acknowledged, published.unacknowledged), (4_000, 0));
        log.servers.launch(killed);
    });
    // Publishing again changes nothing.
    let (again, _) = log.publisher(PublishOptions::new());
    again.publish(&parser(), "test", &events.concat()).unwrap();
    again.finish(|_| {}).unwrap();
    assert_eq!(log.hash(), one_machine(events.iter().map(Vec::as_slice)));
}

#[test]
fn a_partition_without_a_leader_does_not_hold_up_the_others() {
    let log = Log::of(2);
    // A stream without a leader, and one that is not there, look the same to a publisher.
    let missing = log.name.stream(0);
    request(&log.nats, &format!("$JS.API.STREAM.DELETE.{missing}"), b"");
    let (publisher, stop) = log.publisher(PublishOptions::new());
    let events: Vec<Vec<u8>> = (0..700).map(event).collect();
    publisher.publish(&parser(), "test", &events.join(&b'\n')).unwrap();
    let waiting = until("the other partition is done", || {
        let published = publisher.published();
        let [(0, Some(why))] = published.waiting.as_slice() else { return None };
        (published.acknowledged > 0).then(|| why.clone())
    });
    assert!(!waiting.is_empty());
    stop.store(true, Ordering::Relaxed);
    assert!(matches!(publisher.finish(|_| {}), Err(PublishError::Stopped { unacknowledged }) if unacknowledged > 0));
    // When it is there again, everything is published.
    stop.store(false, Ordering::Relaxed);
    make_log(&log.nats, &log.name, &NewLog::new(partitions(2)), |_| {}).unwrap();
    publisher.finish(|_| {}).unwrap();
    assert_eq!(log.hash(), one_machine(events.iter().map(Vec::as_slice)));
}

#[test]
fn inputs_that_cannot_be_events_are_kept_with_their_origin() {
    let log = Log::of(1);
    let (publisher, _) = log.publisher(PublishOptions::new());
    let body = [event(1), b"no JSON".to_vec(), event(2)].join(&b'\n');
    publisher.publish(&parser(), "hook \"a\"\r\n", &body).unwrap();
    let published = publisher.finish(|_| {}).unwrap();
    assert_eq!((published.acknowledged, published.rejected), (2, 1));
    // A follower that finds the same twice keeps it once.
    request(&log.nats, &log.name.subject(0), b"no JSON either");
    log.hash();
    log.hash();
    let stream = log.name.rejects_stream();
    let info = request(&log.nats, &format!("$JS.API.STREAM.INFO.{stream}"), b"");
    assert_eq!(info["state"]["messages"], 2);
}

#[test]
fn a_delivery_ends_with_the_acknowledgement_of_its_events_or_is_given_up() {
    let log = Log::of(2);
    let (publisher, _) = log.publisher(PublishOptions::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bodies: Vec<Vec<u8>> = (0..200).map(event).collect();
    let events: Vec<Event> = bodies.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
    let deliver = |events: &[Event]| runtime.block_on(publisher.deliver("hook", events, &[]));
    deliver(&events).unwrap();
    assert_eq!((publisher.published().acknowledged, log.hash()), (200, one_machine(bodies.iter().map(Vec::as_slice))));

    request(&log.nats, &format!("$JS.API.STREAM.DELETE.{}", log.name.stream(0)), b"");
    let of_first = |event: &&Event| partitions(2).of(event.conversation()) == 0;
    let gone: Vec<Event> = events.iter().filter(of_first).cloned().collect();
    let there: Vec<Event> = events.iter().filter(|event| !of_first(event)).cloned().collect();
    let waiting = runtime.block_on(async {
        tokio::time::timeout(Duration::from_millis(300), publisher.deliver("hook", &gone, &[])).await
    });
    assert!(waiting.is_err(), "{waiting:?}");
    // The other partition is not held up, and nothing is kept for who has gone.
    deliver(&there).unwrap();
    until("all is given up", || (publisher.published().unacknowledged == 0).then_some(()));
    make_log(&log.nats, &log.name, &NewLog::new(partitions(2)), |_| {}).unwrap();
    deliver(&gone).unwrap();
    assert_eq!(log.hash(), one_machine(bodies.iter().map(Vec::as_slice)));
    // What the stream never takes is refused.
    let long = Draft::new("desk", "c-1", Kind::Message, Time::from_ms(5)).text("x".repeat(9 << 20).as_str()).build();
    assert!(matches!(deliver(&[long.unwrap()]), Err(PublishError::Refused { count: 1, .. })));
}
