# A flood of fresh keys from 2,000 addresses, far beyond every cap: an honest device is listed within
# 10 s, an announced one within 2 s, both stay listed, and both can be approved under it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/flood.sh"

write_config <<'YAML'
listen: {devices: "tls+tcp://127.0.0.1:0"}
pairing: {maxPending: 200}
limits: {maxUnapproved: 200}
YAML
start_gateway
start_flood 14 2000 64
wait_for 20 is_at_least open_requests shed 1
listed_within 20 honest # promised: 10 s
honest=$DEVICE
make_device awaited
awaited=$DEVICE
expect_exit 0 ocg devices expect "$awaited"
listed_within 10 awaited # promised: 2 s, on a machine that has nothing else to do
looks=0
listed=0
while kill -0 "$FLOOD_PID" 2>/dev/null && [ "$looks" -lt 20 ]; do
    looks=$((looks + 1))
    has_request "$awaited" || fail "the announced device is not listed any more"
    ! has_request "$honest" || listed=$((listed + 1))
done
echo "honest: listed at $listed of $looks looks"
[ $((10 * listed)) -ge $((9 * looks)) ] || fail "the honest device was pushed out"
for device in "$honest" "$awaited"; do
    expect_exit 0 ocg devices approve "$(request_of "$device")"
    wait_for 10 is_online "$device"
done
end_flood
[ "$(cap open_requests in_use)" -le 200 ] || fail "more open requests than the cap"
contains "$(cat "$TEST_DIR/gateway.log")" "requests.shedding"
echo "shed: $(cap open_requests shed), forgotten: $(ocg gateway status -o json | json 'd["forgotten"]')"
