//! Three processes of nats-server on this machine, each write durable, and a log on them.

use std::net::TcpListener;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::ingest::{Format, Limits, Parser};
use convofold_benches::usage::Usage;
use convofold_cluster::nats::{ConnectOptions, Nats, NewLog, PublishOptions, Publisher, Registry, make_log};
use convofold_cluster::{LogName, Partitions, Source};

/// How long the brokers may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// The size of the pieces that are published together.
const BODY_BYTES: usize = 1 << 20;

/// Three brokers.
pub(crate) struct Brokers {
    processes: Vec<Child>,
    /// Their addresses, separated by commas.
    pub(crate) urls: String,
}

impl Brokers {
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let binary = std::env::var_os("CONVOFOLD_NATS_SERVER").map(PathBuf::from);
        let binary = binary.context("CONVOFOLD_NATS_SERVER is not set to the path of nats-server")?;
        // All are held until all are known, so that none is given twice.
        let listeners: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let ports: Vec<_> = listeners.iter().map(|it| Ok(it.local_addr()?.port())).collect::<Result<_>>()?;
        drop(listeners);
        let (clients, routes) = ports.split_at(3);
        let all_routes: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut brokers = Self { processes: Vec::new(), urls: String::new() };
        for (number, (client, route)) in clients.iter().zip(routes).enumerate() {
            let store = folder.join(format!("broker-{number}"));
            let config = format!(
                "server_name: n{number}\nlisten: 127.0.0.1:{client}\n\
                 jetstream {{ store_dir: {store:?}, max_mem: 64MB, max_file: 8GB, sync_interval: always }}\n\
                 cluster {{ name: cf, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
                all_routes.join(", ")
            );
            let file = folder.join(format!("broker-{number}.conf"));
            std::fs::write(&file, config)?;
            let mut command = Command::new(&binary);
            let process = command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            brokers.processes.push(process.with_context(|| format!("starting {}", binary.display()))?);
        }
        let urls: Vec<_> = clients.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        brokers.urls = urls.join(",");
        Ok(brokers)
    }

    /// The ids of the processes.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.processes.iter().map(Child::id).collect()
    }

    pub(crate) fn connect(&self) -> Result<Nats> {
        within("the brokers do not start", || Ok(Nats::connect(&self.urls, ConnectOptions::new())?))
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The processor time of these processes together, to 10 ms each.
pub(crate) fn processor_of_all(processes: &[u32]) -> Result<Duration> {
    processes.iter().map(|id| Ok(Usage::of(*id)?.processor)).sum()
}

fn within<T>(what: &str, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if Instant::now() >= end => return Err(error.context(what.to_owned())),
            Err(_) => thread::sleep(Duration::from_millis(200)),
            found => return found,
        }
    }
}

/// A log of three replicas.
pub(crate) struct Log {
    pub(crate) nats: Nats,
    pub(crate) name: LogName,
    pub(crate) registry: Registry,
}

impl Log {
    pub(crate) fn make(brokers: &Brokers, name: &str, partitions: u32) -> Result<Self> {
        let (nats, name): (Nats, LogName) = (brokers.connect()?, name.parse()?);
        let partitions = Partitions::new(NonZeroU32::try_from(partitions)?);
        // The brokers have just been started, and may not have elected a leader.
        within("the log is not made", || Ok(make_log(&nats, &name, &NewLog::new(partitions), |_| {})?))?;
        let registry = Registry::open(&nats, &name)?;
        Ok(Self { nats, name, registry })
    }

    /// The numbers of the partitions.
    pub(crate) fn partitions(&self) -> std::ops::Range<u32> {
        0..self.registry.partitions().count()
    }

    /// Publishes all events of a file. Returns the number of messages, when all are acknowledged.
    pub(crate) fn publish(&self, file: &Path) -> Result<u64> {
        let publisher = Publisher::new(&self.nats, &self.registry, PublishOptions::new());
        let parser = Parser::new(Format::Auto, Limits::default());
        let events = std::fs::read(file)?;
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let part = rest.get(..BODY_BYTES).unwrap_or(rest);
            let end = part.iter().rposition(|byte| *byte == b'\n').map_or(part.len(), |at| at + 1);
            let (body, after) = rest.split_at(end);
            publisher.publish(&parser, "bench", body)?;
            rest = after;
        }
        let published = publisher.finish(|_| {})?;
        ensure!(published.repeated == 0 && published.rejected == 0, "a broker was busy: {published:?}");
        Ok(published.acknowledged)
    }

    /// The last message of each partition.
    pub(crate) fn lasts(&self) -> Result<Vec<u64>> {
        let last = |partition| Ok(self.nats.source(self.name.stream(partition)).identity()?.last_seq);
        self.partitions().map(last).collect()
    }
}
