# The answer to a decision is lost after the gateway made it: the command says that the outcome is
# unknown, asks again with the same key, and it happened once: one record in the audit. If the
# gateway never answers again it ends with 7 and says how to find out.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/admins.sh"
folder=$(dirname "$0")

admin_config
start_gateway
expect_exit 0 ocg pki init -o json
admin_door=$(json 'd["admin_address"].split("//")[1]' <<<"$OUT")
local_door=$GATEWAY_HOME/gateway/admin.sock
mkdir -p -m 0700 "$TEST_DIR/far/gateway"

# n_of ACTION DEVICE: decisions of that kind that the audit holds of the device.
n_of() {
    ocg audit list --action "$1" --device "$2" -o json | json 'len(d["items"])'
}
# swallow_at LISTEN TARGET MODE ACTION DEVICE: a proxy that loses the answer to the decision.
swallow_at() {
    cat >"$TEST_DIR/check" <<END
#!/bin/bash
openclaw --data-dir "$GATEWAY_HOME" audit list --action "$4" --device "$5" -o name | grep -q .
END
    chmod +x "$TEST_DIR/check"
    rm -f "$TEST_DIR/far/gateway/admin.sock" "$TEST_DIR/swallow.log"
    python3 "$folder/swallow.py" "$1" "$2" "$3" "$TEST_DIR/check" \
        >"$TEST_DIR/swallow.log" 2>&1 </dev/null &
    SWALLOW_PID=$!
    STARTED+=("$SWALLOW_PID")
    wait_for 10 grep -q ready "$TEST_DIR/swallow.log"
}
# swallow MODE ACTION DEVICE: in front of the local door; its data directory is $TEST_DIR/far.
swallow() {
    swallow_at "$TEST_DIR/far/gateway/admin.sock" "$local_door" "$@"
}
# swallow_afar NAME MODE ACTION DEVICE: in front of the admin door, for a new administrator.
swallow_afar() {
    local name=$1 port
    shift
    swallow_at 127.0.0.1:0 "$admin_door" "$@"
    port=$(sed -n 's/^ready //p' "$TEST_DIR/swallow.log")
    expect_exit 0 ocg pki issue "$name" --role approver --gateway "tls+tcp://127.0.0.1:$port" \
        --out "$TEST_DIR/$name.bundle"
    expect_exit 0 openclaw --data-dir "$TEST_DIR/laptop" context add "$name" \
        --bundle "$TEST_DIR/$name.bundle"
}
afar() {
    local name=$1
    shift
    openclaw --data-dir "$TEST_DIR/laptop" --context "$name" "$@"
}
end_swallow() {
    kill "$SWALLOW_PID"
    wait "$SWALLOW_PID" 2>/dev/null || true
}
far() {
    openclaw --data-dir "$TEST_DIR/far" "$@"
}

start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")

# An approval, and a revocation, whose answers are lost once.
swallow once approve "$device"
expect_exit 0 far devices approve "$request"
contains "$(cat "$TEST_DIR/swallow.log")" swallowed
contains "$OUT" "approved $device"
[ "$(n_of approve "$device")" = 1 ] || fail "the approval is in the audit $(n_of approve "$device") times"
end_swallow
wait_for 10 is_online "$device"
swallow once revoke "$device"
expect_exit 0 far devices revoke "$device" --yes
contains "$(cat "$TEST_DIR/swallow.log")" swallowed
contains "$OUT" "revoked $device"
contains "$OUT" "its connection is closed"
[ "$(n_of revoke "$device")" = 1 ] || fail "the revocation is in the audit $(n_of revoke "$device") times"
end_swallow

# A gateway that is never heard of again: exit 7, and where to look.
start_agent web-2
device=$(device_of web-2)
request=$(request_of "$device")
swallow always approve "$device"
expect_exit 7 far devices approve "$request" --timeout 1s
contains "$ERR" "whether it happened is unknown"
contains "$ERR" "repeating is safe: what is done is not done twice"
contains "$ERR" "openclaw devices show $request"
is_field "$device" state approved || fail "it was to have happened"
[ "$(n_of approve "$device")" = 1 ] || fail "it happened $(n_of approve "$device") times"
end_swallow

# The same from another machine.
start_agent web-4
device=$(device_of web-4)
request=$(request_of "$device")
swallow_afar alice once approve "$device"
expect_exit 0 afar alice devices approve "$request"
contains "$(cat "$TEST_DIR/swallow.log")" swallowed
contains "$OUT" "approved $device"
[ "$(n_of approve "$device")" = 1 ] || fail "it happened $(n_of approve "$device") times"
[ "$(field "$device" decided_by)" = admin:alice ] || fail "not by alice"
end_swallow
swallow_afar bob always revoke "$device"
expect_exit 7 afar bob devices revoke "$device" --yes --timeout 1s
contains "$ERR" "whether it happened is unknown"
contains "$ERR" "openclaw devices show $device"
[ "$(n_of revoke "$device")" = 1 ] || fail "it happened $(n_of revoke "$device") times"
end_swallow

# Killed after the COMMIT, before the answer, and started again: the same key finds what was done.
start_agent web-3
device=$(device_of web-3)
request=$(request_of "$device")
swallow "kill:$GATEWAY_PID" approve "$device"
far devices approve "$request" --timeout 30s >"$TEST_DIR/out" 2>"$TEST_DIR/err" </dev/null &
command=$!
wait_for 20 grep -q swallowed "$TEST_DIR/swallow.log"
wait_for 10 gone "$GATEWAY_PID"
start_gateway
code=0
wait "$command" || code=$?
[ "$code" -eq 0 ] || fail "exit $code: $(cat "$TEST_DIR/err")"
contains "$(cat "$TEST_DIR/err")" "whether it happened is unknown"
contains "$(cat "$TEST_DIR/out")" "approved $device"
[ "$(n_of approve "$device")" = 1 ] || fail "it happened $(n_of approve "$device") times"
is_field "$device" state approved || fail "it is not approved"
