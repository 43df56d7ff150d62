# "Clearing the gateway's data directory": a gateway that had state never starts fresh by itself. It
# starts locked, says why, admits nobody, and an administrator decides.
. "$(dirname "$0")/lib.sh"

start_gateway
stop_gateway
cp -a "$GATEWAY_HOME" "$TEST_DIR/yesterday"
start_gateway
port=${GATEWAY_URL##*:}
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
start_agent web-1
agent=$AGENT_PID
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"
stop_gateway
cp -a "$GATEWAY_HOME" "$TEST_DIR/before"

rm -f "$GATEWAY_HOME"/gateway/*.db*
start_gateway
status=$(ocg gateway status 2>&1)
contains "$status" unlock
[ "$(ocg gateway status -o json | json 'd["lock_reason"] is not None')" = true ] || fail "not locked"
expect_exit 7 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --once
# Its receipt tells of the approval that is missing.
lists_approval() {
    [ "$(ocg gateway status -o json | json "[a['device_id'] for a in (d['rollback'] or {'missing_approvals': []})['missing_approvals']] == ['$1']")" = true ]
}
wait_for 60 lists_approval "$device"
contains "$(ocg gateway status)" '1 device came with receipts of approvals that are missing'
expect_exit 0 ocg gateway unlock --init --yes
[ "$(ocg gateway status -o json | json 'd["lock_reason"] is None')" = true ] || fail "still locked"
wait_for 60 has_request "$device"
is_field "$device" why records_reset
kill "$agent"
stop_gateway

# An older state in place of the newer one: behind the marker.
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
cp -a "$TEST_DIR/before/gateway"/*.db* "$GATEWAY_HOME/gateway/"
start_gateway
[ "$(ocg gateway status -o json | json 'd["lock_reason"] is not None')" = true ] ||
    fail "a foreign database was served"

# One with a page that only the check of the whole looks at, which goes on while records are loaded.
stop_gateway
cp -a "$TEST_DIR/before/gateway"/*.db* "$TEST_DIR/before/gateway/marker" "$GATEWAY_HOME/gateway/"
page=$(python3 - "$GATEWAY_HOME/gateway/gateway.db" <<'PY'
import sqlite3, sys
name = "select rootpage from sqlite_master where name = 'audit_by_device'"
print(sqlite3.connect(sys.argv[1]).execute(name).fetchone()[0])
PY
)
dd if=/dev/zero of="$GATEWAY_HOME/gateway/gateway.db" bs=4096 seek=$((page - 1)) count=1 \
    conv=notrunc status=none
damaged=$(sha256sum <"$GATEWAY_HOME/gateway/gateway.db")
start_gateway
contains "$(ocg gateway status -o json | json 'd["lock_reason"]')" "cannot be read"
expect_exit 7 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --once
[ "$damaged" = "$(sha256sum <"$GATEWAY_HOME/gateway/gateway.db")" ] || fail "it was written to"
contains "$(<"$TEST_DIR/gateway.log")" "is corrupt"

# A corrupt one: locked too, and the file is left as it is.
stop_gateway
printf 'this is no database, and never was one' >"$(ls "$GATEWAY_HOME"/gateway/*.db | head -n 1)"
start_gateway
[ "$(ocg gateway status -o json | json 'd["lock_reason"] is not None')" = true ] ||
    fail "a corrupt database was served"

# Yesterday's state, marker and all: nothing shows it but who was approved since, and comes back.
stop_gateway
rm -rf "$GATEWAY_HOME"
cp -a "$TEST_DIR/yesterday" "$GATEWAY_HOME"
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
start_gateway
expect_exit 7 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --once
lists_approval "$device" || fail "its receipt is not listed"
contains "$(ocg gateway status)" 'a device holds a receipt for a decision'
# The next start is locked before it comes again.
stop_gateway
start_gateway
contains "$(ocg gateway status)" 'decisions are missing'
contains "$(ocg gateway status)" 'no device came yet'
expect_exit 0 ocg gateway unlock --accept-rollback
contains "$ERR" 'records    end at change'
[ "$(ocg gateway status -o json | json 'd["lock_reason"] is None and d["rollback"] is None')" = true ] ||
    fail "still locked"
