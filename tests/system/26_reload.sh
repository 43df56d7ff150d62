# `openclaw gateway reload` and SIGHUP: what may change while the gateway runs does, what cannot is
# named, and a broken file changes nothing.
. "$(dirname "$0")/lib.sh"

MORE_UID=4242

# configure YAML: the file as it is from now on, on the port that the gateway has.
configure() {
    write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$PORT\"}
$1"
}

logged() {
    grep -qE -- "$1" "$TEST_DIR/gateway.log"
}

# Another user who gets as far as the socket.
as_other() {
    setpriv --reuid="$MORE_UID" --clear-groups --inh-caps=+dac_override \
        --ambient-caps=+dac_override "$@"
}

n_lines() {
    grep -cE -- "$1" "$TEST_DIR/gateway.log" || true
}

start_gateway
PORT=${GATEWAY_URL##*:}
stop_gateway
configure "admin: {localUids: [$MORE_UID]}"
start_gateway

# ---- nothing to do --------------------------------------------------------------------------------
expect_exit 0 ocg gateway reload -o json
[ "$(json '[d["changed"], d["needs_restart"], d["audited"]]' <<<"$OUT")" = "[[], [], True]" ] ||
    fail "an unchanged file: $OUT"

# ---- the level, by the command ----------------------------------------------------------------------
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"
configure "admin: {localUids: [$MORE_UID]}
log: {level: debug}"
logged ' debug ' && fail "debug before it was asked for"
expect_exit 0 ocg gateway reload
contains "$OUT" "changed    log.level"
logged "info config.reloaded by=uid:$(id -u) source=local file=$GATEWAY_HOME/gateway.yaml changed=log.level" ||
    fail "the reload is not in the log"
ocg devices revoke "$device" --yes >/dev/null
wait_for 10 logged " debug connection.cut device=$device"

# ---- the format, by SIGHUP ----------------------------------------------------------------------------
configure "admin: {localUids: [$MORE_UID]}
log: {format: json}"
kill -HUP "$GATEWAY_PID"
wait_for 10 logged '"event":"config.reloaded","by":"uid:[0-9]+","source":"SIGHUP",.*"changed":"log.level,log.format"'
tail -n 1 "$TEST_DIR/gateway.log" | json 'd["event"]' >/dev/null

# ---- a broken file keeps the old configuration: the command, SIGHUP, and check-config agree ---------------
printf 'listen: {devices: "tls+tcp://127.0.0.1:%s"}\nlog:\n  level: loud\n' "$PORT" \
    >"$GATEWAY_HOME/gateway.yaml"
expect_exit 1 ocg gateway reload
contains "$ERR" "$GATEWAY_HOME/gateway.yaml:3:10: log.level: must be error, warn, info or debug"
contains "$ERR" "keeps its old configuration"
expect_exit 1 ocg gateway check-config
contains "$ERR" "$GATEWAY_HOME/gateway.yaml:3:10: log.level: must be error, warn, info or debug"
[ "$(n_lines '"event":"config.refused"')" -eq 1 ] || fail "not one line for the refused file"
kill -HUP "$GATEWAY_PID"
wait_for 10 logged '"level":"error","event":"config.refused","by":"uid:[0-9]+","source":"SIGHUP","reason":".*gateway.yaml:3:10: log.level'
expect_exit 0 ocg gateway status # it still serves

# Sound by itself, but others may write it.
configure ''
chmod 0666 "$GATEWAY_HOME/gateway.yaml"
expect_exit 1 ocg gateway reload
contains "$ERR" "chmod go-w"
expect_exit 1 ocg gateway check-config
chmod 0600 "$GATEWAY_HOME/gateway.yaml"

# ---- a user who is removed is cut off ------------------------------------------------------------------------
if [ "$(id -u)" -eq 0 ] && as_other true 2>/dev/null; then
    expect_exit 0 as_other openclaw --data-dir "$GATEWAY_HOME" gateway status
    expect_exit 0 ocg gateway reload
    contains "$OUT" "admin.localUids"
    expect_exit 5 as_other openclaw --data-dir "$GATEWAY_HOME" gateway status
    expect_exit 5 as_other openclaw --data-dir "$GATEWAY_HOME" gateway reload
    configure "admin: {localUids: [$MORE_UID]}"
    expect_exit 0 ocg gateway reload
    expect_exit 0 as_other openclaw --data-dir "$GATEWAY_HOME" gateway status
fi

# ---- what needs a restart is named and keeps its old value; the rest is in force at once ---------------------------
cat >"$GATEWAY_HOME/gateway.yaml" <<END
pairingRequired: false
listen: {devices: "tls+tcp://127.0.0.1:$((PORT == 65535 ? 65534 : PORT + 1))"}
pairing: {maxPending: 1, maxPendingPerSource: 1}
admin: {localUids: [$MORE_UID]}
END
expect_exit 0 ocg gateway check-config
expect_exit 0 ocg gateway reload -o json
contains "$OUT" '"needs_restart":["pairingRequired","listen.devices"]'
contains "$OUT" '"pairing.maxPending","pairing.maxPendingPerSource"'
contains "$ERR" "until the gateway is restarted"
status=$(ocg gateway status -o json)
[ "$(json 'd["pairing_required"]' <<<"$status")" = true ] || fail "pairing was switched off"
contains "$status" "127.0.0.1:$PORT"
start_agent first
request_of "$(device_of first)" >/dev/null
start_agent second
wait_for 10 logged 'warn (device.refused .* refusal=busy|connection.over_cap source=127.0.0.1) '

# ---- pairing switched on ends what no approval stands behind ---------------------------------------------------------
stop_gateway
rm -f "$TEST_DIR/gateway.log"
configure 'pairingRequired: false'
start_gateway
start_agent guest
guest=$(device_of guest)
wait_for 10 log_has guest connected
configure 'pairingRequired: true'
expect_exit 0 ocg gateway reload
contains "$OUT" "changed    pairingRequired"
wait_for 10 logged "info session.ended device=$guest why=pairing_on"
wait_for 30 has_request "$guest"

# ---- who did it ----------------------------------------------------------------------------------------------------------
audit=$(ocg audit list -o json)
contains "$audit" '"action":"reload","outcome":"done"'
contains "$audit" '"action":"reload","outcome":"invalid_file"'
[ "$(json 'sum(1 for r in d["items"] if r["action"] == "reload" and r["actor"].startswith("uid:"))' <<<"$audit")" -ge 7 ] ||
    fail "reloads are missing in the audit"
stop_gateway
