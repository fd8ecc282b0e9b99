#!/bin/sh
# Everything that must hold for the Python package: it builds and installs with pip, its tests pass, its types are those of the
# module, its example makes a picture. Writes to target/ only. What is missing on a fresh Debian with Rust is installed.
set -eu
cd "$(dirname "$0")/../.."

venv=target/python-venv
if ! [ -x "$venv/bin/python" ]; then
    if ! python3 -m venv "$venv"; then
        rm -rf "$venv"
        apt-get update -qq && apt-get install -y -qq python3 python3-venv
        python3 -m venv "$venv"
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
"$python" -m mypy --config-file "$package/mypy.ini" "$package/examples"
PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest --quiet -p no:cacheprovider -p no:hypothesispytest \
    --rootdir "$package" "$package/tests"
