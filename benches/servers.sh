#!/usr/bin/env bash
# Installs the servers that convofold is measured beside: Redis and PostgreSQL, by apt where that is to be had. The measuring
# starts and stops them itself, in folders of its own, and leaves out what is not there.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "Redis and PostgreSQL are here."
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update --quiet --quiet
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}"
else
  echo "Not here, and not to be installed without root and apt: ${missing[*]}. They will be left out."
fi
