#!/usr/bin/env bash
# Draws where a replay spends its processor time, by thread and function: an SVG of perf's samples.
#
#   benches/flame.sh [OUT.svg]             the command of this tree; target/flame.svg by default
#
#   EVENTS=1000000    events to generate, if LOG is not set
#   LOG=FILE          the log to replay
#   PROGRAM=FILE      the command to draw instead, such as one of before a change
#   MIN_WIDTH=0.1     leave out functions below this share, in percent
set -euo pipefail
cd "$(dirname "$0")/.."

out="${1:-target/flame.svg}"
events="${EVENTS:-1000000}"
version=0.12.8
tools="$PWD/target/tools"

if ! command -v perf >/dev/null; then
  echo "no picture was drawn: perf is not installed"
  exit 0
fi
if ! [ -x "$tools/bin/inferno-flamegraph" ]; then
  cargo install --locked --quiet --root "$tools" --no-default-features --features cli "inferno@$version"
fi
program="${PROGRAM:-}"
if [ -z "$program" ]; then
  cargo build --release --locked --quiet --package convofold-cli
  program="${CARGO_TARGET_DIR:-target}/release/convofold"
fi
work="$(mktemp -d "$PWD/target/flame.XXXXXX")"
trap 'rm -rf "$work"' EXIT
log="${LOG:-}"
if [ -z "$log" ]; then
  log="$work/log.ndjson"
  "$program" generate --events "$events" --mix 1:1:0 --out "$log" 2>/dev/null
fi

# The clock of the system: some virtual machines have no hardware counters.
if ! perf record --output "$work/perf.data" --event cpu-clock --freq 997 --call-graph dwarf,16384 \
  "$program" replay "$log" --db "$work/db" >/dev/null 2>"$work/stderr"; then
  cat "$work/stderr"
  echo "perf could not record; kernel.perf_event_paranoid must be 1 or lower, or root"
  exit 1
fi
perf script --input "$work/perf.data" 2>/dev/null | "$tools/bin/inferno-collapse-perf" >"$work/folded"
"$tools/bin/inferno-flamegraph" --countname ns --minwidth "${MIN_WIDTH:-0.1}" --title "convofold replay, $(wc -l <"$log") events" <"$work/folded" >"$out"
echo "wrote $out"
