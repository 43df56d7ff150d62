# Two-person approval, against a real gateway: two local users and a remote administrator. One vote
# admits nobody, two for the same grant do, and nothing passes the rule over but root's break-glass.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/admins.sh"

OTHER=4242
as_other() {
    setpriv --reuid="$OTHER" --clear-groups --inh-caps=+dac_override \
        --ambient-caps=+dac_override "$@"
}
if [ "$(id -u)" -ne 0 ] || ! as_other true 2>/dev/null; then
    skip "needs root, to be two local users"
fi
other() {
    as_other openclaw --data-dir "$GATEWAY_HOME" "$@"
}

# rules YAML: what several must agree to from now on.
rules() {
    write_config <<END_OF_FILE
listen: {devices: "tls+tcp://127.0.0.1:${DEVICES_PORT:-0}", admin: "tls+tcp://127.0.0.1:${ADMIN_PORT:-0}"}
admin: {localUids: [${UIDS-$OTHER}]}
approvals: $1
END_OF_FILE
}
reload_rules() {
    rules "$1"
    expect_exit 0 ocg gateway reload
}
votes_of() {
    ocg devices show "$1" -o json | json '"%s %s" % (",".join(v["by"] for v in d["votes"]), d["votes_needed"])'
}
has_votes() {
    [ "$(votes_of "$1")" = "$2" ]
}
# One agent at a time.
leave() {
    if [ -n "${AGENT_PID:-}" ]; then
        kill -9 "$AGENT_PID" 2>/dev/null || true
        wait_for 15 gone "$AGENT_PID"
    fi
}
# asks NAME SCOPE: a fresh agent that asks for it; sets DEVICE and REQUEST.
asks() {
    leave
    start_agent "$1" --scope "$2"
    DEVICE=$(device_of "$1")
    REQUEST=$(request_of "$DEVICE")
}

DEPLOY='[{scope: deploy, need: 2}, {label: env=prod, need: 3, votesExpire: 2h}]'
rules "$DEPLOY"
start_gateway
DEVICES_PORT=${GATEWAY_URL##*:}
local_call init
find_admin_url
ADMIN_PORT=${ADMIN_URL##*:}
rules "$DEPLOY" # on these ports from now on
issue alice approver
issue bob approver

# ---- one vote, by each kind of caller, and the list ---------------------------------------------------

asks web-1 chat,deploy
has_votes "$DEVICE" " 2" || fail "before: $(votes_of "$DEVICE")"
expect_exit 9 ocg devices approve "$REQUEST"
contains "$OUT" "voted $DEVICE"
contains "$OUT" "1 of 2 votes, not approved yet"
contains "$ERR" "1 more must agree:  openclaw devices approve $REQUEST"
has_votes "$DEVICE" "uid:0 2" || fail "one vote: $(votes_of "$DEVICE")"
expect_exit 9 ocg devices approve "$REQUEST" -o json
[ "$(json '[d["items"][0][k] for k in ("ok", "exit_code", "message")]' <<<"$OUT")" = "[False, 9, 'voted']" ] ||
    fail "voting again, as JSON: $OUT"
has_votes "$DEVICE" "uid:0 2" || fail "one administrator counts once: $(votes_of "$DEVICE")"
contains "$(ocg devices list)" "pending 1/2 votes"
contains "$(ocg pairing list)" "awaiting approval 1/2 votes"
contains "$(ocg devices show "$DEVICE")" "uid:0, "
is_field "$DEVICE" state pending || fail "approved by one"

# ---- another grant does not add up ----------------------------------------------------------------------

expect_exit 9 other devices approve "$REQUEST" --scope deploy
contains "$OUT" "1 of 2 votes"
contains "$ERR" "1 more must agree:  openclaw devices approve $REQUEST --scope deploy"
contains "$ERR" "1 voted for another grant"
remote_call alice "vote $REQUEST for=3600000" "vote $REQUEST scope=deploy label=site=berlin"
[ "$(grep -c 'voted=1 votes=1/2 else=2' <<<"$OUT")" -eq 2 ] || fail "term and labels: $OUT"
is_field "$DEVICE" state pending || fail "votes for different grants added up"

# ---- kill -9, then the second vote ------------------------------------------------------------------------

leave
kill -9 "$GATEWAY_PID"
wait_for 15 gone "$GATEWAY_PID"
start_gateway
start_agent web-1 --scope chat,deploy
[ "$(votes_of "$DEVICE")" = "uid:0,uid:$OTHER,admin:alice 2" ] || fail "after kill -9: $(votes_of "$DEVICE")"
expect_exit 0 other devices approve "$REQUEST"
contains "$OUT" "approved $DEVICE"
wait_for 20 is_online "$DEVICE"
AUDIT=$(ocg audit list --request "$REQUEST" -o json | json '[(i["actor"], i["outcome"], i["rule"]) for i in d["items"]]')
[ "$AUDIT" = "[('uid:0', 'voted', 'votes:1/2'), ('uid:0', 'voted', 'votes:1/2'), ('uid:$OTHER', 'voted', 'votes:1/2'), ('admin:alice', 'voted', 'votes:1/2'), ('admin:alice', 'voted', 'votes:1/2'), ('uid:$OTHER', 'done', 'votes:2/2')]" ] ||
    fail "audit: $AUDIT"
contains "$(ocg events watch --from 0 --limit 6 -o ndjson)" '"action":"vote"'

# ---- more access for a live session is an approval, too; by code as well ------------------------------------

asks web-2 chat
expect_exit 0 ocg devices approve "$REQUEST"
wait_for 20 is_online "$DEVICE"
asks web-2 chat,deploy
wait_for 20 is_online "$DEVICE"
code_shown() {
    grep -oE '[0-9]{4}-[0-9]{4}' "$TEST_DIR/web-2.log" | tail -n 1 | grep .
}
wait_for 10 code_shown
expect_exit 6 ocg devices approve "$REQUEST" --code 0000-0000
expect_exit 9 ocg devices approve "$REQUEST" --code "$(code_shown)"
[ "$(ocg devices show "$DEVICE" -o json | json 'd["granted"]["scopes"]')" = "['chat']" ] ||
    fail "one vote widened the access of a session"

# ---- a request that is replaced loses its votes -----------------------------------------------------------------

leave
OLD=$REQUEST
start_agent web-2 --scope chat,deploy,tools
replaced() {
    REQUEST=$(field "$DEVICE" request_id)
    [ "$REQUEST" != "$OLD" ] && [ "$REQUEST" != None ]
}
wait_for 15 replaced
has_votes "$DEVICE" " 2" || fail "a replaced request kept votes: $(votes_of "$DEVICE")"
expect_exit 6 other devices approve "$OLD"
expect_exit 9 other devices approve "$REQUEST"

# ---- rejected: its votes are gone, whatever comes back -------------------------------------------------------------

asks web-3 deploy
OLD=$REQUEST
expect_exit 9 ocg devices approve "$REQUEST"
leave
expect_exit 0 ocg devices dismiss "$REQUEST"
asks web-3 deploy
[ "$REQUEST" = "$OLD" ] || fail "the same ask has another id"
has_votes "$DEVICE" " 2" || fail "a dismissed request kept votes: $(votes_of "$DEVICE")"

# ---- a voter who may approve no more ---------------------------------------------------------------------------------

remote_call alice "vote $REQUEST"
contains "$OUT" "OK voted=1 votes=1/2"
local_call 'revoke alice'
has_votes "$DEVICE" " 2" || fail "a revoked administrator's vote is listed: $(votes_of "$DEVICE")"
remote_call bob "vote $REQUEST"
contains "$OUT" "OK voted=1 votes=1/2"
local_call 'role bob viewer'
expect_exit 9 ocg devices approve "$REQUEST"
contains "$OUT" "1 of 2 votes"
expect_exit 9 ocg devices approve "$REQUEST"
UIDS= reload_rules "$DEPLOY"
expect_exit 5 other devices approve "$REQUEST"

# ---- expired --------------------------------------------------------------------------------------------------------------

reload_rules '[{scope: deploy, need: 2, votesExpire: 1s}]'
has_expired() {
    has_votes "$DEVICE" " 2"
}
wait_for 10 has_expired
expect_exit 9 other devices approve "$REQUEST"
contains "$OUT" "1 of 2 votes"

# ---- several at once; announcements -----------------------------------------------------------------------------------------

reload_rules "$DEPLOY"
asks web-4 chat
CHAT=$REQUEST
asks web-4b deploy
expect_exit 9 ocg devices approve "$CHAT" "$REQUEST"
[ "$(grep -cE '^(approved|voted) ' <<<"$OUT")" -eq 2 ] || fail "two at once: $OUT"

# The command that is printed with a vote gives the same vote.
expect_exit 9 ocg devices approve "$REQUEST" --for 8h --label site=berlin
contains "$(ocg audit list --request "$REQUEST")" "for=8h role=agent scopes=deploy"
read -ra COMMAND <<<"$(grep -o 'devices approve .*' <<<"$ERR")"
expect_exit 0 other "${COMMAND[@]}"
contains "$OUT" "approved "
FRESH=$(printf 'ab%.0s' $(seq 32))
expect_exit 6 ocg devices expect "$FRESH" --approve --role agent --scope deploy
contains "$ERR" "several administrators must agree"
expect_exit 0 ocg devices expect "$FRESH"
expect_exit 0 ocg devices expect "$FRESH" --label env=prod
expect_exit 6 ocg devices expect "$FRESH" # which would take the label away
contains "$ERR" "to take an announced label away"
reload_rules '[]'
mkdir -p -m 0700 "$TEST_DIR/web-5"
announced=$(openclaw --data-dir "$TEST_DIR/web-5" identity show --create -o name)
expect_exit 0 ocg devices expect "$announced" --approve --role agent --scope deploy --label env=prod
reload_rules "$DEPLOY"
asks web-5 deploy
has_votes "$DEVICE" " 3" || fail "an announcement from before the rule: $(votes_of "$DEVICE")"
is_field "$DEVICE" state pending || fail "an announcement approved what three must agree to"

# ---- break-glass --------------------------------------------------------------------------------------------------------------

expect_exit 5 other devices approve "$REQUEST" --break-glass --reason "I want it now"
contains "$ERR" "root (uid 0)"
local_call 'role bob admin'
remote_call bob "vote $REQUEST glass=now"
contains "$OUT" PERMISSION_DENIED
[ "$(ocg audit list --action denied -o json | json '[i["actor"] for i in d["items"] if i["detail"] == "break_glass"]')" = "['uid:$OTHER', 'admin:bob']" ] ||
    fail "refused break-glass is not in the audit: $(ocg audit list --action denied)"
expect_exit 2 ocg devices approve "$REQUEST" --break-glass
contains "$ERR" "--reason"
is_field "$DEVICE" state pending || fail "approved by break-glass that was refused"

# The local door always works for root, whatever happened to the CA and to every administrator.
local_call 'revoke bob'
echo nonsense >"$GATEWAY_HOME/gateway/admin-ca.pem"
ocg gateway reload >/dev/null
remote_call bob 'call 101'
contains "$OUT" PERMISSION_DENIED
leave
stop_gateway
start_gateway
expect_exit 0 ocg devices approve "$REQUEST" --break-glass --reason "the site is down"
contains "$OUT" "approved $DEVICE"
contains "$ERR" "break-glass: approved with 1 of 3 votes"
start_agent web-5 --scope deploy
wait_for 20 is_online "$DEVICE"
[ "$(ocg audit list --action break_glass -o json | json '[(i["actor"], i["outcome"], i["rule"], i["reason"]) for i in d["items"]]')" = "[('uid:0', 'done', 'votes:1/3', 'the site is down')]" ] ||
    fail "break-glass in the audit: $(ocg audit list --action break_glass)"
log_has gateway 'warn pairing.break_glass device='"$DEVICE" || fail "break-glass is not in the log"
contains "$(ocg gateway status)" "1 approved without the votes needed"
expect_exit 0 ocg devices revoke "$DEVICE" --yes

# ---- removing is no way around the rule of a label ---------------------------------------------------------------------------------

leave
expect_exit 0 ocg devices remove "$DEVICE" --yes
expect_exit 0 ocg devices expect "$DEVICE"
asks web-5 chat
has_votes "$DEVICE" " 3" || fail "removed and announced, its label is gone: $(votes_of "$DEVICE")"
expect_exit 9 ocg devices approve "$REQUEST"
