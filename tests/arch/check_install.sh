#!/bin/bash
# The library as a stranger gets it: installed, found by pkg-config and by CMake, and the example
# compiled against it.
#
#   check_install.sh ROOT BUILD [CC]
set -euo pipefail

root=$(realpath "$1") build=$2 cc=${3:-cc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cmake --install "$build" --component libopenclaw --prefix "$dir/usr" > "$dir/log" ||
  { cat "$dir/log"; exit 1; }
pc=$(dirname "$(find "$dir/usr" -name openclaw.pc)")
libdir=$(PKG_CONFIG_PATH=$pc pkg-config --variable=libdir openclaw)

# shellcheck disable=SC2046 # flags are words
"$cc" -std=c11 -Wall -Wextra -Werror "$root/client/example_agent.c" -o "$dir/by_pkg_config" \
  $(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs openclaw)

mkdir "$dir/by_cmake"
cat > "$dir/by_cmake/CMakeLists.txt" << EOF
cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(OpenClaw REQUIRED)
add_executable(example $root/client/example_agent.c)
target_link_libraries(example PRIVATE OpenClaw::openclaw)
EOF
if ! { cmake -S "$dir/by_cmake" -B "$dir/by_cmake/build" -DCMAKE_PREFIX_PATH="$dir/usr" &&
  cmake --build "$dir/by_cmake/build"; } > "$dir/log" 2>&1; then
  cat "$dir/log"
  exit 1
fi

for program in "$dir/by_pkg_config" "$dir/by_cmake/build/example"; do
  code=0
  LD_LIBRARY_PATH=$libdir "$program" 2> "$dir/said" || code=$?
  if [ $code -ne 2 ] || ! grep -q '^usage: ' "$dir/said"; then
    echo "install: $program: exit $code"
    cat "$dir/said"
    exit 1
  fi
done
echo "install: found by pkg-config and by CMake"
