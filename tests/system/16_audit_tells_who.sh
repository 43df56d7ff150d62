# Every decision and every refused one has an audit record, with who, what and why, in order.
. "$(dirname "$0")/lib.sh"

start_gateway
start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")
expect_exit 3 ocg devices approve 7777777777 --yes
expect_exit 0 ocg devices approve "$request" --reason 'ticket 42'
expect_exit 0 ocg devices revoke "$device" --yes --reason 'left the fleet'
expect_exit 0 ocg audit list -o json
[ "$(json '[i["action"] for i in d["items"] if i["device_id"] == "'"$device"'"] == ["approve", "revoke"]' <<<"$OUT")" = true ] ||
    fail "actions: $OUT"
[ "$(json '[i["reason"] for i in d["items"] if i["device_id"] == "'"$device"'"] == ["ticket 42", "left the fleet"]' <<<"$OUT")" = true ] ||
    fail "reasons: $OUT"
[ "$(json 'all(i["actor"] == "uid:'"$(id -u)"'" for i in d["items"])' <<<"$OUT")" = true ] || fail "actors: $OUT"
[ "$(json '[i["seq"] for i in d["items"]] == list(range(1, len(d["items"]) + 1))' <<<"$OUT")" = true ] ||
    fail "gaps: $OUT"
