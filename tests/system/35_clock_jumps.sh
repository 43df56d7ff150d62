# Whatever happens to the wall clock, by hours or by ten years, while the gateway runs or while it does
# not: no pairing, term, request or cool-down ends by it, none comes back, sessions and long polls go on,
# and what is decided is in the audit in the order in which it was decided.
. "$(dirname "$0")/lib.sh"
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
[ -n "$faketime" ] || skip "libfaketime is not installed"

clock=$TEST_DIR/clock
echo "+0" >"$clock"
set_clock() {
    echo "$1" >"$clock.new"
    mv "$clock.new" "$clock"
}
# As start_gateway, with the wall clock that the file says.
start_in_time() {
    LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=$clock FAKETIME_NO_CACHE=1 \
        FAKETIME_DONT_FAKE_MONOTONIC=1 \
        openclaw-gateway run --data-dir "$GATEWAY_HOME" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
    GATEWAY_PID=$!
    STARTED+=("$GATEWAY_PID")
    wait_for 20 gateway_answers
}
pair() {
    start_agent "$1" --keep-asking
    DEVICE=$(device_of "$1")
    ocg devices approve "$(request_of "$DEVICE")" "${@:2}" >/dev/null
    wait_for 10 is_online "$DEVICE"
}
# nothing_has_changed WHEN [online]: everything is as it was, and stays so for longer than the gateway
# needs to notice what is due.
nothing_has_changed() {
    local look
    for look in 1 2; do
        ocg devices list -o ndjson | python3 -c '
import json, sys
forever, term, waiting, rejected, blocked, expected, request, when, online = sys.argv[1:]
found = {d["device_id"]: d for d in map(json.loads, sys.stdin)}
def want(device, field, value):
    if found[device][field] != value:
        sys.exit(f"{when}: {field} is {found[device][field]} instead of {value}: {found[device]}")
want(forever, "standing", "approved")
want(term, "standing", "approved")
want(waiting, "request_id", request)
want(rejected, "state", "rejected")
want(blocked, "state", "blocked")
want(expected, "expected", True)
for device in (forever, term) if online else ():
    want(device, "online", True)
' "$forever" "$term" "$waiting" "$rejected" "$blocked" "$expected" "$request" "$1" "${2:-}" ||
            fail "something changed"
        sleep 0.6
    done
}
# What is decided now comes after what was decided before, however the clock stands.
decide_one() {
    n_decided=$((n_decided + 1))
    ocg devices rename "$forever" "name-$n_decided" >/dev/null
}

write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
start_in_time
info=$(ocg gateway info -o json)
GATEWAY_URL=$(json 'd["address"]' <<<"$info")
GATEWAY_PIN=$(json 'd["pin"]' <<<"$info")
# The same address after a restart.
write_config <<<"listen: {devices: \"$GATEWAY_URL\"}"
pair forever && forever=$DEVICE
pair term --for 2h && term=$DEVICE
start_agent waiting
waiting=$(device_of waiting)
request=$(request_of "$waiting")
start_agent rejected
rejected=$(device_of rejected)
ocg devices reject "$(request_of "$rejected")" >/dev/null
blocked=$(printf '%064x' 1)
expected=$(printf '%064x' 2)
ocg devices block "$blocked" --yes >/dev/null
ocg devices expect "$expected" >/dev/null
ends=$(field "$term" expires_at)
n_decided=0

# While it runs.
for jump in +5h -5h +3650d -3650d +90s +0; do
    set_clock "$jump"
    sleep 1.2
    nothing_has_changed "clock at $jump" online
    decide_one
done
[ "$(grep -c clock.stepped "$TEST_DIR/gateway.log")" -ge 4 ] || fail "the log does not tell of the jumps"
lost=$(grep -c 'not connected' "$TEST_DIR/forever.log" || true)
[ "$lost" -eq 0 ] || fail "an agent lost its session by a jump"

# Over restarts.
for jump in +5h -5h +3650d -3650d +0; do
    kill -TERM "$GATEWAY_PID"
    wait_for 15 gone "$GATEWAY_PID"
    set_clock "$jump"
    start_in_time
    nothing_has_changed "started with the clock at $jump"
    decide_one
done
wait_for 60 is_online "$forever"
wait_for 60 is_online "$term"
[ "$(field "$term" expires_at)" = "$ends" ] || fail "the end of the term moved"

# Who waited all the time learns of the approval.
ocg devices approve "$request" >/dev/null
wait_for 60 is_online "$waiting"

ocg audit list -o ndjson --limit 100000 | python3 -c '
import json, sys
rows = sorted((json.loads(line) for line in sys.stdin), key=lambda row: row["seq"])
times = [row["at"] for row in rows]
assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)), "a gap"
assert times == sorted(times), "time went back: %s" % times
years = {time[:4] for time in times}
assert len(years) == 1, years' || fail "the audit is not in the order of its numbers"
echo "eleven jumps: nothing expired, nothing came back"
