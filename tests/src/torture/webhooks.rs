//! Webhooks: SIGKILL of `convofold serve` while many connections send webhooks.
//!
//! Each webhook is sent until it is answered 200, and then never again. So a webhook that was answered and lost is missing
//! at the end, where the state hash must be that of the set of all events, and the rejects must be all bodies that cannot
//! be events.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use convofold::Convofold;
use convofold::ingest::Format;
use convofold::ingest::signature::superoffice as signature;
use rand::RngExt;
use serde_json::Value;

use super::campaign::{Campaign, Trials};
use super::report::Report;
use crate::command::convofold;
use crate::serving::{Client, Serving};

/// Number of kills per database.
const KILLS_A_DATABASE: u64 = 50;
/// Number of webhooks for each kill.
const WEBHOOKS_A_KILL: u64 = 200;
/// One of this number of kills hits the opening.
const KILLS_AN_OPENING: u32 = 5;
/// Number of connections that send webhooks.
const CONNECTIONS: usize = 8;
/// Pause before a connection that broke is opened again.
const PAUSE: Duration = Duration::from_millis(2);
const SECRET: &str = "a secret of the hook";

/// Kills until all trials are done.
///
/// # Errors
/// If the ledger cannot be written.
pub fn run(campaign: &Campaign) -> Result<Report> {
    campaign.run(KILLS_A_DATABASE, |kills, trials| {
        let folder = tempfile::Builder::new().prefix("webhooks-").tempdir().context("a folder")?;
        let storm = Storm::new(folder.path(), (kills.end - kills.start) * WEBHOOKS_A_KILL);
        let last = kills.end.saturating_sub(1);
        let mut opening = Duration::from_millis(100);
        for kill in kills {
            if trials.is_stopped() {
                break;
            }
            match storm.kill(kill, last - kill + 1, &mut opening, trials) {
                Ok(what) => trials.passed(what),
                Err(error) => {
                    trials.failed(kill, &error, Some(folder));
                    return Ok(());
                }
            }
        }
        if let Err(error) = storm.finish(trials) {
            trials.failed(last, &error, Some(folder));
        }
        Ok(())
    })
}

/// A webhook.
struct Webhook {
    path: &'static str,
    format: Format,
    body: String,
}

impl Webhook {
    /// Webhooks of different numbers are different. Some conversations get several events, some bodies are several events,
    /// and some are none.
    fn new(number: u64) -> Self {
        let (minute, second) = (number / 60 % 60, number % 60);
        if number % 50 == 49 {
            let path = if number.is_multiple_of(2) { "/webhooks/airship" } else { "/webhooks/superoffice" };
            return Self { path, format: Format::SuperOffice, body: format!("{{\"nonsense\":{number}") };
        }
        if number % 2 == 1 {
            let event = ["created", "message", "changed"][(number / 2 % 3) as usize];
            let session = number / 8;
            let body = format!(
                r#"{{"EventId":"e-{number}","Timestamp":"2026-03-02T09:{minute:02}:{second:02}.089895Z","Event":"chatsession.{event}","Entity":"chatsession","PrimaryKey":{session},"Changes":[],"FieldValues":{{"Status":5,"UserId":7}},"ContextIdentifier":"Cust1","WebhookName":"chat"}}"#
            );
            return Self { path: "/webhooks/superoffice", format: Format::SuperOffice, body };
        }
        let event = |part: u64| {
            let conversation = number / 6;
            format!(
                r#"{{"id":"a-{number}-{part}","offset":"{number}","type":"CUSTOM","occurred":"2026-03-02T09:{minute:02}:{second:02}.5Z","processed":"2026-03-02T10:00:00Z","body":{{"name":"live_chat_message","interaction_type":"sms_in","transaction":"t-{conversation}","properties":{{"message":{{"agent_name":"Ida","message":"words {number} {part}"}}}}}}}}"#
            )
        };
        let body = match number % 5 {
            0 => format!("[{},{}]", event(0), event(1)),
            1 => format!("{}\n{}\n{}\n", event(0), event(1), event(2)),
            _ => event(0),
        };
        Self { path: "/webhooks/airship", format: Format::Airship, body }
    }

    fn send(&self, client: &mut Client) -> std::io::Result<(u16, Vec<u8>)> {
        let signed = signature::sign(SECRET, self.body.as_bytes());
        client.request("POST", self.path, &[("X-SuperOffice-Signature", &signed)], self.body.as_bytes())
    }
}

fn clients(serving: &Serving) -> Vec<Client> {
    (0..CONNECTIONS).map(|_| serving.client()).collect()
}

/// All webhooks of a database, and those that were not answered yet.
struct Storm {
    db: PathBuf,
    reference: PathBuf,
    webhooks: Vec<Webhook>,
    waiting: Mutex<VecDeque<usize>>,
    answered: AtomicU64,
    sent_again: AtomicU64,
}

impl Storm {
    fn new(folder: &Path, count: u64) -> Self {
        let webhooks: Vec<_> = (0..count).map(Webhook::new).collect();
        Self {
            db: folder.join("db"),
            reference: folder.join("reference"),
            waiting: Mutex::new((0..webhooks.len()).collect()),
            webhooks,
            answered: AtomicU64::new(0),
            sent_again: AtomicU64::new(0),
        }
    }

    fn server(&self) -> Command {
        let mut command = convofold();
        command.args(["serve", "--hold", "60s"]).arg("--db").arg(&self.db);
        command.env("CONVOFOLD_SUPEROFFICE_SECRET", format!("default={SECRET}"));
        command
    }

    fn kill(&self, kill: u64, kills_left: u64, opening: &mut Duration, trials: &Trials<'_>) -> Result<&'static str> {
        let mut random = trials.random(kill);
        if random.random_range(0..KILLS_AN_OPENING) == 0 {
            let mut command = self.server();
            command.args(["--listen", "127.0.0.1:0"]).stderr(Stdio::null());
            let mut child = command.spawn().context("starting a server")?;
            sleep(random.random_range(Duration::ZERO..*opening + *opening / 4));
            let ended = child.try_wait().context("asking for the end")?;
            child.kill().context("killing")?;
            child.wait().context("waiting for the end")?;
            ensure!(ended.is_none(), "the server ended by itself: {ended:?}");
            return Ok("killed while opening");
        }
        let began = Instant::now();
        let mut serving = Serving::start(self.server())?;
        *opening = began.elapsed();
        let left = self.waiting().len() as u64;
        let target = self.answered.load(Ordering::SeqCst) + random.random_range(1..=(2 * left / kills_left).max(1));
        self.send_all(
            clients(&serving),
            |answered| answered < target,
            || {
                sleep(random.random_range(Duration::ZERO..Duration::from_millis(5)));
                serving.kill()
            },
        )?;
        Ok("killed while receiving")
    }

    /// Sends webhooks over all connections until all are answered or the server is killed, which `kill` does once `waits`
    /// says so or all are answered.
    fn send_all(
        &self,
        clients: Vec<Client>,
        waits: impl Fn(u64) -> bool,
        kill: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let senders: Vec<_> =
                clients.into_iter().map(|client| scope.spawn(|| self.send_some(client, &is_over))).collect();
            while waits(self.answered.load(Ordering::SeqCst))
                && !senders.iter().all(thread::ScopedJoinHandle::is_finished)
            {
                sleep(Duration::from_millis(1));
            }
            let killed = kill();
            is_over.store(true, Ordering::SeqCst);
            for sender in senders {
                sender.join().map_err(|_| anyhow!("a connection panicked"))??;
            }
            killed
        })
    }

    fn send_some(&self, mut client: Client, is_over: &AtomicBool) -> Result<()> {
        while !is_over.load(Ordering::SeqCst) {
            let Some(number) = self.waiting().pop_front() else { break };
            let webhook = &self.webhooks[number];
            match webhook.send(&mut client) {
                Ok((200, _)) => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                }
                Ok((status, body)) => {
                    bail!("webhook {number} was answered {status}: {}", String::from_utf8_lossy(&body))
                }
                // The server was killed, or is being killed. Whether the webhook is stored is not known.
                Err(_) => {
                    self.waiting().push_front(number);
                    self.sent_again.fetch_add(1, Ordering::SeqCst);
                    sleep(PAUSE);
                }
            }
        }
        Ok(())
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the rest, and compares the database with the set of all events.
    fn finish(&self, trials: &Trials<'_>) -> Result<()> {
        let serving = Serving::start(self.server())?;
        self.send_all(clients(&serving), |_| true, || Ok(()))?;
        ensure!(self.waiting().is_empty(), "not every webhook was answered");
        let get = |path: &str| -> Result<Value> {
            let (status, body) = serving.client().request("GET", path, &[], b"")?;
            ensure!(status == 200, "{path} was answered {status}");
            Ok(serde_json::from_slice(&body)?)
        };
        let (expected, nonsense) = self.expected()?;
        let hash = get("/api/v1/hash")?["hash"].clone();
        ensure!(hash == expected, "the state hash is {hash}, that of all events {expected}");
        let rejects = get("/api/v1/rejects?limit=1")?["total"].clone();
        ensure!(rejects == nonsense, "{rejects} rejects are kept, but {nonsense} were answered 200");
        let (ended, log) = serving.terminate()?;
        ensure!(ended.success(), "the server ended with {ended}: {log:?}");
        let verified = convofold().arg("verify").arg("--db").arg(&self.db).output().context("verifying")?;
        ensure!(verified.status.success(), "verify: {}", String::from_utf8_lossy(&verified.stderr));
        trials.saw("webhooks answered 200", self.answered.load(Ordering::SeqCst));
        trials.saw("requests without an answer", self.sent_again.load(Ordering::SeqCst));
        trials.saw("rejects kept", nonsense);
        Ok(())
    }

    /// The state hash of the set of all events, and the number of bodies that are none.
    fn expected(&self) -> Result<(String, u64)> {
        let db = Convofold::open(&self.reference).context("opening the reference")?;
        let mut nonsense = 0;
        for webhook in &self.webhooks {
            nonsense += db.ingest(webhook.body.as_bytes(), webhook.format)?.rejected.values().sum::<u64>();
        }
        let hash = db.state_hash().to_string();
        db.close().context("closing the reference")?;
        Ok((hash, nonsense))
    }
}
