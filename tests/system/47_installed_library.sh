# libopenclaw as a stranger gets it: installed and moved elsewhere, found by pkg-config and by
# CMake, shared and static. The examples are built with it, and the agent is refused, approved and
# connected by the gateway that was installed beside it.
. "$(dirname "$0")/lib.sh"

examples=$(realpath "$(dirname "$0")/../../examples")
prefix=$TEST_DIR/moved/openclaw
unset CFLAGS LDFLAGS LIBRARY_PATH C_INCLUDE_PATH CMAKE_PREFIX_PATH
cmake --install "$(dirname "$OC_BIN")" --prefix "$TEST_DIR/first" >"$TEST_DIR/install.log"
mkdir "$TEST_DIR/moved"
mv "$TEST_DIR/first" "$prefix"
export PATH="$prefix/bin:$PATH"
[ "$(command -v openclaw)" = "$prefix/bin/openclaw" ] || fail "another openclaw is in the path"
libdir=$(dirname "$(find "$prefix" -name libopenclaw.so)")
[ -n "$libdir" ] || fail "no libopenclaw.so was installed"

# ---- building ----------------------------------------------------------------------------------

# by_pkg_config PREFIX OUT FLAGS...: what openclaw.pc says and the compiler, nothing else.
by_pkg_config() {
    local where=$1 out=$2
    shift 2
    # shellcheck disable=SC2046 # flags are words
    cc -std=c11 -Wall -Wextra -Werror "$examples/agent.c" -o "$out" \
        $(PKG_CONFIG_LIBDIR=$where/${libdir#"$prefix"/}/pkgconfig pkg-config "$@" --cflags --libs openclaw)
}

# by_cmake OUT OPTION...
by_cmake() {
    local out=$1
    shift
    { cmake -S "$examples" -B "$out" -DCMAKE_PREFIX_PATH="$prefix" "$@" &&
        cmake --build "$out"; } >"$out.log" 2>&1 || fail "cmake $*"
}

by_pkg_config "$prefix" "$TEST_DIR/agent-shared"
# Somebody who installed the archive alone.
cp -r "$prefix" "$TEST_DIR/archive-only"
find "$TEST_DIR/archive-only" -name 'libopenclaw.so*' -delete
by_pkg_config "$TEST_DIR/archive-only" "$TEST_DIR/agent-static" --static
by_cmake "$TEST_DIR/cmake-shared"
by_cmake "$TEST_DIR/cmake-static" -DSTATIC=ON

needs() {
    readelf -d "$1" | sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p'
}
contains "$(needs "$TEST_DIR/agent-shared")" libopenclaw.so.1
contains "$(needs "$TEST_DIR/cmake-shared/example_agent")" libopenclaw.so.1
lacks "$(needs "$TEST_DIR/agent-shared")" libnng
lacks "$(needs "$TEST_DIR/agent-static")" libopenclaw
lacks "$(needs "$TEST_DIR/cmake-static/example_agent")" libopenclaw
mkdir "$TEST_DIR/newer"
cat >"$TEST_DIR/newer/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(newer LANGUAGES C)
find_package(OpenClaw 9.0 REQUIRED)
END
expect_exit 1 cmake -S "$TEST_DIR/newer" -B "$TEST_DIR/newer/build" -DCMAKE_PREFIX_PATH="$prefix"
contains "$ERR" 'requested version "9.0"'

# ---- running -----------------------------------------------------------------------------------

# run_example NAME PROGRAM: starts it on the gateway; sets EXAMPLE_PID.
run_example() {
    mkdir -m 0700 "$TEST_DIR/$1"
    LD_LIBRARY_PATH=$libdir "$2" "$GATEWAY_URL" "$TEST_DIR/$1" "$GATEWAY_PIN" \
        >"$TEST_DIR/$1.log" 2>&1 </dev/null &
    EXAMPLE_PID=$!
    STARTED+=("$EXAMPLE_PID")
    wait_for 10 log_has "$1" 'Gateway pairing required.'
}

start_gateway

for name in agent-shared agent-static cmake-shared cmake-static; do
    program=$TEST_DIR/$name
    [ -d "$program" ] && program=$program/example_agent
    run_example "as-$name" "$program"
    device=$(device_of "as-$name")
    request=$(request_of "$device")
    log_has "as-$name" "openclaw devices approve $request" || fail "$name does not name the fix"
    expect_exit 0 ocg devices approve "$request"
    wait_for 10 log_has "as-$name" 'connected as agent'
    wait_for 10 is_online "$device"
    expect_exit 0 ocg devices revoke "$device" --yes
    code=0
    wait "$EXAMPLE_PID" || code=$?
    [ "$code" -eq 5 ] || fail "$name ended with $code after it was revoked, not with 5"
done

# Fleet automation: approves who was announced, and nobody else, whether they came before or after.
run_example early "$TEST_DIR/agent-static"
"$TEST_DIR/cmake-shared/example_fleet" "$GATEWAY_HOME" >"$TEST_DIR/fleet.log" 2>&1 &
fleet=$!
STARTED+=("$fleet")
wait_for 10 log_has fleet "waiting $(request_of "$(device_of early)")"
run_example late "$TEST_DIR/agent-static"
run_example announced "$TEST_DIR/agent-shared"
announced=$(device_of announced)
request=$(sed -nE 's/^ +request +([0-9A-Z]{10}) .*/\1/p' "$TEST_DIR/announced.log")
expect_exit 0 ocg devices expect "$announced"
wait_for 10 log_has fleet "approved $request $announced"
wait_for 10 log_has announced 'connected as agent'
is_field "$announced" state approved
is_field "$(device_of early)" state pending
is_field "$(device_of late)" state pending
stop_gateway
wait_for 30 gone "$fleet"
contains "$(cat "$TEST_DIR/fleet.log")" 'example_fleet: UNAVAILABLE'
