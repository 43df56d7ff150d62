# A backup of a gateway under load is a moment of it: every one of many opens, is a prefix of what was
# decided, has a whole audit, and holds no decision up. Nothing is ever written over, and nobody
# makes the gateway write where he may not.
. "$(dirname "$0")/lib.sh"
: "${OC_TESTS:?set OC_TESTS to the folder with the test programs}"

start_gateway
oracle=$TEST_DIR/oracle
copies=$TEST_DIR/copies
mkdir -m 0700 "$copies"
: >"$oracle"
"$OC_TESTS/decider" "$GATEWAY_HOME" 1000000 8 27 "$oracle" >/dev/null 2>&1 &
decider=$!
STARTED+=("$decider")
acked() {
    [ "$(grep -c '^acked' "$oracle")" -ge "$1" ]
}
for i in $(seq 1 "${OC_BACKUPS:-12}"); do
    wait_for 30 acked $((i * 60))
    grep '^acked' "$oracle" >"$copies/$i.acked"
    expect_exit 0 ocg gateway backup "$copies/$i.db" -o json
    cp "$oracle" "$copies/$i.sent"
    [ "$(json 'd["path"]' <<<"$OUT")" = "$copies/$i.db" ] || fail "another path: $OUT"
    json 'd["seq"]' <<<"$OUT" >"$copies/$i.seq"
done
gone "$decider" && fail "the load ended early"
kill -9 "$decider"

# What was acknowledged before a backup began is in it, what was sent after it ended is not, its audit
# is whole; and it is a prefix of the next one.
python3 - "$copies" <<'PYTHON'
import pathlib, sqlite3, stat, sys
folder = pathlib.Path(sys.argv[1])
before = []
n = len(list(folder.glob("*.db")))
for i in range(1, n + 1):
    path = folder / f"{i}.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", path
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete", path
    seq, audit_seq = db.execute("SELECT seq, audit_seq FROM meta").fetchone()
    assert seq == int((folder / f"{i}.seq").read_text()), path
    held = {row[0].hex(): row[1] for row in db.execute("SELECT id, standing FROM devices")}
    rows = db.execute("SELECT seq, device_id, action FROM audit ORDER BY seq").fetchall()
    assert [row[0] for row in rows] == list(range(1, audit_seq + 1)), path
    assert rows[:len(before)] == before, f"{path} contradicts the one before"
    assert any(row[2] == "backup" for row in rows), path
    acked = {line.split()[2] for line in (folder / f"{i}.acked").read_text().splitlines()}
    sent = {line.split()[2] for line in (folder / f"{i}.sent").read_text().splitlines()}
    assert acked <= held.keys(), f"{path} lacks {len(acked - held.keys())} acknowledged decisions"
    assert held.keys() <= sent, f"{path} has what was never sent"
    assert seq == len(held), path
    before = rows
print(f"{n} backups, the last at change {seq}")
PYTHON
[ -z "$(ls "$GATEWAY_HOME/gateway/backups")" ] || fail "a copy was left in the gateway's directory"

# Without a name: in the gateway's own directory, the name alone on stdout.
expect_exit 0 ocg gateway backup
[ -f "$OUT" ] && [ "$(dirname "$OUT")" = "$GATEWAY_HOME/gateway/backups" ] || fail "not there: $OUT"
[ "$(stat -c %a "$OUT" "$GATEWAY_HOME/gateway/backups" | tr '\n' ' ')" = "600 700 " ] || fail "modes"
contains "$ERR" secret.key
for secret in gateway.key secret.key; do
    python3 - "$OUT" "$GATEWAY_HOME/gateway/$secret" <<'PYTHON' || fail "$secret is in the backup"
import sys
backup, secret = (open(path, "rb").read() for path in sys.argv[1:])
sys.exit(secret in backup or secret[:16] in backup)
PYTHON
done

# Never over anything, a link included; never where others could swap it.
echo mine >"$TEST_DIR/mine"
ln -s "$TEST_DIR/nothing" "$TEST_DIR/link"
expect_exit 6 ocg gateway backup "$TEST_DIR/mine"
contains "$ERR" "never written over"
expect_exit 6 ocg gateway backup "$TEST_DIR/link"
[ "$(cat "$TEST_DIR/mine")" = mine ] && [ ! -e "$TEST_DIR/nothing" ] || fail "it was written over"
mkdir -m 0777 "$TEST_DIR/open"
chmod 0777 "$TEST_DIR/open"
expect_exit 5 ocg gateway backup "$TEST_DIR/open/a.db"
contains "$ERR" "chmod go-w"
expect_exit 3 ocg gateway backup "$TEST_DIR/none/a.db"
# A directory in the gateway's own that others may enter is refused by the gateway, which says so.
chmod 0755 "$GATEWAY_HOME/gateway/backups"
expect_exit 5 ocg gateway backup
contains "$ERR" "chmod 700"
chmod 0700 "$GATEWAY_HOME/gateway/backups"
expect_exit 0 ocg audit list -o ndjson --newest --limit 1
[ "$(json 'd["action"]' <<<"$OUT")" = backup ] || fail "not audited: $OUT"

# A backup never takes the room that the gateway needs for its own writing.
mkdir "$TEST_DIR/small"
if mount -t tmpfs -o size=60m,mode=0700 none "$TEST_DIR/small" 2>/dev/null; then
    MOUNTED+=("$TEST_DIR/small")
    big=$GATEWAY_HOME big_pid=$GATEWAY_PID
    GATEWAY_HOME=$TEST_DIR/small/home
    start_gateway
    expect_exit 7 ocg gateway backup
    contains "$ERR" "make room"
    [ -z "$(ls "$GATEWAY_HOME/gateway/backups")" ] || fail "something was left behind"
    expect_exit 0 ocg devices block --yes "$(printf '1%.0s' $(seq 64))"
    stop_gateway
    GATEWAY_HOME=$big GATEWAY_PID=$big_pid
else
    echo "no tmpfs can be mounted here: the room that a backup leaves was not tried"
fi

expect_exit 0 ocg gateway backup "$copies/after.db"
kill -0 "$GATEWAY_PID" || fail "the gateway ended"
stop_gateway
expect_exit 7 ocg gateway backup
