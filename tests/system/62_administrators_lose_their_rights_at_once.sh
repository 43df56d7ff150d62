# What an administrator may do is looked up at every call: revoked or demoted on an open connection,
# the very next call is refused, and the connection is cut before the command is answered.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"
DEVICE=$(printf 'ab%.0s' $(seq 32))

admin_config
start_gateway
local_call init
find_admin_url
issue alice admin
issue bob approver
issue carol viewer

# ---- each role: what it may, and what is refused and audited -----------------------------------------

remote_call carol list 'call 101' "block $DEVICE" 'role bob viewer' "renew - $TEST_DIR/carol.csr $TEST_DIR/x"
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = "OK OK PERMISSION_DENIED PERMISSION_DENIED OK " ] ||
    fail "viewer: $OUT"
remote_call bob list "block $DEVICE" 'revoke alice' "renew alice $TEST_DIR/bob.csr $TEST_DIR/x"
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = "OK OK PERMISSION_DENIED PERMISSION_DENIED " ] ||
    fail "approver: $OUT"
make_key dave
remote_call alice "issue dave viewer $TEST_DIR/dave.csr $TEST_DIR/dave.crt" 'role dave approver' list
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = "OK OK OK " ] || fail "admin: $OUT"
AUDIT=$(ocg audit list --limit 100)
contains "$AUDIT" 'admin:carol'
grep -qE 'admin:alice +admin.role +done +admin:dave +- +viewer -> approver' <<<"$AUDIT" ||
    fail "a role's change does not tell whose: $AUDIT"
grep -qE 'admin:bob +denied .*RevokeAdministrator' <<<"$AUDIT" ||
    fail "a refused call does not tell which: $AUDIT"
[ "$(grep -c 'permission_denied' <<<"$AUDIT")" -ge 4 ] || fail "refused calls are not in the audit: $AUDIT"
EVENTS=$(ocg events watch --from 0 --action admin.issue --limit 1)
contains "$EVENTS" '"device":null}'

# refused_rows NAME METHOD REASON: how many rows tell of just that refused call, by which
# certificate and from where.
refused_rows() {
    ocg audit list --limit 500 -o ndjson | python3 -c '
import json, sys
wanted = ["denied", "permission_denied"] + sys.argv[1:]
rows = [json.loads(line) for line in sys.stdin]
print(sum([row[key] for key in ("action", "outcome", "source", "actor", "detail", "reason")]
          == wanted for row in rows))' "127.0.0.1 cert:$(fingerprint_of "$1" | cut -c 1-12)" \
        "admin:$1" "$2" "$3"
}

service=openclaw.v1.AdminService
remote_call carol "decide 103 $DEVICE" 'call 122' 'call 60000'
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = "PERMISSION_DENIED UNIMPLEMENTED UNIMPLEMENTED " ] ||
    fail "what a viewer may not, and what is not there: $OUT"
[ "$(refused_rows carol $service/Approve role)" -eq 1 ] || fail "an approval by a viewer"
[ "$(refused_rows carol $service/InitPki 'no such method at this door')" -eq 1 ] ||
    fail "a method of the local door alone"
[ "$(refused_rows carol 'method 60000' 'no such method at this door')" -eq 1 ] ||
    fail "a method that nobody knows"
log_has gateway 'admin.refused by=admin:carol method="method 60000" door=admin source=127.0.0.1' ||
    fail "the log does not tell of it"

# ---- an approver's bound: in force with the reload, and again without it -------------------------------

ours=$(printf 'cd%.0s' $(seq 32))
cp "$GATEWAY_HOME/gateway.yaml" "$TEST_DIR/unbounded.yaml"
cat >>"$GATEWAY_HOME/gateway.yaml" <<'END'
admin: {bounds: {bob: {roles: [agent], labels: {site: berlin}}}}
END
open_connection bob
say "block $DEVICE"
[ "$OUT" = OK ] || fail "without bounds: $OUT"
ocg gateway reload >/dev/null
say "block $DEVICE"
contains "$OUT" "PERMISSION_DENIED cause=bound_labels"
ocg devices expect "$ours" --label site=berlin >/dev/null
say "block $ours"
[ "$OUT" = OK ] || fail "within the bound: $OUT"
log_has gateway "device=$DEVICE request=none by=admin:bob reason=\"beyond the bound bob" ||
    fail "the log does not tell of it"
contains "$(ocg audit list --limit 100 --json)" 'beyond the bound bob'
cp "$TEST_DIR/unbounded.yaml" "$GATEWAY_HOME/gateway.yaml"
ocg gateway reload >/dev/null
say "block $DEVICE"
[ "$OUT" = OK ] || fail "without bounds again: $OUT"
close_connection

# ---- revoked -------------------------------------------------------------------------------------------

open_connection bob
say 'call 101'
[ "$OUT" = OK ] || fail "before: $OUT"
local_call 'revoke bob'
contains "$OUT" 'OK closed=1'
say "block $DEVICE"
[ "$OUT" = CLOSED ] || fail "a revoked administrator on an open connection: $OUT"
close_connection
remote_call bob "block $DEVICE" 'call 200'
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = "PERMISSION_DENIED CLOSED " ] || fail "revoked: $OUT"
# however often, few rows and fewer lines
for i in $(seq 12); do
    remote_call bob 'call 101'
    contains "$OUT" PERMISSION_DENIED
done
n=$(refused_rows bob $service/ListDevices revoked)
[ "$n" -ge 1 ] && [ "$n" -le 8 ] || fail "$n rows of one whose certificate was revoked"
log_has gateway "admin.refused by=admin:bob method=$service/ListDevices door=admin source=127.0.0.1 reason=revoked" ||
    fail "the log does not tell of it"

# ---- demoted -------------------------------------------------------------------------------------------

open_connection alice
say 'role dave viewer'
contains "$OUT" 'OK closed=0'
local_call 'role alice viewer'
contains "$OUT" 'OK closed=1'
say 'revoke dave'
[ "$OUT" = CLOSED ] || fail "a demoted administrator on an open connection: $OUT"
close_connection
remote_call alice list 'revoke dave'
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = "OK PERMISSION_DENIED " ] || fail "demoted: $OUT"
local_call 'role alice admin'
contains "$OUT" 'OK closed=0'
remote_call alice 'role dave approver'
contains "$OUT" 'OK closed=0'

# ---- by oneself: answered all the same, and then the connection is closed, as are all others -------------

hold_another() {
    mkfifo "$TEST_DIR/to2" "$TEST_DIR/from2"
    "$OC_TESTS/admincall" "$ADMIN_URL" "$TEST_DIR/$1.pem" <"$TEST_DIR/to2" >"$TEST_DIR/from2" &
    STARTED+=("$!")
    exec 5>"$TEST_DIR/to2" 6<"$TEST_DIR/from2"
    rm "$TEST_DIR/to2" "$TEST_DIR/from2"
    echo 'call 101' >&5
    read -r -t 20 OUT <&6
    [ "$OUT" = OK ] || fail "another connection: $OUT"
}

# takes_from_oneself NAME LINE: by NAME, who has two connections.
takes_from_oneself() {
    local rows
    rows=$(ocg audit list --actor "admin:$1" --limit 500 -o ndjson | grep -c '"denied"' || true)
    hold_another "$1"
    open_connection "$1"
    say "$2"
    contains "$OUT" 'OK closed=2'
    say 'call 101'
    [ "$OUT" = CLOSED ] || fail "after $2: $OUT"
    echo 'call 101' >&5
    read -r -t 20 OUT <&6
    [ "$OUT" = CLOSED ] || fail "another connection after $2: $OUT"
    close_connection
    exec 5>&- 6<&-
    [ "$(ocg audit list --actor "admin:$1" --limit 500 -o ndjson | grep -c '"denied"' || true)" = "$rows" ] ||
        fail "$2 is in the audit as denied"
}

issue erin admin
takes_from_oneself erin 'role erin viewer'
contains "$(ocg pki list)" 'erin'
local_call 'role erin admin'
takes_from_oneself erin "revoke-certificate $(fingerprint_of erin)"
rm "$TEST_DIR/erin.key"
local_call 'revoke erin'
issue erin admin
takes_from_oneself erin 'revoke erin'
remote_call erin 'call 101'
contains "$OUT" PERMISSION_DENIED

# ---- one certificate, and what was renewed with it -------------------------------------------------------

make_key alice2
make_key alice3
remote_call alice "renew - $TEST_DIR/alice2.csr $TEST_DIR/alice2.crt"
contains "$OUT" 'OK alice'
cat "$TEST_DIR/alice2.key" "$TEST_DIR/alice2.crt" >"$TEST_DIR/alice2.pem"
remote_call alice2 "renew - $TEST_DIR/alice3.csr $TEST_DIR/alice3.crt" 'call 200'
contains "$OUT" 'OK alice'
cat "$TEST_DIR/alice3.key" "$TEST_DIR/alice3.crt" >"$TEST_DIR/alice3.pem"
local_call "revoke-certificate $(fingerprint_of alice2)"
contains "$OUT" 'OK closed='
for stolen in alice2 alice3; do
    remote_call "$stolen" 'call 101'
    contains "$OUT" PERMISSION_DENIED
done
remote_call alice 'call 101'
[ "$OUT" = OK ] || fail "the certificate that was not revoked: $OUT"

# ---- another CA: everything of the old one is void, at once ----------------------------------------------

open_connection alice
say 'call 101'
[ "$OUT" = OK ] || fail "before: $OUT"
local_call 'init replace' list
contains "$OUT" 'revoked='
say 'call 101'
[ "$OUT" = CLOSED ] || fail "a certificate of the CA that is no more: $OUT"
close_connection
make_key alice4
cp "$TEST_DIR/alice4.key" "$TEST_DIR/alice.key"
cp "$TEST_DIR/alice4.csr" "$TEST_DIR/alice.csr"
issue alice admin
remote_call alice 'call 101'
[ "$OUT" = OK ] || fail "issued anew: $OUT"

# ---- the CA's file is read again by a reload ---------------------------------------------------------------

cp "$GATEWAY_HOME/gateway/admin-ca.pem" "$TEST_DIR/ours.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TEST_DIR/new.key" \
    -subj '/CN=another' -days 30 -addext 'basicConstraints=critical,CA:TRUE' \
    -addext 'keyUsage=critical,keyCertSign' -out "$TEST_DIR/new.crt" 2>/dev/null
sed -n '/BEGIN CERTIFICATE/,$p' "$TEST_DIR/new.crt" >"$TEST_DIR/new.pem"
open_connection alice
say 'call 101'
[ "$OUT" = OK ] || fail "before: $OUT"
echo nonsense >"$GATEWAY_HOME/gateway/admin-ca.pem"
ocg gateway reload >/dev/null
log_has gateway 'admin.ca_unusable' || fail "a CA that cannot be read was not told of"
say 'call 101'
[ "$OUT" = OK ] || fail "a CA that cannot be read changed something: $OUT"
cp "$TEST_DIR/new.pem" "$GATEWAY_HOME/gateway/admin-ca.pem"
ocg gateway reload >/dev/null
say 'call 101'
[ "$OUT" = CLOSED ] || fail "a certificate of the CA whose file was replaced: $OUT"
close_connection
cp "$TEST_DIR/ours.pem" "$GATEWAY_HOME/gateway/admin-ca.pem"
ocg gateway reload >/dev/null
remote_call alice 'call 101'
contains "$OUT" PERMISSION_DENIED

# ---- every row says who, from where, by which certificate, what, and what came of it ---------------------

ocg audit list --limit 1000 --json >"$TEST_DIR/rows"
ocg audit export >"$TEST_DIR/export"
python3 - "$TEST_DIR/rows" "$TEST_DIR/export" "$(fingerprint_of carol)" <<'PY' || fail "a row that does not tell all"
import json, re, sys

columns = ("seq", "at", "actor", "source", "action", "outcome", "device_id", "request_id", "before",
           "after", "reason", "rule", "detail", "hash")
rows = json.load(open(sys.argv[1]))["items"]
exported = [json.loads(line) for line in open(sys.argv[2]) if line.startswith('{"seq"')]
assert rows == exported, "the list and the export differ"
seen = set()
for row in rows:
    assert tuple(row) == columns, row
    assert all(row[c] for c in ("seq", "at", "actor", "source", "action", "outcome", "hash")), row
    is_remote = row["actor"].startswith("admin:")
    assert bool(re.fullmatch(r"127\.0\.0\.1 cert:[0-9a-f]{12}", row["source"])) == is_remote, row
    if row["action"] in ("denied", "reload"):
        assert row["detail"], row
        continue
    about = row["device_id"] or row["detail"].startswith(("administrator=", "ca="))
    assert about and row["before"] and row["after"], row
    seen.add(row["action"])
    if row["actor"] == "admin:carol":
        assert row["source"].endswith("cert:" + sys.argv[3][:12]), row
print(sorted(seen))
PY
