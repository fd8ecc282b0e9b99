//! `convofold cluster assign`.

use std::time::Duration;

use clap::{ArgGroup, Args};
use convofold_cluster::Owners;
use convofold_cluster::nats::Registry;
use convofold_cluster::node::PartitionStatus;

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
    /// With --move: do not wait for the new owner. With --nodes: replace all owners of a partition at once if need be.
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
            _ => {
                let before = registry.owners().map_err(|error| failed(&error))?;
                let after =
                    before.spread(partitions, &self.nodes, self.copies).map_err(|error| failed(&error.into()))?;
                if let Some(partition) = replaced(&before, &after).filter(|_| !self.now) {
                    let what =
                        format!("partition {partition} would lose all its owners, before the new ones have read it");
                    let hint = "move one partition after the other with --move, or add --now";
                    return Err(CliError::new(Exit::Usage, what).hint(hint));
                }
                registry.change_owners(|owners| owners.spread(partitions, &self.nodes, self.copies))
            }
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
            let asked = nodes.get(to).map(|node| ask(&node.url, registry.name().as_str(), to, token.as_deref()));
            let found = match asked {
                None => format!("{to} was never started"),
                Some(Err(why)) => format!("{to} does not answer: {why}"),
                Some(Ok(status)) => match status.partitions.iter().find(|it| it.partition == partition) {
                    None => format!("{to} has not opened partition {partition} yet"),
                    Some(it) => match what_lacks(it, self.lag.0) {
                        None => return Ok(true),
                        Some(what) => format!("{to} {what}"),
                    },
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

/// A partition of which no owner stays.
fn replaced(before: &Owners, after: &Owners) -> Option<u32> {
    let stays = |partition: u32, owner: &String| after.of(partition).contains(owner);
    let is_replaced = |(partition, owners): &(&u32, &Vec<String>)| {
        !owners.is_empty() && !owners.iter().any(|it| stays(**partition, it))
    };
    before.owners.iter().find(is_replaced).map(|(partition, _)| *partition)
}

/// Why a new owner cannot take the place of the old one yet. Without a verification its lag is not known: it may have read
/// nothing, and show a lag of 0.
fn what_lacks(new: &PartitionStatus, max_lag_ms: i64) -> Option<String> {
    if !new.is_following() {
        let why = new.why.as_deref().unwrap_or("its log is not verified yet");
        return Some(format!("is {}: {why}", new.state));
    }
    let is_near = new.lag == 0 || new.lag_ms.is_some_and(|lag_ms| lag_ms < max_lag_ms);
    let behind = new.lag_ms.map(time::length).unwrap_or_default();
    (!is_near).then(|| format!("is behind by {} messages {behind}", new.lag))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(state: &str, lag: u64, lag_ms: Option<i64>, verified_ms: Option<i64>) -> PartitionStatus {
        let counts = ["events", "rollbacks", "gaps", "unproven", "rejected", "ignored", "repeated", "interruptions"];
        let mut status = json!({
            "partition": 7, "state": state, "log_seq": 0, "log_last": lag, "lag": lag, "lag_ms": lag_ms,
            "verified_ms": verified_ms, "conversations": 0, "open": 0, "hash": "00".repeat(32),
        });
        counts.into_iter().for_each(|count| status[count] = json!(0));
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_partition_whose_owners_are_all_replaced_is_found() {
        let owners = |names: [&[&str]; 2]| {
            let lists = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
            Owners { version: 1, owners: (0..).zip(lists).collect() }
        };
        let before = owners([&["a", "b"], &["b", "c"]]);
        assert_eq!(replaced(&Owners::default(), &before), None);
        assert_eq!(replaced(&before, &owners([&["d", "a"], &["c"]])), None);
        assert_eq!(replaced(&before, &owners([&["a"], &["a", "d"]])), Some(1));
    }

    #[test]
    fn only_an_owner_that_follows_and_is_verified_takes_a_place() {
        let lacks = |state, lag, lag_ms, verified| what_lacks(&status(state, lag, lag_ms, verified), 1_000);
        assert_eq!(lacks("starting", 0, None, None).unwrap(), "is starting: its log is not verified yet");
        for state in ["waiting", "holding", "stopped", "starting"] {
            assert!(lacks(state, 0, Some(0), Some(5)).is_some(), "{state}");
        }
        assert!(lacks("following", 0, Some(0), None).is_some());
        assert!(lacks("following", 9, Some(1_000), Some(5)).unwrap().contains("behind by 9 messages"));
        assert_eq!(lacks("following", 9, Some(999), Some(5)), None);
        assert_eq!(lacks("caught-up", 0, Some(0), Some(5)), None);
    }
}
