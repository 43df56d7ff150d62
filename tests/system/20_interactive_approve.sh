# "openclaw devices approve": shows the pending requests with identifiers and times; select, confirm.
. "$(dirname "$0")/lib.sh"
command -v expect >/dev/null || skip "expect is not installed"

start_gateway
start_agent web-1
start_agent web-2
device=$(device_of web-2)
request_of "$(device_of web-1)" >/dev/null
request=$(request_of "$device")

# Selects by request id, since the order of the list is the gateway's.
expect -f - <<EXPECT || fail "the interactive approval did not go as promised"
set timeout 20
log_file -noappend $TEST_DIR/approve.log
spawn openclaw --data-dir $GATEWAY_HOME devices approve
expect {
    -re {$request} {}
    timeout { exit 1 }
}
expect -re {[?:>] *$}
send "$request\r"
expect {
    $device {}
    timeout { exit 2 }
}
expect {
    -re {\[y/N\]} {}
    timeout { exit 3 }
}
send "y\r"
expect eof
set status [wait]
exit [lindex \$status 3]
EXPECT
wait_for 10 is_online "$device"
is_field "$(device_of web-1)" state pending

# Saying no changes nothing.
request=$(request_of "$(device_of web-1)")
expect -f - <<EXPECT || fail "declining did not go as promised"
set timeout 20
spawn openclaw --data-dir $GATEWAY_HOME devices approve $request
expect {
    -re {\[y/N\]} {}
    timeout { exit 3 }
}
send "n\r"
expect eof
set status [wait]
if {[lindex \$status 3] == 0} { exit 4 }
exit 0
EXPECT
is_field "$(device_of web-1)" state pending

# Approving from the other view.
expect -f - <<EXPECT || fail "pairing list --approve did not go as promised"
set timeout 20
spawn openclaw --data-dir $GATEWAY_HOME pairing list --approve
expect {
    -re {$request} {}
    timeout { exit 1 }
}
expect -re {[?:>] *$}
send "$request\r"
expect {
    -re {\[y/N\]} {}
    timeout { exit 3 }
}
send "y\r"
expect eof
set status [wait]
exit [lindex \$status 3]
EXPECT
wait_for 10 is_online "$(device_of web-1)"
