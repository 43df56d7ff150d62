# What a gateway says of its backup is not believed: who runs as its user gets nothing read or removed
# by root's command line that he could not read or remove himself.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root: the gateway runs as another user"
chmod 0755 "$TEST_DIR"
setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$OC_BIN/openclaw-gateway" ||
    skip "nobody else may run the programs, or there is no setpriv"
state=$GATEWAY_HOME/gateway
as_gateway() {
    exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
chown -R 65534:65534 "$GATEWAY_HOME"
as_gateway openclaw-gateway run --data-dir "$GATEWAY_HOME" >"$TEST_DIR/gateway.log" 2>&1 </dev/null &
GATEWAY_PID=$!
STARTED+=("$GATEWAY_PID")
wait_for 20 gateway_answers
mkdir -m 0700 "$TEST_DIR/mine"

# An honest one: root takes the copy, from another user's directory.
expect_exit 0 ocg gateway backup "$TEST_DIR/mine/honest.db"
[ "$(head -c 15 "$TEST_DIR/mine/honest.db")" = "SQLite format 3" ] || fail "that is no database"
[ -z "$(ls -A "$state/backups")" ] || fail "a copy was left"

# From now on its user answers in its place, and names any path of the same length.
mv "$state/admin.sock" "$state/real.sock"
cat >"$TEST_DIR/liar.py" <<'PYTHON'
import os, re, socket, sys, threading
listen, real, lie = sys.argv[1:4]
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
server = socket.socket(socket.AF_UNIX)
server.bind(listen)
server.listen(8)
def pump(source, sink, lies):
    try:
        while data := source.recv(65536):
            found = re.search(rb"/[!-~]*/backups/gateway-[0-9TZ.]*\.db", data) if lies else None
            if found:
                path = open(lie, "rb").read().strip()
                padded = b"/" * (len(found.group(0)) - len(path)) + path
                data = data[:found.start()] + padded + data[found.end():]
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
while True:
    client, _ = server.accept()
    gateway = socket.socket(socket.AF_UNIX)
    gateway.connect(real)
    threading.Thread(target=pump, args=(client, gateway, False), daemon=True).start()
    threading.Thread(target=pump, args=(gateway, client, True), daemon=True).start()
PYTHON
touch "$TEST_DIR/lie"
python3 "$TEST_DIR/liar.py" "$state/admin.sock" "$state/real.sock" "$TEST_DIR/lie" &
STARTED+=($!)
wait_for 10 gateway_answers

# refuses PATH: with this in the answer nothing is taken.
refuses() {
    echo "$1" >"$TEST_DIR/lie"
    expect_exit 5 ocg gateway backup "$TEST_DIR/mine/taken.db"
    contains "$ERR" "neither read nor removed"
    [ ! -e "$TEST_DIR/mine/taken.db" ] || fail "root copied $1"
}
name=gateway-20261122T120000.000Z.db
for victim in "$TEST_DIR/mine/secret" "$TEST_DIR/mine/$name"; do
    echo "root's alone" >"$victim"
    refuses "$victim"
    [ "$(cat "$victim")" = "root's alone" ] || fail "it is gone"
done
# By a link to the file, and to its directory; a pipe.
short=$TEST_DIR/s
mkdir -m 0700 "$short"
chown 65534 "$short"
ln -s "$TEST_DIR/mine/$name" "$short/$name"
refuses "$short/$name"
rm "$short/$name"
ln "$TEST_DIR/mine/$name" "$short/$name"
refuses "$short/$name"
rm "$short/$name"
mkfifo "$short/$name"
chown 65534 "$short/$name"
refuses "$short/$name"
ln -s "$TEST_DIR/mine" "$TEST_DIR/l"
refuses "$TEST_DIR/l/$name"
[ "$(cat "$TEST_DIR/mine/$name")" = "root's alone" ] || fail "it is gone"
