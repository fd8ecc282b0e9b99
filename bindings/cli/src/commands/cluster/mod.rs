//! `convofold cluster`.

mod init;
mod publish;
mod node;
mod status;
mod assign;
mod backup;
mod republish;

pub(crate) use status::ask;

use clap::{Args, Subcommand};
use convofold_cluster::nats::{ClusterError, ConnectOptions, Nats, Registry};
use convofold_cluster::node::KnownCluster;
use convofold_cluster::{LogName, SourceError};

use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;

/// Spread conversations over machines: partitions of a replicated log, followed by nodes.
///
/// `init` makes a log in NATS JetStream, `publish` puts events into it, `node` follows partitions in one database each and
/// answers questions about them, `assign` says which node owns which partition, and `status` prints how far they are.
/// `backup` and `restore` move partitions to other machines, `republish` puts back what brokers have lost.
///
/// Each partition has two owners or more, without a leader: all of them end in the same state.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold cluster init --nats nats://10.0.0.1:4222 --log chat --partitions 64
  convofold cluster assign --nats nats://10.0.0.1:4222 --log chat --nodes a,b,c
  convofold cluster node --nats nats://10.0.0.1:4222 --log chat --name a --dir ./a --listen 10.0.0.11:7878
  convofold cluster publish logs/ --nats nats://10.0.0.1:4222 --log chat
  convofold cluster status --nats nats://10.0.0.1:4222 --log chat
")]
pub struct ClusterArgs {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    Init(init::InitArgs),
    Publish(publish::PublishArgs),
    Node(Box<node::NodeArgs>),
    Assign(assign::AssignArgs),
    Status(status::StatusArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Republish(republish::RepublishArgs),
}

impl ClusterArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        match &self.command {
            ClusterCommand::Init(args) => args.run(console),
            ClusterCommand::Publish(args) => args.run(console),
            ClusterCommand::Node(args) => args.run(console),
            ClusterCommand::Assign(args) => args.run(console),
            ClusterCommand::Status(args) => args.run(console),
            ClusterCommand::Backup(args) => args.run(console),
            ClusterCommand::Restore(args) => args.run(console),
            ClusterCommand::Republish(args) => args.run(console),
        }
    }
}

/// How long a node may be silent while it sends a backup or events.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The log of a cluster.
#[derive(Debug, Args)]
struct LogArgs {
    /// Servers of NATS, separated by commas: nats://[USER:PASSWORD@]HOST:PORT, or tls:// instead of nats://.
    #[arg(long, value_name = "URL,...", env = "CONVOFOLD_NATS", hide_env_values = true)]
    nats: String,
    /// The name of the log: letters, digits, '-' and '_'.
    #[arg(long, value_name = "NAME", env = "CONVOFOLD_CLUSTER_LOG")]
    log: LogName,
}

impl LogArgs {
    fn connect(&self) -> Result<Nats, CliError> {
        let connected = Nats::connect(&self.nats, ConnectOptions::new());
        connected.map_err(|error| failed(&error.into()))
    }

    /// For the node in this folder, which also starts while no broker answers if it knows the log from before.
    fn open_or_known(&self, dir: &std::path::Path) -> Result<(Nats, Registry), CliError> {
        let refused = match Nats::connect(&self.nats, ConnectOptions::new()).map_err(ClusterError::from) {
            Ok(nats) => match Registry::open(&nats, &self.log) {
                Ok(registry) => return Ok((nats, registry)),
                Err(error) => error,
            },
            Err(error) => error,
        };
        let known = KnownCluster::read(dir, self.log.as_str());
        let known = known.map_err(|error| CliError::io("read", &dir.join("cluster.json"), &error))?;
        let Some(known) = known.filter(|_| refused.is_unreachable()) else { return Err(failed(&refused)) };
        let nats = Nats::connect_later(&self.nats, ConnectOptions::new()).map_err(|error| failed(&error.into()))?;
        let registry = Registry::known(&nats, &self.log, known.log).map_err(|error| failed(&error))?;
        Ok((nats, registry))
    }

    fn open(&self) -> Result<(Nats, Registry), CliError> {
        let nats = self.connect()?;
        let registry = Registry::open(&nats, &self.log).map_err(|error| failed(&error))?;
        Ok((nats, registry))
    }
}

/// The token with which nodes are asked.
#[derive(Debug, Args)]
struct TokenArgs {
    /// File with the token for the nodes; or put the token into the environment variable CONVOFOLD_TOKEN.
    #[arg(long, value_name = "FILE", env = "CONVOFOLD_TOKEN_FILE")]
    token_file: Option<std::path::PathBuf>,
}

impl TokenArgs {
    fn token(&self) -> Result<Option<String>, CliError> {
        let token = match &self.token_file {
            Some(file) => Some(std::fs::read_to_string(file).map_err(|error| CliError::io("read", file, &error))?),
            None => std::env::var("CONVOFOLD_TOKEN").ok(),
        };
        Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }
}

/// A failure of the cluster, with what to do.
pub(crate) fn failed(error: &ClusterError) -> CliError {
    let failed = CliError::new(Exit::Failure, chain(error));
    match error {
        ClusterError::NotFound { .. } => failed.hint("`convofold cluster init` makes a log; --log names it"),
        ClusterError::Record(_) => failed.exit_as(Exit::Usage),
        ClusterError::Source(SourceError::Unreachable { .. }) => {
            failed.hint("is --nats the address of a server of NATS, and does JetStream have a majority of its servers?")
        }
        ClusterError::Setting(_) | ClusterError::Stream { .. } => {
            failed.hint("`nats stream info` shows the settings; `convofold cluster init` makes streams as they must be")
        }
        _ => failed,
    }
}
