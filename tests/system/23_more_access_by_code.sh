# An approved device that asks for more stays connected on what it has, shows a code for the rest, and
# gets it in the live session once that code was typed; a wrong one counts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/reasons.sh"

start_gateway
attempt 9 web-1 --scope chat
device=$(device_at web-1)
expect_exit 0 ocg devices approve "$(field "$device" request_id)"

# Two nonces within a second: the later one gets no code.
shows_a_code() {
    start_agent web-1 --scope chat --scope tools
    wait_for 10 log_has web-1 'more access awaits approval'
    grep -qE 'more access .* code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-1.log" && return
    kill -TERM "$AGENT_PID"
    wait_for 10 gone "$AGENT_PID"
    : >"$TEST_DIR/web-1.log"
    return 1
}
wait_for 20 shows_a_code
is_online "$device" || fail "not connected on what it has"
request=$(field "$device" request_id)
code=$(grep -oE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-1.log" | tail -n 1 | cut -d' ' -f2)
wrong=1234-5678
[ "$code" != "$wrong" ] || wrong=8765-4321

# The agent shows the code, then lets the gateway check it.
wrong_is_found_wrong() {
    ! ocg devices approve "${request:0:4}" --code "$wrong" 2>"$TEST_DIR/wrong" &&
        grep -qF 'not that of this request' "$TEST_DIR/wrong"
}
wait_for 10 wrong_is_found_wrong
is_field "$device" request_id "$request"
expect_exit 0 ocg devices approve "${request:0:4}" --code "$code"
wait_for 10 log_has web-1 'access changed'
[ "$(ocg devices show "$device" -o json | json 'd["granted"]["scopes"] == ["chat", "tools"]')" = true ] ||
    fail "not what was asked"
[ "$(grep -c '^connected' "$TEST_DIR/web-1.log")" -eq 1 ] || fail "the session did not go on"
for place in "$(ocg audit list -o json)" "$(cat "$TEST_DIR/gateway.log")"; do
    lacks "$place" "$code"
    lacks "$place" "${code/-/}"
done
