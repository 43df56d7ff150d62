# One state directory, one gateway: a second one is refused, names the holder, and leaves the first
# unharmed.
. "$(dirname "$0")/lib.sh"

start_gateway
first=$GATEWAY_PID
expect_exit 1 timeout 20 openclaw-gateway run --data-dir "$GATEWAY_HOME"
contains "$ERR" "$first"
ocg gateway status >/dev/null
start_agent web-1
request_of "$(device_of web-1)" >/dev/null
