# "Nothing explains why it's suddenly broken": on an agent's host `openclaw doctor` finds each fault,
# names its cause and the command that mends it, and changes nothing itself. Every finding is made
# for real; what is a command is run, and heals.
. "$(dirname "$0")/lib.sh"

home=$TEST_DIR/web-1

# doctor CODE [ARGUMENTS...]: runs it, wants the exit code; its JSON stands in $OUT afterwards.
doctor() {
    local code=$1
    shift
    expect_exit "$code" openclaw --data-dir "$home" doctor -o json "$@"
}

# of CHECK FIELD: of the worst finding with that name.
of() {
    json "(lambda l: (max(l, key=lambda i: ['ok','skipped','warn','fail'].index(i['result'])) \
if l else {}).get('$2'))([i for i in d['items'] if i['check'] == '$1'])" <<<"$OUT"
}

# finds CHECK RESULT [TEXT...]: the finding has that result, and the texts in it.
finds() {
    python3 -c 'import json, sys
check, result, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
order = ["ok", "skipped", "warn", "fail"]
items = [i for i in json.load(sys.stdin)["items"] if i["check"] == check]
worst = max((order.index(i["result"]) for i in items), default=-1)
if worst < 0 or order[worst] != result:
    sys.exit("%s is %s, not %s: %s" % (check, order[worst] if items else "missing", result, items))
for text in texts:
    if not any(text in (i[f] or "") for i in items for f in ("found", "cause", "advice", "fix")):
        sys.exit("%s: %r is missing in %s" % (check, text, items))' "$@" <<<"$OUT" ||
        fail "a finding is not as promised"
}

# heal CHECK: runs the command that the doctor printed.
heal() {
    local fix
    fix=$(of "$1" fix)
    [ "$fix" != None ] || fail "$1 has no command"
    bash -c "$fix" >/dev/null
}

# Everything of a directory: names, modes, times and contents.
digest() {
    (cd "$1" && find . -printf '%p %m %U %T@\n' -type f -exec sha256sum {} + | sort)
}

# Nobody there: it says which directory it looked at.
doctor 1
finds data_directory fail "$home holds neither"
[ ! -e "$home" ] || fail "the doctor made a data directory"

# Before the first start: the way to a gateway can be tried, and nothing is made or asked.
start_gateway
doctor 0 --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN"
finds reachability ok "answers from 127.0.0.1"
finds trust ok "$GATEWAY_PIN"
finds device_key ok 'none yet'
finds answer skipped 'has not asked'
[ ! -e "$home" ] || fail "the doctor made a data directory"
[ "$(ocg devices list -o json 2>/dev/null | json 'len(d["items"])')" = 0 ] || fail "the doctor asked to be paired"

# The gateway's answer and why, with the command that ends the wait.
start_agent web-1
device=$(device_of web-1)
request=$(request_of "$device")
wait_for 10 log_has web-1 'Gateway pairing required'
doctor 1
finds answer fail "$request" 'never seen this key' "openclaw devices approve $request"
finds device_key ok "$device"
expect_exit 0 ocg devices approve "$request"
wait_for 10 is_online "$device"
connected() {
    doctor 0 && finds answer ok 'gave this device a session'
}
wait_for 10 connected
for _ in 1 2 3; do
    doctor 0
done
is_field "$device" online true || fail "the doctor took the session of the running agent"
! log_has web-1 'took over' || fail "the doctor took the session of the running agent"
[ "$(grep -c '^connected' "$TEST_DIR/web-1.log")" -eq 1 ] || fail "the agent had to come back"

# Tests run as one user, so the gateway is within the agent's reach: that is said.
finds separation warn 'could approve itself'

kill -TERM "$AGENT_PID"
wait_for 10 gone "$AGENT_PID"

# It changes nothing: neither here nor at the gateway.
before=$(digest "$home")
status=$(ocg gateway status -o json | json '[d["seq"], d["pending"], d["approved"]]')
doctor 0
[ "$(digest "$home")" = "$before" ] || fail "the doctor changed the data directory"
[ "$(ocg gateway status -o json | json '[d["seq"], d["pending"], d["approved"]]')" = "$status" ] ||
    fail "the doctor changed the gateway's records"

# Permissions, each with the chmod that mends it.
for path in identity identity/device.key gateways; do
    chmod go+rx "$home/$path"
    doctor 1
    finds permissions fail "$home/$path has mode" 'chmod'
    heal permissions
    doctor 0
    finds permissions ok
done
chmod 0777 "$home"
doctor 1
finds data_directory fail "$home has mode 0777, wanted 0700"
heal data_directory
doctor 0
ln -s /etc/hostname "$home/identity/link"
doctor 1
finds permissions fail 'is a symbolic link'
rm "$home/identity/link"

# A damaged key is named, and moved away by the printed command; the next one is a new device, and
# the doctor sees that the last answer was to another.
cp "$home/identity/device.key" "$TEST_DIR/kept.key"
echo 'no key' >"$home/identity/device.key"
doctor 1
finds device_key fail 'not a device key' 'restore it from a backup'
heal device_key
doctor 0
finds device_key warn 'was connected to a gateway before' 'new device'
openclaw --data-dir "$home" identity show --create >/dev/null
doctor 0
finds answer warn "another device, $device" "openclaw devices remove $device"
rm "$home/identity/device.key.damaged"
cp "$TEST_DIR/kept.key" "$home/identity/device.key"
doctor 0
finds answer ok

# A wrong pin: both keys are shown, and the found one is not offered as the one to trust.
record=$(echo "$home"/gateways/*.yaml)
cp -p "$record" "$TEST_DIR/record"
sed -i "s/$GATEWAY_PIN/sha256:$(printf '7%.0s' {1..64})/" "$record"
doctor 1
finds trust fail "shows $GATEWAY_PIN" 'expected sha256:7777' 'openclaw gateway info'
lacks "$(of trust fix)" "$GATEWAY_PIN"
contains "$(of trust fix)" 'agent trust --gateway'
heal_pin=$(of trust fix)
bash -c "${heal_pin/sha256:.../$GATEWAY_PIN}" >/dev/null
doctor 0
finds trust ok "$GATEWAY_PIN"

# Trusted at first contact: confirmed by the printed command.
sed -i 's/^first_use: false/first_use: true/' "$record"
doctor 0
finds trust warn 'recorded at first contact' "$GATEWAY_PIN"
heal trust
doctor 0
finds trust ok

# A damaged record is removed by the printed command; then the pin is not known any more.
echo 'pins: nonsense' >"$record"
doctor 1
finds records fail 'line 1 is not understood'
heal records
doctor 0
finds trust warn 'no pin is recorded'
heal trust
doctor 0
finds trust ok
cp -p "$TEST_DIR/record" "$record"

# Stages on the way there: nobody listens; no TLS; TLS of something else; no such name.
python3 - "$TEST_DIR/port" <<'PY' &
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(8)
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1]))
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    c, _ = s.accept(); c.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n"); c.close()
PY
STARTED+=($!)
wait_for 10 test -f "$TEST_DIR/port"
doctor 1 --gateway "tls+tcp://127.0.0.1:$(cat "$TEST_DIR/port")"
finds reachability fail 'no TLS' 'another service has this port'
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -days 2 \
        -keyout "$TEST_DIR/k.pem" -out "$TEST_DIR/c.pem" 2>/dev/null
    openssl s_server -quiet -www -accept 127.0.0.1:0 -key "$TEST_DIR/k.pem" -cert "$TEST_DIR/c.pem" \
        >"$TEST_DIR/s_server.out" 2>&1 </dev/null &
    https_pid=$!
    STARTED+=("$https_pid")
    https_port() {
        ss -Hltnp 2>/dev/null | grep "pid=$https_pid," | sed -E 's/.*127\.0\.0\.1:([0-9]+).*/\1/' |
            grep -E '^[0-9]+$' >"$TEST_DIR/https_port"
    }
    if command -v ss >/dev/null; then
        wait_for 10 https_port
        doctor 1 --gateway "tls+tcp://127.0.0.1:$(cat "$TEST_DIR/https_port")" --timeout 1s
        finds reachability fail 'no gateway' "no gateway's devices' door"
    else
        echo "not tried without ss: TLS of another service"
    fi
fi
doctor 1 --gateway tls+tcp://no-such-host.invalid:18789
finds reachability fail 'the name has no address' "openclaw gateway info"

# The gateway is away: the cause, and the command that brings it back.
port=${GATEWAY_URL##*:}
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$port\"}"
stop_gateway
doctor 1
finds reachability fail 'Connection refused' 'openclaw gateway run'
finds trust skipped 'was not reached'
start_gateway
doctor 0
finds reachability ok

# Locked.
stop_gateway
rm -f "$GATEWAY_HOME"/gateway/*.db*
start_gateway
doctor 1
finds reachability fail 'is locked' 'openclaw gateway status'
expect_exit 0 ocg gateway unlock --init --yes
doctor 0

# Rejected and blocked: 403, and who ends it.
start_agent web-1
wait_for 30 has_request "$device"
expect_exit 0 ocg devices block "$device" --yes
wait_for 20 gone "$AGENT_PID"
doctor 1
finds answer fail '403 Forbidden: blocked' "openclaw devices unblock $device"
expect_exit 0 ocg devices unblock "$device"

# The clock: a receipt of this gateway cannot be from the future.
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1 || true)
# A sanitizer's runtime wants to come first.
if [ -n "$lib" ] && LD_PRELOAD="$lib" openclaw --version >/dev/null 2>&1; then
    expect_exit 1 env LD_PRELOAD="$lib" FAKETIME='-3d' openclaw --data-dir "$home" doctor -o json
    finds clock warn 'signed a receipt' timedatectl
    expect_exit 1 env LD_PRELOAD="$lib" FAKETIME='@1999-01-01 00:00:00' \
        openclaw --data-dir "$home" doctor -o json
    finds clock fail 'which cannot be'
else
    echo "not tried without libfaketime: a clock that went back"
fi

# Where it lies: a container's own layer and memory are told from a disk.
mounts=$TEST_DIR/mounts
mkdir -p "$mounts"
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    cat >"$TEST_DIR/place.sh" <<'SH'
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1"/{upper,work,lower,layer}
mkdir -m 0700 "$1/memory" "$1/memory/identity"
openclaw --data-dir "$1/memory" doctor -o json >"$2.memory" || true
mount -t overlay none -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/layer" || exit 0
mkdir -m 0700 "$1/layer/data" "$1/layer/data/identity"
openclaw --data-dir "$1/layer/data" doctor -o json >"$2.layer" || true
SH
    unshare -m bash "$TEST_DIR/place.sh" "$mounts" "$TEST_DIR/place"
    OUT=$(cat "$TEST_DIR/place.memory")
    finds persistence warn 'lies in memory' 'is lost with'
    if [ -f "$TEST_DIR/place.layer" ]; then
        OUT=$(cat "$TEST_DIR/place.layer")
        finds persistence warn "container's own layer (overlay)" 'new device' \
            "run -v openclaw-data:$mounts/layer/data"
    else
        echo "not tried without overlay mounts: a container's own layer"
    fi
else
    echo "not tried without mount namespaces: memory and a container's layer"
fi
# Root, on another user's files, gives no advice that would take them away from that user; another
# user is told whose they are.
as_user() {
    setpriv --reuid "$1" --clear-groups "$(command -v openclaw)" --data-dir "$home" "${@:2}"
}
if [ "$(id -u)" -eq 0 ] && as_user 65534 --version >/dev/null 2>&1; then
    chown -R 65534 "$home"
    chmod 0755 "$TEST_DIR"
    doctor 0
    finds permissions warn 'and this is root' "sudo -u '#65534' openclaw --data-dir $home doctor"
    finds device_key skipped
    finds separation skipped
    expect_exit 1 as_user 65534 doctor -o json
    finds permissions ok
    finds device_key ok "$device"
    chmod 0755 "$home"
    expect_exit 1 as_user 65533 doctor -o json
    finds data_directory fail 'wanted uid 65533' "sudo chown -R 65533 $home"
    chmod 0700 "$home"
    chown -R 0 "$home"
    chmod 0700 "$TEST_DIR"
else
    echo "not tried without root and setpriv: other users"
fi

# For people: the finding, then why, then the command, on lines of their own.
chmod 0644 "$home/identity/device.key"
expect_exit 1 openclaw --data-dir "$home" doctor
contains "$OUT" 'fail     permissions'
contains "$OUT" "chmod 600 $home/identity/device.key"
grep -qE '^ +why  ' <<<"$OUT" || fail "no cause"
grep -qE '^[0-9]+ failure' <<<"$(tail -n 1 <<<"$OUT")" || fail "no summary: $OUT"
