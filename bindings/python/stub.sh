#!/bin/sh
# Generates the type stub of the Python module from its Rust source: bindings/python/stub.sh [OUTPUT]. Needs maturin and ruff,
# with the versions of tests/requirements.txt; check.sh installs them to target/python-venv.
set -eu
cd "$(dirname "$0")/../.."
output=${1:-bindings/python/python/convofold/_convofold.pyi}
PATH="$(pwd)/target/python-venv/bin:$PATH"

generated=target/python-stub
rm -rf "$generated"
# The profile of the tests, so that their dependencies are reused.
maturin generate-stubs --quiet --locked --profile dev --features stub --manifest-path bindings/python/Cargo.toml \
    --out "$generated"
{
    echo "# Generated from bindings/python/src by \`just generate\`. Do not edit."
    echo
    cat "$(find "$generated" -name _convofold.pyi)"
} >"$output"
# The order of imports must not depend on where the output lies.
ruff check --quiet --fix --select I,UP037 --config 'line-length = 128' \
    --config 'lint.isort.known-first-party = ["convofold"]' "$output"
ruff format --quiet --config 'line-length = 128' "$output"
