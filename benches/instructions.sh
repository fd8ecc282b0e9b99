#!/usr/bin/env bash
# Counts the instructions of parsing and folding an event with valgrind, on the sample log of the README, and compares
# them
# with instructions.tsv. So regressions show even on a machine with noisy times.
#
#   benches/instructions.sh           fails if a count is more than TOLERANCE percent above the one in instructions.tsv
#   benches/instructions.sh --write   writes the counts to instructions.tsv
set -euo pipefail
cd "$(dirname "$0")/.."

tolerance="${TOLERANCE:-3}"
baseline="benches/instructions.tsv"
log="docs/sample.ndjson"
events="$(wc -l <"$log")"

if ! command -v valgrind >/dev/null; then
  echo "instructions were not counted: valgrind is not installed"
  exit 0
fi
cargo build --release --locked --quiet --package convofold --example instructions
program="${CARGO_TARGET_DIR:-target}/release/examples/instructions"

# The total for a number of passes.
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$log" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

counted=""
for what in parse fold; do
  # The difference excludes startup, reading the file and, for the fold, parsing.
  each=$((($(count "$what" 6) - $(count "$what" 1)) / 5 / events))
  counted+="$what	$each"$'\n'
done

if [ "${1:-}" = --write ]; then
  printf '%s' "$counted" >"$baseline"
fi

failed=0
while IFS=$'\t' read -r what each; do
  before="$(awk -F'\t' -v what="$what" '$1 == what { print $2 }' "$baseline")"
  percent="$(awk -v now="$each" -v before="$before" 'BEGIN { printf "%+.1f", (now / before - 1) * 100 }')"
  echo "$what: $each instructions per event, $percent % against $before"
  if awk -v percent="$percent" -v most="$tolerance" 'BEGIN { exit !(percent > most) }'; then
    echo "$what takes more than $tolerance % more instructions than before; if that is intended, run benches/instructions.sh --write"
    failed=1
  fi
done <<<"${counted%$'\n'}"
exit "$failed"
