# The disk answers one fdatasync with an I/O error, at each of the first 20 in turn, those of the first
# start's creation included: nothing acknowledged is lost, nothing invented, and the gateway goes on by
# itself or ends with a reason and starts again.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "strace is not installed"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"
strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"

# Serves, or has ended.
has_settled() {
    gone "$tracer" || ocg gateway status
}
lock_reason() {
    ocg gateway status -o json | json 'd["lock_reason"]'
}
# Everything is decided in the end: a call that failed is not repeated, the next is another one.
decide() {
    local round
    for round in 1 2 3 4 5 6 7 8; do
        if "$OC_TESTS/decider" "$GATEWAY_HOME" "$n_decisions" 1 "$RANDOM$round$1" "$oracle" >/dev/null 2>&1; then
            return 0
        fi
        gone "$tracer" && return 1
        sleep 0.3
    done
    fail "sync $1: the gateway does not recover: $(ocg gateway status)"
}
check() {
    ocg devices list -o ndjson | python3 "$(dirname "$0")/check_oracle.py" "$oracle" >"$TEST_DIR/check" ||
        fail "sync $1, $2: $(cat "$TEST_DIR/check")"
    ocg audit list -o ndjson --limit 100000 | python3 -c '
import json, sys
seqs = [json.loads(line)["seq"] for line in sys.stdin]
sys.exit(seqs != list(range(1, len(seqs) + 1)))' || fail "sync $1, $2: the audit has a gap"
}

# strike K SYSCALLS: one round with a failing sync; counts how it ended.
strike() {
    strace -f -o "$TEST_DIR/strace.out" -e "trace=$2" -e signal=none -e "inject=$2:error=EIO:when=$1" \
        openclaw-gateway run --data-dir "$GATEWAY_HOME" >"$TEST_DIR/gateway.log" 2>&1 </dev/null &
    tracer=$!
    STARTED+=("$tracer")
    wait_for 20 has_settled
    STARTED+=($(pgrep -P "$tracer" || true)) # outlives its tracer
    if ! gone "$tracer" && decide "$1"; then
        check "$1" "while it runs"
        recovered=$((recovered + 1))
    else
        grep -q "openclaw-gateway: " "$TEST_DIR/gateway.log" ||
            fail "sync $1: it ended without a reason: $(cat "$TEST_DIR/gateway.log")"
        ended=$((ended + 1))
    fi
    pkill -9 -P "$tracer" 2>/dev/null || true
    wait_for 10 gone "$tracer"
    wait "$tracer" 2>/dev/null || true
    is_struck=false
    if grep -q INJECTED "$TEST_DIR/strace.out"; then
        is_struck=true
        struck=$((struck + 1))
    fi
    start_gateway
    [ "$(lock_reason)" = None ] || fail "sync $1: locked afterwards: $(lock_reason)"
    check "$1" "after a restart"
    kill -9 "$GATEWAY_PID"
    wait_for 10 gone "$GATEWAY_PID"
}
# begin NAME: an empty home and an empty oracle.
begin() {
    GATEWAY_HOME=$TEST_DIR/$1
    oracle=$GATEWAY_HOME.oracle
    : >"$oracle"
}

# In the first start, whatever it syncs: until none is left.
struck=0
recovered=0
ended=0
for k in $(seq 1 30); do
    begin "new$k"
    write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
    n_decisions=0
    strike "$k" fsync,fdatasync
    $is_struck || break
done
echo "creation: $struck syncs failed: $recovered times it went on, $ended times it ended with a reason"
[ "$struck" -ge 5 ] || fail "only $struck syncs of the creation failed"

# Under decisions: strace counts for each thread, and the writer's syncs are those of decisions.
begin template
write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
start_gateway
stop_gateway
struck=0
recovered=0
ended=0
for k in $(seq 1 "${OC_SYNCS:-20}"); do
    begin "home$k"
    cp -a "$TEST_DIR/template" "$GATEWAY_HOME"
    n_decisions=$((k + 2))
    strike "$k" fdatasync
done
echo "decisions: $struck syncs failed: $recovered times it went on, $ended times it ended with a reason"
[ "$struck" -ge "${OC_SYNCS:-20}" ] || fail "only $struck syncs failed: the script does not reach the disk"
