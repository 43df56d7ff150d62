# "Gateway pairings persist indefinitely once approved": over a restart of the gateway, over kill -9
# right after the answer, and over restarts of the agent, which comes back by itself.
. "$(dirname "$0")/lib.sh"

start_gateway
port=${GATEWAY_URL##*:}
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"

# The same port, so that the running agent finds it again.
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
start_gateway
is_field "$device" state approved
wait_for 60 is_online "$device"

stop_gateway
code=0
wait "$GATEWAY_PID" || code=$?
[ "$code" -eq 0 ] || fail "the gateway ended with $code on SIGTERM"
start_gateway
wait_for 60 is_online "$device"

kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"
start_agent web-1
wait_for 10 is_online "$device"
