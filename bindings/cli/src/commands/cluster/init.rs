//! `convofold cluster init`.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use convofold_cluster::Partitions;
use convofold_cluster::nats::{NewLog, make_log};

use super::{LogArgs, failed};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::text;
use crate::values::{self, Millis};

/// Make a log: one stream for each partition, one for rejects, and a bucket with the records of the cluster.
///
/// Streams that are there already with these settings stay, so the command can be repeated. The number of partitions can never
/// be changed. Choose some times the number of machines that will ever be needed.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    log: LogArgs,
    /// Number of partitions.
    #[arg(long, value_name = "N", default_value = "64")]
    partitions: NonZeroU32,
    /// Number of replicas of each stream: 1, 3 or 5. With 1, the loss of a disk loses events.
    #[arg(long, value_name = "N", default_value_t = 3)]
    replicas: u32,
    /// Delete messages after this time. Nodes that were away for longer need a backup [default: never].
    #[arg(long, value_name = "DURATION")]
    max_age: Option<Millis>,
    /// Maximum size of the stream of each partition; publishers wait when it is full [default: that of the disk].
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_bytes: Option<usize>,
}

impl InitArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let nats = self.log.connect()?;
        let mut new = NewLog::new(Partitions::new(self.partitions));
        new.replicas = self.replicas;
        new.max_age = self.max_age.map(|Millis(ms)| Duration::from_millis(ms.unsigned_abs()));
        new.max_bytes = self.max_bytes.map(|bytes| bytes as u64);
        let made = make_log(&nats, &self.log.log, &new, |_| {}).map_err(|error| failed(&error))?;
        let mut facts = Facts::default();
        facts
            .add("log", self.log.log.to_string())
            .add("partitions", text::count(u64::from(self.partitions.get())))
            .add("replicas", self.replicas.to_string())
            .add("streams made", text::count(u64::from(made.made)))
            .add("streams found", text::count(u64::from(made.found)));
        console.note(facts.plain());
        console.note(
            "set `sync_interval: always` in the block `jetstream` of every server: with its default, acknowledged events can be \
             lost. It cannot be read from here",
        );
        Ok(Exit::Success)
    }
}
