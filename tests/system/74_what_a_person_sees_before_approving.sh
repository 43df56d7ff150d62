# Before a person approves: which approved devices this one could be taken for, what it says of
# itself apart from what the gateway knows, and the code as the way to be sure. Wrong codes are
# exit 6, counted and audited, and five of them close the code.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
WEB_PID=$AGENT_PID
first=$(device_of web-1)
request=$(request_of "$first")
[ "$(ocg devices show "$first" -o json | json 'd["look_alikes"]')" = "[]" ] || fail "looks like nobody"
expect_exit 0 ocg devices approve "$request"

# An agent that calls itself otherwise than its folder here.
start_called() {
    mkdir -p -m 0700 "$TEST_DIR/$1"
    openclaw --data-dir "$TEST_DIR/$1" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name "$2" >>"$TEST_DIR/$1.log" 2>&1 </dev/null &
    STARTED+=("$!")
}

# The same name under another key, and one that only looks like it: Cyrillic "e", no dash.
start_called copy web-1
start_called other "$(printf 'w\320\265b 1')"
copy=$(device_of copy)
other=$(device_of other)
copy_request=$(request_of "$copy")
other_request=$(request_of "$other")
shown=$(ocg devices show "$copy" -o json)
[ "$(json 'd["look_alikes"][0]["device_id"]' <<<"$shown")" = "$first" ] || fail "no look-alike"
[ "$(json 'd["look_alikes"][0]["resemblance"]' <<<"$shown")" = exact ] || fail "not the same name"
[ "$(json 'd["look_alikes"][0]["same_host"]' <<<"$shown")" = true ] || fail "not the same host"
shown=$(ocg devices show "$other" -o json)
[ "$(json 'd["look_alikes"][0]["device_id"]' <<<"$shown")" = "$first" ] || fail "no look-alike"
[ "$(json 'd["look_alikes"][0]["resemblance"]' <<<"$shown")" = confusable ] || fail "not confusable"
[ "$(json 'len(d["look_alikes"])' <<<"$shown")" = 1 ] || fail "who is not approved is listed"
table=$(ocg devices show "$other")
contains "$table" "Careful: its name is that of another approved device, or like it:"
contains "$table" "  approved   $first"
contains "$table" '  spelled    "w\u{0435}b 1"'

# Codes: the wrong ones are counted where everybody sees it, and the fifth closes.
wait_for 10 grep -qE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/other.log"
code=$(grep -oE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/other.log" | head -n 1 | cut -d' ' -f2)
left() { ocg devices show "$other" -o json | json 'd["code_tries_left"]'; }
[ "$(left)" = 5 ] || fail "tries left: $(left)"
wrong=0
for try in 0000-0001 0000-0002 0000-0003 0000-0004 0000-0005 0000-0006; do
    [ "$try" != "$code" ] && [ "$wrong" -lt 5 ] || continue
    expect_exit 6 ocg devices approve "$other_request" --code "$try"
    contains "$ERR" "the pairing code is not that of this request"
    wrong=$((wrong + 1))
    [ "$(left)" = $((5 - wrong)) ] || fail "after $wrong wrong codes: $(left) left"
done
contains "$ERR" "that was the last try"
expect_exit 6 ocg devices approve "$other_request" --code "$code"
contains "$ERR" "too many wrong codes"
is_field "$other" state pending
[ "$(ocg audit list --outcome code_wrong -o json | json 'len(d["items"])')" = 5 ] || fail "not audited"

# Without a terminal nothing but the full id approves, and the advice is to do it by code.
expect_exit 2 ocg devices approve "$copy"
contains "$ERR" "openclaw devices approve $copy_request --code CODE"

# What an approved device wants beyond what it was approved for.
kill "$WEB_PID"
openclaw --data-dir "$TEST_DIR/web-1" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
    --name web-1 --scope admin >>"$TEST_DIR/web-1.log" 2>&1 </dev/null &
STARTED+=("$!")
request_of "$first" >/dev/null
shown=$(ocg devices show "$first" -o json)
[ "$(json 'd["previous"]["by"]' <<<"$shown")" = "uid:$(id -u)" ] || fail "by whom is not told"
[ "$(json 'd["changes"]["scopes"]["added"]' <<<"$shown")" = "['admin']" ] || fail "no change told"
contains "$(ocg devices show "$first")" "  changes    + scope admin"
