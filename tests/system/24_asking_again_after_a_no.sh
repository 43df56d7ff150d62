# "The device can attempt pairing again, which generates a new pending request": an agent that keeps
# asking waits out the pause after a no, and its new request says what was before it. Nobody had to do
# anything meanwhile. (The pause is a minute; the three wait together.)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/reasons.sh"

start_gateway
devices=()
agents=()
for name in rejected revoked removed; do
    start_agent "$name" --keep-asking
    agents+=("$AGENT_PID")
    devices+=("$(device_of "$name")")
    request_of "${devices[-1]}" >/dev/null
done
expect_exit 0 ocg devices reject "$(field "${devices[0]}" request_id)"
for i in 1 2; do
    expect_exit 0 ocg devices approve "$(field "${devices[$i]}" request_id)"
    wait_for 10 is_online "${devices[$i]}"
done
expect_exit 0 ocg devices revoke "${devices[1]}" --yes
expect_exit 0 ocg devices remove "${devices[2]}" --yes
since=$SECONDS

i=0
for name in rejected revoked removed; do
    wait_for 10 log_has "$name" '403 Forbidden'
    wait_for 10 log_has "$name" "  why      $(sentence_of "$name")"
    wait_for 10 log_has "$name" 'wait: this agent keeps asking'
    ! has_request "${devices[$i]}" || fail "$name: a request in the pause"
    i=$((i + 1))
done

i=0
for name in rejected revoked removed; do
    wait_for 120 has_request "${devices[$i]}"
    [ $((SECONDS - since)) -ge 59 ] || fail "$name: asked again after $((SECONDS - since)) s"
    is_field "${devices[$i]}" why "$name" || fail "$name: $(field "${devices[$i]}" why)"
    wait_for 10 logged "${devices[$i]}" "$name"
    expect_exit 0 ocg devices approve "$(field "${devices[$i]}" request_id)"
    wait_for 10 is_online "${devices[$i]}"
    kill -0 "${agents[$i]}" || fail "$name: the agent ended"
    i=$((i + 1))
done
