# A gateway of a thousand descriptors under thousands of silent connections: it keeps some for its
# administrators, its database and its log, and newcomers of other sources still get in.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/flood.sh"

limit=1024
start_gateway
prlimit --pid "$GATEWAY_PID" --nofile=$limit:$limit
hostport=${GATEWAY_URL#tls+tcp://}
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"

# Two that hold as many silent connections as they get, and open new ones for those they lose.
for i in 2 3; do
    python3 - "$(dirname "$0")" "${hostport%:*}" "${hostport##*:}" "$TEST_DIR" "127.0.0.$i" <<'PYTHON' &
import sys, time
sys.path.insert(0, sys.argv[1])
import hostile
door = hostile.Door(sys.argv[2], sys.argv[3], sys.argv[4])
held = []
while True:
    try:
        held.append(door.tcp(sys.argv[5]))
    except OSError:
        time.sleep(0.05)
    if len(held) >= 600:
        held.pop(0).close()
        time.sleep(0.005)
PYTHON
    STARTED+=("$!")
done

open_files() {
    find "/proc/$GATEWAY_PID/fd" -mindepth 1 | wc -l
}

is_short() {
    [ "$(open_files)" -ge $((limit - 300)) ] && is_at_least arrivals shed 50
}

wait_for 20 is_short
most=0
for _ in 1 2 3 4 5; do
    n=$(open_files)
    [ "$n" -le "$most" ] || most=$n
    expect_exit 0 ocg devices list # at the local door
done
echo "at most $most of $limit descriptors are open"
[ "$most" -le $((limit - 64)) ] || fail "no descriptors are kept: $most of $limit are open"
listed_within 20 honest
expect_exit 0 ocg devices approve "$(request_of "$DEVICE")"
wait_for 10 is_online "$DEVICE"
is_online "$device" || fail "a session was lost"
