#!/usr/bin/env bash
# Tests the page of `convofold serve` in headless Chromium. Arguments are passed to Playwright: `run.sh numbers`.
# Nothing is skipped: what is missing is installed (as root) or is an error.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing+=(faketime)
command -v curl >/dev/null || missing+=(curl)
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "THE PAGE IS NOT TESTED: install ${missing[*]}" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet --quiet
    apt-get install --yes --quiet --quiet "${missing[@]}"
fi
command -v node >/dev/null && command -v npm >/dev/null || {
    echo "THE PAGE IS NOT TESTED: install Node.js 20 or later with npm" >&2
    exit 1
}

if ! cmp --silent package-lock.json node_modules/.installed-lock; then
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-fund --no-audit --loglevel=error
    cp package-lock.json node_modules/.installed-lock
fi

# The gate has a release build; a developer has rather a debug build. Cargo builds what is not up to date.
if [ -z "${CONVOFOLD:-}" ]; then
    profile=debug
    if [ -e "$root/target/release/convofold" ]; then profile=release; fi
    flag=
    [ "$profile" = debug ] || flag=--release
    # Empty or one word.
    # shellcheck disable=SC2086
    (cd "$root" && cargo build $flag --locked --quiet --bin convofold)
    export CONVOFOLD=$root/target/$profile/convofold
fi

node --test unit/
npx --no-install playwright test "$@"
