#!/usr/bin/env bash
# Compares the public API of `convofold` and of the two crates that it re-exports with api/*.txt, so that every change of the
# API is visible in review. `--write` updates the files.
#
# The list is made from rustdoc's JSON, whose format depends on the compiler. Rust 1.95 is installed if another version is in use.
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
  [ "$(wc -l <"$made/$crate.txt")" -gt 50 ] || { echo "the list of $crate has 50 lines or fewer: it is incomplete"; exit 1; }
  if [ "${1:-}" = --write ]; then
    cp "$made/$crate.txt" "$folder/$crate.txt"
  elif ! diff -u "$folder/$crate.txt" "$made/$crate.txt"; then
    changed=1
  fi
done
if [ "$changed" = 1 ]; then
  echo "the public API differs from bindings/rust/api/; if the change is intended, run bindings/rust/public-api.sh --write"
  exit 1
fi
