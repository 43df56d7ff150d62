# Garbage, silence, dribble, wrong TLS, wrong keys, bombs and vanishing peers at the front door: that
# connection is closed, everybody else is served, descriptors and memory return.
. "$(dirname "$0")/lib.sh"

start_gateway
hostport=${GATEWAY_URL#tls+tcp://}
python3 "$(dirname "$0")/hostile.py" "${hostport%:*}" "${hostport##*:}" "$GATEWAY_PID" "$TEST_DIR" ||
    fail "a stranger got further than allowed"
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"
