#!/usr/bin/env bash
# Counts the instructions of each stage of a replay, per event and per byte of its line, with valgrind, and compares them
# with instructions.tsv. Regressions show even on a machine with noisy times. docs/benchmarks.md explains the stages.
#
#   benches/instructions.sh           fails if a count is more than TOLERANCE percent above the one in instructions.tsv
#   benches/instructions.sh --write   writes the counts to instructions.tsv
set -euo pipefail
cd "$(dirname "$0")/.."

# Another version of the compiler or of a library changes a count by some percent.
tolerance="${TOLERANCE:-5}"
events=10000
baseline="benches/instructions.tsv"

if ! command -v valgrind >/dev/null; then
  echo "instructions were not counted: valgrind is not installed"
  exit 0
fi
cargo build --release --locked --quiet --package convofold --example instructions
program="${CARGO_TARGET_DIR:-target}/release/examples/instructions"
counts="$(mktemp -d)"
trap 'rm -rf "$counts"' EXIT

# Each call of `counted` writes its count to a file of its own: counts/out.1, out.2, ...
counted=instructions::counted
valgrind --tool=callgrind --callgrind-out-file="$counts/out" --toggle-collect="$counted" --dump-after="$counted" \
  "$program" "$events" >"$counts/stages" 2>"$counts/log" || { cat "$counts/log"; exit 1; }

# The parser scans a line and makes an event of it. The scan alone is counted with lines that are then ignored.
number=0 scan=0
rows=""
while IFS=$'\t' read -r kind stage count bytes; do
  number=$((number + 1))
  total="$(sed -n 's/^totals: //p' "$counts/out.$number")"
  case "$stage" in
    scan) scan="$total" ;;
    parse) stage=event total=$((total - scan)) ;;
  esac
  rows+="$(awk -v kind="$kind" -v stage="$stage" -v total="$total" -v count="$count" -v bytes="$bytes" \
    'BEGIN { printf "%s\t%s\t%.0f\t%.2f", kind, stage, total / count, total / bytes }')"$'\n'
done <"$counts/stages"
table="kind	stage	per event	per byte"$'\n'"$rows"

if [ "${1:-}" = --write ]; then
  printf '%s' "$table" >"$baseline"
fi

printf '%s' "$table" | awk -F'\t' -v tolerance="$tolerance" '
  NR == FNR { before[$1, $2] = $3; next }
  FNR == 1 { printf "%-16s %-6s %10s %9s %10s\n", "", "", $3, $4, "change"; next }
  {
    change = before[$1, $2] > 0 ? ($3 / before[$1, $2] - 1) * 100 : 100
    printf "%-16s %-6s %10d %9.2f %+9.1f%%\n", $1, $2, $3, $4, change
    if (change > tolerance) { failed = 1; print "  more than " tolerance " % above " before[$1, $2] }
  }
  END {
    if (failed) print "if that is intended, run benches/instructions.sh --write"
    exit failed
  }' "$baseline" -
