# With 100,000 approved devices on disk the gateway serves within two seconds of its start, and what
# an administrator does takes no longer than with few. Prints the times and the memory.
. "$(dirname "$0")/lib.sh"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"

n=${OC_DEVICES:-100000}

# tell LINE...: one command to the fleet; its answer is in $ANSWER.
tell() {
    kill -0 "$FLEET_PID" 2>/dev/null || fail "the fleet ended"
    echo "$*" >&"${FLEET[1]}"
    read -r -t 120 ANSWER <&"${FLEET[0]}" || fail "the fleet does not answer: $*"
}

# timed COMMAND...: runs it, with its time in $MS.
timed() {
    local began=${EPOCHREALTIME/./}
    expect_exit 0 "$@"
    MS=$(((${EPOCHREALTIME/./} - began) / 1000))
}

# Processor seconds and resident KiB of the gateway.
cpu_s() {
    awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($14 + $15) / hz }' "/proc/$GATEWAY_PID/stat"
}
resident_kib() {
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$GATEWAY_PID/status"
}

# One device of the fleet is real.
start_gateway
port=${GATEWAY_URL##*:}
coproc FLEET { exec "$OC_TESTS/agents" "$GATEWAY_URL" "$GATEWAY_HOME" 1 2>"$TEST_DIR/agents.log"; }
STARTED+=("$FLEET_PID")
tell connect
tell approve 1 1
kib_before=$(resident_kib)
stop_gateway
wait "$GATEWAY_PID"
"$OC_TESTS/populate" "$GATEWAY_HOME/gateway" "$n"

write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
echo reach >&"${FLEET[1]}"
openclaw-gateway run --data-dir "$GATEWAY_HOME" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
GATEWAY_PID=$!
STARTED+=("$GATEWAY_PID")
read -r -t 120 ANSWER <&"${FLEET[0]}" || fail "the gateway does not serve"
cpu=$(cpu_s)
echo "$n devices: the first was served $(json 'd["took_s"]' <<<"$ANSWER") s after the start," \
    "for which the gateway used $cpu s of processor"
# Processor time, as others may use the machine.
awk -v cpu="$cpu" -v n="$n" 'BEGIN { exit !(cpu < 2 * n / 100000) }' || fail "that is more than 2 s"
kib=$(resident_kib)
echo "resident $kib KiB, $(((kib - kib_before) * 1024 / n)) bytes a device more than without them"

[ "$(ocg gateway status -o json | json 'd["approved"]')" -eq $((n + 1)) ] || fail "not all are approved"
timed ocg devices list --limit 50 -o ndjson
[ "$(wc -l <<<"$OUT")" -eq 50 ] || fail "the first page has not 50 devices"
device=$(head -n 1 <<<"$OUT" | json 'd["device_id"]')
echo "first page of the list: $MS ms"
timed ocg devices show "$device"
echo "devices show: $MS ms"
timed ocg devices show "${device:0:20}"
echo "devices show by prefix: $MS ms"
timed ocg devices revoke "$device" --yes
is_field "$device" state revoked
echo "devices revoke: $MS ms"

start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")
timed ocg devices approve "$request"
wait_for 10 is_online "$device"
echo "devices approve: $MS ms"
