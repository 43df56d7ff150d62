# kill -9 of a restore at every rename, fsync and fdatasync: what starts afterwards is the state before
# or the restored one, whole, and never none. kill -9 of a gateway at every sync and rename of a backup:
# under a backup's name there is a whole one or nothing, and the next one is made.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "strace is not installed"
strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"

block() {
    expect_exit 0 ocg devices block --yes "$(printf "$1%.0s" $(seq 64))"
}
start_gateway
block 1
expect_exit 0 ocg gateway backup "$TEST_DIR/older.db"
expect_exit 0 ocg devices expect "$(printf '2%.0s' $(seq 64))"
block 3
# The database as a crash leaves it: with what was last written in its log.
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
[ -s "$GATEWAY_HOME/gateway/gateway.db-wal" ] || fail "there is no log to lose"
cp -a "$GATEWAY_HOME" "$TEST_DIR/before"

n_before=0
n_restored=0
for call in rename renameat2 fsync fdatasync; do
    for k in $(seq 1 60); do
        rm -rf "$GATEWAY_HOME"
        cp -a "$TEST_DIR/before" "$GATEWAY_HOME"
        code=0
        strace -f -o "$TEST_DIR/strace.out" -e trace="$call" -e signal=none \
            -e "inject=$call:signal=SIGKILL:when=$k" \
            openclaw-gateway restore --data-dir "$GATEWAY_HOME" --yes "$TEST_DIR/older.db" \
            >/dev/null 2>&1 </dev/null || code=$?
        [ "$code" -ne 0 ] || break
        start_gateway
        status=$(ocg gateway status -o json)
        locked=$(json 'd["lock_reason"] is not None' <<<"$status")
        blocked=$(json 'd["blocked"]' <<<"$status")
        case "$locked $(json 'd["seq"]' <<<"$status")" in
            "false 3") n_before=$((n_before + 1)) ;;
            "true 2") # the backup's one change, and the block of 3 made again
                contains "$status" "older than what this gateway last wrote"
                n_restored=$((n_restored + 1))
                ;;
            *) fail "killed at $call $k: $status: $(ls "$GATEWAY_HOME/gateway")" ;;
        esac
        [ "$blocked" -eq 2 ] || fail "killed at $call $k: $blocked are blocked"
        kill -9 "$GATEWAY_PID"
        wait_for 10 gone "$GATEWAY_PID"
        # Whatever it left, the next one does it.
        expect_exit 0 ocg gateway restore "$TEST_DIR/older.db" --yes
    done
    [ "$k" -gt 1 ] || fail "no $call was reached"
done
echo "killed $((n_before + n_restored)) times: $n_before left the state before, $n_restored the restored one"
[ "$n_before" -gt 5 ] && [ "$n_restored" -gt 0 ] || fail "the kills do not reach both sides"

kills=0
for call in sync_file_range renameat2 fsync; do
    for k in $(seq 1 8); do
        rm -rf "$GATEWAY_HOME"
        cp -a "$TEST_DIR/before" "$GATEWAY_HOME"
        strace -f -o "$TEST_DIR/strace.out" -e trace="$call" -e signal=none \
            -e "inject=$call:signal=SIGKILL:when=$k" \
            openclaw-gateway run --data-dir "$GATEWAY_HOME" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
        tracer=$!
        STARTED+=("$tracer")
        code=0
        until ocg gateway status >/dev/null 2>&1 || gone "$tracer"; do sleep 0.05; done
        ocg gateway backup >/dev/null 2>&1 || code=$?
        [ "$code" -ne 0 ] || break
        wait_for 10 gone "$tracer"
        kills=$((kills + 1))
        for backup in "$GATEWAY_HOME"/gateway/backups/gateway-*.db; do
            [ ! -e "$backup" ] || expect_exit 0 openclaw audit verify "$backup"
        done
        start_gateway
        expect_exit 0 ocg gateway backup
        expect_exit 0 openclaw audit verify "$OUT"
        [ ! -e "$GATEWAY_HOME/gateway/backups/unfinished.db" ] || fail "a half was left behind"
        kill -9 "$GATEWAY_PID"
        wait_for 10 gone "$GATEWAY_PID"
    done
    pkill -9 -P "$tracer" 2>/dev/null || true
    wait "$tracer" 2>/dev/null || true
done
echo "killed $kills times during a backup"
[ "$kills" -ge 3 ] || fail "the kills do not reach a backup"
