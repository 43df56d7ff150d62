# The code that the agent prints, typed by the administrator, approves the agent in front of them; a
# wrong one does not, and five wrong ones close it. It is never shown on the administrator's side.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")
wait_for 10 grep -qE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-1.log"
code=$(grep -oE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-1.log" | head -n 1 | cut -d' ' -f2)
wrong=1234-5678
[ "$code" != "$wrong" ] || wrong=8765-4321

expect_exit 6 ocg devices approve "${request:0:4}" --code "$wrong" --yes
is_field "$device" state pending
for output in "$(ocg pairing list)" "$(ocg devices show "$device" -o json)" "$(ocg audit list -o json)"; do
    lacks "$output" "$code"
    lacks "$output" "${code/-/}"
done
expect_exit 0 ocg devices approve "${request:0:4}" --code "$code"
wait_for 10 is_online "$device"
lacks "$(cat "$TEST_DIR/gateway.log")" "$code"
lacks "$(cat "$TEST_DIR/gateway.log")" "${code/-/}"

start_agent web-2
second=$(device_of web-2)
request=$(request_of "$second")
wait_for 10 grep -qE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-2.log"
code=$(grep -oE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-2.log" | head -n 1 | cut -d' ' -f2)
for digit in 1 2 3 4 5; do
    expect_exit 6 ocg devices approve "$request" --code "0000-000$digit" --yes
done
expect_exit 6 ocg devices approve "$request" --code "$code" --yes
is_field "$second" state pending
