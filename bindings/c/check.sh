#!/usr/bin/env bash
# Checks convofold for C: the header is current and compiles as C and C++; the tests in C pass without tools, with sanitizers
# and with valgrind; the installed library can be found with pkg-config and builds the demo.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=bindings/c
step() { printf '== c: %s (%s s)\n' "$1" "$SECONDS"; }

step "tools"
missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v g++ >/dev/null || missing+=(g++)
command -v valgrind >/dev/null || missing+=(valgrind)
command -v pkg-config >/dev/null || missing+=(pkg-config)
if [ "${#missing[@]}" -gt 0 ]; then
  # Without root or apt this fails and prints what is missing.
  apt-get update --quiet --quiet && apt-get install --yes --quiet --quiet "${missing[@]}" || { echo "install ${missing[*]}"; exit 1; }
fi

step "the header and the tests in Rust"
cargo test --locked --quiet --package convofold-capi
for_c=(-std=c11 -Wall -Wextra -Werror -pedantic -g -I "$here/include")
gcc "${for_c[@]}" -fsyntax-only -x c "$here/include/convofold.h"
gcc "${for_c[@]}" -fsyntax-only "$here/examples/ingest_rate.c"
g++ -std=c++11 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c++ "$here/include/convofold.h"

step "build"
target=${CARGO_TARGET_DIR:-target}
work="$target/c"
mkdir -p "$work"
# The dev profile detects integer overflows.
cargo build --locked --quiet --package convofold-capi
library=("$target/debug/libconvofold_capi.a" -lpthread -ldl -lm -lrt -lutil -lgcc_s)
tests=(transcripts hostile feed keeping past reports)
for name in "${tests[@]}"; do
  gcc "${for_c[@]}" "$here/tests/$name.c" -o "$work/$name" "${library[@]}"
  gcc "${for_c[@]}" -fsanitize=address,undefined -fno-sanitize-recover=all "$here/tests/$name.c" \
    -o "$work/$name-sanitized" "${library[@]}"
done
cargo run --locked --quiet --bin transcripts -- --out "$work/unpacked"

step "tests without tools, with AddressSanitizer and UndefinedBehaviorSanitizer, and with valgrind"
run_one() {
  local how="$1" test="$work/$2" unpacked="$work/unpacked"
  case $how in
    alone) timeout 120 "$test" "$unpacked" ;;
    sanitized) timeout 240 "$test-sanitized" "$unpacked" ;;
    # Every 20th transcript only: valgrind is about 40 times slower.
    valgrind) timeout 240 valgrind --quiet --leak-check=full --error-exitcode=9 \
      --suppressions="$here/tests/valgrind.supp" "$test" "$unpacked" 20 ;;
  esac || { echo "$2, $how: failed with $?"; return 1; }
}
export -f run_one
export work here
# Two at a time, the slowest first.
for how in valgrind sanitized alone; do
  for name in "${tests[@]}"; do echo "$how $name"; done
done | xargs -P 2 -L 1 bash -c 'run_one "$@"' run_one

step "install, and build the demo with pkg-config"
prefix="$PWD/$work/prefix"
case $work in /*) prefix="$work/prefix" ;; esac
rm -rf "$prefix" "$work/demo.db"
CONVOFOLD_PROFILE=dev "$here/install.sh" "$prefix"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
[ "$(pkg-config --modversion convofold)" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ]
read -ra flags <<<"$(pkg-config --cflags --libs convofold)"
gcc -std=c11 -Wall -Wextra -Werror "$here/examples/demo.c" -o "$work/demo" "${flags[@]}"
said=$(LD_LIBRARY_PATH="$prefix/lib" "$work/demo" "$work/demo.db")
echo "$said"
[ "$(head -n 1 <<<"$said")" = "1 applied, 0 already stored" ]
gcc -std=c11 -Wall -Wextra -Werror "$here/examples/past.c" -o "$work/past-example" "${flags[@]}"
LD_LIBRARY_PATH="$prefix/lib" "$work/past-example" "$work/demo.db" 2026-03-02T09:15:00Z | grep --quiet '^t-1: 1 unread'
# The program of the README.
sed -n '/<!-- c -->/,/^```$/p' README.md | sed '1,2d;$d' >"$work/readme.c"
sed -i 's|demo-c.db|'"$work"'/readme.db|' "$work/readme.c"
gcc -std=c11 -Wall -Wextra -Werror "$work/readme.c" -o "$work/readme" "${flags[@]}"
rm -rf "$work/readme.db"
[ "$(LD_LIBRARY_PATH="$prefix/lib" "$work/readme" | wc -l)" = 3 ]
# Again with the static library and the same database.
rm "$prefix"/lib/libconvofold.so*
read -ra flags <<<"$(pkg-config --static --cflags --libs convofold)"
gcc -std=c11 -Wall -Wextra -Werror "$here/examples/demo.c" -o "$work/demo" "${flags[@]}"
[ "$("$work/demo" "$work/demo.db" | head -n 1)" = "0 applied, 1 already stored" ]
step "done"
