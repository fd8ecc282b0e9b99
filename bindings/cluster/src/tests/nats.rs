//! Following streams of a real nats-server, which `check.sh` installs.
//!
//! `CONVOFOLD_NATS_SERVER` is the path of the binary; without it these tests fail.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use convofold::Convofold;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::{copy_dir, event, one_machine, options};
use crate::nats::{Nats, NatsSource};
use crate::testing::{KeptRejects, Subject, departures};
use crate::{Acceptance, FollowError, FollowOptions, Follower, Source, Step};

const STREAM: &str = "CF_chat_0";
const SUBJECT: &str = "cf.chat.0";

/// A nats-server with one stream on this machine, and copies of its files after each message.
struct Server {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
    nats: Option<Nats>,
    keeps_copies: bool,
}

impl Server {
    fn new(keeps_copies: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = dir.path().join("store");
        let config = format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: {store:?}, max_mem: 64MB, max_file: 1GB, sync_interval: always }}\n"
        );
        fs::write(dir.path().join("conf"), config).unwrap();
        let mut server = Self { dir, port, process: None, nats: None, keeps_copies };
        server.start();
        server.create();
        server
    }

    fn start(&mut self) {
        let binary = std::env::var_os("CONVOFOLD_NATS_SERVER").expect("CONVOFOLD_NATS_SERVER: the path of nats-server");
        let mut command = Command::new(binary);
        command.arg("-c").arg(self.dir.path().join("conf")).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while self.try_request("$JS.API.INFO", b"").is_none() {
            assert!(Instant::now() < until, "nats-server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn connect(&self) -> Option<Nats> {
        let delay = |_| Duration::from_millis(20);
        let options = ConnectOptions::new().reconnect_delay_callback(delay);
        Nats::connect(&format!("nats://127.0.0.1:{}", self.port), options).ok()
    }

    fn nats(&mut self) -> Nats {
        if self.nats.is_none() {
            self.nats = self.connect();
        }
        self.nats.clone().expect("a connection")
    }

    fn try_request(&mut self, subject: &str, payload: &[u8]) -> Option<serde_json::Value> {
        if self.nats.is_none() {
            self.nats = Some(self.connect()?);
        }
        let answer = self.nats.as_ref()?.request(subject.to_owned(), payload.to_vec()).ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).ok()?;
        answer["error"].is_null().then_some(answer)
    }

    /// Repeats a request until it succeeds, as after a restart.
    fn request(&mut self, subject: &str, payload: &[u8]) -> serde_json::Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.try_request(subject, payload) {
                Some(answer) => return answer,
                None => assert!(Instant::now() < until, "{subject} fails"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn create(&mut self) {
        let config = serde_json::json!({
            "name": STREAM, "subjects": [SUBJECT], "retention": "limits", "storage": "file", "discard": "new",
            "num_replicas": 1, "allow_direct": true, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
            "duplicate_window": 100_000_000,
        });
        self.request(&format!("$JS.API.STREAM.CREATE.{STREAM}"), config.to_string().as_bytes());
        self.copy(0);
    }

    fn copy(&self, last: u64) {
        if self.keeps_copies {
            let copy = self.copy_of(last);
            let _ = fs::remove_dir_all(&copy);
            copy_dir(&self.dir.path().join("store"), &copy);
        }
    }

    fn copy_of(&self, last: u64) -> PathBuf {
        self.dir.path().join(format!("copy-{last}"))
    }

    fn publish(&mut self, payload: &[u8]) -> u64 {
        let seq = self.request(SUBJECT, payload)["seq"].as_u64().expect("a sequence number");
        self.copy(seq);
        seq
    }

    fn trim(&mut self, first: u64) {
        self.request(&format!("$JS.API.STREAM.PURGE.{STREAM}"), format!(r#"{{"seq":{first}}}"#).as_bytes());
    }

    fn recreate(&mut self) {
        self.request(&format!("$JS.API.STREAM.DELETE.{STREAM}"), b"");
        self.create();
    }

    /// The machine loses what was written after this message: the server is killed and starts with its older files.
    fn roll_back(&mut self, last: u64) {
        self.kill();
        let store = self.dir.path().join("store");
        fs::remove_dir_all(&store).unwrap();
        copy_dir(&self.copy_of(last), &store);
        self.start();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

struct NatsSubject(Arc<Mutex<Server>>);

impl Subject for NatsSubject {
    fn source(&mut self) -> Box<dyn Source> {
        Box::new(self.0.lock().nats().source(STREAM))
    }

    fn publish(&mut self, payload: &[u8]) -> u64 {
        self.0.lock().publish(payload)
    }

    fn trim(&mut self, first: u64) {
        self.0.lock().trim(first);
    }

    fn recreate(&mut self) {
        self.0.lock().recreate();
    }

    fn roll_back(&mut self, last: u64) -> bool {
        self.0.lock().roll_back(last);
        true
    }
}

#[test]
fn nats_keeps_all_rules() {
    let found = departures(|| Box::new(NatsSubject(Arc::new(Mutex::new(Server::new(true))))));
    assert_eq!(found, Vec::<String>::new());
}

struct Node {
    _dir: TempDir,
    db: Convofold,
    follower: Follower<NatsSource, KeptRejects>,
}

impl Node {
    fn of(server: &mut Server) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = options().open(dir.path().join("db")).unwrap();
        let options = FollowOptions::new("chat", 0).verify_interval(Duration::from_millis(200));
        let follower =
            Follower::new(db.clone(), server.nats().source(STREAM), KeptRejects::default(), options).unwrap();
        Self { _dir: dir, db, follower }
    }

    /// Reads until the message with this number is read, in a log that was verified before.
    fn read_to(&mut self, seq: u64) -> Result<(), FollowError> {
        std::thread::sleep(Duration::from_millis(200));
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let step = self.follower.step()?;
            match step {
                Step::Wait(pause) => std::thread::sleep(pause),
                Step::Idle if self.follower.status().get().seq == seq => return self.follower.finish(),
                _ => {}
            }
            assert!(Instant::now() < until, "{:?}", self.follower.status().get());
        }
    }
}

fn hash_of(numbers: impl IntoIterator<Item = u64>) -> convofold::StateHash {
    let events: Vec<_> = numbers.into_iter().map(event).collect();
    one_machine(events.iter().map(Vec::as_slice))
}

#[test]
fn a_node_survives_a_killed_server_a_rollback_a_gap_and_another_stream() {
    let mut server = Server::new(false);
    server.keeps_copies = true;
    let mut node = Node::of(&mut server);
    (0..30).for_each(|number| assert_eq!(server.publish(&event(number)), number + 1));
    node.read_to(30).unwrap();
    assert_eq!(node.db.state_hash(), hash_of(0..30));

    // Killed: nothing is lost.
    server.kill();
    server.start();
    (30..40).for_each(|number| assert_eq!(server.publish(&event(number)), number + 1));
    node.read_to(40).unwrap();
    assert_eq!(node.db.state_hash(), hash_of(0..40));

    // Killed, and started with old files: other messages get the numbers 36 to 45.
    server.roll_back(35);
    (100..110).for_each(|number| assert_eq!(server.publish(&event(number)), number - 64));
    node.read_to(45).unwrap();
    assert_eq!(node.db.state_hash(), hash_of((0..40).chain(100..110)));
    assert_eq!(node.follower.status().get().rollbacks, 1);

    // Purged past the bookmark.
    (110..120).for_each(|number| {
        server.publish(&event(number));
    });
    server.trim(50);
    let error = node.read_to(55).unwrap_err();
    assert!(matches!(error, FollowError::Gap { expected: 46, first: 50, .. }), "{error}");
    node.follower.accept(&Acceptance::Gap { first: 50 }).unwrap();
    node.read_to(55).unwrap();
    assert_eq!(node.db.state_hash(), hash_of((0..40).chain(100..110).chain(114..120)));

    // Deleted and created again.
    server.recreate();
    (200..203).for_each(|number| {
        server.publish(&event(number));
    });
    let error = node.read_to(3).unwrap_err();
    assert!(matches!(error, FollowError::AnotherStream { .. }), "{error}");
}

#[test]
fn a_stream_that_does_not_exist_is_refused() {
    let mut server = Server::new(false);
    let error = server.nats().source("CF_chat_1").identity().unwrap_err();
    assert!(matches!(&error, crate::SourceError::Refused { why } if why.contains("stream not found")), "{error}");
}

#[test]
fn a_read_that_waits_returns_what_is_published_meanwhile() {
    let mut server = Server::new(false);
    for read in 0..5 {
        let mut source = server.nats().source(STREAM);
        // So that it knows the subject.
        source.identity().unwrap();
        let reading = std::thread::spawn(move || source.read(read, 10, Duration::from_secs(60)).unwrap());
        server.publish(b"one");
        let messages = reading.join().unwrap();
        assert_eq!(messages.iter().map(|message| message.seq).collect::<Vec<_>>(), [read + 1]);
    }
}
