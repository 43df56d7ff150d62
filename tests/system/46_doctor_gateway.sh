# On the gateway's machine `openclaw doctor` finds each fault, names its cause and the command that
# mends it, and changes nothing itself. Every finding is made for real; what is a command is run, and
# heals.
. "$(dirname "$0")/lib.sh"

state=$GATEWAY_HOME/gateway
export TMPDIR=$TEST_DIR/tmp # where the doctor makes its copy
mkdir -m 0700 "$TMPDIR"

# doctor CODE [ARGUMENTS...]: runs it, wants the exit code; its JSON stands in $OUT afterwards.
doctor() {
    local code=$1
    shift
    expect_exit "$code" openclaw --data-dir "$GATEWAY_HOME" doctor -o json "$@"
}

# finds CHECK RESULT [TEXT...]: the worst finding of that name on the gateway's side has that
# result, and the texts in it.
finds() {
    python3 -c 'import json, sys
check, result, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
order = ["ok", "skipped", "warn", "fail"]
items = [i for i in json.load(sys.stdin)["items"] if (i["side"], i["check"]) == ("gateway", check)]
worst = max((order.index(i["result"]) for i in items), default=-1)
if worst < 0 or order[worst] != result:
    sys.exit("%s is %s, not %s: %s" % (check, order[worst] if items else "missing", result, items))
for text in texts:
    if not any(text in (i[f] or "") for i in items for f in ("found", "cause", "advice", "fix")):
        sys.exit("%s: %r is missing in %s" % (check, text, items))' "$@" <<<"$OUT" ||
        fail "a finding is not as promised"
}

# fix_of CHECK: the command of its first finding that is not ok.
fix_of() {
    json "[i['fix'] for i in d['items'] if i['side'] == 'gateway' and i['check'] == '$1' \
and i['result'] != 'ok'][0]" <<<"$OUT"
}

heal() {
    local fix
    fix=$(fix_of "$1")
    [ "$fix" != None ] || fail "$1 has no command"
    bash -c "$fix" >/dev/null 2>&1 </dev/null || fail "the command of $1 failed: $fix"
}

# Everything of the directory: names, modes, times and contents.
digest() {
    (cd "$GATEWAY_HOME" && find . -printf '%p %m %U %T@ %s\n' -type f -exec sha256sum {} + | sort)
}

is_locked() {
    [ "$(ocg gateway status -o json | json 'd["lock_reason"] is not None')" = true ]
}

edit_database() {
    python3 - "$state/gateway.db" "$1" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(sys.argv[2])
db.commit()
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
PY
    rm -f "$state"/gateway.db-shm
}

start_gateway
port=${GATEWAY_URL##*:}
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
pid=$GATEWAY_PID
start_agent web-1
device=$(device_of web-1)
expect_exit 0 ocg devices approve "$(request_of "$device")"
wait_for 10 is_online "$device"

# A sound gateway that runs: nothing to do, and nothing changed by asking, five times over.
doctor 0
finds running ok "pid $pid"
finds configuration ok gateway.yaml
finds pairing ok 'required'
finds exposure ok 'this machine only'
finds local_socket ok 'answers'
finds keys ok "$GATEWAY_PIN"
finds database skipped 'the gateway that runs has it for itself'
finds serving ok '1 approved, 1 online'
finds store ok 'seq'
finds listener ok "$GATEWAY_URL answers with the gateway's key"
finds pending ok '0 await approval'
finds stale_pairings ok
finds permissions ok
[ "$(json '[i for i in d["items"] if i["result"] in ("warn", "fail")] == []' <<<"$OUT")" = true ] ||
    fail "a sound gateway is not sound: $OUT"
before=$(ocg gateway status -o json | json '[d["seq"], d["pending"], d["approved"], d["online"]]')
for _ in 1 2 3; do
    doctor 0
done
[ "$(ocg gateway status -o json | json '[d["seq"], d["pending"], d["approved"], d["online"]]')" = \
    "$before" ] || fail "the doctor changed the gateway's records"
[ "$(grep -c '^connected' "$TEST_DIR/web-1.log")" -eq 1 ] || fail "the doctor cost an agent its session"

# Long waits and stale pairings, seen from later on.
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1 || true)
# A sanitizer's runtime wants to come first.
LD_PRELOAD=$faketime openclaw --version >/dev/null 2>&1 || faketime=
later() {
    expect_exit "$1" env LD_PRELOAD="$faketime" FAKETIME="$2" DONT_FAKE_MONOTONIC=1 \
        openclaw --data-dir "$GATEWAY_HOME" doctor -o json
}
kill -TERM "$AGENT_PID"
wait_for 10 is_field "$device" online false
if [ -n "$faketime" ]; then
    start_agent web-2
    second=$(device_of web-2)
    request=$(request_of "$second")
    later 0 +1h
    finds pending warn '1 await approval, the oldest for' "devices approve $request"
    heal pending
    wait_for 10 is_online "$second"
    kill -TERM "$AGENT_PID"
    wait_for 10 is_field "$second" online false
    later 0 +30d
    finds stale_pairings ok
    later 0 +100d
    finds stale_pairings warn '2 approved devices not seen for 90 days' 'devices remove'
    heal stale_pairings
    later 0 +100d
    finds stale_pairings warn '1 approved device not seen'
    heal stale_pairings
    later 0 +100d
    finds stale_pairings ok
else
    echo "not tried without libfaketime: long waits, stale pairings"
fi

# Stuck: it holds the lock and does not answer.
kill -STOP "$pid"
doctor 1 --timeout 1s
finds running ok "pid $pid"
finds serving fail 'does not say' "-p $pid"
kill -CONT "$pid"
wait_for 10 gateway_answers
# The socket was removed under it.
mv "$state/admin.sock" "$state/moved.sock"
doctor 1
finds local_socket fail 'does not answer'
mv "$state/moved.sock" "$state/admin.sock"
doctor 0
# Its key was replaced under it.
cp -p "$state/gateway.key" "$TEST_DIR/gateway.key"
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null |
    openssl pkcs8 -topk8 -nocrypt >"$state/gateway.key" 2>/dev/null
doctor 1
finds keys fail 'replaced after its start' "$GATEWAY_PIN"
cp -p "$TEST_DIR/gateway.key" "$state/gateway.key"
doctor 0

# Permissions.
for path in gateway gateway/secret.key gateway/gateway.db; do
    chmod go+r "$GATEWAY_HOME/$path"
    doctor 1
    finds permissions fail "$GATEWAY_HOME/$path has mode"
    heal permissions
    doctor 0
done
chmod 0666 "$GATEWAY_HOME/gateway.yaml"
doctor 1
finds permissions fail 'gateway.yaml has mode 0666'
heal permissions
doctor 0

# The configuration, with line and column; a gateway that runs goes on.
write_config <<<$'listen:\n  devices: "tls+tcp://127.0.0.1:1"\npairngRequired: true'
doctor 1
finds configuration fail 'gateway.yaml:3:1' 'pairingRequired' 'gateway check-config'
finds serving ok
expect_exit 1 bash -c "$(fix_of configuration)"
contains "$ERR" 'gateway.yaml:3:1'

# Pairing switched off is loud, and louder where anybody can come.
write_config <<<$'pairingRequired: false\nlisten: {devices: "tls+tcp://127.0.0.1:'"$port"'"}'
doctor 0
finds pairing warn 'SWITCHED OFF' 'this machine only' 'pairingRequired: false in'
write_config <<<$'pairingRequired: false\nallowUnpairedDevices: true\ntrustedNetworks: [198.51.100.0/24]\nlisten: {devices: "tls+tcp://0.0.0.0:'"$port"'"}'
doctor 1
finds pairing fail 'SWITCHED OFF' 'trustedNetworks'
finds exposure ok 'any network that reaches it'
heal pairing
doctor 0
finds pairing ok
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
doctor 0

# Killed with a log that was never merged: looked into whole, and not a byte is changed.
start_agent web-1
disown "$pid" # or bash tells of its end
kill -9 "$pid"
wait_for 10 gone "$pid"
kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"
[ -s "$state/gateway.db-wal" ] || fail "there is no log to look into"
before=$(digest)
doctor 0
[ "$(digest)" = "$before" ] || fail "the doctor changed the data directory"
finds running warn 'no gateway runs' 'gateway run'
finds local_socket ok 'left from a gateway that ended'
finds marker ok 'seq'
finds database ok 'whole'
finds records ok 'all sealed'
finds audit ok 'the chain holds'
finds clock ok
[ -z "$(ls -A "$TMPDIR")" ] || fail "a copy was left"
if [ -n "$faketime" ]; then
    later 0 -400d
    finds clock warn 'a decision is on record' timedatectl
fi

# Something else stands where the socket belongs; a path that no socket can have.
rm "$state/admin.sock"
echo precious >"$state/admin.sock"
chmod 0600 "$state/admin.sock"
doctor 1
finds local_socket fail 'something else than a socket'
heal local_socket
[ "$(cat "$state/admin.sock.aside")" = precious ] || fail "what stood there is gone"
rm "$state/admin.sock.aside"
doctor 0
long=$TEST_DIR/$(printf 'l%.0s' {1..110})
mkdir -p -m 0700 "$long/gateway"
expect_exit 1 openclaw --data-dir "$long" doctor -o json
finds configuration fail 'a socket'"'"'s path may have 107' 'listen.local'

# Open files: as few as the queue could take.
expect_exit 0 bash -c "ulimit -n 2000; ulimit -Hn 2000; exec openclaw --data-dir '$GATEWAY_HOME' doctor -o json"
finds open_files warn '2000 allowed' 'pairing.maxPending is 10000' 'LimitNOFILE'

# Edited behind the gateway's back: a record's seal, a row of the audit.
cp -p "$state"/gateway.db "$TEST_DIR/whole.db"
cp -p "$state"/gateway.db-wal "$TEST_DIR/whole.db-wal"
put_back() {
    rm -f "$state"/gateway.db*
    cp -p "$TEST_DIR/whole.db" "$state/gateway.db"
    cp -p "$TEST_DIR/whole.db-wal" "$state/gateway.db-wal"
    chmod 0600 "$state"/gateway.db*
}
edit_database "UPDATE devices SET generation = generation + 1"
doctor 1
finds records fail 'records have a wrong seal' 'secret.key'
finds audit ok
put_back
edit_database "UPDATE audit SET reason = 'never said' WHERE seq = 1"
doctor 1
finds audit fail 'audit row 1 is not what was written' 'changed by something that is not'
finds records ok
put_back
doctor 0

# It grows while it is looked into: what was there at the beginning is copied, and no more. A pipe is
# not read at all.
size=$((200 << 20))
truncate -s "$size" "$state/gateway.db"
openclaw-gateway doctor --data-dir "$GATEWAY_HOME" >/dev/null 2>&1 </dev/null &
asked=$!
STARTED+=("$asked")
until copy=$(echo "$TMPDIR"/openclaw-doctor.*/copy.db) && [ -e "$copy" ] || gone "$asked"; do
    :
done
for _ in $(seq 200); do
    truncate -s +20M "$state/gateway.db"
    copied=$(stat -c %s "$copy" 2>/dev/null) || break
    [ "$copied" -le "$size" ] || fail "the doctor copies for as long as the database grows"
done
wait "$asked" || true
rm "$state"/gateway.db*
mkfifo -m 0600 "$state/gateway.db"
expect_exit 0 openclaw-gateway doctor --data-dir "$GATEWAY_HOME"
contains "$OUT" "gateway.db cannot be copied"
put_back
doctor 0

# Keys: no key is made in the place of a lost one.
mv "$state/secret.key" "$TEST_DIR/secret.key"
doctor 1
finds keys fail 'secret.key' 'restore it from a backup'
finds database skipped 'cannot be read'
mv "$TEST_DIR/secret.key" "$state/secret.key"
doctor 0

# The marker is damaged: told before the start, healed by the printed command after it.
cp -p "$state/marker" "$TEST_DIR/marker"
echo 'no marker' >"$state/marker"
doctor 1
finds marker fail 'not a marker'
finds database fail 'the gateway starts locked' 'unlock --accept-rollback'
start_gateway
is_locked || fail "not locked"
doctor 1
finds serving fail 'locked'
heal serving
doctor 0
finds serving ok
stop_gateway

# The database is older than the marker; then missing; then no database at all.
cp -p "$state/gateway.db" "$TEST_DIR/newer.db"
put_back
doctor 1
finds database fail 'starts locked' 'older than what this gateway last wrote' '--accept-rollback'
rm -f "$state"/gateway.db*
doctor 1
finds database fail 'gateway.db is not there' 'gateway restore FILE' 'unlock --init'
printf 'this is no database, and never was one' >"$state/gateway.db"
chmod 0600 "$state/gateway.db"
doctor 1
finds database fail 'it cannot be read' 'unlock --init'
start_gateway
doctor 1
heal serving
doctor 0
stop_gateway

# A disk with no room, and in memory at that.
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    mkdir "$TEST_DIR/small"
    cat >"$TEST_DIR/small.sh" <<'SH'
mount --make-rprivate / && mount -t tmpfs -o size=4m none "$1" && mkdir -m 0700 "$1/home" "$1/home/gateway"
openclaw --data-dir "$1/home" doctor -o json >"$1.json"
SH
    unshare -m bash "$TEST_DIR/small.sh" "$TEST_DIR/small" || true
    OUT=$(cat "$TEST_DIR/small.json")
    finds disk_space fail 'MiB free at' 'approvals are refused'
    finds persistence warn 'lies in memory' 'every pairing is lost'
else
    echo "not tried without mount namespaces: a small disk"
fi

# An agent and a gateway in one directory: both sides.
openclaw --data-dir "$GATEWAY_HOME" identity show --create >/dev/null
doctor 0
[ "$(json 'sorted({i["side"] for i in d["items"]})' <<<"$OUT")" = "['agent', 'gateway']" ] ||
    fail "not both sides: $OUT"
