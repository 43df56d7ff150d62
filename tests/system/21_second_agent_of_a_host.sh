# "You're running a second agent instance that the gateway hasn't seen before": beside an approved
# device of the same host it is an additional instance; in place of one that is gone, a changed
# identity. Both are requests like any other until somebody approves them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/reasons.sh"

start_gateway
start_agent web-1
first=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$first")"
wait_for 10 is_online "$first"

told_alike 9 web-2 additional_instance
contains "$ERR" 'keep its data directory'
is_field "$(device_at web-2)" same_host_devices 2
contains "$(ocg devices show "$(device_at web-2)")" 'probably that of 2 devices here'

# The same name beside it: an additional instance as long as the first one is there.
mkdir -m 0700 "$TEST_DIR/copy"
copy() {
    local code=0
    openclaw --data-dir "$TEST_DIR/copy" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name web-1 --once >"$TEST_DIR/copy.log" 2>&1 </dev/null || code=$?
    [ "$code" -eq 9 ]
}
wait_for 10 copy
is_field "$(device_at copy)" why additional_instance

kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"
wait_for 10 is_field "$first" online false
rm -rf "$TEST_DIR/web-1"
told_alike 9 web-1 identity_changed
contains "$ERR" 'docker run -v /host/path/openclaw-data:'

second=$(device_at web-1)
[ "$first" != "$second" ] || fail "a fresh directory kept the identity"
is_field "$second" standing none
is_field "$first" standing approved
