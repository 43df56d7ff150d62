# Nobody gets through the admin door but who holds a registered certificate of the admin CA: every
# kind of other certificate, none, and TLS 1.2 reach no method, and are told of in one line each.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"
command -v faketime >/dev/null || skip "faketime is not installed"

admin_config
start_gateway
log_has gateway 'admin.door_shut' || fail "a door without a CA was not told of"
local_call list
contains "$OUT" "OK ca=0 address="
expect_exit 0 ocg gateway status
contains "$OUT" "shut although listen.admin is set: there is no admin CA yet"
contains "$OUT" "openclaw pki init"
OUT=$(ocg doctor -o json || true)
fix=$(json '[i["fix"] for i in d["items"] if i["check"] == "admin_door" and i["result"] == "warn"][0]' <<<"$OUT")
expect_exit 0 bash -c "$fix"
lacks "$(ocg doctor -o json || true)" '"admin_door"'
expect_exit 0 ocg gateway status
lacks "$OUT" shut
local_call 'init replace' list init
contains "$OUT" "ALREADY_EXISTS cause=ca_exists"
find_admin_url
CA=$GATEWAY_HOME/gateway/admin-ca.pem
[ "$(stat -c %a "$CA")" = 600 ] || fail "the CA's key may be read by others"
issue alice admin

# ---- certificates, good and bad -------------------------------------------------------------------

AT=(env)
BASIC='basicConstraints=critical,CA:FALSE'
CLIENT='extendedKeyUsage=clientAuth'
NAMED='subjectAltName=URI:openclaw:admin/mallory'

[ "$(PATIENCE=1 with alice)" = 0053500000310000 ] || fail "a good certificate was not let in"
[ "$(PATIENCE=1 with alice -cert_chain "$CA")" = 0053500000310000 ] ||
    fail "a good certificate with the CA's beside it was not let in"

[ -z "$(greeting_of -tls1_3)" ] || fail "no certificate was let in"
wait_for 5 grep -q 'handshake.refused.*the peer showed no certificate' "$TEST_DIR/gateway.log"
[ -z "$(greeting_of -tls1_2 -cert "$TEST_DIR/alice.crt" -key "$TEST_DIR/alice.key")" ] ||
    fail "TLS 1.2 was let in"
wait_for 5 grep -q 'handshake.refused.*no TLS 1.3' "$TEST_DIR/gateway.log"

make_key self
openssl req -x509 -key "$TEST_DIR/self.key" -subj /CN=self -days 30 -addext "$CLIENT" \
    -addext "$NAMED" -addext "$BASIC" -out "$TEST_DIR/self.crt"
refused self "is not signed by this gateway's admin CA"

make_key other
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TEST_DIR/otherca.key" \
    -subj "$(openssl x509 -in "$CA" -noout -subject -nameopt compat | sed 's/^subject=//;s/^ *//')" \
    -days 30 -out "$TEST_DIR/otherca.crt" 2>/dev/null
cat "$TEST_DIR/otherca.key" "$TEST_DIR/otherca.crt" >"$TEST_DIR/otherca.pem"
SIGNER=$TEST_DIR/otherca.pem sign other "$BASIC" "$CLIENT" "$NAMED"
refused other "is not signed by this gateway's admin CA"

make_key late
AT=(faketime -f '-2y') DAYS=10
sign late "$BASIC" "$CLIENT" "$NAMED"
refused late 'the certificate has expired'
make_key early
AT=(faketime -f '+1y')
sign early "$BASIC" "$CLIENT" "$NAMED"
refused early 'the certificate is not valid yet'
AT=(env) DAYS=30

make_key server
sign server "$BASIC" "extendedKeyUsage=serverAuth" "$NAMED"
refused server 'not made for clients'
make_key anything
sign anything "$BASIC" "$NAMED"
refused anything 'not made for clients'

make_key nameless
sign nameless "$BASIC" "$CLIENT"
refused nameless "one name must be the URI"
make_key twonames
sign twonames "$BASIC" "$CLIENT" "$NAMED,URI:openclaw:admin/alice"
refused twonames "one name must be the URI"
make_key loud
sign loud "$BASIC" "$CLIENT" 'subjectAltName=URI:openclaw:admin/Alice'
refused loud "one name must be the URI"

make_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
sign rsa "$BASIC" "$CLIENT" "$NAMED"
[ -z "$(with rsa)" ] || fail "an RSA key was let in" # the gateway's TLS does not offer to read it

make_key middle
sign middle 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign,digitalSignature' "$CLIENT" "$NAMED"
refused middle 'that of a CA'
cat "$TEST_DIR/middle.key" "$TEST_DIR/middle.crt" >"$TEST_DIR/middle.pem"
make_key below
SIGNER=$TEST_DIR/middle.pem sign below "$BASIC" "$CLIENT" "$NAMED"
refused below 'certificates between this one and the admin CA' -cert_chain "$TEST_DIR/middle.crt"

mkdir -m 0700 "$TEST_DIR/agent"
openclaw --data-dir "$TEST_DIR/agent" identity show --create >/dev/null
cp "$TEST_DIR/agent/identity/device.key" "$TEST_DIR/device.key"
openssl req -x509 -key "$TEST_DIR/device.key" -subj /CN=oc -days 30 -out "$TEST_DIR/device.crt"
refused device "is not signed by this gateway's admin CA"

openssl x509 -in "$CA" -out "$TEST_DIR/ca.crt"
openssl pkey -in "$CA" -out "$TEST_DIR/ca.key"
refused ca 'that of a CA'

# ---- signed by the CA, but not registered: through the handshake, and no further --------------------

make_key mallory
sign mallory "$BASIC" "$CLIENT" "$NAMED"
cat "$TEST_DIR/mallory.key" "$TEST_DIR/mallory.crt" >"$TEST_DIR/mallory.pem"
remote_call mallory 'call 100' 'call 200'
[ "$OUT" = "$(printf 'PERMISSION_DENIED cause=certificate_unknown field= not_durable=0 phrase=the certificate is not registered at this gateway\nCLOSED')" ] ||
    fail "an unregistered certificate: $OUT"
contains "$(ocg audit list)" 'admin:mallory'

# ---- the other door's callers have no method here, and ours none there -------------------------------

remote_call alice 'call 1' 'call 3' 'call 114' 'call 115' 'init' 'call 100' 'call 200'
[ "$(grep -c '^UNIMPLEMENTED' <<<"$OUT")" -eq 5 ] || fail "methods of other doors: $OUT"
[ "$(tail -n 2 <<<"$OUT" | sort -u)" = OK ] || fail "methods of this door: $OUT"
ADMIN_URL=$GATEWAY_URL
[ -z "$(with alice)" ] || fail "an administrator's certificate was let in at the devices' door"
find_admin_url

# ---- a flood of refused certificates is one line, not many --------------------------------------------

PATIENCE=0
for _ in $(seq 60); do
    with self >/dev/null &
    STARTED+=("$!")
done
wait $(jobs -p | grep -vx "$GATEWAY_PID") 2>/dev/null || true
n=$(grep -c "handshake.refused.*signed by this gateway's admin CA" "$TEST_DIR/gateway.log")
[ "$n" -le 4 ] || fail "$n lines of one reason and source"
remote_call alice 'call 200'
[ "$OUT" = OK ] || fail "after the flood: $OUT"

# ---- whatever became of the CA, the gateway's own user gets in at the local door --------------------------

as_service() {
    setpriv --reuid=4343 --regid=4343 --clear-groups --no-new-privs "$@"
}
stop_gateway
chmod 0711 "$TEST_DIR"
if [ "$(id -u)" -eq 0 ] && as_service openclaw --version >/dev/null 2>&1; then
    chown -R 4343:4343 "$GATEWAY_HOME"
    echo nonsense >"$GATEWAY_HOME/gateway/admin-ca.pem"
    as_service openclaw-gateway run --data-dir "$GATEWAY_HOME" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
    GATEWAY_PID=$!
    STARTED+=("$GATEWAY_PID")
    wait_for 20 gateway_answers
    expect_exit 0 as_service openclaw --data-dir "$GATEWAY_HOME" pki revoke alice --yes
    [ "$(ocg audit list --actor uid:4343 -o json | json '[(i["action"], i["outcome"]) for i in d["items"]]')" = \
        "[('admin.revoke', 'done')]" ] || fail "the service's own user is not in the audit: $(ocg audit list)"
fi
