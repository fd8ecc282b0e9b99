//! Three brokers on this machine, a stream of three replicas, and two owners that follow it all the time.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_nats::ConnectOptions;
use convofold::StateHash;

use super::servers::{Servers, until};
use super::{copy_dir, event, one_machine, options};
use crate::nats::Nats;
use crate::testing::KeptRejects;
use crate::{FollowError, FollowOptions, Follower, StatusHandle};

const STREAM: &str = "CF_chat_0";
const SUBJECT: &str = "cf.chat.0";

/// Three servers with one stream.
struct Brokers {
    servers: Servers,
    nats: Nats,
    published: Vec<Vec<u8>>,
}

impl Brokers {
    fn start() -> Self {
        let servers = Servers::start();
        let nats = connect(&servers);
        let brokers = Self { servers, nats, published: Vec::new() };
        let config = serde_json::json!({
            "name": STREAM, "subjects": [SUBJECT], "retention": "limits", "storage": "file", "discard": "new",
            "num_replicas": 3, "allow_direct": true, "deny_delete": true, "deny_purge": true,
        });
        brokers.request(&format!("$JS.API.STREAM.CREATE.{STREAM}"), config.to_string().as_bytes());
        brokers
    }

    /// Repeats a request until it succeeds.
    fn request(&self, subject: &str, payload: &[u8]) -> serde_json::Value {
        request(&self.nats, subject, payload)
    }

    fn publish(&mut self, count: usize) {
        for _ in 0..count {
            let payload = event(self.published.len() as u64);
            self.request(SUBJECT, &payload);
            self.published.push(payload);
        }
    }

    fn last(&self) -> u64 {
        self.request(&format!("$JS.API.STREAM.INFO.{STREAM}"), b"")["state"]["last_seq"].as_u64().unwrap()
    }

    fn leader(&self) -> usize {
        leader(&self.nats, STREAM)
    }

    fn kill(&mut self, number: usize) {
        self.servers.kill(number);
    }

    fn keep_files(&self, number: usize) {
        let (store, kept) = self.servers.files(number);
        copy_dir(&store, &kept);
    }

    /// What a power cut leaves of files that were never made durable.
    fn restore_files(&self, number: usize) {
        let (store, kept) = self.servers.files(number);
        fs::remove_dir_all(&store).unwrap();
        copy_dir(&kept, &store);
    }

    fn launch(&mut self, number: usize) {
        self.servers.launch(number);
    }
}

/// A connection that is soon there again after it was lost.
pub(crate) fn connect(servers: &Servers) -> Nats {
    until("the brokers start", || {
        let options = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50));
        Nats::connect(&servers.urls, options).ok()
    })
}

/// Repeats a request until it succeeds.
pub(crate) fn request(nats: &Nats, subject: &str, payload: &[u8]) -> serde_json::Value {
    until(subject, || {
        let answer = nats.request(subject.to_owned(), payload.to_vec()).ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).ok()?;
        answer["error"].is_null().then_some(answer)
    })
}

/// The number of the server that leads a stream.
pub(crate) fn leader(nats: &Nats, stream: &str) -> usize {
    until("a leader", || {
        let info = request(nats, &format!("$JS.API.STREAM.INFO.{stream}"), b"");
        info["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok()
    })
}

/// A thread that follows the stream until it is stopped.
struct Owner {
    stop: Arc<AtomicBool>,
    status: StatusHandle,
    thread: JoinHandle<Result<StateHash, FollowError>>,
}

impl Owner {
    fn of(brokers: &Brokers) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = options().open(dir.path().join("db")).unwrap();
        let source = brokers.nats.source(STREAM);
        let follow = FollowOptions::new("chat", 0).verify_interval(Duration::from_millis(500));
        let mut follower = Follower::new(db.clone(), source, KeptRejects::default(), follow).unwrap();
        let (stop, status) = (Arc::new(AtomicBool::new(false)), follower.status());
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let _dir = dir;
            follower.run(&stopped)?;
            Ok(db.state_hash())
        });
        Self { stop, status, thread }
    }

    fn has_read(&self, seq: u64) {
        until("an owner reads to the end", || (self.status.get().seq >= seq).then_some(()));
    }

    fn end(self) -> StateHash {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().unwrap()
    }
}

#[test]
fn two_owners_end_in_the_state_of_one_machine_although_brokers_are_killed() {
    let mut brokers = Brokers::start();
    let owners = [Owner::of(&brokers), Owner::of(&brokers)];
    brokers.publish(300);

    let leader = brokers.leader();
    brokers.kill(leader);
    brokers.publish(300);
    brokers.launch(leader);
    brokers.publish(300);

    (0..3).for_each(|number| brokers.kill(number));
    brokers.servers.launch_killed();
    brokers.publish(300);

    let last = brokers.last();
    owners.iter().for_each(|owner| owner.has_read(last));
    let rollbacks = owners.each_ref().map(|owner| owner.status.get().rollbacks);
    let expected = one_machine(brokers.published.iter().map(Vec::as_slice));
    assert_eq!(owners.map(Owner::end), [expected; 2]);
    // With three replicas and `sync_interval: always`, no acknowledged message is lost.
    assert_eq!(rollbacks, [0, 0]);
}

/// A bookmark of stream and sequence number would continue without an error, and lose the messages that took the numbers of the
/// lost ones.
#[test]
fn two_owners_notice_that_two_of_three_brokers_have_old_files() {
    let mut brokers = Brokers::start();
    let owners = [Owner::of(&brokers), Owner::of(&brokers)];
    brokers.publish(200);
    for number in [0, 1] {
        brokers.kill(number);
        brokers.keep_files(number);
    }
    [0, 1].into_iter().for_each(|number| brokers.launch(number));
    brokers.publish(100);
    let read = brokers.last();
    owners.iter().for_each(|owner| owner.has_read(read));

    (0..3).for_each(|number| brokers.kill(number));
    [0, 1].into_iter().for_each(|number| brokers.restore_files(number));
    [0, 1].into_iter().for_each(|number| brokers.launch(number));
    let left = brokers.last();
    assert!(left < read, "the brokers have lost nothing: {left}");
    // More than were lost.
    brokers.publish(300);
    brokers.launch(2);
    let last = brokers.last();
    assert!(last > read);
    owners.iter().for_each(|owner| {
        until("an owner goes back", || (owner.status.get().rollbacks > 0).then_some(()));
        owner.has_read(last);
    });
    // The owners have what the brokers lost, and what came instead.
    let expected = one_machine(brokers.published.iter().map(Vec::as_slice));
    assert_eq!(owners.map(Owner::end), [expected; 2]);
}
