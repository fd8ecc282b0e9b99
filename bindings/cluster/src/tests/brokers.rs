//! Three brokers on this machine, a stream of three replicas, and two owners that follow it all the time.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use convofold::StateHash;
use tempfile::TempDir;

use super::{copy_dir, event, one_machine, options};
use crate::nats::Nats;
use crate::testing::KeptRejects;
use crate::{FollowError, FollowOptions, Follower, StatusHandle};

const STREAM: &str = "CF_chat_0";
const SUBJECT: &str = "cf.chat.0";
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Brokers {
    dir: TempDir,
    processes: [Option<Child>; 3],
    nats: Nats,
    published: Vec<Vec<u8>>,
}

impl Brokers {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // All are held until all are known, so that none is given twice.
        let listeners: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(listeners);
        let (clients, routes) = ports.split_at(3);
        let all_routes: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        for (number, (client, route)) in clients.iter().zip(routes).enumerate() {
            let store = dir.path().join(format!("store-{number}"));
            let config = format!(
                "server_name: n{number}\nlisten: 127.0.0.1:{client}\n\
                 jetstream {{ store_dir: {store:?}, max_mem: 64MB, max_file: 1GB, sync_interval: always }}\n\
                 cluster {{ name: cf, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
                all_routes.join(", ")
            );
            fs::write(dir.path().join(format!("conf-{number}")), config).unwrap();
        }
        let processes = [0, 1, 2].map(|number| Some(launch(&dir, number)));
        let servers: Vec<_> = clients.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let nats = until("the brokers start", || {
            let options = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50));
            Nats::connect(&servers.join(","), options).ok()
        });
        let brokers = Self { dir, processes, nats, published: Vec::new() };
        let config = serde_json::json!({
            "name": STREAM, "subjects": [SUBJECT], "retention": "limits", "storage": "file", "discard": "new",
            "num_replicas": 3, "allow_direct": true, "deny_delete": true, "deny_purge": true,
        });
        brokers.request(&format!("$JS.API.STREAM.CREATE.{STREAM}"), config.to_string().as_bytes());
        brokers
    }

    /// Repeats a request until it succeeds.
    fn request(&self, subject: &str, payload: &[u8]) -> serde_json::Value {
        until(subject, || {
            let answer = self.nats.request(subject.to_owned(), payload.to_vec()).ok()?;
            let answer: serde_json::Value = serde_json::from_slice(&answer.payload).ok()?;
            answer["error"].is_null().then_some(answer)
        })
    }

    fn publish(&mut self, count: usize) {
        for _ in 0..count {
            let payload = event(self.published.len() as u64);
            self.request(SUBJECT, &payload);
            self.published.push(payload);
        }
    }

    fn info(&self) -> serde_json::Value {
        self.request(&format!("$JS.API.STREAM.INFO.{STREAM}"), b"")
    }

    fn last(&self) -> u64 {
        self.info()["state"]["last_seq"].as_u64().unwrap()
    }

    fn leader(&self) -> usize {
        until("a leader", || self.info()["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok())
    }

    fn kill(&mut self, number: usize) {
        let mut process = self.processes[number].take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// The files of a broker that does not run.
    fn files(&self, number: usize) -> (PathBuf, PathBuf) {
        let path = |name: &str| self.dir.path().join(format!("{name}-{number}"));
        (path("store"), path("kept"))
    }

    fn keep_files(&self, number: usize) {
        let (store, kept) = self.files(number);
        copy_dir(&store, &kept);
    }

    /// What a power cut leaves of files that were never made durable.
    fn restore_files(&self, number: usize) {
        let (store, kept) = self.files(number);
        fs::remove_dir_all(&store).unwrap();
        copy_dir(&kept, &store);
    }

    fn launch(&mut self, number: usize) {
        self.processes[number] = Some(launch(&self.dir, number));
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn launch(dir: &TempDir, number: usize) -> Child {
    let binary = std::env::var_os("CONVOFOLD_NATS_SERVER").expect("CONVOFOLD_NATS_SERVER: the path of nats-server");
    let mut command = Command::new(binary);
    command.arg("-c").arg(dir.path().join(format!("conf-{number}")));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(outcome) = attempt() {
            return outcome;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
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
    (0..3).for_each(|number| brokers.launch(number));
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
