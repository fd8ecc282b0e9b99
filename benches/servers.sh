#!/usr/bin/env bash
# Installs the servers that convofold is compared with, Redis and PostgreSQL, with apt if it is available. The
# benchmarks
# start and stop them in directories of their own, and skip a server that is not installed.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "Redis and PostgreSQL are installed."
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update --quiet --quiet
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}"
else
  echo "Not installed, and installing needs root and apt: ${missing[*]}. The benchmarks skip them."
fi
