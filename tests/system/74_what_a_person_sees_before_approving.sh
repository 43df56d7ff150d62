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

# Who was approved, revoked and comes back is compared with what the audit kept of its approval.
mkdir -p -m 0700 "$TEST_DIR/returns"
waits() { # [PREFIX...]: asks once, claiming CLAIMS
    local code=0
    "$@" openclaw --data-dir "$TEST_DIR/returns" agent run --gateway "$GATEWAY_URL" \
        --pin "$GATEWAY_PIN" --once "${CLAIMS[@]}" >>"$TEST_DIR/returns.log" 2>&1 </dev/null || code=$?
    [ "$code" -eq 9 ]
}
come_back() { wait_for 10 waits "$@"; } # who came a moment ago is told to come again
CLAIMS=(--name 'nightly role=admin' --label site=oslo --label a=b --purpose 'builds 100%')
come_back
back=$(device_of returns)
expect_exit 0 ocg devices approve "$(field "$back" request_id)"
platform=$(field "$back" platform)
detail=$(ocg audit list --device "$back" --action approve -o json | json 'd["items"][0]["detail"]')
[ "$detail" = "role=agent scopes= source=127.0.0.1 name=nightly%20role%3Dadmin\
 platform=${platform// /%20} labels=a:b,site:oslo purpose=builds%20100%25" ] || fail "the audit keeps: $detail"
expect_exit 0 ocg devices revoke "$back" --yes
expect_exit 0 ocg devices expect "$back"
come_back
contains "$(ocg devices show "$back")" "  changes    none: the same access, name, purpose, labels, platform and source"

# Another name, labels, no purpose and, where a process may be told of another, machine.
other_machine=()
if name=$(linux32 uname -m 2>/dev/null) && [ "$name" != "$(uname -m)" ]; then
    other_machine=(linux32)
fi
CLAIMS=(--name "$(printf 'nightly\327\220')" --label site=oslo --label a=c)
come_back "${other_machine[@]}"
table=$(ocg devices show "$back")
contains "$table" '  changes    - name "nightly role=admin"'
contains "$table" '             + name "nightly\u{05D0}"'
contains "$table" '             - purpose "builds 100%"'
contains "$table" '             - label "a=b"'
contains "$table" '             + label "a=c"'
shown=$(ocg devices show "$back" -o json)
[ "$(json 'd["changes"]["labels"]' <<<"$shown")" = "{'added': {'a': 'c'}, 'removed': {'a': 'b'}}" ] ||
    fail "labels: $shown"
[ "$(json '(d["changes"]["source"], d["changes"]["scopes"], d["not_compared"])' <<<"$shown")" = "(None, None, [])" ] ||
    fail "what is the same: $shown"
if [ "${#other_machine[@]}" -gt 0 ]; then
    contains "$table" "             - platform \"$platform\""
    contains "$table" "             + platform \"linux $name\""
fi

# The rows with their words are those of the chain.
ocg audit export >"$TEST_DIR/export"
expect_exit 0 openclaw audit verify "$TEST_DIR/export" --pin "$GATEWAY_PIN"
