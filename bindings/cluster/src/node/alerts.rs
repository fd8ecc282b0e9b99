//! Which owner of a partition sends its alerts: the one that holds the lease of the partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use convofold_server::Jobs;

use super::life::Open;
use super::pause::pause;
use crate::follow::clock::{Clock, SystemClock};
use crate::follow::status::{State, Status};
use crate::nats::{ClusterError, Lease, LeaseError, Leases, Nats, Registry};

/// An owner whose log was not verified for this time leaves the alerts to another one.
const MAX_VERIFIED_AGE_MS: i64 = 30_000;
/// How long it waits for the answers of receivers when it stops to send.
const FINISH: Duration = Duration::from_secs(1);

/// Holds the leases of the partitions that a node follows, as far as no other owner has them, and sends the alerts of these.
pub(super) struct AlertSender {
    pub(super) nats: Nats,
    pub(super) registry: Registry,
    pub(super) jobs: Jobs,
    /// The node; it may have ended.
    pub(super) open: Weak<Open>,
    pub(super) stop: Arc<AtomicBool>,
    /// `None` before the brokers were reached.
    pub(super) leases: Option<Leases>,
    pub(super) held: BTreeMap<u32, Lease>,
}

impl AlertSender {
    /// Renews and acquires until the node ends.
    pub(super) fn run(mut self) {
        while let Some(open) = self.open.upgrade() {
            let (node, followed) = (open.name().to_owned(), open.followed());
            let current = followed.into_iter().filter(|(_, _, status)| is_current(status));
            let current: BTreeSet<u32> = current.map(|(partition, _, _)| partition).collect();
            if let Err(error) = self.look(&node, &current) {
                tracing::warn!(%error, "the leases of alerts are not known");
            }
            open.note_sending(self.held.keys().copied().collect());
            drop(open);
            if !pause(&self.stop, Lease::RENEW_INTERVAL) {
                return self.give_back(|_| false);
            }
        }
    }

    /// Fails at the first request that is not answered: each takes a second, and leases end meanwhile.
    fn look(&mut self, node: &str, current: &BTreeSet<u32>) -> Result<(), ClusterError> {
        self.end_lost();
        self.give_back(|partition| current.contains(&partition));
        let leases = match &self.leases {
            Some(leases) => leases.clone(),
            None => self.leases.insert(Leases::open(&self.nats, &self.registry)?).clone(),
        };
        for partition in current {
            let renewed = self.held.get_mut(partition).map(Lease::renew);
            let acquired = match renewed {
                Some(Ok(())) => {
                    // They ended with the database if the partition was taken and given back since.
                    self.start(*partition);
                    continue;
                }
                Some(Err(LeaseError::Cluster(error))) => {
                    self.end_lost();
                    return Err(error);
                }
                Some(Err(LeaseError::Lost { .. })) => {
                    self.end_lost();
                    continue;
                }
                None => leases.acquire(&name_of(*partition), node).inspect_err(|_| self.end_lost())?,
            };
            if let Some(lease) = acquired {
                self.begin(*partition, lease);
            }
        }
        Ok(())
    }

    fn begin(&mut self, partition: u32, lease: Lease) {
        if self.start(partition) {
            tracing::info!(partition, token = lease.token(), "this node sends the alerts of the partition");
            self.held.insert(partition, lease);
        }
    }

    /// Sends the alerts of a partition, if that has not begun. Returns whether it could.
    fn start(&self, partition: u32) -> bool {
        let started = self.jobs.start_alerts(&partition.to_string());
        started.inspect_err(|error| tracing::error!(partition, %error, "alerts cannot be sent")).is_ok()
    }

    /// Sends no more for partitions whose lease is not certain.
    fn end_lost(&mut self) {
        for (partition, _) in self.held.extract_if(.., |_, lease| !lease.is_held()) {
            tracing::warn!(partition, "another node may send the alerts of the partition now");
            self.jobs.stop_alerts(&partition.to_string(), FINISH);
        }
    }

    /// Leaves the other partitions to other owners.
    fn give_back(&mut self, stays: impl Fn(u32) -> bool) {
        for (partition, lease) in self.held.extract_if(.., |partition, _| !stays(*partition)) {
            self.jobs.stop_alerts(&partition.to_string(), FINISH);
            if let Err(error) = lease.release() {
                tracing::debug!(partition, %error, "a lease ends by itself");
            }
        }
    }
}

/// The name of the lease of a partition.
fn name_of(partition: u32) -> String {
    format!("alerts-{partition}")
}

/// Whether an owner knows what is going on.
fn is_current(status: &Status) -> bool {
    let age_ms = status.verified_ms.map(|ms| SystemClock::default().now_ms().saturating_sub(ms));
    matches!(status.state, State::Following | State::CaughtUp)
        && age_ms.is_some_and(|age_ms| age_ms < MAX_VERIFIED_AGE_MS)
}
