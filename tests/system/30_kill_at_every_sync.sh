# What was acknowledged survives kill -9 at every single fdatasync of a scripted run: acknowledged is
# a subset of found is a subset of sent, and the audit chain has no gap.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "strace is not installed"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"
strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"

write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
oracle=$TEST_DIR/oracle
: >"$oracle"

# A gateway that dies at its Kth fdatasync; ends as soon as it is dead or has served the script.
run_until_killed() {
    strace -f -o "$TEST_DIR/strace.out" -e trace=fdatasync -e signal=none \
        -e "inject=fdatasync:signal=SIGKILL:when=$1" \
        openclaw-gateway run --data-dir "$GATEWAY_HOME" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
    local tracer=$!
    STARTED+=("$tracer")
    while ! gone "$tracer"; do
        if ocg gateway status >/dev/null 2>&1; then
            # Whoever was not answered lost the gateway, whose tracer may take a moment to end.
            "$OC_TESTS/decider" "$GATEWAY_HOME" 24 1 "$RANDOM$1" "$oracle" >/dev/null 2>&1 ||
                wait_for 20 gone "$tracer"
            break
        fi
        sleep 0.02
    done
    if gone "$tracer"; then
        wait "$tracer" 2>/dev/null || true
        return 1
    fi
    pkill -9 -P "$tracer" 2>/dev/null || true
    wait "$tracer" 2>/dev/null || true
    return 0
}

check_everything() {
    start_gateway
    [ "$(ocg gateway status -o json | json 'd["lock_reason"] is None')" = true ] || fail "locked after kill $1"
    ocg devices list -o ndjson | python3 "$(dirname "$0")/check_oracle.py" "$oracle" ||
        fail "kill at fdatasync $1"
    ocg audit list -o ndjson --limit 100000 | python3 -c '
import json, sys
seqs = [json.loads(line)["seq"] for line in sys.stdin]
sys.exit(seqs != list(range(1, len(seqs) + 1)))' || fail "the audit has a gap after kill $1"
    kill -9 "$GATEWAY_PID"
    wait_for 10 gone "$GATEWAY_PID"
}

kills=0
for k in $(seq 1 "${OC_KILLS:-40}"); do
    if run_until_killed "$k"; then
        [ "$k" -gt 20 ] && break
    else
        kills=$((kills + 1))
    fi
    check_everything "$k"
done
echo "killed at $kills different fdatasync calls"
[ "$kills" -ge 20 ] || fail "only $kills kills: the script does not reach the disk"
