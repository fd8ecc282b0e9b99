#!/usr/bin/env bash
# A cluster on one machine: three brokers, two nodes, a publisher. A node is killed in the middle, and in the end the state hash of
# all partitions is that of one machine. Everything is in a temporary folder, which is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

events=${1:-50000}
nats_server=$(bindings/cluster/nats.sh)
cargo build --locked --quiet --package convofold-cli --features cluster
convofold=$PWD/target/debug/convofold
dir=$(mktemp -d)
pids=()
cleanup() {
    kill "${pids[@]}" 2> /dev/null || true
    wait "${pids[@]}" 2> /dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

say() { printf '\n== %s\n' "$*"; }

say "three brokers"
routes="nats://127.0.0.1:16231,nats://127.0.0.1:16232,nats://127.0.0.1:16233"
for i in 1 2 3; do
    cat > "$dir/broker-$i.conf" << CONF
server_name: broker-$i
listen: 127.0.0.1:1423$i
jetstream { store_dir: "$dir/broker-$i", max_mem: 64MB, max_file: 4GB, sync_interval: always }
cluster { name: convofold, listen: 127.0.0.1:1623$i, routes: [$routes] }
CONF
    "$nats_server" -c "$dir/broker-$i.conf" > "$dir/broker-$i.log" 2>&1 &
    pids+=($!)
done
export CONVOFOLD_NATS=nats://127.0.0.1:14231,nats://127.0.0.1:14232,nats://127.0.0.1:14233
export CONVOFOLD_CLUSTER_LOG=demo
until "$convofold" cluster init --partitions 8 2> "$dir/init"; do sleep 1; done
cat "$dir/init"

say "two nodes, each an owner of every partition"
"$convofold" cluster assign --nodes a,b --copies 2 > /dev/null
node() {
    "$convofold" cluster node --name "$1" --dir "$dir/$1" --listen "127.0.0.1:$2" > "$dir/$1.log" 2>&1 &
    pids+=($!)
}
node a 17878
killed=$!
node b 17879

say "$events events"
"$convofold" generate --events "$events" --out "$dir/events.ndjson"
"$convofold" cluster publish "$dir/events.ndjson" &
publisher=$!
sleep 2
say "node a is killed, and started again"
kill -9 "$killed"
wait "$killed" 2> /dev/null || true
node a 17878
wait "$publisher"

say "the owners of each partition"
"$convofold" replay "$dir/events.ndjson" --db "$dir/one" 2> /dev/null
one=$("$convofold" hash --db "$dir/one")
# The state hash of all partitions, when both owners of each have read everything.
hash_of_all() {
    "$convofold" cluster status --json 2> /dev/null | python3 -c '
import json, sys
status = json.load(sys.stdin)
owners = [owner for node in status["nodes"] for owner in node["partitions"]]
if len(owners) == 16 and all(owner["state"] == "caught-up" for owner in owners):
    print(status["hash"])' 2> /dev/null || true
}
for _ in $(seq 120); do
    all=$(hash_of_all)
    if [ "$all" = "$one" ]; then
        break
    fi
    sleep 1
done
"$convofold" cluster status || true
echo "one machine:                  $one"
[ "$all" = "$one" ] || { echo "the hashes differ" >&2; exit 1; }
echo "They are equal."
