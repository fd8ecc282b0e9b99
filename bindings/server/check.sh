#!/usr/bin/env bash
# Runs schemathesis against a server with an empty database: every answer must be as openapi.json describes it, and no
# request may be answered with a fault of the server. The same seed makes the same requests. Also checks the files in
# docs/serving/, as far as the tools for them are installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=target/schemathesis-venv
packages="schemathesis==4.32.5 openapi-spec-validator==0.9.0"
if [ "$(cat "$venv/packages" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Two words.
    # shellcheck disable=SC2086
    "$venv/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" >"$venv/packages"
fi

"$venv/bin/openapi-spec-validator" bindings/server/openapi.json

cargo build --release --locked --quiet --package convofold-cli
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
target/release/convofold serve --db "$work/db" --listen 127.0.0.1:0 --log json 2>"$work/log" &
server=$!
address=
for _ in $(seq 100); do
    address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$work/log")
    [ -n "$address" ] && break
    sleep 0.1
done
[ -n "$address" ] || { cat "$work/log"; exit 1; }
curl --silent --fail --output "$work/report" --data-binary @docs/sample.ndjson "http://$address/api/v1/events"

"$venv/bin/schemathesis" --config-file bindings/server/schemathesis.toml run "http://$address/openapi.json" \
    --phases coverage,fuzzing --max-examples "${1:-20}" --request-timeout 20 --workers 2 --warnings off
kill -TERM "$server"
wait "$server"
if grep --fixed-strings '"level":"ERROR"' "$work/log"; then exit 1; fi

if command -v systemd-analyze >/dev/null; then
    sed "s:/usr/local/bin/convofold:$PWD/target/release/convofold:; s/^User=.*/User=root/" docs/serving/convofold.service >"$work/convofold.service"
    systemd-analyze verify "$work/convofold.service"
fi
if command -v nginx >/dev/null && command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout "$work/key" -out "$work/cert" 2>/dev/null
    sed "s:/etc/ssl/chats.pem:$work/cert:; s:/etc/ssl/chats.key:$work/key:" docs/serving/nginx.conf >"$work/site"
    echo "events {} http { include $work/site; }" >"$work/nginx.conf"
    nginx -t -q -c "$work/nginx.conf"
fi
