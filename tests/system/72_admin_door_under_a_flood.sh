# Nobody keeps remote administrators out: neither strangers who flood the admin door, nor one of them,
# nor somebody whose certificate was revoked. And nobody who floods it keeps out devices or the local
# door. What is refused is told in few lines, and the others are counted.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"

admin_config
start_gateway
local_call init
find_admin_url
issue alice admin
issue bob viewer
issue carol viewer
issue leaver viewer
local_call 'revoke leaver'
contains "$OUT" OK

# hold NAME SOURCE COUNT: so many connections with NAME's certificate from SOURCE; in $OUT how many of
# them stay open. NAME "-": the first half of a hello each, and no more.
hold() {
    rm -f "$TEST_DIR/held"
    python3 - "$TEST_DIR" "${ADMIN_URL##*:}" "$@" <<'END' &
import os, select, signal, socket, ssl, sys
directory, port, name, source, count = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
if name != '-':
    context.load_cert_chain(directory + '/' + name + '.pem')
held, still = [], []
for _ in range(int(count)):
    raw = socket.create_connection(('127.0.0.1', int(port)), 20, (source, 0))
    held.append(raw)
    if name == '-':
        raw.sendall(bytes([22, 3, 1, 1, 0, 1, 0]))
        continue
    try:
        held[-1] = context.wrap_socket(raw)
        held[-1].sendall(bytes([0, 0x53, 0x50, 0, 0, 0x30, 0, 0]))
        if held[-1].recv(8) == bytes([0, 0x53, 0x50, 0, 0, 0x31, 0, 0]):
            still.append(held[-1])
    except OSError:
        pass
while still:
    ended = select.select(still, [], [], 0.5)[0]
    if not ended:
        break
    still = [one for one in still if one not in ended]
with open(directory + '/held.part', 'w') as out:
    out.write(str(len(still)))
os.rename(directory + '/held.part', directory + '/held')
signal.pause()
END
    HOLDER=$!
    STARTED+=("$HOLDER")
    wait_for 30 test -f "$TEST_DIR/held"
    OUT=$(cat "$TEST_DIR/held")
}

let_go() {
    kill "$HOLDER"
    wait "$HOLDER" 2>/dev/null || true
}

alice_gets_in() {
    remote_call alice 'call 101'
    [ "$OUT" = OK ] || fail "$1: $OUT"
}

# ---- one whose certificate may do nothing ----------------------------------------------------------

hold leaver 127.0.0.2 24
[ "$OUT" -eq 16 ] || fail "$OUT connections of a revoked certificate"
alice_gets_in "beside a revoked certificate"
let_go

# ---- one administrator, and one source --------------------------------------------------------------

hold bob 127.0.0.3 36
[ "$OUT" -eq 32 ] || fail "$OUT connections of one administrator"
bobs=$HOLDER
hold carol 127.0.0.3 34
[ "$OUT" -eq 32 ] || fail "$OUT connections of another from the same source"
wait_for 5 log_has gateway 'as many connections of this administrator as may be'
hold alice 127.0.0.3 1
[ "$OUT" -eq 0 ] || fail "a source has more than its share"
let_go
alice_gets_in "beside a full source"
kill "$bobs"

# ---- calls in flight ----------------------------------------------------------------------------------

seq=$(ocg gateway status -o json | json 'd["seq"]')
remote_call bob "watch $seq 70 6"
[ "$(grep -o RESOURCE_EXHAUSTED <<<"$OUT" | wc -l)" -eq 6 ] || fail "calls in flight: $OUT"
[ "$(wc -w <<<"$OUT")" -eq 6 ] || fail "a wait did not wait: $OUT"

# ---- strangers ------------------------------------------------------------------------------------------

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=alice -days 30 \
    -keyout "$TEST_DIR/s.key" -out "$TEST_DIR/s.crt" 2>/dev/null
cat "$TEST_DIR/s.key" "$TEST_DIR/s.crt" >"$TEST_DIR/stranger.pem"
hold - 127.0.0.4 300
silent=$HOLDER
hold stranger 127.0.0.5 80
[ "$OUT" -eq 0 ] || fail "strangers were let in"
hold - 127.0.0.6 300
alice_gets_in "under a flood of strangers"
expect_exit 0 ocg gateway status
start_agent web-1
web=$(device_of web-1)
request=$(request_of "$web")
remote_call alice "approve $request"
contains "$OUT" OK
wait_for 20 is_online "$web"
kill "$silent"
n=$(grep -c 'handshake.refused.*source=127.0.0.5' "$TEST_DIR/gateway.log")
[ "$n" -ge 1 ] && [ "$n" -le 4 ] || fail "$n lines of one stranger"
stop_gateway
grep -q 'log.suppressed.*of=handshake.refused source=127.0.0.5' "$TEST_DIR/gateway.log" ||
    fail "what was left out is not told"
