# The front door. `just` lists what there is.

_list:
    @just --list

# Everything that must hold before a change lands: format, lints, licences and advisories, tests, docs.
check: format-check lint deny test docs

format-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --all-features --locked -- --deny warnings

# Needs cargo-deny: cargo install --locked cargo-deny
deny:
    cargo deny --all-features check

# The command of the README.
test:
    cargo test --locked

docs:
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked

# convofold beside a hand-rolled SQLite table on the same events, in one run.
bench events="1000000":
    cargo run --release --locked --package convofold-benches --bin peers -- --events {{events}}

# The sample log of the README, made anew; the same bytes every time.
sample:
    cargo run --release --locked --package convofold-cli -- generate --events 1000 --seed 3 --in-flight 60 --agents 9 --tenants 2 --leave-open 0.5 --abandon 0.15 --out docs/sample.ndjson
