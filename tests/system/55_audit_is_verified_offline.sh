# The audit is exported and verified without a gateway; what was changed, cut off, made anew or put
# back is found, in an export and in a copied database alike, and what cannot be shown is said.
. "$(dirname "$0")/lib.sh"

start_gateway
for i in $(seq 1 60); do
    ocg devices block "$(printf '%064x' "$i")" --yes --reason "tïcket \"$i\"" >/dev/null
done
pin=$(ocg gateway info -o json | json 'd["pin"]' | tr -d '"')
ocg audit export >"$TEST_DIR/early"
ocg gateway backup "$TEST_DIR/early.db" >/dev/null
ocg audit checkpoint >"$TEST_DIR/checkpoints"
for i in $(seq 61 120); do
    ocg devices block "$(printf '%064x' "$i")" --yes >/dev/null
done
ocg gateway backup "$TEST_DIR/late.db" >/dev/null
ocg audit export >"$TEST_DIR/export"
ocg audit checkpoint >>"$TEST_DIR/checkpoints"
last=$(tail -n 1 "$TEST_DIR/checkpoints" | json 'd["seq"]')

# An export goes on from any record, and both parts are one.
expect_exit 0 ocg audit export --from-seq 61
printf '%s\n' "$OUT" >"$TEST_DIR/rest"
cat "$TEST_DIR/early" "$TEST_DIR/rest" >"$TEST_DIR/both"
expect_exit 3 ocg audit export --from-seq $((last + 2))
# A reader that goes away ends it, and it says where to go on.
set +o pipefail
ocg audit export 2>"$TEST_DIR/closed" | true
set -o pipefail

stop_gateway
expect_exit 0 openclaw audit verify "$TEST_DIR/both"
expect_exit 0 openclaw audit verify "$TEST_DIR/export"
contains "$OUT" 'not shown  whose key signed it'
contains "$OUT" 'not shown  that it is not an older history'
openclaw audit verify - <"$TEST_DIR/export" >/dev/null || fail "from standard input"
expect_exit 0 openclaw audit verify "$TEST_DIR/export" --pin "$pin" --checkpoint "$TEST_DIR/checkpoints"
contains "$OUT" 'the one that was given'
contains "$OUT" "2 checkpoints that you kept, up to record"
case $OUT in *'not shown'*) fail "says that something is open: $OUT" ;; esac
expect_exit 0 openclaw audit verify "$TEST_DIR/late.db" --checkpoint "$TEST_DIR/checkpoints" --pin "$pin"
contains "$OUT" '2 checkpoints that you kept hold'
expect_exit 0 openclaw audit verify --database "$TEST_DIR/early.db"
contains "$OUT" 'not shown: that it is the newest state'

# refused FILE TEXT OPTIONS...: exit 1, and the text
refused() {
    local file=$1 text=$2
    shift 2
    expect_exit 1 openclaw audit verify "$file" "$@"
    contains "$ERR" "$text"
}
sed '58s/uid:/uiD:/' "$TEST_DIR/export" >"$TEST_DIR/bad"
refused "$TEST_DIR/bad" 'record 57 (line 58) does not fit its hash'
sed 58d "$TEST_DIR/export" >"$TEST_DIR/bad"
refused "$TEST_DIR/bad" 'record 57 is missing'
sed 58p "$TEST_DIR/export" >"$TEST_DIR/bad"
refused "$TEST_DIR/bad" 'record 57 (line 59) comes twice'
head -n 58 "$TEST_DIR/export" >"$TEST_DIR/bad"
refused "$TEST_DIR/bad" 'cut short'
refused "$TEST_DIR/early" 'is missing, and all up to' --checkpoint "$TEST_DIR/checkpoints"
refused "$TEST_DIR/export" 'the key is not the one of the pin' --pin "sha256:$(printf '%064d' 0)"
refused "$TEST_DIR/early.db" 'is missing, and all up to' --checkpoint "$TEST_DIR/checkpoints"
# A newer export names what an older state lacks, and takes the place of checkpoints.
refused "$TEST_DIR/early.db" "records 62 to $last are missing, which the export has" \
    --checkpoint "$TEST_DIR/export" --pin "$pin"
[ "$(grep -c '"action":"block"' <<<"$OUT")" = 60 ] || fail "names others than are missing: $OUT"
contains "$OUT" "$(printf '"device_id":"%064x"' 120)"
refused "$TEST_DIR/early" 'is missing, and all up to' --checkpoint "$TEST_DIR/export"
expect_exit 0 openclaw audit verify "$TEST_DIR/late.db" --checkpoint "$TEST_DIR/early"
contains "$OUT" 'everything is here that the export tells of'
refused "$TEST_DIR/late.db" 'another key' --checkpoint "$TEST_DIR/checkpoints" --pin "sha256:$(printf '%064d' 0)"

# The same in a database, with SQL; and a chain that is made anew with all its hashes.
edit() {
    cp "$TEST_DIR/late.db" "$TEST_DIR/bad.db"
    python3 - "$TEST_DIR/bad.db" "$1" <<'PY'
import hashlib, sqlite3, struct, sys

db = sqlite3.connect(sys.argv[1])
db.execute(sys.argv[2])
if "nobody" in sys.argv[2]:
    columns = ("at_ms", "actor", "source", "action", "outcome", "device_id", "request_id",
               "state_before", "state_after", "reason", "rule", "detail")
    gateway, database = db.execute("SELECT gateway_id, database_id FROM meta").fetchone()
    head = hashlib.sha256(b"openclaw audit genesis v1\0" + gateway + database).digest()
    for seq, *row in db.execute(f"SELECT seq, {', '.join(columns)} FROM audit ORDER BY seq").fetchall():
        data = struct.pack(">HQ", 8, seq) + struct.pack(">Hq", 8, row[0])
        for name, value in zip(columns[1:], row[1:]):
            value = (value or bytes(32)) if name == "device_id" else value.encode()
            data += struct.pack(">H", len(value)) + value
        head = hashlib.sha256(b"openclaw audit row v1\0" + head + data).digest()
        db.execute("UPDATE audit SET hash = ? WHERE seq = ?", (head, seq))
    db.execute("UPDATE meta SET audit_head = ?, epoch = 99", (head,))
db.commit()
db.close()
PY
}
edit "UPDATE audit SET actor = 'uid:7' WHERE seq = 57"
refused "$TEST_DIR/bad.db" 'audit row 57 is not what was written'
edit "DELETE FROM audit WHERE seq = 57"
refused "$TEST_DIR/bad.db" 'audit row 57 is missing'
edit "UPDATE audit SET actor = 'nobody' WHERE seq = 57"
expect_exit 0 openclaw audit verify "$TEST_DIR/bad.db"
contains "$OUT" 'not shown: that it is the newest state, or that the audit was not made anew'
refused "$TEST_DIR/bad.db" 'is not the one that the checkpoint of' --checkpoint "$TEST_DIR/checkpoints"

[ ! -s "$TEST_DIR/closed" ] || grep -q 'audit export --from-seq' "$TEST_DIR/closed" ||
    fail "a closed pipe: $(cat "$TEST_DIR/closed")"
