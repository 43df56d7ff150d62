#!/bin/bash
# What is installed, as a stranger's compiler and linker see it: headers that need nothing but
# libc and each other, one version everywhere, a library that says what it must say. Building and
# running programs with it is tests/system/47_installed_library.sh.
#
#   check_install.sh ROOT BUILD [CC [CXX]]
set -euo pipefail

root=$(realpath "$1") build=$2 cc=${3:-cc} cxx=${4:-c++}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
say() { echo "install: $*"; failed=1; }

# DESTDIR goes before the prefix, as packagers use it.
DESTDIR=$dir cmake --install "$build" --prefix /prefix >"$dir/log" || { cat "$dir/log"; exit 1; }
prefix=$dir/prefix
! grep -rlIF -e "$dir" -e "$root" "$prefix" >"$dir/found" ||
  say "files name the place of the build or of the installation: $(tr '\n' ' ' <"$dir/found")"

# ---- headers -----------------------------------------------------------------------------------

include=$(dirname "$(find "$prefix" -path '*openclaw/client.h')")/..
strict=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$include")
for header in "$include"/openclaw/*.h; do
  name=openclaw/$(basename "$header")
  # Twice, as it happens through other headers.
  printf '#include <%s>\n#include <%s>\nextern int nothing;\n' "$name" "$name" >"$dir/alone.c"
  for standard in c99 c11; do
    "$cc" -std=$standard "${strict[@]}" "$dir/alone.c" || say "$name: not by itself in $standard"
  done
  "$cxx" -x c++ -std=c++17 "${strict[@]}" "$dir/alone.c" || say "$name: not by itself in C++17"
  while read -r included; do
    case $included in
      openclaw/*.h) [ -f "$include/$included" ] || say "$name includes $included: not installed" ;;
      stdbool.h | stddef.h | stdint.h) ;;
      *) say "$name includes $included" ;;
    esac
  done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]*).*/\1/p' "$header")
done
for header in "$root"/include/openclaw/*.h; do
  [ -f "$include/openclaw/$(basename "$header")" ] || say "$(basename "$header") is not installed"
done

# C++ finds every function under its C name.
{
  for header in "$include"/openclaw/*.h; do echo "#include <openclaw/$(basename "$header")>"; done
  echo 'const void *const all[] = {'
  sed -nE 's/^ +(oc_[a-z0-9_]+);$/    (const void *)\1,/p' "$root/client/libopenclaw.map"
  printf '};\nint main() { return all[0] == nullptr; }\n'
} >"$dir/all.cc"
libdir=$(dirname "$(find "$prefix" -name libopenclaw.so)")
"$cxx" -std=c++17 -Wall -Wextra -Werror -I "$include" "$dir/all.cc" -L "$libdir" -lopenclaw \
  -o "$dir/all" || say "a C++ program does not find every function"

# ---- versions ----------------------------------------------------------------------------------

version=$(sed -nE 's/.*OC_VERSION_TEXT +"(.*)"/\1/p' "$include/openclaw/version.h")
numbers=$(sed -nE 's/.*OC_VERSION_(MAJOR|MINOR|PATCH) +([0-9]+)/\2/p' "$include/openclaw/version.h" | paste -sd.)
[ "$version" = "$numbers" ] || say "version.h says $version and $numbers"
# No other package in sight: what a shared library needs is its own affair.
pc() { PKG_CONFIG_LIBDIR=$libdir/pkgconfig pkg-config "$@" openclaw; }
[ "$(pc --modversion)" = "$version" ] || say "openclaw.pc says $(pc --modversion), not $version"
case $(pc --libs) in *nng* | *ssl*) say "pkg-config --libs names what programs do not use" ;; esac
abi=$(sed -nE 's/^OPENCLAW_([0-9]+) .*/\1/p' "$root/client/libopenclaw.map" | tail -n 1)
[ "$(readlink "$libdir/libopenclaw.so")" = "libopenclaw.so.$abi" ] || say "no libopenclaw.so.$abi"
[ "$(readlink "$libdir/libopenclaw.so.$abi")" = "libopenclaw.so.$abi.$version" ] ||
  say "no libopenclaw.so.$abi.$version"

# ---- the library -------------------------------------------------------------------------------

facts=$(readelf -dW "$libdir/libopenclaw.so")
grep -q "SONAME.*\[libopenclaw.so.$abi\]" <<<"$facts" || say "SONAME is not libopenclaw.so.$abi"
grep -q 'FLAGS_1.*NODELETE' <<<"$facts" || say "dlclose would unload it under NNG's threads"
! grep -qE 'RUNPATH|RPATH|TEXTREL' <<<"$facts" || say "it has a run path or text relocations"
# libc's own loader is named for what is kept for each thread.
needs=$(sed -nE 's/.*NEEDED.*\[(.*)\.so.*/\1/p' <<<"$facts" | grep -v '^ld-' | sort | tr '\n' ' ')
[ "$needs" = "libc libcrypto libnng libprotobuf-c libssl " ] || say "it needs $needs"
# One entry is the compiler's own (frame_dummy): no code of ours runs before it is called.
starts=$(readelf -SW "$libdir/libopenclaw.so" | sed -nE 's/.*\.init_array +[A-Z_]+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+).*/\1/p')
[ "$((0x$starts))" -eq 8 ] || say "it runs constructors when it is loaded: .init_array has 0x$starts bytes"
unversioned=$(nm -D --defined-only "$libdir/libopenclaw.so" | awk '$2 == "T" && $3 !~ /@@OPENCLAW_[0-9]+$/ { print $3 }')
[ -z "$unversioned" ] || say "exported without a version: $unversioned"

# The archive gives away the same names.
public=$(nm --defined-only --extern-only "$libdir/libopenclaw.a" | awk 'NF == 3 { print $3 }' | sort)
wanted=$(sed -nE 's/^ +(oc_[a-z0-9_]+);$/\1/p' "$root/client/libopenclaw.map" | sort)
[ "$public" = "$wanted" ] ||
  say "libopenclaw.a and the map differ: $(diff <(echo "$public") <(echo "$wanted") | grep '^[<>]' | head -n 5 | tr '\n' ' ')"

while read -r name; do
  [ -s "$prefix/share/man/man3/$name.3" ] || say "$name has no manual page"
done <<<"$wanted"
for program in openclaw openclaw-gateway; do
  "$prefix/bin/$program" --version >/dev/null || say "$program does not run"
done
[ $failed -eq 0 ] || exit 1
echo "install: $(ls "$include/openclaw" | wc -l) headers, libopenclaw.so.$abi.$version"
