# A full disk: approvals are refused and say which disk, a device is still cut off at once and the
# administrator told that it is not durable yet, sessions and reads go on, and when space returns
# everything is as it should be, without a restart and after one.
. "$(dirname "$0")/lib.sh"

disk=$TEST_DIR/disk
mkdir "$disk"
mount -t tmpfs -o size=8m,mode=0755 tmpfs "$disk" 2>/dev/null || skip "a tmpfs cannot be mounted here"
MOUNTED+=("$disk")
GATEWAY_HOME=$disk/home

fill() {
    dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null || true
    dd if=/dev/zero of="$disk/filler.more" bs=512 2>/dev/null || true
}
status_is() {
    [ "$(ocg gateway status -o json | json "d[\"$1\"]")" = "$2" ]
}
lines_of() {
    grep -c -- "$1" "$TEST_DIR/gateway.log" || true
}
# pair NAME: an agent that is approved and online; sets DEVICE.
pair() {
    start_agent "$1" --keep-asking
    DEVICE=$(device_of "$1")
    ocg devices approve "$(request_of "$DEVICE")" >/dev/null
    wait_for 10 is_online "$DEVICE"
}

start_gateway
pair revoked && revoked=$DEVICE
pair blocked && blocked=$DEVICE
pair stays && stays=$DEVICE
pair comes
kill -9 "$AGENT_PID" && wait_for 10 is_field "$DEVICE" online false
start_agent waiting
waiting=$(device_of waiting)
request=$(request_of "$waiting")
status_is store_state ok || fail "the store fails before the disk is full"

fill

# What is wanted and cannot be had.
expect_exit 7 ocg devices approve "$request"
contains "$ERR" "disk is full: nothing was changed; free space and repeat"
contains "$ERR" "the disk of $GATEWAY_HOME/gateway/gateway.db is full"
lacks "$ERR" "unknown"
echo "--- approve"; echo "$ERR"
is_field "$waiting" state pending || fail "the refused approval left something behind"

# What must work whatever the disk says.
expect_exit 7 ocg devices revoke "$revoked" --yes
contains "$ERR" "not durable yet"
contains "$ERR" "cut off at once"
echo "--- revoke"; echo "$ERR"
wait_for 3 is_field "$revoked" online false
expect_exit 7 ocg devices block "$blocked" --yes
contains "$ERR" "not durable yet"
wait_for 3 is_field "$blocked" online false
wait_for 5 log_has revoked "revoked"
is_field "$revoked" state revoked || fail "the revocation is not in force"
is_field "$blocked" state blocked || fail "the block is not in force"

# What goes on: sessions, reads, and connects of who is approved.
is_online "$stays" || fail "a session that nobody touched has gone"
ocg audit list -o json >/dev/null
expect_exit 0 openclaw --data-dir "$TEST_DIR/comes" agent run --gateway "$GATEWAY_URL" \
    --pin "$GATEWAY_PIN" --name comes --once
status=$(ocg gateway status)
echo "--- status"; echo "$status"
contains "$status" "approvals are refused"
contains "$status" "the disk of $GATEWAY_HOME/gateway/gateway.db is full"
status_is store_cause disk_full || fail "the status does not say that the disk is full"
status_is unsaved 2 || fail "the status does not count what is not durable"
status_is approvals_refused true || fail "the status does not say that approvals are refused"

# Strangers are sent away and the disk does not hear of them; the log says it once.
failed=$(ocg gateway status -o json | json 'd["counters"]["openclaw_commits_failed_total"]')
for i in 1 2 3 4 5; do
    code=0
    timeout 5 openclaw --data-dir "$TEST_DIR/stranger$i" agent run --gateway "$GATEWAY_URL" \
        --pin "$GATEWAY_PIN" --name "stranger$i" --once >/dev/null 2>&1 || code=$?
    [ "$code" -ne 0 ] || fail "a stranger got in"
done
again=$(ocg gateway status -o json | json 'd["counters"]["openclaw_commits_failed_total"]')
echo "commits that failed: $failed before the strangers, $again after"
[ "$((again - failed))" -le 3 ] || fail "strangers make the disk fail"
[ "$(lines_of store.failing)" -eq 1 ] || fail "the log does not tell of the outage once"

# Space returns.
rm "$disk/filler" "$disk/filler.more"
wait_for 15 status_is unsaved 0
wait_for 15 status_is store_state ok
[ "$(lines_of store.recovered)" -eq 1 ] || fail "the log does not tell of the end once"
[ "$(lines_of withdrawal.durable)" -eq 2 ] || fail "the log does not tell what became durable"
for action in revoke block; do
    ocg audit list -o ndjson | grep -q "\"action\":\"$action\"" || fail "no audit record of $action"
done
ocg devices approve "$request" >/dev/null
wait_for 10 is_online "$waiting"
expect_exit 0 ocg devices revoke "$revoked" --yes

# And after a crash, at the same address.
write_config <<<"listen: {devices: \"$GATEWAY_URL\"}"
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
start_gateway
is_field "$revoked" state revoked || fail "the revocation did not survive"
is_field "$blocked" state blocked || fail "the block did not survive"
wait_for 20 is_online "$stays"

# A gateway that starts on a full disk serves who is approved.
fill
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
start_gateway
wait_for 20 is_online "$stays"
expect_exit 7 ocg devices revoke "$stays" --yes
wait_for 3 is_field "$stays" online false

# A gateway that ends before the disk takes it says what the next start cannot know.
stop_gateway
[ "$(lines_of "withdrawal.lost device=$stays")" -eq 1 ] || fail "what is lost with the process is not told"
