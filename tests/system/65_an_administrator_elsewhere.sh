# From another machine, with a bundle and libopenclaw alone: an administrator does what the role
# allows; a revocation cuts it and is said to be about the certificate; a gateway with another key is
# told nothing; and what was asked while the gateway was killed happens once.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"

admin_config
start_gateway
openclaw --data-dir "$TEST_DIR/device" identity show --create >/dev/null
DEVICE=$(openclaw --data-dir "$TEST_DIR/device" identity show -o name)
echo "$DEVICE" >"$TEST_DIR/list"

make_bundle() {
    expect_exit 0 "$OC_BIN/example_bundle" "$1" "$2" "$TEST_DIR/$1.bundle" "$GATEWAY_HOME"
}

make_bundle alice approver
[ "$(stat -c %a "$TEST_DIR/alice.bundle")" = 600 ] || fail "others can read a bundle"
find_admin_url
contains "$(cat "$TEST_DIR/alice.bundle")" "gateway: $ADMIN_URL"
write_config <<<"listen: {devices: \"$GATEWAY_URL\", admin: \"$ADMIN_URL\"}"

# ---- it works ------------------------------------------------------------------------------------------

# fleet BUNDLE: the example with this bundle; its output goes to fleet.log.
fleet() {
    "$OC_BIN/example_fleet" "$TEST_DIR/list" --bundle "$1" >"$TEST_DIR/fleet.log" 2>&1 </dev/null &
    FLEET=$!
    STARTED+=("$FLEET")
}

# fleet_ends STATUS TEXT: it ends by itself, saying this.
fleet_ends() {
    wait_for 20 gone "$FLEET"
    wait "$FLEET" && fail "the fleet tool did not fail"
    log_has fleet "example_fleet: $1: " || fail "not $1: $(cat "$TEST_DIR/fleet.log")"
    log_has fleet "$2" || fail "'$2' is not said: $(cat "$TEST_DIR/fleet.log")"
}

fleet "$TEST_DIR/alice.bundle"
start_agent device
wait_for 20 is_online "$DEVICE"
is_field "$DEVICE" decided_by admin:alice || fail "decided by $(field "$DEVICE" decided_by)"

# ---- revoked: cut, and said to be about the certificate ---------------------------------------------

local_call 'revoke alice'
[[ $OUT == 'OK closed='[1-9]* ]] || fail "no connection was cut: $OUT" # two, if it came back at once
fleet_ends UNAUTHENTICATED 'the certificate of alice is revoked'
fleet "$TEST_DIR/alice.bundle"
fleet_ends UNAUTHENTICATED 'the certificate of alice is revoked'

# ---- another key than the pinned one: nothing is said to it -------------------------------------------

make_bundle bob approver
sed 's/^pin: sha256:..../pin: sha256:0000/' "$TEST_DIR/bob.bundle" >"$TEST_DIR/wrong.bundle"
chmod 0600 "$TEST_DIR/wrong.bundle"
fleet "$TEST_DIR/wrong.bundle"
fleet_ends UNAUTHENTICATED 'its key is not the pinned one'
log_has fleet "wanted $(sed -n 's/^pin: //p' "$TEST_DIR/wrong.bundle")" || fail "the pin that is wanted"
log_has fleet "found $GATEWAY_PIN" || fail "the pin that was found"
[ "$(ocg audit list --actor admin:bob -o json | json 'len(d["items"])')" = 0 ] || fail "bob did something"

# ---- killed in the middle of decisions: each happens once ----------------------------------------------

"$OC_TESTS/persist" "$TEST_DIR/bob.bundle" 300 >"$TEST_DIR/persist.log" 2>&1 </dev/null &
PERSIST=$!
STARTED+=("$PERSIST")
# so_many N: of the answers
so_many() {
    [ "$(wc -l <"$TEST_DIR/persist.log")" -ge "$1" ]
}
for n in 20 80 140; do
    wait_for 30 so_many "$n"
    kill -9 "$GATEWAY_PID"
    wait_for 15 gone "$GATEWAY_PID"
    start_gateway
done
wait_for 60 gone "$PERSIST"
wait "$PERSIST" || fail "persist: $(cat "$TEST_DIR/persist.log")"
SEQS=$(grep -E '^[0-9]+$' "$TEST_DIR/persist.log")
[ "$(wc -l <<<"$SEQS")" -eq 300 ] || fail "not every decision was answered"
[ -z "$(grep -x 0 <<<"$SEQS")" ] || fail "a repeat found its own effect and did not know it"
[ -z "$(sort <<<"$SEQS" | uniq -d)" ] || fail "two decisions are one change"
DONE=$(ocg audit list --action block --outcome done --limit 1000 -o ndjson | wc -l)
[ "$DONE" -eq 300 ] || fail "$DONE blocks are in the audit, not 300"
