# Devices that ask all the time: a request that was shown can be approved however often its device
# asked again since; who keeps asking is one request and one event; and of a revoked or blocked
# device that floods its session, nothing is accepted that it sent after the command had returned.
. "$(dirname "$0")/lib.sh"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"

# fleet COUNT LINE...: a fleet that is told these lines; its last answer is in $ANSWER.
fleet() {
    local n=$1
    shift
    printf '%s\n' "$@" | "$OC_TESTS/agents" "$GATEWAY_URL" "$GATEWAY_HOME" "$n" \
        >"$TEST_DIR/answers" 2>>"$TEST_DIR/agents.log" || fail "the fleet ended: $*"
    ANSWER=$(tail -n 1 "$TEST_DIR/answers")
}

# has FIELD NUMBER: of the last answer.
has() {
    local found
    found=$(json "d[\"$1\"]" <<<"$ANSWER")
    [ "$found" = "$2" ] || fail "$1 is $found instead of $2: $ANSWER"
}

# Requests that lapse a second after their device was last heard of.
write_config <<'END'
listen: {devices: "tls+tcp://127.0.0.1:0"}
pairing: {pendingTtl: 1s}
END
start_gateway

n=${OC_AGENTS:-1000}
fleet "$n" "retry 20"
echo "$n approved while they asked again and again: $ANSWER"
has failed 0
has early 0
has in_session "$n"
has most_request_ids 1

# Three seconds are three times what a request lives without being asked for.
fleet 10 "events request" "nag 3" "events request"
before=$(head -n 1 "$TEST_DIR/answers" | json 'd["n"]')
has n $((before + 10))
ANSWER=$(sed -n 2p "$TEST_DIR/answers")
echo "10 asked for three times pendingTtl: $ANSWER"
has most_request_ids 1
has early 0

for verb in revoke block; do
    for _ in $(seq 1 "${OC_ROUNDS:-5}"); do
        fleet 8 connect "approve 8 8" "flood 16" \
            "run openclaw --data-dir $GATEWAY_HOME devices $verb --yes >$TEST_DIR/out"
        has exit 0
        has late 0
        echo "$verb of 8 that flood: $ANSWER"
    done
done
