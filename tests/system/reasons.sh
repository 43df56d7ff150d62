# Sourced by the tests of reasons, after lib.sh: one attempt of an agent, and that everybody tells
# the same reason for it: the agent, its API, the list, the record, the gateway's log.

# attempt CODE NAME [ARGUMENTS...]: `agent run --once` ends with that exit code; its output goes to
# $OUT and $ERR. A device may show another nonce once a second: until it is heard.
attempt() {
    local wanted=$1 name=$2
    shift 2
    mkdir -p -m 0700 "$TEST_DIR/$name"
    wait_for 10 attempt_once "$wanted" "$name" "$@"
    OUT=$(cat "$TEST_DIR/out")
    ERR=$(cat "$TEST_DIR/err")
}

attempt_once() {
    local wanted=$1 name=$2 code=0
    shift 2
    openclaw --data-dir "$TEST_DIR/$name" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name "$name" --once "$@" >"$TEST_DIR/out" 2>"$TEST_DIR/err" </dev/null || code=$?
    [ "$code" -eq "$wanted" ]
}

# device_at NAME: the id of the agent that was last attempted there.
device_at() {
    openclaw --data-dir "$TEST_DIR/$1" identity show -o json | json 'd["device_id"]'
}

sentence_of() {
    case $1 in
    blocked) echo 'blocked: an administrator blocked this device' ;;
    rejected) echo 'rejected: an administrator rejected the last request' ;;
    revoked) echo "revoked: this device's pairing was ended, by an administrator or with its term" ;;
    access_widened) echo 'access widened: the device asks for more than was approved' ;;
    records_reset) echo "records reset: this gateway's pairing records were cleared or damaged since the device was approved" ;;
    removed) echo "removed: an administrator removed this device's record" ;;
    identity_changed) echo 'identity changed: claims to be an approved device with another key; is its data directory persisted?' ;;
    additional_instance) echo 'additional instance: claims the host of a device that is paired under another key' ;;
    new_device) echo 'new device: this gateway has never seen this key' ;;
    *) fail "no reason: $1" ;;
    esac
}

logged() {
    grep -F "device=$1" "$TEST_DIR/gateway.log" | grep -qE "(^| )why=$2( |\$)"
}

# told_alike CODE NAME WHY [ARGUMENTS...]: an attempt that ends with CODE is told WHY, by everyone.
# $OUT and $ERR hold what the agent printed for people.
told_alike() {
    local code=$1 name=$2 why=$3 sentence device words
    shift 3
    sentence=$(sentence_of "$why")
    attempt "$code" "$name" "$@" -o ndjson
    words=$(grep -E '"event":"(refused|connected)"' <<<"$OUT" | head -n 1 | json 'd["why"]')
    [ "$words" = "$why" ] || fail "the agent's API says $words instead of $why: $OUT"
    attempt "$code" "$name" "$@"
    contains "$ERR" "  why      $sentence"
    grep -qE '^  fix      .*openclaw devices [a-z]+' <<<"$ERR" || fail "no command in: $ERR"
    device=$(device_at "$name")
    is_field "$device" why "$why" || fail "the record says $(field "$device" why) instead of $why"
    contains "$(ocg devices show "$device")" "$sentence"
    if [ "$why" != removed ] || has_request "$device"; then # a tombstone is not listed
        ocg devices list -o wide 2>/dev/null | grep -F "$device" | grep -qw "$why" ||
            fail "the list does not say $why"
    fi
    wait_for 5 logged "$device" "$why"
}
