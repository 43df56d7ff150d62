# "Clearing the gateway's data directory resets all approved pairings": it does not by itself. The
# gateway starts locked; after the administrator's word every agent is told that the records were
# reset, keeps its key, and asks.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/reasons.sh"

start_gateway
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:${GATEWAY_URL##*:}\"}"
devices=()
for name in web-1 web-2 web-3; do
    attempt 9 "$name"
    devices+=("$(device_at "$name")")
    expect_exit 0 ocg devices approve "$(field "$(device_at "$name")" request_id)"
    attempt 0 "$name"
done
stop_gateway
rm -f "$GATEWAY_HOME"/gateway/*.db*
start_gateway

attempt 7 web-1
contains "$ERR" 'Gateway locked'
contains "$ERR" 'openclaw gateway status'
contains "$(ocg gateway status 2>&1)" 'unlock'
expect_exit 0 ocg gateway unlock --init --yes

for name in web-1 web-2 web-3; do
    told_alike 9 "$name" records_reset
    contains "$ERR" "keep this agent's data directory"
    [ "$(device_at "$name")" = "${devices[0]}" ] || fail "$name has another identity"
    devices=("${devices[@]:1}")
    expect_exit 0 ocg devices approve "$(field "$(device_at "$name")" request_id)"
    attempt 0 "$name"
done

# Who was never approved is not told so.
told_alike 9 web-4 additional_instance
