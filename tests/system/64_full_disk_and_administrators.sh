# A full disk: an administrator from afar cannot approve or be issued, and is told why; one who is
# revoked is cut at once all the same, as is a device that one of them revokes, and the answer says
# that it is not durable yet. When there is room again it becomes durable by itself, and holds over a
# kill -9.
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
issue erin admin
make_key late
start_agent web-1
web=$(device_of web-1)
remote_call bob "approve $(request_of "$web")"
contains "$OUT" OK
wait_for 20 is_online "$web"
start_agent web-2
waiting=$(device_of web-2)
request=$(request_of "$waiting")

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

remote_call bob "approve $request"
contains "$OUT" 'UNAVAILABLE cause=disk_full field= not_durable=0'
is_field "$waiting" state pending || fail "the refused approval left something behind"
remote_call bob "decide 105 $web"
contains "$OUT" 'UNAVAILABLE cause=disk_full field= not_durable=1'
wait_for 5 is_field "$web" online false
is_field "$web" state revoked || fail "the revocation is not in force"

remote_call erin 'revoke erin' list
contains "$OUT" 'UNAVAILABLE cause=disk_full field= not_durable=1'
[ "$(tail -n 1 <<<"$OUT")" = CLOSED ] || fail "who revoked itself goes on: $OUT"

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

[ "$(ocg gateway status -o json | json 'd["unsaved"]')" -ge 3 ] ||
    fail "the status does not count bob, carol and the device"

rm "$disk/filler" "$disk/filler.more"
wait_for 20 log_has gateway 'withdrawal.durable administrator=bob'
wait_for 20 log_has gateway "withdrawal.durable device=$web"
[ "$(ocg gateway status -o json | json 'd["unsaved"]')" -eq 0 ] || fail "what is durable is counted"
kill -9 "$GATEWAY_PID"
wait_for 15 gone "$GATEWAY_PID"
start_gateway
find_admin_url
remote_call bob 'call 101'
contains "$OUT" PERMISSION_DENIED
remote_call carol "block $DEVICE"
contains "$OUT" PERMISSION_DENIED
remote_call erin 'call 101'
contains "$OUT" PERMISSION_DENIED
remote_call alice "block $DEVICE"
contains "$OUT" OK
is_field "$web" state revoked || fail "the revoked device is approved again"
is_field "$waiting" state pending || fail "nobody approved it"
