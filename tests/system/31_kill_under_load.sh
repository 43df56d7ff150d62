# kill -9 at random moments under load, again and again on one database: nothing acknowledged is lost,
# nothing is there that was never sent.
. "$(dirname "$0")/lib.sh"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"

write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
oracle=$TEST_DIR/oracle
: >"$oracle"
acked() {
    [ "$(grep -c '^acked' "$oracle")" -ge "$1" ]
}
for round in $(seq 1 "${OC_ROUNDS:-100}"); do
    start_gateway
    before=$(grep -c '^acked' "$oracle" || true)
    "$OC_TESTS/decider" "$GATEWAY_HOME" 100000 32 "$RANDOM$round" "$oracle" >/dev/null 2>&1 &
    decider=$!
    STARTED+=("$decider")
    # The moment is random in the number of answers, so that it does not depend on the machine.
    wait_for 30 acked $((before + 1 + RANDOM % 40))
    kill -9 "$GATEWAY_PID"
    wait_for 10 gone "$GATEWAY_PID"
    wait_for 30 gone "$decider"
    wait "$decider" 2>/dev/null || true
done
start_gateway
ocg devices list -o ndjson | python3 "$(dirname "$0")/check_oracle.py" "$oracle"
