# "The gateway sees it as a brand-new, unpaired device": a fresh data directory is a new identity, and
# the agent, the list and the log say why. With the directory kept nothing has to be approved again.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
first=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$first")"
wait_for 10 is_online "$first"
kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"
wait_for 10 is_field "$first" online false

rm -rf "$TEST_DIR/web-1"
: >"$TEST_DIR/web-1.log"
start_agent web-1
second=$(device_of web-1)
[ "$first" != "$second" ] || fail "a fresh directory kept the identity"
request_of "$second" >/dev/null
is_field "$second" why identity_changed
wait_for 10 log_has web-1 'is its data directory persisted?'

# The first one is online: now it is an additional instance.
kill -TERM "$AGENT_PID"
