# Private keys and the gateway's secret are never in logs, arguments, the environment or the database.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"

for file in "$GATEWAY_HOME"/gateway/* "$TEST_DIR"/web-1/identity/*; do
    [ -f "$file" ] || continue
    [ "$(stat -c %a "$file")" = 600 ] || fail "$file has mode $(stat -c %a "$file")"
done
key=$(sed -n 2p "$TEST_DIR/web-1/identity/device.key")
for place in "$TEST_DIR"/*.log "$GATEWAY_HOME"/gateway/*; do
    [ -f "$place" ] || continue
    ! grep -qaF -- "$key" "$place" || fail "the device's key is in $place"
done
for pid in "$GATEWAY_PID" "$AGENT_PID"; do
    [ "$(awk '/^CoreDumping|^Max core/ {print $5}' "/proc/$pid/limits" 2>/dev/null | head -n 1)" != unlimited ] ||
        fail "$pid may dump core"
done
