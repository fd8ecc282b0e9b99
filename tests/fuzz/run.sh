#!/usr/bin/env bash
# Builds all fuzz targets and runs each, two at a time, for a number of seconds: `tests/fuzz/run.sh [seconds]
# [target...]`.
#
# The flags are those of cargo-fuzz without a sanitizer: the targets contain no unsafe code, and a stable compiler is
# enough.
# Findings are in tests/fuzz/findings/; `tests/fuzz/run.sh 0 TARGET FILE` runs one again.
set -euo pipefail
cd "$(dirname "$0")"

seconds="${1:-60}"
shift || true
host="$(rustc --version --verbose | sed -n 's/^host: //p')"
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# With a --target, the flags do not apply to build scripts and macros.
RUSTFLAGS="$coverage --cfg fuzzing" cargo build --release --locked --quiet --target "$host" --target-dir target
binaries="target/$host/release"

if [ "$seconds" = 0 ]; then
    exec "$binaries/$1" "${@:2}"
fi

targets=("$@")
[ $# -gt 0 ] || targets=(airship superoffice own_form block checkpoint backup open fragments http bookmark split)
mkdir -p findings

run_one() {
    local target="$1" log="findings/$1.log"
    local seeds=(../../store/tests-data)
    case "$target" in
        airship | superoffice | own_form | split) seeds=(../samples ../transcripts) ;;
        http | bookmark) seeds=("seeds/$target") ;;
    esac
    mkdir -p "corpus/$target"
    if "$binaries/$target" "corpus/$target" "${seeds[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=512 \
        -print_final_stats=1 -artifact_prefix="findings/$target-" 2> "$log"; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions," \
            "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log") a second"
    else
        echo "$target: FOUND something, see tests/fuzz/$log"
        return 1
    fi
}
export -f run_one
export seconds binaries
printf '%s\n' "${targets[@]}" | xargs -P 2 -I {} bash -c 'run_one {}'
