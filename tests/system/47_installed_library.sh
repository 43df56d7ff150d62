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

# Fleet automation: approves who is in its list, and nobody else, whether they came before or after,
# over a gateway that is killed meanwhile; each change is told once.
write_config <<<"listen: {devices: \"$GATEWAY_URL\"}"
for name in early late other; do
    openclaw --data-dir "$TEST_DIR/$name-listed" identity show --create >/dev/null
done
listed() {
    openclaw --data-dir "$TEST_DIR/$1-listed" identity show -o name
}
{ listed early && listed late; } >"$TEST_DIR/list"
start_agent early-listed
wait_for 10 has_request "$(listed early)"
"$TEST_DIR/cmake-shared/example_fleet" "$TEST_DIR/list" "$GATEWAY_HOME" >"$TEST_DIR/fleet.log" 2>&1 &
fleet=$!
STARTED+=("$fleet")
wait_for 10 is_online "$(listed early)"
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
wait_for 10 log_has fleet 'example_fleet: no gateway at'
start_gateway
start_agent other-listed
start_agent late-listed
wait_for 30 is_online "$(listed late)"
wait_for 10 has_request "$(listed other)"
is_field "$(listed other)" state pending
log_has fleet "\"event\":\"approved\",\"seq\":" || fail "the approval was not told"
kill -TERM "$fleet"
wait_for 10 gone "$fleet"
wait "$fleet" || fail "the fleet tool ended with $?"
[ -z "$(grep '"event":"approve"' "$TEST_DIR/fleet.log" | sort | uniq -d)" ] || fail "told twice"
