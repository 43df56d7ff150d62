# Who follows the change log gets every change once, in order, over twenty times kill -9 of the gateway
# under a stream of decisions; who does not read, or goes away, harms nobody.
. "$(dirname "$0")/lib.sh"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"
checked() {
    python3 "$(dirname "$0")/check_events.py" "$@"
}

# follow NAME WORDS...: its output goes to NAME.out and NAME.log. Sets FOLLOWER.
follow() {
    local name=$1
    shift
    openclaw --data-dir "$GATEWAY_HOME" "$@" >>"$TEST_DIR/$name.out" 2>>"$TEST_DIR/$name.log" </dev/null &
    FOLLOWER=$!
    STARTED+=("$FOLLOWER")
}

ended_with() {
    local code=0
    wait_for 20 gone "$2"
    wait "$2" || code=$?
    [ "$code" -eq "$1" ] || fail "a follower ended with $code instead of $1"
}

seq_now() {
    ocg gateway status -o json | json 'd["seq"]'
}

# came_to NAME SEQ
came_to() {
    tail -n 1 "$TEST_DIR/$1.out" | grep -q "^{\"type\":\"[a-z]*\",\"seq\":$2,"
}

# The last line that is whole; who was killed may have cut one.
last_cursor() {
    { grep -E '"device":.*}$' "$TEST_DIR/$1.out" || true; } | tail -n 1 | json 'd["cursor"]'
}

decide() { # N SEED
    "$OC_TESTS/decider" "$GATEWAY_HOME" "$1" 16 "$2" "$TEST_DIR/oracle" >/dev/null 2>&1 &
    DECIDER=$!
    STARTED+=("$DECIDER")
}

acked() {
    [ "$(grep -c '^acked' "$TEST_DIR/oracle")" -ge "$1" ]
}

write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
: >"$TEST_DIR/oracle"
start_gateway
follow whole events watch --from 0
WHOLE=$FOLLOWER
follow mirror devices list --watch
MIRROR=$FOLLOWER
follow resumed events watch --from 0

for round in $(seq 1 20); do
    before=$(grep -c '^acked' "$TEST_DIR/oracle" || true)
    decide 100000 "$round"
    wait_for 30 acked $((before + 1 + RANDOM % 60))
    # One of them ends with the gateway and goes on from the last line it wrote.
    kill -9 "$FOLLOWER" "$GATEWAY_PID"
    wait_for 10 gone "$GATEWAY_PID"
    wait_for 10 gone "$FOLLOWER"
    wait_for 30 gone "$DECIDER"
    [ "$(tail -c 1 "$TEST_DIR/resumed.out" | xxd -p)" = 0a ] || sed -i '$d' "$TEST_DIR/resumed.out"
    start_gateway
    cursor=0
    [ ! -s "$TEST_DIR/resumed.out" ] || cursor=$(last_cursor resumed)
    follow resumed events watch --from "$cursor"
done
RESUMED=$FOLLOWER
last=$(seq_now)
for name in whole mirror resumed; do
    wait_for 30 came_to "$name" "$last"
    n=$(checked seqs "$last" <"$TEST_DIR/$name.out") || fail "$name"
    [ "$name" = mirror ] || [ "$n" -eq "$last" ] || fail "$name told $n of $last changes"
done
[ "$last" -ge "$(grep -c '^acked' "$TEST_DIR/oracle")" ] || fail "fewer changes than acknowledged decisions"
ocg devices list --state blocked --state none --state approved -o ndjson >"$TEST_DIR/list"
{ grep -v '"state":"none"' "$TEST_DIR/list" || true; } >"$TEST_DIR/listed"
checked mirror "$TEST_DIR/listed" <"$TEST_DIR/mirror.out" >/dev/null || fail "the mirror shows something else"
log_has whole 'lost the gateway' || fail "the loss was not told"
log_has whole 'the gateway is back' || fail "the return was not told"
lost=$(grep -c 'lost the gateway' "$TEST_DIR/whole.log")
[ "$lost" -le 20 ] && [ "$lost" -eq "$(grep -c 'the gateway is back' "$TEST_DIR/whole.log")" ] ||
    fail "lost $lost times: $(cat "$TEST_DIR/whole.log")"

# A list that begins in the middle of it goes on from its first page: nothing falls between.
run_decider() {
    decide 3000 "$1"
    wait_for 60 gone "$DECIDER"
}
run_decider 98
decide 3000 99
follow late devices list --watch
LATE=$FOLLOWER
wait_for 60 gone "$DECIDER"
last=$(seq_now)
wait_for 30 came_to late "$last"
ocg devices list -o ndjson >"$TEST_DIR/listed"
checked mirror "$TEST_DIR/listed" <"$TEST_DIR/late.out" >/dev/null || fail "a list that began late shows something else"
kill -INT "$LATE"
ended_with 130 "$LATE"

kill -INT "$WHOLE"
ended_with 130 "$WHOLE"
kill -TERM "$RESUMED"
ended_with 143 "$RESUMED"

# Nobody reads the pipe: the follower waits, and neither grows. What AddressSanitizer keeps of freed
# memory hides what the program itself holds, so only other builds can tell.
memory_of() {
    awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}
grew_less() { # WHO LIMIT BEFORE PID
    local grown=$(($(memory_of "$4") - $3))
    is_address_sanitized || [ "$grown" -lt "$2" ] || fail "the $1 grew by $grown kB while nobody read"
}
mkfifo "$TEST_DIR/pipe"
exec 7<>"$TEST_DIR/pipe"
openclaw --data-dir "$GATEWAY_HOME" events watch --from "$last" >"$TEST_DIR/pipe" 2>"$TEST_DIR/slow.log" </dev/null &
SLOW=$!
STARTED+=("$SLOW")
run_decider 100
first_gateway=$(memory_of "$GATEWAY_PID")
first_slow=$(memory_of "$SLOW")
run_decider 101
grew_less follower 2048 "$first_slow" "$SLOW"
grew_less gateway 16384 "$first_gateway" "$GATEWAY_PID"
kill -0 "$SLOW" || fail "the follower did not wait for its reader"
now=$(seq_now)
timeout 60 head -n $((now - last)) <"$TEST_DIR/pipe" >"$TEST_DIR/slow.out" ||
    fail "a late reader does not get what it did not read: $(wc -l <"$TEST_DIR/slow.out") lines"
[ "$(checked seqs "$now" <"$TEST_DIR/slow.out")" -eq $((now - last)) ] || fail "a late reader missed changes"

# A signal ends it although it cannot write; so does the end of the reader, which is no failure.
run_decider 102
kill -INT "$SLOW"
ended_with 130 "$SLOW"
exec 7<&-
set +e
timeout 60 openclaw --data-dir "$GATEWAY_HOME" events watch --from 0 | head -n 3 >"$TEST_DIR/head.out"
codes=("${PIPESTATUS[@]}")
set -e
[ "${codes[0]}" -eq 0 ] || fail "it ended with ${codes[0]} when its reader had gone"
[ "$(wc -l <"$TEST_DIR/head.out")" -eq 3 ] || fail "the reader did not get its lines"

# A place that the gateway does not know is said to be one; so are other records than before.
follow ahead events watch --from 99999999
grep_in() {
    grep -qF -- "$2" "$TEST_DIR/$1.out"
}
wait_for 20 grep_in ahead '"type":"synced"'
grep_in ahead '"reason":"out_of_range"' || fail "no resync for a number that was never given"
now=$(seq_now)
stop_gateway
rm "$GATEWAY_HOME"/gateway/gateway.db*
start_gateway
expect_exit 0 ocg gateway unlock --init --yes
wait_for 60 grep_in ahead '"reason":"other_records"'
expect_exit 2 ocg events watch -o json
expect_exit 2 ocg events watch --from yesterday
stop_gateway
expect_exit 7 ocg events watch
kill -TERM "$FOLLOWER" "$MIRROR"
