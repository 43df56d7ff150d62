# "Gateway pairing required": a new device is refused with every fact, waits in the queue, and is
# connected within seconds of the approval, without a restart of either side.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
wait_for 10 log_has web-1 'Gateway pairing required.'
device=$(device_of web-1)
request=$(request_of "$device")

refusal=$(cat "$TEST_DIR/web-1.log")
contains "$refusal" "$GATEWAY_URL"
contains "$refusal" "$GATEWAY_PIN"
contains "$refusal" "$device"
contains "$refusal" "$request"
contains "$refusal" 'awaiting approval'
contains "$refusal" 'new device: this gateway has never seen this key'
contains "$refusal" "openclaw devices approve $request"
grep -qE 'code [0-9]{4}-[0-9]{4}' <<<"$refusal" || fail "no pairing code in: $refusal"

listed=$(ocg pairing list)
contains "$listed" 'awaiting approval'
contains "$listed" "$request"
is_field "$device" state pending
is_field "$device" why new_device
is_field "$device" online false

expect_exit 0 ocg devices approve "$request"
wait_for 10 is_online "$device"
wait_for 10 log_has web-1 connected
is_field "$device" state approved
kill -0 "$AGENT_PID" || fail "the agent ended"
kill -0 "$GATEWAY_PID" || fail "the gateway ended"
lacks "$(ocg pairing list)" 'awaiting approval'
[ "$(grep -cF 'Gateway pairing required.' "$TEST_DIR/web-1.log")" -eq 1 ] ||
    fail "the refusal was printed more than once"
