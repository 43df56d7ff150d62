# A flood of fresh keys from one address keeps nobody from another address out: its request is listed
# within 10 s, an announced one's within 2 s, and stays. Even from the flooding address itself the
# announced get in.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/flood.sh"

start_gateway
start_flood 8 1 32 7
wait_for 10 is_at_least open_requests in_use 32
listed_within 20 honest # promised: 10 s
honest=$DEVICE
make_device awaited
awaited=$DEVICE
expect_exit 0 ocg devices expect "$awaited"
listed_within 10 awaited # promised: 2 s, on a machine that has nothing else to do
end_flood
[ "$(cap open_requests in_use)" -eq 33 ] || fail "not the share of one source and one honest device"
[ "$(cap open_requests refused)" -gt 0 ] || fail "nobody was refused"
[ "$(cap open_requests shed)" -eq 0 ] || fail "somebody was shed below the cap"
has_request "$honest" || fail "the honest device is not listed any more"

# From the agents' own address: it is full for strangers, and not for who is announced.
start_flood 6 1 32 0
wait_for 10 is_at_least open_requests in_use 64
make_device late
late=$DEVICE
expect_exit 0 ocg devices expect "$late"
listed_within 10 late
has_request "$honest" || fail "the honest device was pushed out from its own address"
has_request "$awaited" || fail "the announced device was pushed out"
expect_exit 0 ocg devices approve "$(request_of "$honest")"
wait_for 10 is_online "$honest"
end_flood
