# "Revoke a specific device": the live session is closed before the command returns, and the agent
# ends with 403.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"

expect_exit 2 ocg devices revoke "$device"
contains "$ERR" '--yes'
is_online "$device" || fail "a refused revoke closed the session"

expect_exit 0 ocg devices revoke "$device" --yes
is_field "$device" online false
is_field "$device" state revoked
wait_for 10 gone "$AGENT_PID"
code=0
wait "$AGENT_PID" || code=$?
[ "$code" -eq 5 ] || fail "the agent ended with $code instead of 5"
log_has web-1 '403' || fail "no 403 in the agent's output"

# A second attempt in the cool-down is refused too, and opens no request.
code=0
openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" --once \
    >>"$TEST_DIR/web-1.log" 2>&1 </dev/null || code=$?
[ "$code" -eq 5 ] || fail "the second attempt ended with $code instead of 5"
is_field "$device" request_id None
