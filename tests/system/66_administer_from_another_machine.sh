# An administrator on another machine runs the gateway as the role allows: a bundle made at the
# gateway, a context made of it, every command through it; and it ends when it is revoked.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"
cd "$TEST_DIR"
LAPTOP=$TEST_DIR/laptop

oc() {
    openclaw --data-dir "$LAPTOP" "$@"
}

# as NAME WORDS...: through the context of that name.
as() {
    local name=$1
    shift
    oc --context "$name" "$@"
}

# value KEY: of the JSON in $OUT.
value() {
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$OUT"
}

# hire NAME ROLE: an administrator, and a context of the same name on the laptop.
hire() {
    expect_exit 0 ocg pki issue "$1" --role "$2" --gateway "$ADMIN_URL" --out "$1.bundle"
    [ "$(stat -c %a "$1.bundle")" = 600 ] || fail "the bundle of $1 may be read by others"
    expect_exit 0 oc context add "$1" --bundle "$1.bundle"
}

# ---- from a gateway without a CA to three administrators ---------------------------------------

admin_config
start_gateway
expect_exit 1 ocg pki issue alice --role admin
contains "$ERR" "openclaw pki init"
expect_exit 0 ocg pki init -o json
ADMIN_URL=$(value admin_address)
expect_exit 6 ocg pki init
contains "$ERR" "this gateway has an admin CA already"
contains "$ERR" "openclaw pki init --replace"
expect_exit 3 ocg pki role nobody admin
contains "$ERR" "nobody is no administrator here"
expect_exit 2 ocg pki issue alice --role admin
contains "$ERR" "on this machine alone ($ADMIN_URL)"
contains "$ERR" "--gateway $ADMIN_URL"
[ ! -e alice.bundle ] || fail "a bundle was made without an address"
hire alice admin
hire bob approver
hire vera viewer
expect_exit 6 ocg pki issue vera --role viewer --gateway "$ADMIN_URL" --out vera.bundle
contains "$ERR" "never written over"

# ---- each role reaches what it may --------------------------------------------------------------

start_agent web-1
WEB=$(device_of web-1)
REQUEST=$(request_of "$WEB")
as vera events watch --from 0 >watch.log 2>watch.err &
WATCH=$!
STARTED+=("$WATCH")
wait_for 10 grep -q '"action":"request"' watch.log

for who in vera bob alice; do
    expect_exit 0 as "$who" pairing list
    contains "$OUT" "$REQUEST"
    expect_exit 0 as "$who" gateway status
    expect_exit 0 as "$who" audit list
    expect_exit 0 as "$who" pki list
done
expect_exit 5 as vera devices approve "$REQUEST"
contains "$ERR" "this is context vera: administrator vera, issued as viewer"
expect_exit 0 ocg audit list --actor admin:vera
contains "$OUT" denied
expect_exit 5 as bob gateway reload
expect_exit 5 as bob pki issue mallory --role admin
[ ! -e mallory.bundle ] || fail "a refused order left a bundle"
expect_exit 0 as alice gateway reload

expect_exit 0 as bob devices approve "$REQUEST"
expect_exit 0 as vera devices wait "$WEB" --for connected --timeout 30s
wait_for 10 grep -q '"action":"approve"' watch.log
expect_exit 0 as bob devices revoke "$WEB" --yes --wait
contains "$OUT" "its connection is closed"
expect_exit 0 ocg audit list --actor admin:bob --action revoke
contains "$OUT" "$WEB"
start_agent web-2
SECOND=$(request_of "$(device_of web-2)")
expect_exit 0 as bob devices reject "$SECOND"
expect_exit 0 as vera audit export
contains "$OUT" '"actor":"admin:bob"'

# ---- the order: flag, environment, file ----------------------------------------------------------

expect_exit 7 oc devices list
contains "$ERR" "no gateway runs here"
expect_exit 0 oc context use vera
expect_exit 5 oc devices rename "$WEB" db-1
expect_exit 0 env OPENCLAW_CONTEXT=bob openclaw --data-dir "$LAPTOP" devices rename "$WEB" db-1
expect_exit 5 env OPENCLAW_CONTEXT=bob openclaw --data-dir "$LAPTOP" --context vera devices rename "$WEB" x
expect_exit 7 oc devices list --context local
expect_exit 2 oc gateway unlock --init
contains "$ERR" "the context vera is in force"
expect_exit 0 oc context list
contains "$OUT" "*  vera"
expect_exit 0 oc context use local
expect_exit 3 as nobody devices list
contains "$ERR" "openclaw context add nobody --bundle FILE"

# ---- one who issues for others, renews, and is demoted --------------------------------------------

expect_exit 0 as alice pki issue dora --role approver --ttl 10d --out dora.bundle
contains "$OUT" "$ADMIN_URL"
expect_exit 0 oc context add dora --bundle dora.bundle
expect_exit 0 as alice pki list
contains "$ERR" "the certificate of dora ends"
contains "$ERR" "openclaw pki renew dora"
expect_exit 0 oc context show dora -o json
BEFORE=$(value certificate)
expect_exit 0 as dora pki renew
expect_exit 0 oc context show dora -o json
AFTER=$(value certificate)
[ -n "$AFTER" ] && [ "$BEFORE" != "$AFTER" ] || fail "nothing was renewed"
expect_exit 0 as dora devices list
expect_exit 0 openclaw --data-dir "$LAPTOP" pki renew --bundle dora.bundle
expect_exit 0 ocg pki renew dora --gateway "$ADMIN_URL" --out dora-2.bundle
expect_exit 0 ocg pki list -o ndjson
[ "$(grep '"name":"dora"' <<<"$OUT" | grep -o '"serial"' | wc -l)" = 4 ] ||
    fail "dora has other than four certificates"
expect_exit 0 as alice pki role dora viewer
expect_exit 5 as dora devices rename "$WEB" x

# ---- revoked on an open watch ----------------------------------------------------------------------

expect_exit 0 as alice pki revoke vera --yes --reason "lost laptop"
contains "$OUT" "revoked vera"
code=0
wait_for 20 gone "$WATCH"
wait "$WATCH" || code=$?
[ "$code" -eq 4 ] || fail "the watch ended with $code: $(cat watch.err)"
contains "$(cat watch.err)" certificate
expect_exit 4 as vera devices list
contains "$ERR" "the certificate of administrator vera"
expect_exit 0 ocg audit list --actor admin:alice --newest
contains "$OUT" "lost laptop"
expect_exit 0 as dora pki list
contains "$OUT" revoked

expect_exit 6 ocg pki role vera admin
contains "$ERR" "vera is revoked"

# one certificate alone
expect_exit 0 ocg pki revoke "$AFTER" --yes
expect_exit 4 as dora devices list
expect_exit 0 oc context remove dora --yes
expect_exit 0 oc context add dora --bundle dora-2.bundle
expect_exit 0 as dora devices list

# by oneself: done, and said so
hire gina admin
expect_exit 0 as gina pki role gina viewer -o json
contains "$OUT" viewer
expect_exit 0 ocg pki role gina admin
expect_exit 0 as gina pki revoke gina --yes
contains "$OUT" "revoked gina"
contains "$ERR" "that is you"
expect_exit 4 as gina devices list

# ---- another CA, without a restart -----------------------------------------------------------------

expect_exit 2 ocg pki init --replace
expect_exit 0 ocg pki init --replace --yes
contains "$ERR" "lost their certificates"
expect_exit 4 as alice devices list
contains "$ERR" certificate
expect_exit 0 ocg pki issue alice --role admin --gateway "$ADMIN_URL" --out alice-2.bundle
expect_exit 0 oc context add alice-2 --bundle alice-2.bundle
expect_exit 0 as alice-2 devices list
stop_gateway
expect_exit 7 as alice-2 devices list
contains "$ERR" "the gateway of context alice-2 is at $ADMIN_URL"

# ---- a CA whose key no gateway holds ----------------------------------------------------------------

GATEWAY_HOME=$TEST_DIR/second-home
SAFE=$TEST_DIR/safe
admin_config
expect_exit 0 openclaw --data-dir "$SAFE" pki init --offline ca
[ "$(stat -c %a ca ca/admin-ca.pem | tr '\n' ' ')" = "700 600 " ] || fail "the CA's key may be read"
start_gateway
cp ca/admin-ca.crt carried.crt
expect_exit 0 ocg pki init --offline carried.crt -o json
ADMIN_URL=$(value admin_address)
[ "$(value can_sign)" = false ] || fail "the gateway says that it can sign"
! grep -rqs 'PRIVATE KEY' "$GATEWAY_HOME/gateway/admin-ca.pem" || fail "the gateway has the CA's key"
expect_exit 1 ocg pki issue erik --role admin --gateway "$ADMIN_URL"
contains "$ERR" "--offline DIR"
# away from the gateway, and registered there
expect_exit 0 openclaw --data-dir "$SAFE" pki issue erik --role admin --offline ca \
    --gateway "$ADMIN_URL" --pin "$GATEWAY_PIN"
expect_exit 0 oc context add erik --bundle erik.bundle
expect_exit 4 as erik devices list
contains "$ERR" "openclaw pki issue erik --role admin --register erik.crt"
expect_exit 2 ocg pki issue fay --role admin --register erik.crt
contains "$ERR" "is it fay's"
expect_exit 0 ocg pki issue erik --role admin --register erik.crt
expect_exit 0 as erik devices list
# where both can be reached
expect_exit 0 as erik pki issue fay --role viewer --offline ca --out fay.bundle
expect_exit 0 oc context add fay --bundle fay.bundle
expect_exit 0 as fay devices list
expect_exit 0 as fay pki renew --offline ca
expect_exit 0 as fay devices list
