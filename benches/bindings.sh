#!/usr/bin/env bash
# Ingests the same log through Rust and through C, in turns, and prints the medians and the ratio. Both wait for the disk as
# often; what differs is the way in. Fails where C reaches less than LEAST of the rate of Rust, or the states differ.
#
#   benches/bindings.sh [LOG]     LOG: lines of JSON; without one 200,000 events are generated
#   ROUNDS=15 LEAST=0.95          how often each; what C has to reach
set -euo pipefail
cd "$(dirname "$0")/.."
rounds="${ROUNDS:-15}"
least="${LEAST:-0.95}"
target="${CARGO_TARGET_DIR:-target}"
work="$target/bindings"
mkdir -p "$work"

log="${1:-$work/log.ndjson}"
if [ "$#" = 0 ] && [ ! -f "$log" ]; then
  cargo run --release --locked --quiet --package convofold-cli -- generate --events 200000 --seed 1 --out "$log"
fi
cargo build --release --locked --quiet --package convofold --example ingest_rate
cargo build --release --locked --quiet --package convofold-capi
gcc -O2 -std=c11 -I bindings/c/include bindings/c/examples/ingest_rate.c -o "$work/ingest_rate" \
  "$target/release/libconvofold_capi.a" -lpthread -ldl -lm -lrt -lutil -lgcc_s

run() {
  rm -rf "$work/db"
  "$1" "$log" "$work/db" >>"$work/$2"
  rm -rf "$work/db"
}
rust() { run "$target/release/examples/ingest_rate" rust; }
c() { run "$work/ingest_rate" c; }
# The first ones pay for reading the log, and are not counted.
rust
c
rm -f "$work/rust" "$work/c"
for ((round = 0; round < rounds; round++)); do
  # In turns and in both orders, so that whatever else the machine does meets both alike.
  if ((round % 2)); then c; rust; else rust; c; fi
done

if [ "$(cut -d ' ' -f 2 "$work/rust" "$work/c" | sort -u | wc -l)" != 1 ]; then
  echo "the states differ"
  exit 1
fi
median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
column() { cut -d ' ' -f 1 "$work/$1"; }
ratio=$(paste <(column rust) <(column c) | awk '{ print $1 / $2 }' | median)
awk -v rust="$(column rust | median)" -v c="$(column c | median)" -v ratio="$ratio" \
  -v events="$(wc -l <"$log")" -v rounds="$rounds" -v least="$least" 'BEGIN {
  printf "lines: %d, rounds: %d\n", events, rounds
  printf "Rust: %.0f lines/s (median)\nC:    %.0f lines/s (median)\n", events / rust, events / c
  printf "C / Rust: %.3f (median of the ratios of rounds), expected at least %s\n", ratio, least
  exit ratio < least
}'
