# Administrators of a CA that is not ours: who gets in, what the map lets them do, and how they lose
# it at once, on open connections too: by revocation, by a reload, with another CA.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"
command -v faketime >/dev/null || skip "faketime is not installed"
DEVICE=$(printf 'ab%.0s' $(seq 32))
OURS=$(printf 'cd%.0s' $(seq 32))
URI=spiffe://corp.example

# make_ca NAME: NAME.pem, key and certificate in one; NAME.crt, the certificate alone.
make_ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=Corp' \
        -keyout "$TEST_DIR/$1.key" -out "$TEST_DIR/$1.crt" -addext 'keyUsage=critical,keyCertSign' \
        2>/dev/null
    cat "$TEST_DIR/$1.key" "$TEST_DIR/$1.crt" >"$TEST_DIR/$1.pem"
}

# configure MAP [BOUNDS]
configure() {
    write_config <<END
listen: {devices: "tls+tcp://127.0.0.1:0", admin: "tls+tcp://127.0.0.1:0"}
admin:
  ca: $TEST_DIR/trusted.pem
  bounds: {berlin: {roles: [agent], scopes: ["*"], labels: {site: berlin}}}
  map: [$1]
END
}

ADMINS="{san: \"$URI/admins/*\", role: admin}"
OTHERS="{san: \"$URI/approvers/*\", role: approver, bound: berlin}, {san: \"$URI/viewers/*\", role: viewer}"

# ---- a file that cannot be trusted is refused ---------------------------------------------------------

make_ca corp
CA=$TEST_DIR/corp.pem
configure "$ADMINS, $OTHERS"
not_checked() {
    local said
    said=$(openclaw-gateway check-config --data-dir "$GATEWAY_HOME" 2>&1) && fail "accepted: $1"
    contains "$said" "$1"
}
not_checked 'trusted.pem: No such file'
cp "$CA" "$TEST_DIR/trusted.pem"
not_checked 'trusted.pem: ca: holds a private key'
cp "$TEST_DIR/corp.crt" "$TEST_DIR/trusted.pem"
chmod 0664 "$TEST_DIR/trusted.pem"
not_checked 'trusted.pem: has mode 0664, others may write it'
chmod 0644 "$TEST_DIR/trusted.pem"
openclaw-gateway check-config --data-dir "$GATEWAY_HOME" >/dev/null

start_gateway
find_admin_url

# ---- certificates, good and bad -------------------------------------------------------------------------

BASIC='basicConstraints=critical,CA:FALSE'
CLIENT='extendedKeyUsage=clientAuth'
named() { echo "subjectAltName=URI:$URI/$1"; }
# holder NAME PATH: NAME.pem, a certificate of the CA for that path.
holder() {
    [ -f "$TEST_DIR/$1.key" ] || make_key "$1"
    sign "$1" "$BASIC" "$CLIENT" "$(named "$2")"
    cat "$TEST_DIR/$1.key" "$TEST_DIR/$1.crt" >"$TEST_DIR/$1.pem"
}
# a SAN of one URI, byte for byte
raw_san() {
    local hex n
    hex=$(printf "$1" | od -An -tx1 | tr -d ' \n')
    n=$((${#hex} / 2))
    printf 'subjectAltName=DER:30%02x86%02x%s' $((n + 2)) "$n" "$hex"
}

holder alice admins/alice
holder bob approvers/bob
holder carol viewers/carol
[ "$(PATIENCE=1 with alice)" = 0053500000310000 ] || fail "a good certificate was not let in"

PATIENCE=0.05 # what counts is that the log tells of the refusal
[ -z "$(greeting_of -tls1_3)" ] || fail "no certificate was let in"
wait_for 5 grep -q 'handshake.refused.*the peer showed no certificate' "$TEST_DIR/gateway.log"
[ -z "$(greeting_of -tls1_2 -cert "$TEST_DIR/alice.crt" -key "$TEST_DIR/alice.key")" ] ||
    fail "TLS 1.2 was let in"
wait_for 5 grep -q 'handshake.refused.*no TLS 1.3' "$TEST_DIR/gateway.log"

# told NAME REASON [ARGUMENTS...]: refused, and told of in one line, of a source of its own.
N_TOLD=0
told() {
    N_TOLD=$((N_TOLD + 1))
    local source=127.0.1.$N_TOLD name=$1 reason=$2
    shift 2
    [ -z "$(with "$name" -bind "$source:0" "$@")" ] || fail "$name was let in"
    wait_for 5 grep -q "handshake.refused source=$source reason=.*$reason.*fix=" "$TEST_DIR/gateway.log"
    [ "$(grep -c "source=$source " "$TEST_DIR/gateway.log")" -eq 1 ] || fail "$name: many lines"
}

make_key any
openssl req -x509 -key "$TEST_DIR/any.key" -subj /CN=Corp -days 30 -addext "$CLIENT" -addext "$BASIC" \
    -addext "$(named admins/alice)" -out "$TEST_DIR/any.crt"
told any "is not signed by this gateway's admin CA"
make_ca other # of the same name
SIGNER=$TEST_DIR/other.pem sign any "$BASIC" "$CLIENT" "$(named admins/alice)"
told any "is not signed by this gateway's admin CA"
AT=(faketime -f '-2y') DAYS=10
sign any "$BASIC" "$CLIENT" "$(named admins/alice)"
told any 'the certificate has expired'
AT=(faketime -f '+1y')
sign any "$BASIC" "$CLIENT" "$(named admins/alice)"
told any 'the certificate is not valid yet'
AT=(env) DAYS=30
sign any "$BASIC" 'extendedKeyUsage=serverAuth' "$(named admins/alice)"
told any 'not made for clients'
sign any "$BASIC" "$CLIENT" "$(named "admins/alice,URI:$URI/admins/bob")"
told any 'one name must be a URI'
sign any "$BASIC" "$CLIENT" "$(raw_san "$URI/admins/al\\0ice")"
told any 'one name must be a URI'
sign any "$BASIC" "$CLIENT" "$(raw_san "$URI/admins/al\\nice")"
told any 'one name must be a URI'
sign any "$BASIC" "$CLIENT" 'subjectAltName=DNS:admin.corp.example'
told any 'one name must be a URI'
sign any "$BASIC" "$CLIENT" "$(named admins/alice/x)" # a star is no slash
told any 'nothing in admin.map names the URI'
sign any "$BASIC" "$CLIENT" 'subjectAltName=URI:openclaw:admin/alice'
told any 'nothing in admin.map names the URI'
make_key middle
sign middle 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign'
cat "$TEST_DIR/middle.key" "$TEST_DIR/middle.crt" >"$TEST_DIR/middle.pem"
SIGNER=$TEST_DIR/middle.pem sign any "$BASIC" "$CLIENT" "$(named admins/alice)"
told any 'certificates between this one and the admin CA' -cert_chain "$TEST_DIR/middle.crt"
mkdir -m 0700 "$TEST_DIR/agent"
openclaw --data-dir "$TEST_DIR/agent" identity show --create >/dev/null
cp "$TEST_DIR/agent/identity/device.key" "$TEST_DIR/device.key"
openssl req -x509 -key "$TEST_DIR/device.key" -subj /CN=oc -days 30 -out "$TEST_DIR/device.crt"
told device "is not signed by this gateway's admin CA"

# ---- what the map lets them do ----------------------------------------------------------------------------

remote_call carol 'call 101' "block $DEVICE"
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = 'OK PERMISSION_DENIED ' ] || fail "viewer: $OUT"
ocg devices expect "$OURS" --label site=berlin >/dev/null
remote_call bob "block $DEVICE" "block $OURS" "revoke $URI/admins/alice"
[ "$(cut -d' ' -f1,2 <<<"$OUT" | tr '\n' ' ')" = \
    'PERMISSION_DENIED cause=bound_labels OK PERMISSION_DENIED cause= ' ] || fail "approver: $OUT"
remote_call alice "block $DEVICE" 'call 115' 'init'
[ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = 'OK UNIMPLEMENTED UNIMPLEMENTED ' ] || fail "admin: $OUT"
local_call init "issue dave viewer $TEST_DIR/alice.csr $TEST_DIR/x"
[ "$(grep -c 'FAILED_PRECONDITION cause=external_ca' <<<"$OUT")" -eq 2 ] || fail "own CA: $OUT"
contains "$(ocg audit list --limit 100)" "admin:$URI/approvers/bob"

open_connection bob
say list
contains "$OUT" "$URI/approvers/bob role=approver state=active online=1 certificate=$(fingerprint_of bob)"
contains "$OUT" "$URI/viewers/carol role=viewer state=active online=0"
close_connection

# ---- revoked by name, and by certificate, seen or not: at once, and after a restart ---------------------------

open_connection bob
say 'call 101'
[ "$OUT" = OK ] || fail "before: $OUT"
remote_call alice "revoke $URI/approvers/bob"
contains "$OUT" "OK closed=1"
say "block $OURS"
[ "$OUT" = CLOSED ] || fail "revoked, on an open connection: $OUT"
close_connection
open_connection carol
say 'call 101'
[ "$OUT" = OK ] || fail "before: $OUT"
local_call "revoke-certificate $(fingerprint_of carol)"
contains "$OUT" "OK closed=1"
contains "$OUT" "$URI/viewers/carol"
say 'call 101'
[ "$OUT" = CLOSED ] || fail "a revoked certificate, on an open connection: $OUT"
close_connection
holder dave viewers/dave
local_call "revoke-certificate $(fingerprint_of dave)"
contains "$OUT" 'OK closed=0'
cp "$TEST_DIR/carol.key" "$TEST_DIR/carol2.key"
cp "$TEST_DIR/carol.csr" "$TEST_DIR/carol2.csr"
holder carol2 viewers/carol
revoked() {
    remote_call "$1" 'call 101' 'call 200'
    [ "$(cut -d' ' -f1 <<<"$OUT" | tr '\n' ' ')" = 'PERMISSION_DENIED CLOSED ' ] || fail "$1: $OUT"
}
kill -9 "$GATEWAY_PID"
wait_for 15 gone "$GATEWAY_PID"
start_gateway
find_admin_url
for name in bob carol dave; do
    revoked "$name"
done
remote_call carol2 'call 101'
[ "$OUT" = OK ] || fail "another certificate of the same name: $OUT"

# ---- a reload: mapped no more, another role, another CA ---------------------------------------------------------

open_connection alice
say "block $DEVICE"
[ "$OUT" = OK ] || fail "before: $OUT"
configure "{san: \"$URI/admins/*\", role: viewer}, $OTHERS"
ocg gateway reload >/dev/null
say "block $DEVICE"
[ "$OUT" = CLOSED ] || fail "demoted by the map: $OUT"
close_connection
open_connection alice
say 'call 101'
[ "$OUT" = OK ] || fail "as a viewer: $OUT"
configure "$OTHERS"
ocg gateway reload >/dev/null
say 'call 101'
[ "$OUT" = CLOSED ] || fail "mapped no more: $OUT"
close_connection
told alice 'nothing in admin.map names the URI'
configure "$ADMINS, $OTHERS"
ocg gateway reload >/dev/null

open_connection alice
say 'call 101'
[ "$OUT" = OK ] || fail "mapped again: $OUT"
chmod 0666 "$TEST_DIR/trusted.pem"
cp "$TEST_DIR/other.crt" "$TEST_DIR/trusted.pem"
ocg gateway reload >/dev/null
log_has gateway 'admin.ca_unusable' || fail "a file that anybody may write was not told of"
say 'call 101'
[ "$OUT" = OK ] || fail "a file that anybody may write changed something: $OUT"
chmod 0644 "$TEST_DIR/trusted.pem"
ocg gateway reload >/dev/null
say 'call 101'
[ "$OUT" = CLOSED ] || fail "a certificate of the CA that is no more: $OUT"
close_connection
told alice "is not signed by this gateway's admin CA"

# ---- without admin.ca, the gateway's own again; with it, the own one's do not count --------------------------------

admin_config
ocg gateway reload >/dev/null
local_call init
issue erin admin
remote_call erin 'call 101'
[ "$OUT" = OK ] || fail "the gateway's own CA: $OUT"
open_connection erin
say 'call 101'
configure "$ADMINS"
ocg gateway reload >/dev/null
say 'call 101'
[ "$OUT" = CLOSED ] || fail "the gateway's own CA beside another: $OUT"
close_connection
told erin "is not signed by this gateway's admin CA"
