# Sourced by the tests of remote administrators: a gateway with an admin door, keys and certificates.

admin_config() {
    write_config <<'END'
listen: {devices: "tls+tcp://127.0.0.1:0", admin: "tls+tcp://127.0.0.1:0"}
END
}

# make_key NAME [ALGORITHM...]: NAME.key, and NAME.csr in DER.
make_key() {
    local name=$1
    shift
    local kind=("$@")
    [ ${#kind[@]} -gt 0 ] || kind=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
    openssl genpkey "${kind[@]}" -out "$TEST_DIR/$name.key" 2>/dev/null
    openssl req -new -key "$TEST_DIR/$name.key" -subj "/CN=$name" -outform DER \
        -out "$TEST_DIR/$name.csr"
}

# local_call LINE...: the answers of the local door, a line each, in $OUT.
local_call() {
    OUT=$(printf '%s\n' "$@" |
        timeout 30 "$OC_TESTS/admincall" "ipc://$GATEWAY_HOME/gateway/admin.sock")
}

# remote_call NAME LINE...: the same at the admin door, with NAME's certificate.
remote_call() {
    local name=$1
    shift
    OUT=$(printf '%s\n' "$@" | timeout 30 "$OC_TESTS/admincall" "$ADMIN_URL" "$TEST_DIR/$name.pem")
}

# issue NAME ROLE: NAME.key, NAME.crt and both in NAME.pem.
issue() {
    [ -f "$TEST_DIR/$1.key" ] || make_key "$1"
    local_call "issue $1 $2 $TEST_DIR/$1.csr $TEST_DIR/$1.crt"
    contains "$OUT" "OK $1 role=$2 state=active"
    cat "$TEST_DIR/$1.key" "$TEST_DIR/$1.crt" >"$TEST_DIR/$1.pem"
}

find_admin_url() {
    local_call list
    ADMIN_URL=$(grep -o 'address=[^ ]*' <<<"$OUT" | cut -d= -f2-)
    [ -n "$ADMIN_URL" ] || fail "the admin door is shut: $OUT"
}

fingerprint_of() {
    openssl x509 -in "$TEST_DIR/$1.crt" -outform DER | sha256sum | cut -d' ' -f1
}

# open_connection NAME: a connection with NAME's certificate that stays open, for say and hear.
open_connection() {
    mkfifo "$TEST_DIR/to" "$TEST_DIR/from"
    "$OC_TESTS/admincall" "$ADMIN_URL" "$TEST_DIR/$1.pem" <"$TEST_DIR/to" >"$TEST_DIR/from" &
    STARTED+=("$!")
    exec 7>"$TEST_DIR/to" 8<"$TEST_DIR/from"
    rm "$TEST_DIR/to" "$TEST_DIR/from"
}

# say LINE: one call over it; its answer in $OUT.
say() {
    echo "$1" >&7
    read -r -t 20 OUT <&8 || OUT="no answer"
}

close_connection() {
    exec 7>&- 8<&-
}

# ---- certificates, good and bad ------------------------------------------------------------------------


# sign NAME EXTENSIONS...: NAME.crt of NAME.key by the CA in $SIGNER, else in $CA (key and
# certificate in one), with the extensions as they are.
sign() {
    local name=$1
    shift
    printf '%s\n' "$@" >"$TEST_DIR/ext"
    openssl req -in "$TEST_DIR/$name.csr" -inform DER -out "$TEST_DIR/$name.req"
    "${AT[@]:-env}" openssl x509 -req -in "$TEST_DIR/$name.req" -CA "${SIGNER:-$CA}" -CAkey "${SIGNER:-$CA}" \
        -set_serial "0x$(openssl rand -hex 8)" -days "${DAYS:-30}" -sha256 -extfile "$TEST_DIR/ext" \
        -out "$TEST_DIR/$name.crt" 2>/dev/null
}

# the answer to our greeting: the gateway's, if the certificate was accepted
greeting_of() {
    local host=${ADMIN_URL#tls+tcp://}
    { printf '\x00SP\x00\x000\x00\x00'; sleep "${PATIENCE:-0.3}"; } |
        timeout 2 openssl s_client -connect "$host" -quiet "$@" 2>"$TEST_DIR/s_client" |
        od -An -tx1 | tr -d ' \n' || true
}

with() {
    greeting_of -tls1_3 -cert "$TEST_DIR/$1.crt" -key "$TEST_DIR/$1.key" "${@:2}"
}

# refused NAME REASON [ARGUMENTS...]: no greeting, and a line in the log with reason and fix.
refused() {
    local name=$1 reason=$2
    shift 2
    [ -z "$(with "$name" "$@")" ] || fail "$name was let in"
    wait_for 5 grep -q "handshake.refused.*$reason.*fix=" "$TEST_DIR/gateway.log"
}
