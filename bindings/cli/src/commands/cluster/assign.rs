//! `convofold cluster assign`.

use std::time::Duration;

use clap::{ArgGroup, Args};
use convofold_cluster::Owners;
use convofold_cluster::nats::Registry;

use super::status::{ask, print_owners};
use super::{LogArgs, TokenArgs, failed};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::time;
use crate::values::{self, Millis};

/// How often a node is asked how far it is.
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// Say which nodes own which partitions.
///
/// --nodes spreads all partitions over these nodes, each with --copies owners. --move gives a partition to another node: the
/// new owner follows beside the old one until its lag is below --lag, and only then takes its place. Restore a backup into the
/// folder of the new owner before, or it reads the log from its first message.
///
/// Nodes follow a change within seconds. The folder of a partition that a node no longer owns stays.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true))]
pub(super) struct AssignArgs {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// Spread all partitions over these nodes, separated by commas.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', group = "change")]
    nodes: Vec<String>,
    /// Number of owners of each partition, with --nodes.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = values::positive::<usize>)]
    copies: usize,
    /// Move this partition.
    #[arg(long, value_name = "PARTITION", group = "change", requires = "from", requires = "to")]
    r#move: Option<u32>,
    /// Give this partition one more owner.
    #[arg(long, value_name = "PARTITION", group = "change", requires = "to")]
    add: Option<u32>,
    /// Take this partition from one of its owners.
    #[arg(long, value_name = "PARTITION", group = "change", requires = "from")]
    remove: Option<u32>,
    /// The node that owns the partition.
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// The node that becomes an owner.
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// With --move: the lag of the new owner below which it takes the place of the old one.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    lag: Millis,
    /// With --move: do not wait for the new owner.
    #[arg(long)]
    now: bool,
}

impl AssignArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (_nats, registry) = self.log.open()?;
        let partitions = registry.partitions();
        let named = [self.r#move, self.add, self.remove].into_iter().flatten().next();
        if let Some(partition) = named.filter(|partition| *partition >= partitions.count()) {
            let what = format!("there is no partition {partition}: the log has {}", partitions.count());
            return Err(CliError::new(Exit::Usage, what));
        }
        let (from, to) = (self.from.as_deref().unwrap_or_default(), self.to.as_deref().unwrap_or_default());
        let changed = match (self.r#move, self.add, self.remove) {
            (Some(partition), _, _) => return self.move_partition(&registry, partition, from, to, console),
            (_, Some(partition), _) => registry.change_owners(|owners| owners.with(partition, to)),
            (_, _, Some(partition)) => registry.change_owners(|owners| owners.without(partition, from)),
            _ => registry.change_owners(|owners| owners.spread(partitions, &self.nodes, self.copies)),
        };
        print_owners(&changed.map_err(|error| failed(&error))?, console)?;
        Ok(Exit::Success)
    }

    fn move_partition(
        &self,
        registry: &Registry,
        partition: u32,
        from: &str,
        to: &str,
        console: &mut Console,
    ) -> Result<Exit, CliError> {
        let takes_place = |owners: &Owners| {
            // It may own the partition beside the others already.
            let without = owners.without(partition, to).unwrap_or_else(|_| owners.clone());
            without.moved(partition, from, to)
        };
        let owners = registry.owners().map_err(|error| failed(&error))?;
        // Before anything is changed.
        takes_place(&owners).map_err(|error| failed(&error.into()))?;
        if !self.now {
            if !owners.of(partition).iter().any(|owner| owner == to) {
                registry.change_owners(|owners| owners.with(partition, to)).map_err(|error| failed(&error))?;
            }
            if !self.wait(registry, partition, to, console)? {
                console.note(format_args!("stopped: {to} stays an additional owner of partition {partition}"));
                return Ok(Exit::Interrupted);
            }
        }
        print_owners(&registry.change_owners(takes_place).map_err(|error| failed(&error))?, console)?;
        Ok(Exit::Success)
    }

    /// Waits until the new owner has almost caught up. Returns false if the command was interrupted.
    fn wait(&self, registry: &Registry, partition: u32, to: &str, console: &mut Console) -> Result<bool, CliError> {
        let token = self.token.token()?;
        let interruption = interrupt::Interruption::install()?;
        let mut told = String::new();
        loop {
            let nodes = registry.nodes().map_err(|error| failed(&error))?;
            let asked = nodes.get(to).map(|node| ask(&node.url, token.as_deref()));
            let found = match asked {
                None => format!("{to} was never started"),
                Some(Err(why)) => format!("{to} does not answer: {why}"),
                Some(Ok(status)) => match status.partitions.iter().find(|it| it.partition == partition) {
                    None => format!("{to} has not opened partition {partition} yet"),
                    Some(it) if it.is_stopped() => format!("{to}: {}", it.why.as_deref().unwrap_or("stopped")),
                    Some(it) if it.lag == 0 || it.lag_ms.is_some_and(|lag| lag < self.lag.0) => return Ok(true),
                    Some(it) => {
                        let behind = it.lag_ms.map(time::length).unwrap_or_default();
                        format!("{to} is behind by {} messages {behind}", it.lag)
                    }
                },
            };
            if found != told {
                console.note(&found);
                told = found;
            }
            if interruption.wait(ASK_INTERVAL) {
                return Ok(false);
            }
        }
    }
}
