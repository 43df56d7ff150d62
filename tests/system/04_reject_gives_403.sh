# "Rejected devices receive a 403 Forbidden response and cannot connect."
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")
expect_exit 0 ocg devices reject "$request" --reason 'not one of ours'
is_field "$device" state rejected
wait_for 10 gone "$AGENT_PID"
code=0
wait "$AGENT_PID" || code=$?
[ "$code" -eq 5 ] || fail "the agent ended with $code instead of 5"
log_has web-1 '403' || fail "no 403 in the agent's output"

# The decided request cannot be approved afterwards; who tries is told why, after a restart of the
# gateway too.
expect_exit 6 ocg devices approve "$request" --yes
contains "$ERR" "request $request is no longer open: it was rejected"
is_field "$device" state rejected
stop_gateway
start_gateway
expect_exit 6 ocg devices approve "$request"
contains "$ERR" 'it was rejected'

# Revoking what was never approved says what to use instead.
start_agent web-2
second=$(device_of web-2)
request_of "$second" >/dev/null
expect_exit 6 ocg devices revoke "$second" --yes
contains "$ERR" reject
