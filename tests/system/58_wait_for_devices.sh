# `devices wait` in each of its outcomes, and `revoke --wait`: scripts rely on the exit codes.
. "$(dirname "$0")/lib.sh"

# in_background NAME WORDS...: sets WAITER.
in_background() {
    local name=$1
    shift
    openclaw --data-dir "$GATEWAY_HOME" devices wait "$@" >"$TEST_DIR/$name.out" 2>"$TEST_DIR/$name.log" \
        </dev/null &
    WAITER=$!
    STARTED+=("$WAITER")
    wait_for 20 log_has "$name" 'openclaw: waiting for'
}

ended_with() {
    local code=0
    wait_for 30 gone "$2"
    wait "$2" || code=$?
    [ "$code" -eq "$1" ] || fail "the wait ended with $code instead of $1"
}

write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
start_gateway
write_config <<<"listen: {devices: \"$GATEWAY_URL\"}"
for name in web-1 web-2 web-3 web-4; do
    start_agent "$name"
done
first=$(device_of web-1)
request=$(request_of "$first")

expect_exit 2 ocg devices wait "$first"
expect_exit 2 ocg devices wait "$first" --for happy
expect_exit 3 ocg devices wait nobody --for approved
expect_exit 3 ocg devices wait "${first//[0-9a-f]/f}" --for approved
expect_exit 0 ocg devices wait "$first" --for pending
expect_exit 7 ocg devices wait "$first" --for approved --timeout 300ms
contains "$ERR" "$first is not approved in time: it is pending"
expect_exit 0 ocg devices wait "$first" --for offline --timeout 5s

# Approved, then connected, over a gateway that was killed meanwhile.
in_background request "$request" --for approved
REQUEST_WAITER=$WAITER
in_background connected "$first" --for connected -o json
CONNECTED_WAITER=$WAITER
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
start_gateway
request_of "$first" >/dev/null
kill -0 "$REQUEST_WAITER" && kill -0 "$CONNECTED_WAITER" || fail "a wait ended with the gateway"
expect_exit 0 ocg devices approve "$request"
ended_with 0 "$REQUEST_WAITER"
ended_with 0 "$CONNECTED_WAITER"
[ "$(json 'd["items"][0]["device"]["online"]' <"$TEST_DIR/connected.out")" = true ] || fail "not online"
expect_exit 0 ocg devices wait "$request" --for approved
expect_exit 6 ocg devices wait "$request" --for rejected

# What cannot come any more: rejected, blocked, revoked, dismissed.
second=$(device_of web-2)
request=$(request_of "$second")
in_background rejected "$request" --for approved
expect_exit 0 ocg devices reject "$request"
ended_with 5 "$WAITER"
contains "$(cat "$TEST_DIR/rejected.log")" "$request will not be approved: it was rejected"
expect_exit 0 ocg devices wait "$second" --for rejected
expect_exit 5 ocg devices wait "$second" --for connected

third=$(device_of web-3)
request_of "$third" >/dev/null
in_background blocked "$third" --for approved
expect_exit 0 ocg devices block "$third" --yes
ended_with 5 "$WAITER"
expect_exit 0 ocg devices wait "$third" --for blocked

fourth=$(device_of web-4)
request=$(request_of "$fourth")
in_background dismissed "$request" --for approved -o json
expect_exit 0 ocg devices dismiss "$request"
ended_with 6 "$WAITER"
[ "$(json 'd["items"][0]["cause"]' <"$TEST_DIR/dismissed.out")" = dismissed ] || fail "no cause"

# A request that gave way to another one.
start_agent web-5
fifth=$(device_of web-5)
request=$(request_of "$fifth")
in_background replaced "$request" --for approved -o json
kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"
asks_again() {
    openclaw --data-dir "$TEST_DIR/web-5" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" --once \
        --scope more --name web-5 >>"$TEST_DIR/web-5.log" 2>&1 </dev/null || true
    [ "$(field "$fifth" request_id)" != "$request" ]
}
wait_for 40 asks_again
ended_with 6 "$WAITER"
[ "$(json 'd["items"][0]["cause"]' <"$TEST_DIR/replaced.out")" = replaced ] || fail "no cause"

# Several: each says how it ended.
expect_exit 8 ocg devices wait "$first" "$second" nobody --for connected -o ndjson
[ "$(wc -l <<<"$OUT")" -eq 3 ] || fail "not a line for each: $OUT"
contains "$ERR" '2 of 3 failed'

# Revoke and see it offline; a second one fails beside it.
in_background offline "$first" --for offline
expect_exit 8 ocg devices revoke "$first" "$third" --yes --wait -o ndjson
ended_with 0 "$WAITER"
line=$(grep "$first" <<<"$OUT")
[ "$(json '(d["offline"], d["session_closed"], d["took_ms"] >= 0, d["device"]["online"])' <<<"$line")" = \
    '(True, True, True, False)' ] || fail "$line"
expect_exit 0 ocg devices wait "$first" --for revoked
expect_exit 0 ocg devices block "$first" --yes --wait
contains "$OUT" 'offline, after '
expect_exit 0 ocg devices remove "$second" --yes --wait

stop_gateway
expect_exit 7 ocg devices wait "$first" --for approved --timeout 500ms
