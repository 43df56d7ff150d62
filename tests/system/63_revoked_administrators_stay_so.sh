# Who was revoked stays so: over a restart, a kill -9 in the middle, and an older database in place of
# the newest, which locks the gateway and keeps everybody out from afar.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"

admin_config
start_gateway
local_call init
find_admin_url
issue alice admin
issue bob approver
stop_gateway
cp -a "$GATEWAY_HOME/gateway" "$TEST_DIR/before"

# put_database DIR: the database of DIR in place of the gateway's.
put_database() {
    for file in gateway.db gateway.db-wal; do
        rm -f "$GATEWAY_HOME/gateway/$file"
        [ ! -f "$1/$file" ] || cp -a "$1/$file" "$GATEWAY_HOME/gateway/$file"
    done
}

start_gateway
find_admin_url
remote_call bob 'call 101'
[ "$OUT" = OK ] || fail "after a restart: $OUT"
local_call 'revoke bob'
contains "$OUT" 'OK closed='
kill -9 "$GATEWAY_PID"
wait_for 15 gone "$GATEWAY_PID"

# the database of a moment before, in which bob is no revoked administrator: the answer came after the
# marker, so it locks, and nobody gets in from afar
cp -a "$GATEWAY_HOME/gateway" "$TEST_DIR/after"
put_database "$TEST_DIR/before"
start_gateway
log_has gateway 'gateway.locked' || fail "an older database did not lock"
find_admin_url
for name in alice bob; do
    remote_call "$name" 'call 101'
    contains "$OUT" UNAVAILABLE
done
local_call 'revoke alice'
contains "$OUT" UNAVAILABLE
# who takes it as it is lets nobody in from afar: nobody knows who was revoked since
expect_exit 0 ocg gateway unlock --accept-rollback
contains "$ERR" 'openclaw pki list'
for name in alice bob; do
    remote_call "$name" 'call 101'
    contains "$OUT" PERMISSION_DENIED
done
log_has gateway 'administrators.void' || fail "the log says nothing of the administrators"
stop_gateway
rm -rf "$GATEWAY_HOME/gateway"
cp -a "$TEST_DIR/after" "$GATEWAY_HOME/gateway"

start_gateway
find_admin_url
remote_call bob 'call 101'
contains "$OUT" PERMISSION_DENIED
remote_call alice list
contains "$OUT" 'bob role=approver state=revoked'

# acknowledged is durable: a kill -9 right behind each answer
for i in 1 2 3 4 5; do
    issue "temp$i" viewer
    local_call "revoke temp$i"
    contains "$OUT" OK
    kill -9 "$GATEWAY_PID"
    wait_for 15 gone "$GATEWAY_PID"
    start_gateway
    find_admin_url
    remote_call "temp$i" 'call 101'
    contains "$OUT" PERMISSION_DENIED
done

# a backup of before, restored: what was taken away since stays so, and all else is as it was
issue dan viewer
issue erin admin
expect_exit 0 ocg gateway backup "$TEST_DIR/older.db"
local_call 'revoke dan' 'role erin viewer'
stop_gateway
expect_exit 0 ocg gateway restore "$TEST_DIR/older.db" --yes
contains "$OUT" 'administrators: withdrawn, so that none may more than before: 2'
start_gateway
find_admin_url
remote_call alice 'call 101'
contains "$OUT" UNAVAILABLE
expect_exit 0 ocg gateway unlock --accept-rollback
remote_call dan 'call 101'
contains "$OUT" PERMISSION_DENIED
remote_call alice list
contains "$OUT" 'dan role=viewer state=revoked'
contains "$OUT" 'erin role=viewer state=active'
