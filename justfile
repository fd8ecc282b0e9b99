# Commands for developers; `just` lists them.

_list:
    @just --list

# All checks that must pass before a change lands: format, lints, licences and advisories, tests, docs, bindings.
check: format-check lint deny test docs rust c python server page

# Checks the formatting.
format-check:
    cargo fmt --all --check
    cargo fmt --manifest-path tests/fuzz/Cargo.toml --check

# Runs clippy on all crates with all features; warnings are errors.
lint:
    cargo clippy --workspace --all-targets --all-features --locked -- --deny warnings

# Checks licences, advisories and sources of dependencies. Needs cargo-deny: cargo install --locked cargo-deny
deny:
    cargo deny --all-features check

# Checks the Rust crate: every combination of features, examples, docs, the public API.
rust:
    bindings/rust/check.sh

# Compares the public API with bindings/rust/api/; `--write` updates the files there.
public-api *args:
    bindings/rust/public-api.sh {{args}}

# Checks the C library: header, C tests under sanitizers and valgrind, installation. Needs gcc, valgrind, pkg-config.
c:
    bindings/c/check.sh

# Checks the Python package: tests, types, stub, example. Needs Python 3.11 or later with venv; the package itself 3.9.
python:
    bindings/python/check.sh

# Checks the server over HTTP: schemathesis against openapi.json, the files in docs/serving. Needs Python 3 with venv.
server *args:
    bindings/server/check.sh {{args}}

# Tests the page of the server in headless Chromium: `just page numbers` runs one file. Needs Chromium and Node.js 20.
page *args:
    tests/page/run.sh {{args}}

# Measures the page: size, first paint, frame times, what a day leaves: `just bench-page frames`. Needs `just page` before.
bench-page *args:
    node tests/page/bench.js {{args}}

# Takes the pictures of the page in docs/pages again. Needs `just page` before, and pngquant.
pictures:
    node tests/page/screenshots.js

# Runs the tests of the default crates.
test:
    cargo test --locked

# Tests following a distributed log, which is no default crate, also with a nats-server that pip installs into target/.
cluster-test *args:
    bindings/cluster/check.sh {{args}}

# Runs the trials of a cluster with more events: kills, lost streams, messages and files, and, as root, a network that is cut.
cluster-trials events="500000":
    CONVOFOLD_TRIAL_EVENTS={{events}} bindings/cluster/check.sh trials

# Shows a cluster on this machine: three brokers, two nodes, a publisher, a killed node, and the state hash of one machine.
cluster *args:
    bindings/cluster/demo.sh {{args}}

# Builds the documentation; warnings are errors.
docs:
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --all-features --no-deps --locked

# Writes the generated files: the C header and the type stub of the Python package.
generate:
    CONVOFOLD_WRITE_HEADER=1 cargo test --locked --quiet --package convofold-capi --test header
    bindings/python/stub.sh

# Tests the test source, which is off by default, with every binding.
test-source:
    tests/test-source.sh

# Writes store/tests-data, the exact bytes of every stored form.
fixtures:
    cargo test --locked --quiet --package convofold-store --lib write_fixtures -- --ignored

# Measures the targets of speed, memory and disk beside the machine's limits and the peers. Takes some minutes.
bench *args:
    benches/servers.sh
    cargo run --release --locked --package convofold-benches --bin targets -- {{args}}

# The same with the sizes of the targets: takes hours and 60 GB; `--only p4,p5,p6,p9` selects those that depend on size.
bench-full *args:
    benches/servers.sh
    cargo run --release --locked --package convofold-benches --bin targets -- --events 10000000 --open 1000000 --closed 10000000 --growth 30000000 --churn 30000000 --cold 10000000 {{args}}

# Measures finding closed conversations beside SQLite: `just finding --conversations 10000000` builds an archive of 15 GB once.
finding *args:
    cargo run --release --locked --package convofold-benches --bin finding -- {{args}}

# Measures questions about the past beside a bitemporal table in SQLite and a replay of the log.
moments *args:
    cargo run --release --locked --package convofold-benches --bin moments -- {{args}}

# Replays a log of real conversations, made by the corpus' script, with convofold and its peers.
bench-corpus corpus="../shared/corpus" events="200000":
    mkdir -p target/corpus
    python3 {{corpus}}/make_log.py --turns {{corpus}}/star-turns.jsonl.gz --events {{events}} --seed 1 --out target/corpus/corpus.ndjson --expect target/corpus/expected.jsonl
    cargo run --release --locked --package convofold-benches --bin peers -- --logs target/corpus

# Measures `convofold serve` beside a receiver written by hand: webhooks, questions, memory. Takes some minutes.
bench-serve *args:
    cargo run --release --locked --package convofold-benches --bin serve -- {{args}}

# Measures the board of the live page: acknowledgements beside 1,000 readers, one board, memory of a day. Takes some minutes.
bench-screens *args:
    cargo run --release --locked --package convofold-benches --bin screens -- {{args}}

# Measures a cluster on this machine: `just bench-cluster throughput`, `databases` or `node`. Takes some minutes each.
bench-cluster *args:
    CONVOFOLD_NATS_SERVER=$(bindings/cluster/nats.sh) cargo run --release --locked --package convofold-benches --features cluster --bin cluster -- {{args}}

# Measures single operations with criterion: parse, fold, hash, query, page load, encode.
bench-operations *args:
    cargo bench --locked --package convofold-benches --bench operations -- {{args}}

# Counts the instructions of each stage of a replay and compares them with the baseline; `--write` updates it.
instructions *args:
    benches/instructions.sh {{args}}

# Measures the machine: reading, parsing, copying, appending.
limits *args:
    cargo run --release --locked --package convofold-benches --bin limits -- {{args}}

# Measures bulk replay only, beside all peers.
peers *args:
    cargo run --release --locked --package convofold-benches --bin peers -- {{args}}

# Compares a replay with DuckDB, which pip installs into target/.
duckdb *args:
    benches/duckdb_peer.py {{args}}

# Compares a month's report by agent and day with SQLite and polars, which pip installs into target/: `just reports 1000000`.
reports *args:
    benches/reports/bench.py {{args}}

# Draws where a replay spends its processor time: `just flame before.svg`. Needs perf.
flame *args:
    benches/flame.sh {{args}}

# Measures ingest from C and Python beside ingest from Rust.
bindings *args:
    benches/bindings.py {{args}}

# Measures the cost of durability: a commit with and without our own barrier, verify, audit, backup, repair.
promises *args:
    cargo run --release --locked --package convofold-benches --bin promises -- {{args}}

# Measures long conversations: the growth of the time for logs that could cost the square of their length.
long *args:
    cargo run --release --locked --package convofold-benches --bin long -- {{args}}

# Compares `convofold report` with the model in Python on random logs. Needs Python 3.9 with time zones.
report-model seeds="50" *args:
    cargo build --locked --quiet --package convofold-cli
    tests/report/compare.py --convofold target/debug/convofold --seeds {{seeds}} {{args}}

# Loses events from generated logs, and prints how much of it the report of suspects notices.
detection *args:
    cargo run --release --locked --package convofold-tests --bin detection -- {{args}}

# Runs durability trials with the real binary: `just torture kills --count 1000`, `just torture help`.
torture *args:
    cargo run --release --locked --quiet --package convofold-tests --bin torture -- {{args}}

# Runs some trials of every kind in some minutes, as before a release. Skips what needs root or strace if they are missing.
torture-short:
    just torture kills --count 200
    just torture webhooks --count 50
    just torture care --count 100
    just torture-care 40
    just torture read-only --count 12
    just torture damages --count 500
    just torture trace --count 8
    just torture faults --count 100
    just torture cuts --count 16
    just torture full --count 4

# Ends the commands that write the storage again, in each of three ways this number of times: kills at random moments, kills at
# system calls, power cuts. `just torture-care 2000` before a release.
torture-care count="40":
    for work in compact erase retain; do \
        for at in random calls cuts; do just torture $work --threads 1 --at $at --count {{count}} || exit 1; done; \
    done

# Fuzzes all readers of external bytes, each target for a number of seconds. The first build takes some minutes.
fuzz seconds="60":
    tests/fuzz/run.sh {{seconds}}

# Writes the golden export of a new fold version; refuses a changed export of the same version.
fold-version:
    CONVOFOLD_WRITE_GOLDEN=1 cargo test --locked --package convofold-tests --test fold_version

# Generates the sample log of the README; the bytes are the same every time.
sample:
    cargo run --release --locked --package convofold-cli -- generate --events 1000 --seed 3 --in-flight 60 --agents 9 --tenants 2 --leave-open 0.5 --abandon 0.15 --force --out docs/sample.ndjson
