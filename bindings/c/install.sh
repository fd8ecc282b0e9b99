#!/usr/bin/env bash
# Builds convofold for C and installs it in PREFIX, such as /usr/local: install.sh PREFIX. pkg-config then finds it.
# DESTDIR is prepended to the paths of the installed files, for packagers. CONVOFOLD_PROFILE=dev builds faster but without
# optimisation.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:?usage: install.sh PREFIX}
case $prefix in /*) ;; *) prefix="$PWD/$prefix" ;; esac
root="${DESTDIR:-}$prefix"
profile=${CONVOFOLD_PROFILE:-release}

cd "$here/../.."
cargo build --locked --quiet --package convofold-capi --profile "$profile"
target=${CARGO_TARGET_DIR:-target}
built="$target/$([ "$profile" = dev ] && echo debug || echo "$profile")"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
abi=$(sed -n 's/^#define CONVOFOLD_ABI_VERSION //p' "$here/include/convofold.h")

install -d "$root/include" "$root/lib/pkgconfig"
install -m 644 "$here/include/convofold.h" "$root/include/convofold.h"
install -m 644 "$built/libconvofold_capi.a" "$root/lib/libconvofold.a"
case $(uname -s) in
  Darwin)
    static_libs="-liconv -lSystem -lc -lm"
    install -m 755 "$built/libconvofold_capi.dylib" "$root/lib/libconvofold.$abi.dylib"
    ln -sf "libconvofold.$abi.dylib" "$root/lib/libconvofold.dylib"
    ;;
  *)
    static_libs="-lpthread -ldl -lm -lrt -lutil -lgcc_s"
    install -m 755 "$built/libconvofold_capi.so" "$root/lib/libconvofold.so.$version"
    ln -sf "libconvofold.so.$version" "$root/lib/libconvofold.so.$abi"
    ln -sf "libconvofold.so.$abi" "$root/lib/libconvofold.so"
    ;;
esac
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" -e "s|@STATIC_LIBS@|$static_libs|" \
  "$here/convofold.pc.in" >"$root/lib/pkgconfig/convofold.pc"
echo "installed convofold $version in $root"
[ -z "${DESTDIR:-}" ] || exit 0
echo "compile: export PKG_CONFIG_PATH=$prefix/lib/pkgconfig; cc program.c \$(pkg-config --cflags --libs convofold) -Wl,-rpath,$prefix/lib"
if [ "$(uname -s)" = Linux ]; then
  echo "without -rpath: run ldconfig once as root, or add the folder to LD_LIBRARY_PATH"
fi
