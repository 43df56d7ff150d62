# Restore: the newest state serves at once; an older one starts locked, tells which decisions it
# lacks, and lets nobody in that was shut out since, until an administrator accepts it. What is no
# backup of this gateway is refused with the cause, and then nothing has changed.
. "$(dirname "$0")/lib.sh"

start_gateway
write_config <<<"listen: {devices: \"$GATEWAY_URL\"}"
start_agent web-1
web=$(device_of web-1)
start_agent db-1
db=$(device_of db-1)
expect_exit 0 ocg devices approve "$(request_of "$web")"
expect_exit 0 ocg devices approve "$(request_of "$db")"
wait_for 10 is_online "$web"
expect_exit 0 ocg gateway backup "$TEST_DIR/older.db"
expect_exit 0 ocg devices revoke "$web" --yes
expect_exit 0 ocg devices rename "$db" database
expect_exit 0 ocg gateway backup "$TEST_DIR/newest.db"

state() {
    (cd "$GATEWAY_HOME/gateway" && sha256sum gateway.db marker && ls -I 'lock*')
}
is_locked() {
    [ "$(ocg gateway status -o json | json 'd["lock_reason"] is not None')" = true ]
}

# Not while it runs; not without a word; and then nothing has changed.
expect_exit 6 ocg gateway restore "$TEST_DIR/older.db" --yes
contains "$ERR" "pid $GATEWAY_PID"
stop_gateway
before=$(state)
expect_exit 2 ocg gateway restore "$TEST_DIR/older.db"
contains "$ERR" --yes
contains "$OUT" "revoke"
[ "$(state)" = "$before" ] || fail "something changed without a confirmation: $(state)"

# What is no backup of this gateway.
refused() { # CODE FILE WHY
    expect_exit "$1" ocg gateway restore "$2" --yes
    contains "$ERR" "$3"
    [ "$(state)" = "$before" ] || fail "something changed although it was refused: $(state)"
}
refused 3 "$TEST_DIR/none.db" "No such file"
refused 1 "$TEST_DIR" "not a file"
refused 1 "$TEST_DIR/web-1/identity/device.key" "not a database"
: >"$TEST_DIR/empty.db"
refused 1 "$TEST_DIR/empty.db" "empty file"
head -c 20000 "$TEST_DIR/newest.db" >"$TEST_DIR/cut.db"
refused 1 "$TEST_DIR/cut.db" "take another backup"
sql() { # FILE STATEMENT
    python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute(sys.argv[2])' "$@"
}
sql "$TEST_DIR/mine.db" 'CREATE TABLE mine (a)'
refused 1 "$TEST_DIR/mine.db" "not a database of this gateway"
cp "$TEST_DIR/newest.db" "$TEST_DIR/edited.db"
sql "$TEST_DIR/edited.db" "UPDATE audit SET actor = 'uid:7' WHERE action = 'revoke'"
refused 1 "$TEST_DIR/edited.db" "is not what was written"
cp "$TEST_DIR/newest.db" "$TEST_DIR/live.db"
echo log >"$TEST_DIR/live.db-wal"
refused 1 "$TEST_DIR/live.db" "write-ahead log beside it"
expect_exit 0 openclaw audit verify "$TEST_DIR/newest.db"
contains "$OUT" "audit whole"
expect_exit 1 openclaw audit verify "$TEST_DIR/edited.db"
contains "$ERR" "is not what was written"
# Another gateway's, and this one's under another secret.
GATEWAY_HOME=$TEST_DIR/other start_gateway
GATEWAY_HOME=$TEST_DIR/other
expect_exit 0 ocg gateway backup "$TEST_DIR/foreign.db"
stop_gateway
expect_exit 1 ocg gateway restore "$TEST_DIR/newest.db" --yes
contains "$ERR" "another gateway"
rm "$GATEWAY_HOME"/gateway/marker "$GATEWAY_HOME"/gateway/gateway.db
expect_exit 1 ocg gateway restore "$TEST_DIR/newest.db" --yes
contains "$ERR" "another secret.key"
rm "$GATEWAY_HOME"/gateway/secret.key
expect_exit 1 ocg gateway restore "$TEST_DIR/newest.db" --yes
contains "$ERR" "secret.key is missing"
expect_exit 3 openclaw --data-dir "$TEST_DIR/nowhere" gateway restore "$TEST_DIR/newest.db" --yes
[ ! -e "$TEST_DIR/nowhere" ] || fail "a refused restore made a directory"
GATEWAY_HOME=$TEST_DIR/gateway-home
refused 1 "$TEST_DIR/foreign.db" "another gateway"

# The newest state in place of a database that cannot be read: serves at once, to whom it did.
printf 'this is no database any more' >"$GATEWAY_HOME/gateway/gateway.db"
echo "a log that nobody must replay" >"$GATEWAY_HOME/gateway/gateway.db-wal"
expect_exit 0 ocg gateway restore "$TEST_DIR/newest.db" --yes
contains "$OUT" "cannot be told"
lacks "$OUT" "starts locked"
grep -qx 'this is no database any more' "$GATEWAY_HOME"/gateway/gateway.db.replaced-*[0-9] ||
    fail "what was there before is gone"
[ -e "$(ls "$GATEWAY_HOME"/gateway/gateway.db.replaced-*-wal)" ] || fail "its log is gone"
start_gateway
is_locked && fail "the newest state starts locked"
wait_for 60 is_online "$db"
is_field "$db" name database || fail "the alias was lost"
is_field "$web" state revoked || fail "the revocation was lost"

# An older state: locked, and the revoked device stays out.
stop_gateway
expect_exit 0 ocg gateway restore "$TEST_DIR/older.db" --yes
contains "$OUT" "lost     2 decisions, withdrawals among them: 1"
contains "$OUT" "are not in the backup"
first=$(grep -m 1 -A 1 '^lost' <<<"$OUT" | tail -n 1)
contains "$first" "revoke"
contains "$first" "$web"
contains "$OUT" "rename"
contains "$OUT" "made again: 1 revoked"
contains "$OUT" "unlock --accept-rollback"
start_gateway
is_locked || fail "an older state is served"
expect_exit 7 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --once
stop_gateway
start_gateway
is_locked || fail "a second start serves it"
expect_exit 0 ocg gateway unlock --accept-rollback
contains "$ERR" "revoke "
contains "$ERR" "$web"
is_locked && fail "still locked"
wait_for 60 is_online "$db"
is_field "$db" name None || fail "the backup's state is not what is served"
is_field "$web" state revoked || fail "who was shut out since is let in again"
expect_exit 5 openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --once
expect_exit 0 ocg audit list --device "$web" --newest --limit 1 -o ndjson
[ "$(json 'd["actor"], d["action"], d["rule"]' <<<"$OUT")" = "('gateway', 'revoke', 'restore')" ] ||
    fail "it is not on record: $OUT"
# It is told once, of that state.
expect_exit 6 ocg gateway unlock --accept-rollback
lacks "$ERR" "$web"

# The state of before the restore, which lies aside, is behind the accepted one now: locked too.
stop_gateway
aside=$(ls -t "$GATEWAY_HOME"/gateway/gateway.db.replaced-*[0-9] | head -n 1)
cp "$aside" "$TEST_DIR/aside.db"
expect_exit 0 ocg gateway restore "$TEST_DIR/aside.db" --yes
start_gateway
is_locked || fail "a state of an earlier epoch is served"
stop_gateway

# Word for word the older state, where somebody asks for that.
start_gateway
expect_exit 0 ocg gateway unlock --accept-rollback
stop_gateway
expect_exit 0 ocg gateway restore "$TEST_DIR/older.db" --yes --as-it-was
contains "$OUT" "comes in again"
start_gateway
is_locked || fail "an older state is served"
expect_exit 0 ocg gateway unlock --accept-rollback
is_field "$web" state approved || fail "it is not as it was"
start_agent web-1
wait_for 60 is_online "$web"
stop_gateway

# On another machine: the two keys and a backup are enough. No marker: locked, until it is accepted.
mkdir -m 0700 -p "$TEST_DIR/new/gateway"
cp -p "$GATEWAY_HOME"/gateway/*.key "$TEST_DIR/new/gateway/"
cp -p "$GATEWAY_HOME/gateway.yaml" "$TEST_DIR/new/"
GATEWAY_HOME=$TEST_DIR/new
pin=$GATEWAY_PIN
expect_exit 0 ocg gateway restore "$TEST_DIR/newest.db" --yes
contains "$OUT" "there is none"
start_gateway
is_locked || fail "a database without a marker is served"
[ "$GATEWAY_PIN" = "$pin" ] || fail "another pin"
expect_exit 0 ocg gateway unlock --accept-rollback
wait_for 60 is_online "$db"

# What a restore noted is told of that state alone, not of a later one.
stop_gateway
rm "$GATEWAY_HOME/gateway/marker"
start_gateway
is_locked || fail "a database without a marker is served"
expect_exit 0 ocg gateway unlock --accept-rollback
lacks "$ERR" "restored from a backup"
