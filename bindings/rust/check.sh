#!/usr/bin/env bash
# Checks of the Rust way in: every combination of features that differs, the examples, the public API.
# Needs Rust alone; everything goes into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TERM_COLOR=never
crates=(--package convofold-engine --package convofold-store --package convofold)

step() { printf '\n== rust: %s (%s s)\n' "$1" "$SECONDS"; }

# With all features, lint and docs are those of the whole workspace.
step "lint without any feature, with one parser"
cargo clippy --locked --quiet "${crates[@]}" --all-targets --no-default-features -- --deny warnings
for feature in airship superoffice; do
  cargo clippy --locked --quiet "${crates[@]}" --no-default-features --features "convofold/$feature" -- --deny warnings
done

step "tests without any feature"
timeout 600 cargo test --locked --quiet "${crates[@]}" --no-default-features

step "tests with all features"
timeout 600 cargo test --locked --quiet "${crates[@]}" --all-features

step "examples"
for example in own_source replay_then_follow dashboard; do
  echo "-- $example"
  timeout 60 cargo run --locked --quiet --package convofold --all-features --example "$example"
done
echo "-- webhook"
timeout 60 cargo run --locked --quiet --package convofold --all-features --example webhook -- --self-test

step "the public API is what api/ says"
bindings/rust/public-api.sh

step "done"
