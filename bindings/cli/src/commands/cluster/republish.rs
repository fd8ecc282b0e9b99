//! `convofold cluster republish`.

use std::collections::BTreeMap;

use clap::Args;
use convofold::replay::Target as _;
use convofold::{Batch, Seq};
use convofold_cluster::nats::{PublishError, PublishOptions, Publisher};
use convofold_cluster::{Partitions, Republish};
use convofold_server::{Changes, Client};

use super::publish::telling_stalls;
use super::{LogArgs, SILENCE, TokenArgs, ask, failed};
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
        let token = self.token.token()?;
        let refused = |why: String| CliError::new(Exit::Failure, why).hint("nothing was put into the log");
        ask(url, &cluster.name, node, token.as_deref()).map_err(refused)?;
        let stop = interrupt::flag()?;
        // There the node refuses a token that would get events without their texts, or of some tenants only.
        let of_all = format!("{url}/partitions/{}/all", self.partition);
        let client = Client::of_url(&of_all, token.as_deref())?.patience(SILENCE);
        let changes = client.changes(self.from, false)?;
        let is_asked = Republish::expect_node(node, &cluster.name, |header| changes.header(header));
        is_asked.map_err(|error| refused(error.to_string()))?;
        let publisher = Publisher::new(&nats, &registry, PublishOptions::new().stop(stop));
        let published = telling_stalls(&publisher, || {
            let kept_back = self.publish(changes, &client, &publisher, registry.partitions())?;
            Ok::<_, CliError>((kept_back, publisher.finish(|_| {})))
        });
        match published? {
            (kept_back, Ok(published)) => {
                let events = text::counted(published.acknowledged, "event");
                console.note(format_args!("{events} of {node} put into the log"));
                for (why, count) in kept_back {
                    console.note(format_args!("kept back: {} {why}", text::counted(count, "event")));
                }
                Ok(Exit::Success)
            }
            (_, Err(PublishError::Stopped { .. })) => Ok(Exit::Interrupted),
            (_, Err(error)) => Err(CliError::new(Exit::Failure, chain(&error))),
        }
    }

    /// Publishes the events until their end, or until the publisher is stopped. Returns how many are kept back, and why.
    fn publish(
        &self,
        mut changes: Changes,
        client: &Client,
        publisher: &Publisher,
        partitions: Partitions,
    ) -> Result<BTreeMap<String, u64>, CliError> {
        let mut kept_back = BTreeMap::new();
        loop {
            let mut events = Vec::new();
            while events.len() < BATCH_EVENTS
                && let Some(change) = changes.next_change()?
            {
                events.push(change.event);
            }
            if events.is_empty() {
                return Ok(kept_back);
            }
            // After the events: a run of retention can have taken their texts while they were read.
            let republish = Republish::new(partitions, self.partition, &client.retention_runs()?);
            events.retain(|event| match republish.check(event) {
                Ok(()) => true,
                Err(why) => {
                    *kept_back.entry(why.to_string()).or_insert(0) += 1;
                    false
                }
            });
            if publisher.submit(Batch::new(events)).is_err() {
                return Ok(kept_back);
            }
        }
    }
}
