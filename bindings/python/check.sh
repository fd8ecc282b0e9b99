#!/bin/sh
# Everything that must hold for the Python package: it builds and installs with pip, its tests pass, its types are those of the
# module, its example makes a picture. Writes to target/ only. The tests want Python 3.11 or later, the package itself 3.9. What
# is missing on a fresh Debian with Rust is installed.
set -eu
cd "$(dirname "$0")/../.."

# Whether this is a Python that the tests run on; some names only say that another version is to be chosen.
is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# By the newest Python at hand that can.
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
        echo "The tests want Python 3.11 or later with venv; there is $(python3 --version)." >&2
        exit 1
    fi
fi
python="$(pwd)/$venv/bin/python"

"$python" -m pip install --quiet --disable-pip-version-check --requirement bindings/python/tests/requirements.txt

# The profile of the other tests, so that what they compiled is not compiled again; in the workspace's target folder.
"$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
    --config-settings=build-args="--profile dev" ./bindings/python

# Elsewhere, so that the installed package is looked at, and not the sources.
mkdir -p target/python-check
cd target/python-check
package=../../bindings/python
"$python" -m mypy.stubtest convofold --mypy-config-file "$package/mypy.ini"
# Of the tests the one that returns from within a `with`, as hosts do.
"$python" -m mypy --config-file "$package/mypy.ini" "$package/examples" "$package/tests/test_permutation.py"
PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest --quiet -p no:cacheprovider -p no:hypothesispytest \
    --rootdir "$package" "$package/tests"
