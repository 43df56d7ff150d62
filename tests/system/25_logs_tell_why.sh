# "Nothing in the logs explains why": every refusal stands in the gateway's log once, with the device
# id, the reason and the command that fixes it; what is repeated is counted; in text and in JSON.
. "$(dirname "$0")/lib.sh"

ask_once() { # NAME CLAIMED-NAME
    mkdir -p -m 0700 "$TEST_DIR/$1"
    openclaw --data-dir "$TEST_DIR/$1" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name "$2" --once >"$TEST_DIR/$1.log" 2>&1 </dev/null || true
}

# A device may commit to one nonce a second: in between it is told that it is too early.
is_told_to_pair() {
    ask_once "$@"
    log_has "$1" "awaiting approval"
}

# lines EVENT DEVICE [PATTERN]: how many lines of the event are about the device.
lines() {
    grep -E " (warn|info) ${1//./\\.} " "$TEST_DIR/gateway.log" | grep -F "device=$2 " |
        grep -cF -- "${3:-}" || true
}

has_line() {
    [ "$(lines "$@")" -ge 1 ]
}

# fix_of DEVICE REFUSAL: the command that its line names.
fix_of() {
    grep -F "device=$1 " "$TEST_DIR/gateway.log" | grep -F " refusal=$2 " |
        sed -n 's/.* fix="\([^"]*\)".*/\1/p' | tail -n 1
}

# run_fix DEVICE REFUSAL: runs it as it stands in the line.
run_fix() {
    local fix
    fix=$(fix_of "$1" "$2")
    [ -n "$fix" ] || fail "no fix for $2"
    OPENCLAW_HOME=$GATEWAY_HOME bash -c "$fix" </dev/null >/dev/null || fail "the fix failed: $fix"
}

# ---- the start -----------------------------------------------------------------------------------
start_gateway
log=$(cat "$TEST_DIR/gateway.log")
version=$(openclaw-gateway version | cut -d' ' -f2)
contains "$log" "info gateway.started version=$version pin=$GATEWAY_PIN pairing=on approved=0 pending=0 blocked=0"
contains "$log" "info gateway.listening door=devices address=$GATEWAY_URL"
contains "$log" "info gateway.listening door=local address=ipc://$GATEWAY_HOME/gateway/admin.sock"
contains "$log" "info gateway.store path=$GATEWAY_HOME/gateway/gateway.db"
grep -vqE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z (error|warn|info) [a-z_.]+ ' \
    "$TEST_DIR/gateway.log" && fail "a line without time, level or event"

# ---- pairing required: once, and the command in the line works -----------------------------------
for _ in 1 2 3; do
    wait_for 20 is_told_to_pair web-1 'web "one"'
done
device=$(device_of web-1)
[ "$(lines device.refused "$device" refusal=pairing_required)" -eq 1 ] || fail "not exactly once"
request=$(request_of "$device")
line=$(grep -F "refusal=pairing_required" "$TEST_DIR/gateway.log")
contains "$line" "device=$device request=$request refusal=pairing_required why=new_device"
contains "$line" 'reason="new device: this gateway has never seen this key"'
contains "$line" "source=127.0.0.1"
contains "$line" 'claims="web \"one\""'
run_fix "$device" pairing_required
is_field "$device" state approved || fail "the fix approved nothing"
has_line pairing.approved "$device" "request=$request by=uid:$(id -u) " || fail "who approved?"

# ---- a session: its start, and why it ends --------------------------------------------------------
start_agent web-1
wait_for 10 has_line session.started "$device" "why=approved"
# again, with the receipt it was given: as approved as before
kill "$AGENT_PID"
wait_for 10 has_line session.ended "$device"
start_agent web-1
has_started_again() {
    [ "$(lines session.started "$device")" -eq 2 ]
}
wait_for 10 has_started_again
[ "$(lines session.started "$device" why=approved)" -eq 2 ] || fail "an approved device is told as another"
ocg devices revoke "$device" --yes >/dev/null
wait_for 10 has_line session.ended "$device" "why=revoked"
has_line pairing.revoked "$device" "by=uid:" || fail "who revoked?"
ask_once web-1 web-1
has_line device.refused "$device" "refusal=revoked why=revoked" || fail "revoked: nothing in the log"
run_fix "$device" revoked
is_field "$device" expected true || fail "the fix of a revoked device announced nothing"

# ---- blocked --------------------------------------------------------------------------------------
ocg devices block "$device" --yes >/dev/null
for _ in 1 2 3; do
    ask_once web-1 web-1
done
[ "$(lines device.refused "$device" refusal=blocked)" -eq 1 ] || fail "blocked: not exactly once"
run_fix "$device" blocked
[ "$(field "$device" standing)" = none ] || fail "the fix did not unblock"

# ---- who is no device -------------------------------------------------------------------------------
host=${GATEWAY_URL#tls+tcp://}
for _ in 1 2 3; do
    openssl s_client -connect "$host" -tls1_2 </dev/null >/dev/null 2>&1 || true
done
openssl s_client -connect "$host" </dev/null >/dev/null 2>&1 || true
wait_for 10 grep -q 'handshake.refused source=127.0.0.1 reason="the peer showed no certificate' \
    "$TEST_DIR/gateway.log"
[ "$(grep -c 'handshake.refused .*reason="the peer speaks no TLS 1.3"' "$TEST_DIR/gateway.log")" -eq 1 ] ||
    fail "TLS 1.2: not exactly once"

# ---- an administrator's refused decision ------------------------------------------------------------
ocg devices approve 7QK4M2T9XA </dev/null >/dev/null 2>&1 && fail "approved what does not exist"
ocg devices revoke "$device" --yes >/dev/null 2>&1 && fail "revoked what is not approved"
grep -qF "warn pairing.not_decided action=revoke outcome=not_approved device=$device" \
    "$TEST_DIR/gateway.log" || fail "a refused decision is not in the log"

# ---- what was left out is told, at the latest at the end --------------------------------------------
stop_gateway
grep -qE "warn log.suppressed count=[0-9]+ of=device.refused source=127.0.0.1 subject=" \
    "$TEST_DIR/gateway.log" || fail "the refusals that were left out are not told"
grep -qE "warn log.suppressed count=2 of=handshake.refused source=127.0.0.1" \
    "$TEST_DIR/gateway.log" || fail "the handshakes that were left out are not told"
grep -qE "info gateway.stopping why=\"SIGTERM from process [0-9]+ of uid $(id -u)\"" \
    "$TEST_DIR/gateway.log" || fail "who stopped it?"
grep -qE "info gateway.stopped version=$version took_ms=[0-9]+" "$TEST_DIR/gateway.log" ||
    fail "it does not say that it stopped"

# ---- the same in JSON: every line parses, whatever the devices say of themselves --------------------
rm -rf "$GATEWAY_HOME" "$TEST_DIR/gateway.log"
write_config <<<'{listen: {devices: "tls+tcp://127.0.0.1:0"}, log: {level: debug, format: json}}'
start_gateway
n=0
for name in 'a"b' 'c\d' "{\"event\":\"forged\"}" 'grün 😀' '</script>' "it's=x y" '%s%n' \
    "$(printf 'x%.0s' {1..64})"; do
    n=$((n + 1))
    ask_once "hostile-$n" "$name"
done
stop_gateway
python3 - "$TEST_DIR/gateway.log" <<'END'
import json, re, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
for line in lines:
    assert list(line)[:3] == ["time", "level", "event"], line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
    assert line["level"] in ("error", "warn", "info", "debug"), line
    assert line["event"] != "forged", line
refused = [line for line in lines if line["event"] == "device.refused"]
assert len(refused) == 8, len(refused)
assert {line["claims"] for line in refused} >= {'a"b', "c\\d", '{"event":"forged"}', "grün 😀"}
for line in refused:
    assert re.fullmatch(r"[0-9a-f]{64}", line["device"]), line
    assert line["fix"] == "openclaw devices approve " + line["request"], line
    assert isinstance(line["retry_in_s"], int), line
started = [line for line in lines if line["event"] == "gateway.started"]
assert len(started) == 1 and started[0]["pairing"] == "on" and started[0]["devices"] == 0, started
END

# ---- pairing off is said loudly; a start that fails says why in JSON too ------------------------------
write_config <<<'{pairingRequired: false, listen: {devices: "tls+tcp://127.0.0.1:0"}, log: {format: json}}'
rm -f "$TEST_DIR/gateway.log"
start_gateway
python3 - "$TEST_DIR/gateway.log" <<'END'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
off = [line for line in lines if line["event"] == "gateway.pairing_off"]
assert len(off) == 1 and off[0]["level"] == "warn" and "pairingRequired: true" in off[0]["fix"], off
END
expect_exit 1 openclaw-gateway run --data-dir "$GATEWAY_HOME"
json 'd["event"] == "gateway.not_started" and d["level"] == "error" or sys.exit("no such line")' <<<"$ERR" >/dev/null
stop_gateway

# ---- a locked start says why and which command unlocks ------------------------------------------------
rm -f "$GATEWAY_HOME"/gateway/*.db* "$TEST_DIR/gateway.log"
write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
start_gateway
grep -qE 'error gateway.locked reason="the database is missing.*" fix="openclaw gateway unlock --init"' \
    "$TEST_DIR/gateway.log" || fail "the locked start does not say why"
fix=$(sed -n 's/.*gateway.locked .*fix="\([^"]*\)".*/\1/p' "$TEST_DIR/gateway.log")
OPENCLAW_HOME=$GATEWAY_HOME $fix --yes >/dev/null
[ "$(ocg gateway status -o json | json 'd["lock_reason"] is None')" = true ] || fail "still locked"
stop_gateway

# ---- in the journal: the priority, and no second time ---------------------------------------------------
: >"$TEST_DIR/gateway.log"
JOURNAL_STREAM=$(stat -c '%d:%i' "$TEST_DIR/gateway.log") start_gateway
[ "$(head -c 8 "$TEST_DIR/gateway.log")" = "<6>info " ] || fail "not as the journal wants it"
stop_gateway
