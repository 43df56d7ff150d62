# "Nothing explains why": each reason for which a device is asked to pair, brought about for real, is
# told alike by the agent, its API, the list, the record and the gateway's log, with the command that
# mends it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/reasons.sh"

start_gateway

told_alike 9 web-1 new_device
device=$(device_at web-1)
contains "$ERR" "openclaw devices approve $(field "$device" request_id)"

expect_exit 0 ocg devices reject "$(field "$device" request_id)"
told_alike 5 web-1 rejected
contains "$ERR" '403 Forbidden'
contains "$ERR" "openclaw devices expect $device"
is_field "$device" request_id None

# What the refusal advises works: the device may ask again at once, and is told what was before.
expect_exit 0 ocg devices expect "$device"
told_alike 9 web-1 rejected
contains "$ERR" 'awaiting approval'
expect_exit 0 ocg devices approve "$(field "$device" request_id)"
attempt 0 web-1
is_field "$device" why None

told_alike 0 web-1 access_widened --scope tools
upgrade=$(field "$device" request_id)
contains "$ERR" "more access awaits approval: request $upgrade"
contains "$ERR" "openclaw devices approve $upgrade"

expect_exit 0 ocg devices revoke "$device" --yes
told_alike 5 web-1 revoked
expect_exit 0 ocg devices expect "$device"
told_alike 9 web-1 revoked

expect_exit 0 ocg devices approve "$(field "$device" request_id)"
expect_exit 0 ocg devices remove "$device" --yes
told_alike 5 web-1 removed

expect_exit 0 ocg devices block "$device" --yes
told_alike 5 web-1 blocked
contains "$ERR" "openclaw devices unblock $device"
expect_exit 0 ocg devices unblock "$device"
attempt 9 web-1

# Its record removed while it waits: the waiting agent asks again and is told so.
start_agent web-2
second=$(device_of web-2)
request_of "$second" >/dev/null
expect_exit 0 ocg devices remove "$second" --yes
wait_for 15 has_request "$second"
wait_for 5 log_has web-2 "$(sentence_of removed)"
is_field "$second" why removed
wait_for 5 logged "$second" removed
