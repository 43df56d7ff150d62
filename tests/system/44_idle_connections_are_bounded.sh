# Connections that do not finish their handshake, and connections that finish it and do nothing, are
# bounded per source and in all; when all places are taken newcomers still get in; the places come
# back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/flood.sh"

write_config <<'YAML'
listen: {devices: "tls+tcp://127.0.0.1:0"}
limits: {maxArrivals: 60, maxArrivalsPerSource: 20, maxUnapproved: 30, maxUnapprovedPerSource: 10}
YAML
start_gateway
hostport=${GATEWAY_URL#tls+tcp://}

# hold KIND SOURCE COUNT: opens connections that do nothing and keeps them until told to end.
hold() {
    python3 - "$(dirname "$0")" "${hostport%:*}" "${hostport##*:}" "$TEST_DIR" "$@" <<'PYTHON' &
import sys, time
sys.path.insert(0, sys.argv[1])
import hostile
door = hostile.Door(sys.argv[2], sys.argv[3], sys.argv[4])
kind, source, count = sys.argv[5], sys.argv[6], int(sys.argv[7])
held = []
for i in range(count):
    try:
        held.append(hostile.greeted(door, source) if kind == "idle" else door.tcp(source))
    except OSError:
        pass
while True:
    time.sleep(60)
PYTHON
    STARTED+=("$!")
    HOLDER=$!
}

is_cap() {
    [ "$(cap "$1" "$2")" -eq "$3" ]
}

for i in 2 3 4; do
    hold silent "127.0.0.$i" 30
done
wait_for 10 is_at_least arrivals in_use 20
wait_for 10 is_at_least arrivals refused 10
[ "$(cap arrivals in_use)" -le 60 ] || fail "more silent connections than the cap"
listed_within 20 first
wait_for 20 is_cap arrivals in_use 0

holders=()
for i in 2 3 4; do
    hold idle "127.0.0.$i" 20
    holders+=("$HOLDER")
done
wait_for 20 is_at_least unapproved_connections in_use 25
[ "$(cap unapproved_connections in_use)" -le 30 ] || fail "more idle connections than the cap"
listed_within 20 second
[ "$(cap unapproved_connections in_use)" -le 30 ] || fail "more idle connections than the cap"
kill "${holders[@]}"
wait_for 20 is_cap unapproved_connections in_use 2 # the two agents that wait
ocg gateway status
