#!/bin/sh
# Checks the Python package: it builds and installs with pip, its tests pass, its type stub is current and matches the module.
# Writes to target/ only. The tests need Python 3.11 or later, the package itself 3.9. Installs what is missing on a fresh
# Debian with Rust.
set -eu
cd "$(dirname "$0")/../.."

# Whether a Python can run the tests. Some installations have shims for versions that are not installed.
is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Uses the newest Python that can.
make_venv() {
    for found in python3.14 python3.13 python3.12 python3.11 python3; do
        if is_new_enough "$found" && rm -rf "$venv" && "$found" -m venv "$venv"; then
            return
        fi
    done
    rm -rf "$venv"
    false
}

venv=target/python-venv
if ! is_new_enough "$venv/bin/python" && ! make_venv; then
    apt-get update -qq && apt-get install -y -qq python3 python3-venv
    if ! make_venv; then
        echo "The tests need Python 3.11 or later with venv; found $(python3 --version)." >&2
        exit 1
    fi
fi
python="$(pwd)/$venv/bin/python"

"$python" -m pip install --quiet --disable-pip-version-check --requirement bindings/python/tests/requirements.txt

# The stub that is committed must be the generated one.
bindings/python/stub.sh target/python-stub.pyi
if ! diff -u bindings/python/python/convofold/_convofold.pyi target/python-stub.pyi; then
    echo "_convofold.pyi is out of date; run: just generate" >&2
    exit 1
fi

# The profile and features of the stub, so that nothing is compiled twice.
"$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
    --config-settings=build-args="--profile dev --features stub" ./bindings/python

# In another folder, so that the installed package is tested, not the sources.
mkdir -p target/python-check
cd target/python-check
package=../../bindings/python
"$python" -m mypy.stubtest convofold --mypy-config-file "$package/mypy.ini"
# Of the tests, the one that returns from within a `with`, as hosts do.
"$python" -m mypy --config-file "$package/mypy.ini" "$package/examples" "$package/tests/test_permutation.py"
PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest --quiet -p no:cacheprovider -p no:hypothesispytest \
    --rootdir "$package" "$package/tests"
