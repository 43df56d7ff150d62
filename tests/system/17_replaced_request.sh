# What was shown is what is approved: a device that asks for something else gets another request, and
# the one that was listed before approves nothing; exit 6 names the one that stands now.
. "$(dirname "$0")/lib.sh"

# A device may show another commitment once a second: asks again until it was heard.
heard() {
    local code=0
    openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name web-1 --once "$@" </dev/null || code=$?
    [ "$code" -eq 9 ]
}

ask() {
    wait_for 10 heard "$@"
}

start_gateway
mkdir -m 0700 "$TEST_DIR/web-1"
ask --scope chat
device=$(device_of web-1)
first=$(request_of "$device")

# The same ask again: the same request.
ask --scope chat
is_field "$device" request_id "$first" || fail "an identical ask got another request"

ask --scope chat --scope admin
second=$(request_of "$device")
[ "$first" != "$second" ] || fail "a wider ask kept the request"
expect_exit 6 ocg devices approve "$first"
contains "$ERR" "$second"
is_field "$device" state pending

expect_exit 0 ocg devices approve "$second"
[ "$(ocg devices show "$device" -o json | json 'd["granted"]["scopes"] == ["admin", "chat"]')" = true ] ||
    fail "another grant than the one shown"

# The closest match to an id that is a digit off.
case $device in *0) off=${device%?}1 ;; *) off=${device%?}0 ;; esac
expect_exit 3 ocg devices show "$off"
contains "$ERR" "$device"
