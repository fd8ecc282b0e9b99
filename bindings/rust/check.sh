#!/usr/bin/env bash
# Checks convofold for Rust: all relevant combinations of features, the examples and the public API.
# Requires only Rust. All output goes to target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TERM_COLOR=never
crates=(--package convofold-engine --package convofold-store --package convofold)

step() { printf '\n== rust: %s (%s s)\n' "$1" "$SECONDS"; }

# The checks of the workspace run lint and docs with all features.
step "lint without features, and with one parser each"
cargo clippy --locked --quiet "${crates[@]}" --all-targets --no-default-features -- --deny warnings
for feature in airship superoffice; do
  cargo clippy --locked --quiet "${crates[@]}" --no-default-features --features "convofold/$feature" -- --deny warnings
done

step "no server in the dependency tree of a host"
if cargo tree --locked --package convofold --all-features --edges normal --prefix none \
  | grep -E '^(axum|hyper|rustls|tokio|convofold-server) '; then
  exit 1
fi
cargo clippy --locked --quiet --package convofold-cli --all-targets --no-default-features -- --deny warnings

# The tests that fail each operation of the storage in turn depend on no feature, and take minutes: the plain
# `cargo test` runs them.
step "tests without features"
timeout 600 cargo test --locked --quiet "${crates[@]}" --no-default-features -- --skip no_operation_of

step "tests with all features"
timeout 600 cargo test --locked --quiet "${crates[@]}" --all-features -- --skip no_operation_of

step "examples"
# The tests have built them.
cargo build --locked --quiet "${crates[@]}" --all-features --examples
built="${CARGO_TARGET_DIR:-target}/debug/examples"
for example in own_source replay_then_follow dashboard; do
  echo "-- $example"
  timeout 60 "$built/$example"
done
echo "-- webhook"
timeout 60 "$built/webhook" --self-test

step "public API"
bindings/rust/public-api.sh

step "done"
