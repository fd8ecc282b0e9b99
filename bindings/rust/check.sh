#!/usr/bin/env bash
# Checks of the Rust way in: every combination of features that differs, the examples, the docs, the public API.
# Needs Rust alone; everything goes into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TERM_COLOR=never
crates=(--package convofold-engine --package convofold-store --package convofold)

step() { printf '\n== rust: %s (%s s)\n' "$1" "$SECONDS"; }

step "lint without any feature, with one parser, with everything"
cargo clippy --locked --quiet "${crates[@]}" --all-targets --no-default-features -- --deny warnings
for feature in airship superoffice; do
  cargo clippy --locked --quiet "${crates[@]}" --no-default-features --features "convofold/$feature" -- --deny warnings
done
cargo clippy --locked --quiet "${crates[@]}" --all-targets --all-features -- --deny warnings

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

step "docs"
RUSTDOCFLAGS="--deny warnings" cargo doc --locked --quiet "${crates[@]}" --no-deps --all-features

step "the public API is what api/ says"
bindings/rust/public-api.sh

step "done"
