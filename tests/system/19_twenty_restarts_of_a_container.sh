# "Every container restart generates a new device ID": twenty restarts with a fresh data directory show
# as probably one host, with the hint about the volume; nobody is shown how that is known.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/reasons.sh"

start_gateway
first=
for restart in $(seq 20); do
    rm -rf "$TEST_DIR/worker"
    attempt 9 worker
    first=${first:-$(device_at worker)}
done
last=$(device_at worker)
newest=$(field "$last" request_id)

expect_exit 0 ocg pairing list
contains "$ERR" "these 20 requests probably come from one host: is the agent's data directory on a volume?"
contains "$ERR" 'docker run -v /host/path/openclaw-data:/root/.openclaw'
contains "$ERR" "$newest is the newest of them"
expect_exit 0 ocg devices list -o wide
contains "$ERR" 'these 20 requests probably come from one host'
expect_exit 0 ocg devices list --json
lacks "$ERR" volume
[ "$(json 'len(d["items"]) == 20 and len({i["host_group"] for i in d["items"]}) == 1' <<<"$OUT")" = true ] ||
    fail "not one group: $OUT"
[ "$(json 'all(i["host_group"] and i["same_host_devices"] == i["same_host_requests"] == 20 for i in d["items"])' \
    <<<"$OUT")" = true ] || fail "counts: $OUT"

# The hint is nowhere: neither what the host is called nor what was made of it.
for id in /etc/machine-id /proc/sys/kernel/random/boot_id; do
    [ ! -s "$id" ] || lacks "$OUT$(cat "$TEST_DIR/gateway.log")" "$(head -n 1 "$id")"
done
[ "$(json 'any("hint" in k for i in d["items"] for k in i)' <<<"$OUT")" = false ] || fail "a hint: $OUT"

# The group is called the same after a restart of the gateway.
group=$(field "$last" host_group)
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:${GATEWAY_URL##*:}\"}"
stop_gateway
start_gateway
is_field "$last" host_group "$group"
is_field "$last" same_host_requests 20

# Approving the newest leaves 19 that wait; the next restart is known for what it is.
expect_exit 0 ocg devices approve "$newest"
is_field "$last" same_host_requests 19
rm -rf "$TEST_DIR/worker"
told_alike 9 worker identity_changed
contains "$ERR" "docker run -v /host/path/openclaw-data:$TEST_DIR/worker"
is_field "$(device_at worker)" same_host_devices 21

# One that runs elsewhere would be none of them: a device that lapsed leaves the group.
expect_exit 0 ocg devices remove "$first" --yes
is_field "$last" same_host_devices 20
