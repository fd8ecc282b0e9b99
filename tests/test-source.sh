#!/usr/bin/env bash
# Tests a source that is one file, one line of the list and one Cargo feature with every binding: the parser, the store,
# the
# command, C and Python. Needs gcc, and for Python the environment that bindings/python/check.sh makes.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never
on=(--locked --quiet --features convofold/test-source)
target=$PWD/target
[ -z "${CARGO_TARGET_DIR:-}" ] || target=$(realpath "$CARGO_TARGET_DIR")
work=$target/test-source
step() { printf '== test source: %s (%s s)\n' "$1" "$SECONDS"; }

step "Rust"
cargo test --locked --quiet --package convofold-engine --features test-source --lib ingest
cargo test "${on[@]}" --package convofold-tests --test engine_agrees

step "unpack"
rm -rf "$work"
cargo run "${on[@]}" --package convofold-tests --bin transcripts -- --out "$work/unpacked"
ls -d "$work"/unpacked/helpdesk-* >/dev/null

step "command"
cargo build "${on[@]}" --package convofold-cli --bin convofold
cp "$target/debug/convofold" "$work/convofold"
CONVOFOLD_BIN=$work/convofold cargo test "${on[@]}" --package convofold-tests --test cli_transcripts --test cli_ingest transcript
"$work/convofold" ingest --help | grep --quiet helpdesk

step "C"
cargo test "${on[@]}" --package convofold-capi --test header
cargo build "${on[@]}" --package convofold-capi
gcc -std=c11 -g -I bindings/c/include bindings/c/tests/transcripts.c -o "$work/transcripts" \
  "$target/debug/libconvofold_capi.a" -lpthread -ldl -lm -lrt -lutil -lgcc_s
"$work/transcripts" "$work/unpacked"

step "Python"
python=$PWD/target/python-venv/bin/python
if [ ! -x "$python" ]; then
  echo "left out: bindings/python/check.sh makes the environment"
  exit 0
fi
# bindings/python/check.sh installs the default package again.
"$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
  --config-settings=build-args="--profile dev --features convofold/test-source" ./bindings/python
package=$PWD/bindings/python
(cd "$work" && CONVOFOLD_UNPACKED=$work/unpacked PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest --quiet -p no:cacheprovider \
  -p no:hypothesispytest --rootdir "$package" "$package"/tests/test_transcripts.py)
step "done"
