#!/usr/bin/env bash
# Tests following a distributed log, also with a nats-server on this machine (nats.sh). Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/../.."

CONVOFOLD_NATS_SERVER=$(bindings/cluster/nats.sh)
export CONVOFOLD_NATS_SERVER
cargo test --locked --quiet --package convofold-cluster --all-features "$@"
cargo test --locked --quiet --package convofold-cli --features cluster --test cluster "$@"
