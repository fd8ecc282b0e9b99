//! Clusters of real processes on this machine: three brokers, nodes, publishers. `bindings/cluster/check.sh` runs them.
//!
//! The trials take `CONVOFOLD_TRIAL_EVENTS` events; `just cluster-trials` runs them with more.

#![cfg(feature = "cluster")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests and their helpers may panic")]
#![expect(clippy::print_stderr, reason = "they say what the processes said, and what is skipped")]

#[path = "../../../cluster/src/tests/servers.rs"]
mod servers;
mod broker;
mod harness;
mod life;
mod trials;
