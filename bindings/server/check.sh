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

cargo build --release --locked --quiet --bin convofold
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT

# Prints what a pattern finds in a file, once it is there.
found() {
    for _ in $(seq 100); do
        sed -n "s/.*$1.*/\1/p" "$2" 2>/dev/null | grep . && return
        sleep 0.1
    done
    cat "$2" >&2
    exit 1
}

target/release/convofold serve --db "$work/db" --listen 127.0.0.1:0 --log json 2>"$work/log" &
server=$!
address=$(found '"address":"\([^"]*\)"' "$work/log")
curl --silent --fail --output "$work/report" --data-binary @docs/sample.ndjson "http://$address/api/v1/events"

# One worker: in CPython 3.11 two threads that parse source at once can fail with "AST constructor recursion depth
# mismatch", and schemathesis parses the source of its filters.
"$venv/bin/schemathesis" --config-file bindings/server/schemathesis.toml run "http://$address/openapi.json" \
    --phases coverage,fuzzing --max-examples "${1:-20}" --request-timeout 20 --workers 1 --warnings off
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

# The bridge from alerts to mail: a message arrives, signed as it expects.
secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
printf '#!/bin/sh\ncat >"%s/mail.new" && mv "%s/mail.new" "%s/mail"\n' "$work" "$work" "$work" >"$work/sendmail"
chmod +x "$work/sendmail"
ALERT_SECRET=$secret MAIL_FROM=desk@example.com MAIL_TO=lead@example.com SENDMAIL="$work/sendmail" \
    python3 docs/serving/alert-mail.py 127.0.0.1:0 >"$work/bridge" 2>&1 &
bridge=$(found 'listening on \(.*\)' "$work/bridge")
printf '[[alert]]\nname = "slow"\nwhen = "waiting"\nafter = "10m"\nurl = "http://%s/"\nsecret = "%s"\n' "$bridge" "$secret" >"$work/alerts.toml"
target/release/convofold serve --db "$work/alerts" --config "$work/alerts.toml" --listen 127.0.0.1:0 --log json 2>"$work/alerts.log" &
address=$(found '"address":"\([^"]*\)"' "$work/alerts.log")
echo '{"convofold":1,"source":"desk","conversation":"c","kind":"message","direction":"in","member_name":"Yara","occurred":"2026-03-02T09:15:00Z"}' |
    curl --silent --fail --output /dev/null --data-binary @- "http://$address/api/v1/events"
found 'Subject: \(.*alert: slow\)' "$work/mail"
curl --silent --output /dev/null --write-out '%{http_code}' --data '{}' "http://$bridge/" | grep --quiet 401
