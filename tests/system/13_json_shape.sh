# The JSON that programs rely on: one shape for every list, every key present, null where absent.
. "$(dirname "$0")/lib.sh"

start_gateway
expect_exit 0 ocg pairing list -o json
[ "$(json 'd["items"] == [] and d["next_cursor"] == "" and sorted(d) == ["items", "next_cursor", "revision"]' \
    <<<"$OUT")" = true ] || fail "empty list: $OUT"

start_agent web-1 --scope chat --label site=berlin
device=$(device_of web-1)
request_of "$device" >/dev/null
expect_exit 0 ocg devices list --json
keys='["device_id","name","claimed_name","state","standing","request_id","why","asked","granted","labels","platform","version","source","first_seen_at","requested_at","decided_at","decided_by","expires_at","last_seen_at","online","expected"]'
[ "$(json "list(d['items'][0])[:21] == $keys" <<<"$OUT")" = true ] || fail "keys: $OUT"
[ "$(json 'd["items"][0]["granted"] is None and d["items"][0]["name"] is None' <<<"$OUT")" = true ] ||
    fail "absent is not null: $OUT"
[ "$(json 'd["items"][0]["asked"] == {"role": "agent", "scopes": ["chat"]}' <<<"$OUT")" = true ] ||
    fail "asked: $OUT"
[ "$(json 'd["items"][0]["labels"] == {"site": "berlin"}' <<<"$OUT")" = true ] || fail "labels: $OUT"
[ "$(json 'd["items"][0]["source"]' <<<"$OUT")" = 127.0.0.1 ] || fail "source: $OUT"
expect_exit 0 ocg devices list -o name
[ "$OUT" = "$device" ] || fail "name output: $OUT"
for format in table wide yaml ndjson; do
    expect_exit 0 ocg devices list -o "$format"
    contains "$OUT" "${device:0:12}"
done
