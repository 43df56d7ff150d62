# A bundle or a context that is not as it must be is refused with what mends it, before anything is
# sent, and the private key in it is never shown.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"
cd "$TEST_DIR"
LAPTOP=$TEST_DIR/laptop

oc() {
    openclaw --data-dir "$LAPTOP" "$@"
}

# refused CODE TEXT WORDS...: ends so, says that, and shows nothing of a key.
refused() {
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$@"
    contains "$ERR" "$text"
    lacks "$OUT$ERR" "$KEY_LINE"
    lacks "$OUT$ERR" "PRIVATE KEY"
}

admin_config
start_gateway
expect_exit 0 ocg pki init
ADMIN_URL=$(sed -n 's/^ *admin door *//p' <<<"$OUT")
expect_exit 0 ocg pki issue alice --role admin --gateway "$ADMIN_URL"
KEY_LINE=$(awk '/PRIVATE KEY/ { getline; print; exit }' alice.bundle)
[ ${#KEY_LINE} -ge 20 ] || fail "no key was found in the bundle"

# ---- bundles --------------------------------------------------------------------------------------

variant() {
    rm -rf bad.bundle
    (umask 077 && cat >bad.bundle)
}

cp alice.bundle bad.bundle
for mode in 0644 0640 0660 0604; do
    chmod "$mode" bad.bundle
    refused 1 "chmod 600" oc context add bad --bundle bad.bundle
done
rm bad.bundle
ln -s alice.bundle bad.bundle
refused 1 "symbolic link" oc context add bad --bundle bad.bundle
rm bad.bundle
mkfifo -m 0600 bad.bundle
refused 1 "not a regular file" timeout 20 openclaw --data-dir "$LAPTOP" context add bad --bundle bad.bundle
rm bad.bundle
refused 3 "bad.bundle" oc context add bad --bundle bad.bundle
refused 3 " /nowhere.bundle: cannot open" oc context add bad --bundle /nowhere.bundle
refused 3 "nowhere" oc context add bad --bundle nowhere/bad.bundle

size=$(stat -c %s alice.bundle)
for n in 0 1 20 $((size / 4)) $((size / 2)) $((size * 3 / 4)) $((size - 1 - 27)); do
    head -c "$n" alice.bundle | variant
    refused 1 "bundle" oc context add bad --bundle bad.bundle
done
head -c 20000000 /dev/zero | variant
refused 1 "longer than" oc context add bad --bundle bad.bundle
sed 's/^openclaw-bundle: 1/openclaw-bundle: 2/' alice.bundle | variant
refused 1 "newer" oc context add bad --bundle bad.bundle
sed 's/^name: alice/name: bob/' alice.bundle | variant
refused 1 "another administrator" oc context add bad --bundle bad.bundle
sed 's#^gateway: .*#gateway: ipc:///tmp/x#' alice.bundle | variant
refused 1 "bad.bundle" oc context add bad --bundle bad.bundle
printf '\033[31mnot a bundle\n' | variant
refused 1 "bad.bundle" oc context add bad --bundle bad.bundle
lacks "$ERR" "$(printf '\033')"
[ ! -e "$LAPTOP/contexts/bad.bundle" ] || fail "a bad bundle was kept"

# ---- another gateway at the address: nothing is said to it ------------------------------------------

sed "s/^pin: sha256:.*/pin: sha256:$(printf '0%.0s' $(seq 64))/" alice.bundle | variant
expect_exit 0 oc context add foreign --bundle bad.bundle
refused 4 "pin" oc --context foreign devices list
contains "$ERR" "somebody else answers"
[ "$(ocg audit list --actor admin:alice -o json | json 'len(d["items"])')" = 0 ] || fail "alice did something"

# ---- contexts ---------------------------------------------------------------------------------------

expect_exit 0 oc context add prod --bundle alice.bundle
refused 6 "openclaw context remove prod" oc context add prod --bundle alice.bundle
for name in ../prod a/b .. . a..b .x 'a b' local ''; do
    refused 2 "no name for a context" oc context add "$name" --bundle alice.bundle
done
refused 2 "no name of a context" oc --context ../laptop/contexts/prod devices list
refused 3 "openclaw context add test --bundle FILE" oc --context test devices list
refused 3 "OPENCLAW_CONTEXT" env OPENCLAW_CONTEXT=test openclaw --data-dir "$LAPTOP" devices list
refused 3 "openclaw context list" oc context use test
refused 3 "openclaw context list" oc context remove ../prod --yes
[ -e "$LAPTOP/contexts/prod.bundle" ] || fail "a path removed a context"

expect_exit 0 oc context use prod
expect_exit 0 oc devices list
printf '../prod\n' >"$LAPTOP/contexts/current"
refused 1 "openclaw context use NAME" oc devices list
refused 1 "openclaw context use NAME" oc context list
contains "$OUT" prod
lacks "$ERR" "None is in force"
refused 2 "--context local" oc --context "" devices list
head -c 10000000 /dev/zero | tr '\0' a >"$LAPTOP/contexts/current"
refused 1 "openclaw context use NAME" oc devices list
expect_exit 0 oc context use prod
expect_exit 0 oc devices list
expect_exit 0 oc context add prod --bundle alice.bundle --replace
expect_exit 0 oc devices list

chmod 0755 "$LAPTOP/contexts"
refused 1 "chmod 700" oc devices list
expect_exit 7 oc --context local devices list
chmod 0700 "$LAPTOP/contexts"
chmod 0644 "$LAPTOP/contexts/prod.bundle"
refused 1 "chmod 600" oc devices list
expect_exit 0 oc context list
contains "$OUT" "cannot be used"
chmod 0600 "$LAPTOP/contexts/prod.bundle"
chmod 0777 "$LAPTOP"
refused 1 "chmod 755" oc devices list
chmod 0700 "$LAPTOP"
expect_exit 0 oc devices list
