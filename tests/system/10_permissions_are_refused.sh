# Wrong permissions on a key, a directory or a socket path are a refusal that names the path, the
# mode found and the mode wanted.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
request_of "$device" >/dev/null
kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"
stop_gateway

chmod 0644 "$TEST_DIR/web-1/identity/device.key"
expect_exit 1 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" --once
contains "$ERR" identity/device.key
contains "$ERR" 0644
contains "$ERR" 0600
chmod 0600 "$TEST_DIR/web-1/identity/device.key"

chmod 0755 "$GATEWAY_HOME/gateway"
expect_exit 1 timeout 20 openclaw-gateway run --data-dir "$GATEWAY_HOME"
contains "$ERR" "$GATEWAY_HOME/gateway"
contains "$ERR" 0755
contains "$ERR" 0700
chmod 0700 "$GATEWAY_HOME/gateway"

# Anybody could put another data directory in its place; a sticky directory stands against that.
chmod 0777 "$TEST_DIR"
expect_exit 1 timeout 20 openclaw-gateway run --data-dir "$GATEWAY_HOME"
contains "$ERR" "every user may put another one in its place; run: chmod o-w $GATEWAY_HOME/.."
chmod 1777 "$TEST_DIR"
start_gateway
stop_gateway
chmod 0700 "$TEST_DIR"

rm -f "$GATEWAY_HOME/gateway/admin.sock"
echo precious >"$GATEWAY_HOME/gateway/admin.sock"
expect_exit 1 timeout 20 openclaw-gateway run --data-dir "$GATEWAY_HOME"
contains "$ERR" admin.sock
[ "$(cat "$GATEWAY_HOME/gateway/admin.sock")" = precious ] || fail "a file at the socket path was touched"
