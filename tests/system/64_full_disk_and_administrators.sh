# A full disk: an administrator from afar cannot approve or be issued, and is told why; one who is
# revoked is cut at once all the same, and the answer says that it is not durable yet. When there is
# room again it becomes durable by itself, and holds over a kill -9.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"
DEVICE=$(printf 'cd%.0s' $(seq 32))

disk=$TEST_DIR/disk
mkdir "$disk"
mount -t tmpfs -o size=8m,mode=0755 tmpfs "$disk" 2>/dev/null || skip "a tmpfs cannot be mounted here"
MOUNTED+=("$disk")
GATEWAY_HOME=$disk/home

admin_config
start_gateway
local_call init
find_admin_url
issue alice admin
issue bob approver
issue carol admin
make_key late

dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null || true
dd if=/dev/zero of="$disk/filler.more" bs=512 2>/dev/null || true
# what the log of the database still has room for
for i in $(seq 400); do
    remote_call alice "issue late viewer $TEST_DIR/late.csr $TEST_DIR/late.crt" 'revoke late'
    grep -q disk_full <<<"$OUT" && break
done
contains "$OUT" disk_full

remote_call alice "issue late2 viewer $TEST_DIR/late.csr $TEST_DIR/late.crt" 'role carol viewer' list
contains "$OUT" 'UNAVAILABLE cause=disk_full field= not_durable=0'
contains "$OUT" 'UNAVAILABLE cause=disk_full field= not_durable=1'
contains "$OUT" 'carol role=viewer state=active'
lacks "$OUT" late2

open_connection bob
say 'call 101'
[ "$OUT" = OK ] || fail "reads do not go on: $OUT"
local_call 'revoke bob'
contains "$OUT" 'UNAVAILABLE cause=disk_full field= not_durable=1'
say "block $DEVICE"
[ "$OUT" = CLOSED ] || fail "a revocation waits for the disk: $OUT"
close_connection
remote_call bob 'call 101'
contains "$OUT" PERMISSION_DENIED
log_has gateway 'withdrawal.not_durable' || fail "nothing is said of what is not durable"

rm "$disk/filler" "$disk/filler.more"
wait_for 20 log_has gateway 'withdrawal.durable administrator=bob'
kill -9 "$GATEWAY_PID"
wait_for 15 gone "$GATEWAY_PID"
start_gateway
find_admin_url
remote_call bob 'call 101'
contains "$OUT" PERMISSION_DENIED
remote_call carol "block $DEVICE"
contains "$OUT" PERMISSION_DENIED
remote_call alice "block $DEVICE"
contains "$OUT" OK
