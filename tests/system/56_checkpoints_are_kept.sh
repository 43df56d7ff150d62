# Signed checkpoints are kept in a file, whatever becomes of the gateway; one that is kept elsewhere
# locks a state that was put back with its marker and all, and tells what is missing from it.
. "$(dirname "$0")/lib.sh"

kept=$TEST_DIR/elsewhere/checkpoints.ndjson
mkdir "$TEST_DIR/elsewhere"
write_config <<YAML
listen: {devices: "tls+tcp://127.0.0.1:0"}
audit: {checkpointFile: "$kept", checkpointEvery: 1s}
YAML
block() {
    ocg devices block "$(printf '%064x' "$1")" --yes >/dev/null 2>&1
}
kept_seq() {
    tail -n 1 "$kept" | json 'd["seq"]'
}
keeps() {
    [ "$(kept_seq)" = "$1" ]
}

start_gateway
block 1
wait_for 20 keeps 1
# Whoever rotates it renames it; both parts are good.
mv "$kept" "$kept.1"
block 2
wait_for 20 keeps 2
[ "$(stat -c %a "$kept")" = 600 ] || fail "mode of the file"

# A file that cannot be written is told, stops nothing, and is written when it can be.
mv "$kept" "$kept.2"
mkdir "$kept"
block 3
says_so() {
    ocg gateway status -o json | json 'd["checkpoint_error"]' | grep -qF "$kept"
}
wait_for 20 says_so
contains "$(ocg gateway status)" "the audit's checkpoints cannot be kept: $kept"
rmdir "$kept"
wait_for 20 keeps 3

# Somebody follows the audit through all that comes.
openclaw --data-dir "$GATEWAY_HOME" audit list --follow --after 1 --action block \
    >"$TEST_DIR/followed" 2>"$TEST_DIR/follow.err" &
follow=$!
STARTED+=("$follow")
seqs() {
    sed -n 's/^{"seq":\([0-9]*\),.*"action":"block".*/\1/p' "$1"
}
followed_all() {
    [ "$(seqs "$TEST_DIR/followed" | tail -n 1)" = "$1" ]
}

# kill -9 at any time leaves whole lines, and at most one that is cut short.
for round in $(seq 1 12); do
    for i in $(seq 1 4); do block "$((round * 10 + i))"; done
    kill -9 "$GATEWAY_PID"
    wait_for 15 gone "$GATEWAY_PID"
    # What is cut short is cut off before the next line is written, so there is one at most.
    [ "$((round % 3))" -ne 0 ] || [ -n "$(tail -c 1 "$kept")" ] ||
        printf '{"openclaw":"audit checkp' >>"$kept"
    start_gateway
done
stop_gateway
last=$(kept_seq)
start_gateway
ocg audit export >"$TEST_DIR/export"
cat "$kept.1" "$kept.2" "$kept" >"$TEST_DIR/all"
expect_exit 0 ocg audit verify "$TEST_DIR/export" --checkpoint "$TEST_DIR/all" --pin "$GATEWAY_PIN"
contains "$OUT" 'checkpoints that you kept, up to record'
lacks "$(cat "$kept")" 'checkp{'

# None was left out, and none came twice.
wait_for 20 followed_all "$last"
seqs "$TEST_DIR/export" | tail -n +2 | cmp - <(seqs "$TEST_DIR/followed") || fail "what was followed is not what there is"

# Everything in the gateway's directory is put back, marker and all.
stop_gateway
cp -a "$GATEWAY_HOME/gateway" "$TEST_DIR/put-back"
start_gateway
for i in 201 202 203; do block "$i"; done
ocg audit export >"$TEST_DIR/newest"
wait_for 20 followed_all "$((last + 3))"
kill -STOP "$follow"
stop_gateway
rm -rf "$GATEWAY_HOME/gateway"
mv "$TEST_DIR/put-back" "$GATEWAY_HOME/gateway"
start_gateway
expect_exit 0 ocg gateway status -o json
[ "$(json 'd["state"] == "locked" and d["missing_to_seq"] - d["missing_from_seq"] == 2 and d["missing_from_seq"] == '"$((last + 1))" <<<"$OUT")" = true ] ||
    fail "status of a state that was put back: $OUT"
contains "$(ocg gateway status)" "3 audit records, $((last + 1)) to $((last + 3)), of which the last checkpoint tells"
# An export names what is missing, and one that was changed nothing.
expect_exit 0 ocg gateway unlock --checkpoint "$TEST_DIR/newest"
contains "$ERR" "records $((last + 1)) to $((last + 3)) are missing"
for i in 201 202 203; do
    contains "$ERR" "block    done  by uid:0  device $(printf '%064x' "$i")"
done
sed 's/"action":"block"/"action":"bloch"/' "$TEST_DIR/newest" >"$TEST_DIR/bad"
expect_exit 1 ocg gateway unlock --accept-rollback --checkpoint "$TEST_DIR/bad"
contains "$ERR" 'does not fit its hash'
expect_exit 0 ocg gateway unlock --accept-rollback --checkpoint "$kept"
contains "$ERR" "Missing from these records: 3 audit records"
contains "$ERR" "records $((last + 1)) to $((last + 3)) are missing"
expect_exit 0 ocg audit list --action unlock --json
[ "$(json '[(i["before"], i["after"], bool(i["reason"]), i["detail"]) for i in d["items"]]' <<<"$OUT")" = \
    "[('locked', 'serving', True, 'accept_rollback')]" ] || fail "the unlock's record: $OUT"
for i in 210 211 212 213; do block "$i"; done
# Who followed is told that it is another history, though all its numbers are there again.
kill -CONT "$follow"
code=0
wait "$follow" || code=$?
[ "$code" = 6 ] || fail "following ended with $code: $(tail -n 3 "$TEST_DIR/follow.err")"
contains "$(cat "$TEST_DIR/follow.err")" "record $((last + 3)) is not in the gateway's records any more"
ocg audit export >"$TEST_DIR/export"
cat "$kept.1" "$kept.2" "$kept" >"$TEST_DIR/all"
expect_exit 0 ocg audit verify "$TEST_DIR/export" --checkpoint "$TEST_DIR/all" --pin "$GATEWAY_PIN"
contains "$OUT" 'an administrator accepted a rollback'
stop_gateway
start_gateway
expect_exit 0 ocg gateway status -o json
[ "$(json 'd["state"]' <<<"$OUT")" = serving ] || fail "locked again: $OUT"
