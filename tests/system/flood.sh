# Sourced after lib.sh by the tests of floods: strangers in the background, and what the gateway says
# that they hold.
: "${OC_TESTS:?set OC_TESTS to the folder with flood}"

# start_flood SECONDS SOURCES AT_ONCE [FIRST]: see tests/support/flood.c. Sets FLOOD_PID; what it
# did goes to flood.out.
start_flood() {
    "$OC_TESTS/flood" "$GATEWAY_URL" "$@" >"$TEST_DIR/flood.out" 2>"$TEST_DIR/flood.log" &
    FLOOD_PID=$!
    STARTED+=("$FLOOD_PID")
}

end_flood() {
    wait "$FLOOD_PID" || fail "the flood broke off: $(cat "$TEST_DIR/flood.log")"
    echo "flood: $(cat "$TEST_DIR/flood.out")"
}

# cap NAME FIELD: of `openclaw gateway status`, as in: cap open_requests in_use
cap() {
    ocg gateway status -o json | json "next(c for c in d['caps'] if c['name'] == '$1')['$2']"
}

is_at_least() {
    [ "$(cap "$1" "$2")" -ge "$3" ]
}

# make_device NAME: an agent's identity before its first start. Sets DEVICE.
make_device() {
    mkdir -p -m 0700 "$TEST_DIR/$1"
    openclaw --data-dir "$TEST_DIR/$1" identity show --create >/dev/null 2>&1 ||
        fail "cannot make an identity for $1"
    DEVICE=$(device_of "$1")
}

# listed_within SECONDS NAME: starts an agent and waits until its request is listed; prints how long
# it took. Sets DEVICE.
listed_within() {
    local limit=$1 name=$2 started ended
    make_device "$name"
    started=$(date +%s%3N)
    start_agent "$name"
    wait_for "$limit" has_request "$DEVICE"
    ended=$(date +%s%3N)
    echo "$name: listed after $((ended - started)) ms"
}
