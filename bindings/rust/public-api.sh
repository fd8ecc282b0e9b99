#!/usr/bin/env bash
# What a host can name, of `convofold` and of the two crates that it shows, held against api/*.txt: every change of it is
# seen in review. `--write` writes it down.
#
# The list is made from rustdoc's JSON, whose form belongs to one compiler: 1.95, which is fetched where another is in use.
set -euo pipefail
cd "$(dirname "$0")/../.."
toolchain=1.95.0
tool=target/tools/bin/cargo-public-api
if [ ! -x "$tool" ]; then
  cargo install --locked --quiet --root target/tools cargo-public-api@0.52.0
fi
cargo=(cargo)
if [[ "$(rustc --version)" != "rustc ${toolchain%.*}."* ]]; then
  rustup toolchain install "$toolchain" --profile minimal --no-self-update >/dev/null
  cargo=(cargo "+$toolchain")
fi
folder=bindings/rust/api
made=target/public-api
mkdir -p "$made" "$folder"
changed=0
for crate in convofold convofold-engine convofold-store; do
  RUSTC_BOOTSTRAP=1 "${cargo[@]}" rustdoc --quiet --locked --package "$crate" --all-features --lib --target-dir target/public-api-build \
    -- -Z unstable-options --output-format json --cap-lints allow
  "$tool" public-api -ss --color never --rustdoc-json "target/public-api-build/doc/${crate//-/_}.json" >"$made/$crate.txt"
  [ "$(wc -l <"$made/$crate.txt")" -gt 50 ] || { echo "the list of $crate is too short to be one"; exit 1; }
  if [ "${1:-}" = --write ]; then
    cp "$made/$crate.txt" "$folder/$crate.txt"
  elif ! diff -u "$folder/$crate.txt" "$made/$crate.txt"; then
    changed=1
  fi
done
if [ "$changed" = 1 ]; then
  echo "the public API is not what bindings/rust/api/ says; where that is meant, bindings/rust/public-api.sh --write"
  exit 1
fi
