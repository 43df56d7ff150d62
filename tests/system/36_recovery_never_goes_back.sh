# A disk that fails and comes back with an older database, or that takes the database and not the
# marker: the gateway stays with what it acknowledged, or serves nobody until somebody decides.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "strace is not installed"
strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"

status_field() {
    ocg gateway status -o json | json "d[\"$1\"]"
}
status_is() {
    [ "$(status_field "$1")" = "$2" ]
}
marker_seq() {
    grep -a '^seq' "$GATEWAY_HOME/gateway/marker" | sort -k2n | tail -n 1
}
marker_is_current() {
    [ "$(marker_seq)" = "seq $(status_field seq)" ]
}
# inject ARGUMENTS...: strace on the gateway, in place when it returns; sets TRACER.
inject() {
    strace -f -qq -p "$GATEWAY_PID" -o "$TEST_DIR/strace.out" "$@" 2>/dev/null &
    TRACER=$!
    STARTED+=("$TRACER")
    wait_for 10 is_traced
}
is_traced() {
    local task
    for task in "/proc/$GATEWAY_PID/task"/*; do
        grep -q "^TracerPid:[[:space:]]$TRACER$" "$task/status" || return 1
    done
}
end_injection() {
    kill "$TRACER"
    wait_for 10 gone "$TRACER"
}

start_gateway
start_agent web-1 --keep-asking
web=$(device_of web-1)
ocg devices approve "$(request_of "$web")" >/dev/null
wait_for 10 is_online "$web"
start_agent db-1 --keep-asking
db=$(device_of db-1)
ocg devices approve "$(request_of "$db")" >/dev/null
wait_for 10 is_online "$db"
ocg gateway backup "$TEST_DIR/older.db" >/dev/null 2>&1 || fail "no backup"

# The database takes the revocation, the marker does not.
inject -e trace=pwrite64 -P "$GATEWAY_HOME/gateway/marker" -e inject=pwrite64:error=EIO
expect_exit 7 ocg devices revoke "$web" --yes
contains "$ERR" "not in the marker"
contains "$ERR" "$GATEWAY_HOME/gateway/marker: cannot write"
echo "--- revoke"; echo "$ERR"
status_is store_cause marker_fails || fail "the status does not tell of the marker: $(status_field store_cause)"
is_field "$web" state revoked || fail "the revocation is not in force"
end_injection
wait_for 20 status_is store_state ok
expect_exit 0 ocg devices block "$web" --yes
marker_is_current || fail "block was answered before the marker had it"
seq=$(marker_seq)

# One sync fails while an older database lies there.
inject -e trace=fdatasync -e inject=fdatasync:error=EIO:when=1
install -m 0600 "$TEST_DIR/older.db" "$GATEWAY_HOME/gateway/x.db"
mv "$GATEWAY_HOME/gateway/x.db" "$GATEWAY_HOME/gateway/gateway.db"
rm -f "$GATEWAY_HOME/gateway/gateway.db-wal"
expect_exit 7 ocg devices rename "$db" database
wait_for 20 status_is state locked
end_injection
contains "$(status_field lock_reason)" "older than what this gateway last wrote"
wait_for 10 is_field "$db" online false
is_field "$web" state blocked || fail "the older database was read: $(field "$web" state)"
log_has gateway "fix=\"openclaw gateway unlock --accept-rollback\"" || fail "the log names no way out"
[ "$(marker_seq)" = "$seq" ] || fail "the marker was taken back from $seq to $(marker_seq)"
expect_exit 7 ocg devices rename "$db" again

# So does a start with the same files; and who accepts them gets them.
kill -9 "$GATEWAY_PID"
wait_for 10 gone "$GATEWAY_PID"
start_gateway
contains "$(status_field lock_reason)" "older than what this gateway last wrote"
ocg gateway unlock --accept-rollback --yes >/dev/null || fail "no way out"
is_field "$web" state approved || fail "not the accepted database: $(field "$web" state)"
