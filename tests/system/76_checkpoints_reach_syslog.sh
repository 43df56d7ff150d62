# Checkpoints that go to syslog are read back from a real socket as a log daemon writes them down,
# and are worth as much as those of the file: /dev/log of a private /dev stands for the other host.
#
# That /dev is a folder of this test with nodes of its own: what the test removes at its end can never
# be the machine's.
if [ -z "${OC_OUTER_MOUNTS:-}" ]; then
    unshare --mount true 2>/dev/null || { echo "SKIPPED: no mount namespaces here"; exit 77; }
    OC_OUTER_MOUNTS=$(readlink /proc/self/ns/mnt)
    export OC_OUTER_MOUNTS
    exec unshare --mount --propagation private bash "$0"
fi
[ "$(readlink /proc/self/ns/mnt)" != "$OC_OUTER_MOUNTS" ] || { echo "not in a namespace of its own"; exit 1; }
. "$(dirname "$0")/lib.sh"

mkdir -m 755 "$TEST_DIR/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$TEST_DIR/dev/${node%:*}" c 1 "${node#*:}" 2>/dev/null || skip "no device can be made here"
done
{ : >"$TEST_DIR/dev/null"; } 2>/dev/null || skip "devices do not work in $TEST_DIR"
ln -s /proc/self/fd "$TEST_DIR/dev/fd"
mount --bind "$TEST_DIR/dev" /dev 2>/dev/null || skip "nothing can be mounted here"
python3 - "$TEST_DIR/syslog" <<'PY' &
import os, re, socket, sys

log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log.new")
os.rename("/dev/log.new", "/dev/log")
while True:
    data = log.recv(65536)
    assert len(data) <= 1024, f"{len(data)} bytes: an old log daemon cuts it short"
    priority, rest = re.fullmatch(rb"<(\d+)>(.*)", data.rstrip(b"\0\n"), re.S).groups()
    assert priority == b"85", priority  # authpriv, notice
    assert b"\n" not in rest
    with open(sys.argv[1], "ab") as out:
        out.write(rest.replace(b"openclaw-gateway", b"gw openclaw-gateway", 1) + b"\n")
PY
STARTED+=("$!")
wait_for 20 test -S /dev/log

write_config <<YAML
listen: {devices: "tls+tcp://127.0.0.1:0"}
audit: {syslog: true, checkpointEvery: 1s}
YAML
block() {
    ocg devices block "$(printf '%064x' "$1")" --yes >/dev/null 2>&1
}
start_gateway
tells_of() {
    grep -q "\"seq\":$1," "$TEST_DIR/syslog"
}
block 1
wait_for 20 tells_of 1
block 2
block 3
wait_for 20 tells_of 3
ocg audit export >"$TEST_DIR/export"
block 4
stop_gateway
wait_for 20 tells_of 4
grep -q '^... .. ..:..:.. gw openclaw-gateway.*: {"openclaw":"audit checkpoint 1",' "$TEST_DIR/syslog" ||
    fail "not as a log daemon has it: $(head -n 1 "$TEST_DIR/syslog")"

# They hold what they were made of, and show what was cut off since.
head -n 2 "$TEST_DIR/syslog" >"$TEST_DIR/until-3"
expect_exit 0 openclaw audit verify "$TEST_DIR/export" --checkpoint "$TEST_DIR/until-3" --pin "$GATEWAY_PIN"
contains "$OUT" 'checkpoints that you kept, up to record 3'
expect_exit 1 openclaw audit verify "$TEST_DIR/export" --checkpoint "$TEST_DIR/syslog" --pin "$GATEWAY_PIN"
contains "$ERR" 'record 4 is missing'
expect_exit 0 openclaw audit verify "$GATEWAY_HOME/gateway/gateway.db" --checkpoint "$TEST_DIR/syslog" --pin "$GATEWAY_PIN"
