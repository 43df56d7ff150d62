# A power cut at any moment under load, again and again on one disk: nothing acknowledged is lost,
# nothing is there that was never sent, and the database is whole. Cut within its very creation, the
# gateway begins afresh or says what is missing, and never runs on half a state.
#
# The disk is an ext4 file system in a file that is shut down without writing its journal out, which
# is what a power cut leaves: 6 cuts of each kind, or OC_CUTS.
. "$(dirname "$0")/lib.sh"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"
command -v mkfs.ext4 >/dev/null || skip "mkfs.ext4 is not installed"

image=$TEST_DIR/disk.$$.img
disk=$TEST_DIR/disk
oracle=$TEST_DIR/oracle
config=$TEST_DIR/gateway.yaml
mkdir "$disk"
: >"$oracle"
echo 'listen: {devices: "tls+tcp://127.0.0.1:0"}' >"$config"
chmod 0600 "$config"

plug_in() {
    mount -o loop "$image" "$disk" 2>/dev/null
}
pull_the_plug() {
    python3 - "$disk" "$oracle" <<'PY'
import fcntl, os, struct, sys
FS_IOC_SHUTDOWN, NOLOGFLUSH = 0x8004587d, struct.pack("I", 2)
disk, oracle = os.open(sys.argv[1], os.O_RDONLY), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
# The gateway outlives the cut by a moment, in which the kernel answers syncs of a disk that is gone.
os.write(oracle, b"power off -\n")
fcntl.ioctl(disk, FS_IOC_SHUTDOWN, NOLOGFLUSH)
PY
}
# power_cycle PID...: everything that was running has lost power, and the disk comes back.
power_cycle() {
    pull_the_plug
    for pid in "$@"; do
        kill -9 "$pid" 2>/dev/null || true
        wait_for 10 gone "$pid"
    done
    wait_for 10 umount "$disk"
    plug_in || fail "the disk cannot be mounted after the cut"
}
acked() {
    [ "$(grep -c '^acked' "$oracle")" -ge "$1" ]
}
is_whole() {
    python3 - "$GATEWAY_HOME/gateway/gateway.db" <<'PY'
import sqlite3, sys
answer = sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0]
sys.exit(answer != "ok")
PY
}

truncate -s 96M "$image"
mkfs.ext4 -q -F "$image" 2>/dev/null || skip "mkfs.ext4 does not work here"
plug_in || skip "a loop device cannot be mounted here"
MOUNTED+=("$disk")
GATEWAY_HOME=$disk/try
mkdir -m 0700 "$GATEWAY_HOME"
echo probe >"$GATEWAY_HOME/probe"
pull_the_plug 2>/dev/null || skip "the file system cannot be shut down here"
umount "$disk"
plug_in || fail "the disk cannot be mounted after a cut"

cuts=${OC_CUTS:-6}
GATEWAY_HOME=$disk/home
mkdir -m 0700 "$GATEWAY_HOME"
touch "$GATEWAY_HOME/gateway.yaml"
chmod 0600 "$GATEWAY_HOME/gateway.yaml"
sync -f "$disk"
for cut in $(seq 1 "$cuts"); do
    start_gateway --config "$config"
    before=$(grep -c '^acked' "$oracle" || true)
    echo "power on -" >>"$oracle"
    "$OC_TESTS/decider" "$GATEWAY_HOME" 100000 32 "$RANDOM$cut" "$oracle" >/dev/null 2>&1 &
    decider=$!
    STARTED+=("$decider")
    # The moment is random in the number of answers, so that it does not depend on the machine.
    wait_for 30 acked $((before + 1 + RANDOM % 60))
    power_cycle "$GATEWAY_PID"
    wait_for 30 gone "$decider"
    wait "$decider" 2>/dev/null || true
    start_gateway --config "$config"
    [ "$(ocg gateway status -o json | json 'd["lock_reason"] is None')" = true ] ||
        fail "locked after cut $cut: $(ocg gateway status)"
    ocg devices list -o ndjson | python3 "$(dirname "$0")/check_oracle.py" "$oracle" >"$TEST_DIR/check" ||
        fail "cut $cut: $(cat "$TEST_DIR/check")"
    kill -9 "$GATEWAY_PID"
    wait_for 10 gone "$GATEWAY_PID"
done
echo "$cuts cuts under load: $(cat "$TEST_DIR/check")"
start_gateway --config "$config"
ocg audit list -o ndjson --limit 1000000 | python3 -c '
import json, sys
seqs = [json.loads(line)["seq"] for line in sys.stdin]
sys.exit(seqs != list(range(1, len(seqs) + 1)))' || fail "the audit has a gap"
stop_gateway
is_whole || fail "the database is damaged"

# Cut while the first start makes its keys, its database and its marker, on a disk whose syncs take
# so long that the moment can be chosen.
slowly() {
    exec strace -f -o /dev/null -e trace=fsync,fdatasync -e signal=none \
        -e inject=fsync,fdatasync:delay_enter=60000 "$@"
}
strace -f -o /dev/null true 2>/dev/null || slowly() { exec "$@"; }
fresh=0
refused=0
locked=0
for cut in $(seq 1 "$cuts"); do
    GATEWAY_HOME=$disk/new$cut
    mkdir -m 0700 "$GATEWAY_HOME"
    touch "$GATEWAY_HOME/gateway.yaml"
    chmod 0600 "$GATEWAY_HOME/gateway.yaml"
    sync -f "$disk"
    slowly openclaw-gateway run --data-dir "$GATEWAY_HOME" --config "$config" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
    tracer=$!
    STARTED+=("$tracer")
    wait_for 10 test -d "$GATEWAY_HOME/gateway"
    sleep 0.$((RANDOM % 10))$((RANDOM % 10))
    echo -n "$(ls "$GATEWAY_HOME/gateway" | tr '\n' ' ')"
    traced=$(pgrep -P "$tracer" || true) # outlives its tracer
    STARTED+=($traced)
    power_cycle $traced "$tracer"
    echo "-> $(ls "$GATEWAY_HOME/gateway" 2>/dev/null | tr '\n' ' ')"
    code=0
    openclaw-gateway run --data-dir "$GATEWAY_HOME" --config "$config" >"$TEST_DIR/second.log" 2>&1 </dev/null &
    GATEWAY_PID=$!
    STARTED+=("$GATEWAY_PID")
    serves_or_ended() {
        gone "$GATEWAY_PID" || ocg gateway status
    }
    wait_for 20 serves_or_ended
    if gone "$GATEWAY_PID"; then
        wait "$GATEWAY_PID" || code=$?
        [ "$code" -ne 0 ] || fail "creation cut $cut: the gateway ended without a word"
        grep -q "openclaw-gateway: " "$TEST_DIR/second.log" || fail "creation cut $cut: no reason: $(cat "$TEST_DIR/second.log")"
        refused=$((refused + 1))
        echo "cut in the creation: $(tail -1 "$TEST_DIR/second.log")"
        continue
    fi
    if [ "$(ocg gateway status -o json | json 'd["lock_reason"] is None')" = true ]; then
        fresh=$((fresh + 1))
        device=$(printf '%064x' "$cut")
        expect_exit 0 ocg devices block "$device" --yes
        [ "$(ocg gateway status -o json | json 'd["seq"]')" = 1 ] || fail "creation cut $cut: it did not begin afresh"
    else
        locked=$((locked + 1))
    fi
    kill -9 "$GATEWAY_PID"
    wait_for 10 gone "$GATEWAY_PID"
done
echo "$cuts cuts in the creation: $fresh began afresh, $locked locked, $refused said what is missing"
