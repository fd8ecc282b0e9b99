//! `convofold cluster republish`.

use std::collections::BTreeMap;

use clap::Args;
use convofold::replay::Target as _;
use convofold::{Batch, Seq};
use convofold_cluster::Republish;
use convofold_cluster::nats::{PublishError, PublishOptions, Publisher};
use convofold_server::Client;

use super::{LogArgs, SILENCE, TokenArgs, failed};
use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::text;

/// Number of events that are passed on together.
const BATCH_EVENTS: usize = 1_000;

/// Put the events of an owner back into the log.
///
/// After brokers lost messages, the owners that had read them still have their events, and other owners do not. This publishes
/// the events of one owner again, from a sequence number of its database on. Events that the log already has count as duplicates,
/// so too many do no harm. The token must read the texts of all tenants (`convofold token add --texts`).
///
/// Erased conversations do not go back into the log, nor do events without a text from before the time up to which retention
/// removed texts; the command says how many were kept back.
///
/// `rollbacks` in `convofold cluster status` says where the log has lost messages.
#[derive(Debug, Args)]
pub(super) struct RepublishArgs {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// The partition.
    #[arg(long, value_name = "N")]
    partition: u32,
    /// The owner that has the events [default: the first one].
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// The first event, by its sequence number in the database of the owner.
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from: Seq,
}

impl RepublishArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (nats, registry) = self.log.open()?;
        let cluster = registry.read().map_err(|error| failed(&error))?;
        let is_meant = |node: &str| self.node.as_deref().is_none_or(|name| name == node);
        let (node, url) =
            cluster.replicas(self.partition).into_iter().find(|(node, _)| is_meant(node)).ok_or_else(|| {
                let what = format!("no such owner of partition {} has told its address", self.partition);
                CliError::new(Exit::Usage, what).hint("`convofold cluster status` shows the owners")
            })?;
        let stop = interrupt::flag()?;
        // There the node refuses a token that would get events without their texts, or of some tenants only.
        let of_all = format!("{url}/partitions/{}/all", self.partition);
        let client = Client::of_url(&of_all, self.token.token()?.as_deref())?.patience(SILENCE);
        let publisher = Publisher::new(&nats, &registry, PublishOptions::new().stop(stop));
        let mut changes = client.changes(self.from, false)?;
        let republish = Republish::new(registry.partitions(), self.partition, &client.retention_runs()?);
        let (mut batch, mut kept_back) = (Vec::new(), BTreeMap::new());
        loop {
            let change = changes.next_change()?;
            let is_end = change.is_none();
            if let Some(event) = change.map(|change| change.event) {
                match republish.check(&event) {
                    Ok(()) => batch.push(event),
                    Err(why) => *kept_back.entry(why.to_string()).or_insert(0) += 1,
                }
            }
            if batch.len() >= BATCH_EVENTS || is_end {
                let submitted = publisher.submit(Batch::new(std::mem::take(&mut batch)));
                if submitted.is_err() {
                    break;
                }
            }
            if is_end {
                break;
            }
        }
        match publisher.finish(|_| {}) {
            Ok(published) => {
                let events = text::counted(published.acknowledged, "event");
                console.note(format_args!("{events} of {node} put into the log"));
                for (why, count) in kept_back {
                    console.note(format_args!("kept back: {} {why}", text::counted(count, "event")));
                }
                Ok(Exit::Success)
            }
            Err(PublishError::Stopped { .. }) => Ok(Exit::Interrupted),
            Err(error) => Err(CliError::new(Exit::Failure, chain(&error))),
        }
    }
}
