//! `convofold cluster node`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use convofold::Zone;
use convofold::ingest::{Format, IgnoreList, Limits, Parser};
use convofold_cluster::Acceptance;
use convofold_cluster::node::{Node, NodeError, NodeOptions};
use convofold_server::{Settings, start_log};

use super::{LogArgs, TokenArgs, failed};
use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::interrupt;
use crate::values;

/// Follow the partitions that a node owns, and answer questions about them over HTTP.
///
/// Each partition has a database of its own in the folder: DIR/p0, DIR/p1, ... Which partitions the node owns is said by
/// `convofold cluster assign`; a change is followed within seconds. Below /partitions/N the node answers every request of
/// `convofold serve`, except those that bring events; /partitions, /metrics and /healthz say how far it is. Tokens are in the
/// folder (`convofold token add --db DIR`).
///
/// Every 10 seconds it compares its state hashes with those of the other owners; `different` in /partitions and
/// `convofold_cluster_different` in /metrics name a partition in which they differ.
///
/// [retention], [compact] and [[alert]] in the file of --config work as in `convofold serve`. All owners of a partition need the
/// same rules of retention. One of them sends its alerts.
///
/// A node that starts while no broker answers has the partitions that it had last, and says what it knew then, named as stale.
///
/// Input that cannot be an event goes to the stream of rejects. SIGTERM and Ctrl-C end the node: it finishes requests and
/// closes its databases. After a kill it continues where its databases end.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    #[command(flatten)]
    log: LogArgs,
    /// The name of the node, in which it is given partitions.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The folder of the node, with a database for each partition.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Address and port to listen on. An address that other machines can reach needs tokens (`convofold token add`), and TLS or
    /// `behind-proxy` in the file of --config.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7878")]
    listen: SocketAddr,
    /// URL under which others reach the node [default: the address on which it listens].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Settings file of the server in TOML, as for `convofold serve`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Memory for conversations, shared evenly by the partitions.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = values::size)]
    memory: usize,
    #[command(flatten)]
    token: TokenArgs,
    /// Accept a gap for which a partition has stopped: its number, and the first message after the gap.
    #[arg(long, value_name = "PARTITION:SEQ", value_parser = gap)]
    accept_gap: Vec<(u32, Acceptance)>,
    /// Accept that the stream of a partition was made again: its number, and when the stream was made, as the error says.
    #[arg(long, value_name = "PARTITION:CREATED", value_parser = stream)]
    accept_stream: Vec<(u32, Acceptance)>,
}

fn gap(text: &str) -> Result<(u32, Acceptance), String> {
    let parts =
        text.split_once(':').and_then(|(partition, first)| Some((partition.parse().ok()?, first.parse().ok()?)));
    let (partition, first) = parts.ok_or("expected PARTITION:SEQ, such as 3:1001")?;
    Ok((partition, Acceptance::Gap { first }))
}

fn stream(text: &str) -> Result<(u32, Acceptance), String> {
    let parts =
        text.split_once(':').and_then(|(partition, created)| Some((partition.parse().ok()?, created.to_owned())));
    let (partition, incarnation) = parts.ok_or("expected PARTITION:CREATED, such as 3:2026-11-30T09:15:00.5Z")?;
    Ok((partition, Acceptance::Stream { incarnation }))
}

impl NodeArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let usage = |error: &dyn std::error::Error| CliError::new(Exit::Usage, chain(error));
        let file = self.config.as_deref().map(Settings::read).transpose().map_err(|error| usage(&error))?;
        let mut settings = file.unwrap_or_default();
        (settings.db, settings.listen) = (Some(self.dir.clone()), Some(self.listen));
        let server = settings.resolve().map_err(|error| usage(&error))?;
        let zone: Zone = server.zone.parse().map_err(|error| usage(&error))?;
        let ignored = IgnoreList::new(server.ignore.iter().map(|name| name.trim())).map_err(|error| usage(&error))?;
        std::fs::create_dir_all(&self.dir).map_err(|error| CliError::io("create", &self.dir, &error))?;
        start_log(server.log);
        let stop = interrupt::flag()?;
        let (nats, registry) = self.log.open_or_known(&self.dir)?;
        let parser = Parser::new(Format::Auto, Limits::default()).zone(zone).ignore(ignored);
        let mut options = NodeOptions::new(&self.name, server).parser(parser).memory_bytes(self.memory as u64);
        options = options.token(self.token.token()?);
        if let Some(url) = &self.url {
            options = options.url(url);
        }
        for (partition, acceptance) in self.accept_gap.iter().chain(&self.accept_stream) {
            options = options.accept(*partition, acceptance.clone());
        }
        let node = Node::start(&nats, &registry, options).map_err(|error| self.not_started(&error))?;
        console.note(format_args!("node {} answers on {}", self.name, node.address()));
        console.flush()?;
        node.run(&stop);
        node.close().map_err(|error| {
            CliError::new(Exit::Failure, chain(&error))
                .hint("everything that was committed is kept; the log has the rest")
        })?;
        Ok(Exit::Success)
    }

    fn not_started(&self, error: &NodeError) -> CliError {
        match error {
            NodeError::Cluster(error) => failed(error),
            NodeError::Open { dir, source, .. } => CliError::open(dir, source),
            NodeError::NoUrl => CliError::new(Exit::Usage, error.to_string()).hint("add --url http://HOST:PORT"),
            _ => CliError::new(Exit::Failure, chain(error)),
        }
    }
}
