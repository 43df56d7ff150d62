# The database is gone, or a backup was copied over it by hand, and its log is still there: SQLite
# would replay that into the backup, and leave a state that never was, in which a revoked device is
# approved. A restore moves the log aside; a start refuses.
. "$(dirname "$0")/lib.sh"

start_gateway
write_config <<<"listen: {devices: \"$GATEWAY_URL\"}"
start_agent web-1 --keep-asking
web=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$web")"
wait_for 20 is_online "$web"
# So many that the record of the device is on a page of its own, which the log will not hold.
for _ in $(seq 90); do
    expect_exit 0 ocg devices block "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" --yes
done
expect_exit 0 ocg gateway backup "$TEST_DIR/older.db"
expect_exit 0 ocg devices revoke "$web" --yes
stop_gateway
start_gateway
far=$(python3 -c 'import sys; print("%064x" % (int(sys.argv[1], 16) ^ 1 << 255))' "$web")
expect_exit 0 ocg devices block "$far" --yes
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
state=$GATEWAY_HOME/gateway
[ -s "$state/gateway.db-wal" ] || fail "there is no log to meet"
mv "$state/gateway.db" "$TEST_DIR/broken.db"
cp "$state/gateway.db-wal" "$TEST_DIR/old-wal"

stays_out() {
    [ "$(ocg gateway status -o json | json 'd["lock_reason"] is not None')" = true ] || fail "$1: serves"
    ! ocg devices show "$web" -o json >"$TEST_DIR/shown" || ! is_field "$web" online true ||
        fail "$1: a revoked device is connected"
}

expect_exit 0 ocg gateway restore "$TEST_DIR/older.db" --yes
contains "$OUT" "its log is there without it"
contains "$OUT" "database is missing"
contains "$OUT" "starts locked"
cmp "$TEST_DIR/old-wal" "$state"/gateway.db.replaced-*-wal || fail "the log is gone"
start_gateway
stays_out "after a restore"
[ "$(ocg gateway status -o json | json 'd["seq"]')" -lt 95 ] || fail "the log was replayed"
stop_gateway

# By hand: nothing of it is served, and the log says what to do.
cp "$TEST_DIR/older.db" "$state/gateway.db"
cp "$TEST_DIR/old-wal" "$state/gateway.db-wal"
start_gateway
stays_out "copied by hand"
wait_for 10 log_has gateway "backup that was copied over a database whose log"
stop_gateway
cmp "$TEST_DIR/old-wal" "$state/gateway.db-wal" || fail "the log was touched"
cmp "$TEST_DIR/older.db" "$state/gateway.db" || fail "the backup was touched"
expect_exit 0 ocg gateway restore "$TEST_DIR/older.db" --yes
contains "$OUT" "its log is there without it"
start_gateway
stays_out "after the restore that was asked for"
