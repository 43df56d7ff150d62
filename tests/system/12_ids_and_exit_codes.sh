# What people type is resolved in one order, and every exit code means one thing.
. "$(dirname "$0")/lib.sh"

# No gateway: unavailable, with the hint to run it on the gateway's machine.
mkdir -m 0700 "$GATEWAY_HOME"
expect_exit 7 ocg pairing list
contains "$ERR" gateway

start_gateway
start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")

expect_exit 2 ocg devices approve
expect_exit 2 ocg devices aprove
contains "$ERR" approve
expect_exit 3 ocg devices show 0123456789ABCDEF0123456789ABCDEF
expect_exit 3 ocg devices approve ZZZZZZZZZZ --yes

# A device id off a terminal is no confirmation of what was asked: the request id is.
expect_exit 2 ocg devices approve "$device"
contains "$ERR" "$request"
is_field "$device" state pending
# A claimed name never selects.
expect_exit 3 ocg devices approve web-1 --yes
is_field "$device" state pending

expect_exit 0 ocg devices approve "$request"
expect_exit 0 ocg devices rename "$device" berlin-1
is_field berlin-1 device_id "$device"
is_field "${device:0:16}" device_id "$device"
expect_exit 3 ocg devices show "${device:0:15}"
