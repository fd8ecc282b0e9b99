# The front door. `just` lists what there is.

_list:
    @just --list

# Everything that must hold before a change lands: format, lints, licences and advisories, tests, docs.
check: format-check lint deny test docs rust c python

format-check:
    cargo fmt --all --check
    cargo fmt --manifest-path tests/fuzz/Cargo.toml --check

lint:
    cargo clippy --workspace --all-targets --all-features --locked -- --deny warnings

# Needs cargo-deny: cargo install --locked cargo-deny
deny:
    cargo deny --all-features check

# The Rust way in: every combination of features, examples, docs, the public API.
rust:
    bindings/rust/check.sh

# What a host can name, against bindings/rust/api/; `--write` writes it down.
public-api *args:
    bindings/rust/public-api.sh {{args}}

# The C way in: header, tests in C under sanitizers and valgrind, installation. Needs gcc, valgrind, pkg-config.
c:
    bindings/c/check.sh

# The Python way in: package, tests, types, stub, example. Needs Python 3.11 or later with venv; the package itself 3.9.
python:
    bindings/python/check.sh

# The command of the README.
test:
    cargo test --locked

docs:
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --all-features --no-deps --locked

# Writes the files that are generated from the code: the C header and the type stub of the Python package.
generate:
    CONVOFOLD_WRITE_HEADER=1 cargo test --locked --quiet --package convofold-capi --test header
    bindings/python/stub.sh

# The source for tests, which is off by default, through every way in.
test-source:
    tests/test-source.sh

# Writes store/tests-data, the exact bytes of every stored form.
fixtures:
    cargo test --locked --quiet --package convofold-store --lib write_fixtures -- --ignored

# What is promised of speed, memory and disk, with the machine's limits and the peers in the same run; some minutes.
bench *args:
    benches/servers.sh
    cargo run --release --locked --package convofold-benches --bin targets -- {{args}}

# The same at the size of the promises: hours, and some 60 GB of room; `just bench-full --only p4,p5,p6,p9` for what depends on it.
bench-full *args:
    benches/servers.sh
    cargo run --release --locked --package convofold-benches --bin targets -- --events 10000000 --open 1000000 --closed 10000000 --growth 30000000 --churn 30000000 {{args}}

# Replays a log of real conversations beside the peers, made by the corpus' own script.
bench-corpus corpus="../shared/corpus" events="200000":
    mkdir -p target/corpus
    python3 {{corpus}}/make_log.py --turns {{corpus}}/star-turns.jsonl.gz --events {{events}} --seed 1 --out target/corpus/corpus.ndjson --expect target/corpus/expected.jsonl
    cargo run --release --locked --package convofold-benches --bin peers -- --logs target/corpus

# Single operations by criterion: parse, fold, hash, query, page load, encode.
bench-operations *args:
    cargo bench --locked --package convofold-benches --bench operations -- {{args}}

# Instructions that parsing and folding an event take, against those written down; `--write` writes them down.
instructions *args:
    benches/instructions.sh {{args}}

# What this machine can do at all: reading, parsing, copying, appending.
limits *args:
    cargo run --release --locked --package convofold-benches --bin limits -- {{args}}

# Bulk replay alone, beside all peers.
peers *args:
    cargo run --release --locked --package convofold-benches --bin peers -- {{args}}

# Ingest from C and from Python beside ingest from Rust.
bindings *args:
    benches/bindings.py {{args}}

# What the promises of durability cost: a commit with and without our own barrier, verify, audit, backup, repair.
promises *args:
    cargo run --release --locked --package convofold-benches --bin promises -- {{args}}

# Trials of durability against the real binary: `just torture kills --count 1000`, `just torture help`.
torture *args:
    cargo run --release --locked --quiet --package convofold-tests --bin torture -- {{args}}

# Every kind of them in some minutes, as before a release. What needs root or strace is left out where there is none.
torture-short:
    just torture kills --count 200
    just torture damages --count 500
    just torture trace --count 8
    just torture faults --count 100
    just torture cuts --count 10
    just torture full --count 4

# Fuzzes whatever reads bytes from outside, each target for so many seconds. Builds for some minutes the first time.
fuzz seconds="60":
    tests/fuzz/run.sh {{seconds}}

# Writes the golden export of a new fold version; refuses a changed export of the same version.
fold-version:
    CONVOFOLD_WRITE_GOLDEN=1 cargo test --locked --package convofold-tests --test fold_version

# The sample log of the README, made anew; the same bytes every time.
sample:
    cargo run --release --locked --package convofold-cli -- generate --events 1000 --seed 3 --in-flight 60 --agents 9 --tenants 2 --leave-open 0.5 --abandon 0.15 --out docs/sample.ndjson
