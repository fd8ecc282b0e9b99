//! Clients with a connection each.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use convofold::ingest::signature::superoffice as signature;
use convofold_tests::serving::Client;

use crate::SECRET;

/// A webhook with its signature.
pub(crate) struct Webhook {
    pub(crate) body: String,
    pub(crate) signature: String,
}

impl Webhook {
    pub(crate) fn new(body: String) -> Self {
        Self { signature: signature::sign(SECRET, body.as_bytes()), body }
    }
}

/// The time that all requests took, and that of each.
pub(crate) struct Load {
    pub(crate) took: Duration,
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

/// Sends the webhooks of each connection one after the other; each must be answered 200.
pub(crate) fn webhooks(address: SocketAddr, connections: &[Vec<Webhook>]) -> Result<Load> {
    each(connections, |webhooks, latencies| {
        let mut client = Client::new(address);
        for Webhook { body, signature } in webhooks {
            let began = Instant::now();
            let signed = [("X-SuperOffice-Signature", signature.as_str())];
            let (status, answer) = client.request("POST", "/webhooks/superoffice", &signed, body.as_bytes())?;
            latencies.push(began.elapsed());
            ensure!(status == 200, "a webhook was answered {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    })
}

/// Asks the questions of each connection one after the other.
pub(crate) fn questions(address: SocketAddr, connections: &[Vec<String>]) -> Result<Load> {
    each(connections, |paths, latencies| {
        let mut client = Client::new(address);
        for path in paths {
            let began = Instant::now();
            let (status, _) = client.request("GET", path, &[], b"")?;
            latencies.push(began.elapsed());
            ensure!(status == 200, "{path} was answered {status}");
        }
        Ok(())
    })
}

/// Works through the lists, each on a thread of its own.
fn each<T: Sync>(lists: &[Vec<T>], work: impl Fn(&[T], &mut Vec<Duration>) -> Result<()> + Sync) -> Result<Load> {
    let began = Instant::now();
    let latencies = thread::scope(|scope| {
        let threads: Vec<_> = lists
            .iter()
            .map(|list| {
                scope.spawn(|| {
                    let mut latencies = Vec::with_capacity(list.len());
                    work(list, &mut latencies).map(|()| latencies)
                })
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?);
        results.collect::<Result<Vec<_>>>()
    })?;
    Ok(Load { took: began.elapsed(), latencies: latencies.concat() })
}
