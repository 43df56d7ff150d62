# "Block a device from requesting future pairings": its session and its request end, and no attempt
# of it is listed again, until it is unblocked.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
request_of "$device" >/dev/null
expect_exit 0 ocg devices block "$device" --yes
is_field "$device" state blocked
is_field "$device" request_id None
wait_for 10 gone "$AGENT_PID"
log_has web-1 '403' || fail "no 403 in the agent's output"

expect_exit 5 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --once
is_field "$device" request_id None

# A prefix is not enough to let somebody in again.
expect_exit 2 ocg devices unblock "${device:0:20}"
expect_exit 0 ocg devices unblock "$device"
start_agent web-1
request_of "$device" >/dev/null

# An id never seen can be blocked beforehand.
stranger=$(printf '%064d' 7)
expect_exit 0 ocg devices block "$stranger" --yes
is_field "$stranger" state blocked
