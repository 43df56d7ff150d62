#!/bin/bash
# Every public function has a whole contract and stands on the reference page, the page is what the
# headers say, and the headers still are what programs were built with.
#
#   check_reference.sh ROOT          checks the tree
#   check_reference.sh --self-test   plants each kind of fault in a copy and wants it found
set -euo pipefail

check_contracts() {
  python3 "$1/client/make_reference.py" check "$1/include/openclaw"
}

check_page() {
  local name failed=0 page=$1/client/reference.md
  while read -r name; do
    grep -qx "### $name" "$page" || { echo "reference: $name is missing on the page"; failed=1; }
  done < <(sed -nE 's/^ +(oc_[a-z0-9_]+);$/\1/p' "$1/client/libopenclaw.map")
  python3 "$1/client/make_reference.py" page "$1/include/openclaw" | diff -q - "$page" >/dev/null ||
    { echo "reference: client/reference.md is not what the headers say; run: ./dev docs"; failed=1; }
  return $failed
}

check_abi() {
  python3 "$1/client/record_abi.py" check "$1/include/openclaw" "$1/client/abi.txt"
}

# plant CHECK EXPECTED FILE EXPRESSION: a copy with that one edit must fail with EXPECTED.
plant() {
  local check=$1 expected=$2 file=$3 expression=$4 tree out
  tree=$(mktemp -d)
  mkdir -p "$tree/include" "$tree/client"
  cp "$root"/client/{*.py,*.map,*.md,*.txt} "$tree/client"
  cp -r "$root/include/openclaw" "$tree/include/"
  sed -i -E "$expression" "$tree/$file"
  ! cmp -s "$root/$file" "$tree/$file" || { echo "self-test: nothing was planted: $expression"; failed=1; }
  if out=$($check "$tree" 2>&1) || ! grep -qF -- "$expected" <<<"$out"; then
    echo "self-test: not found: \"$expected\" by $expression; got: $(head -c 1000 <<<"$out")"
    failed=1
  fi
  rm -rf "$tree"
}

self_test() {
  local admin=include/openclaw/admin.h client=include/openclaw/client.h
  local device=include/openclaw/device.h pairing=include/openclaw/pairing.h
  plant check_contracts 'oc_version: has no contract' include/openclaw/version.h \
    '/The version of the library that is/,/text is constant\./ d'
  plant check_contracts 'oc_admin_status: its contract lacks Fails' $admin \
    "/own status; a locked gateway/,/\\*\\// s/Fails: +as all calls here\\.//"
  plant check_contracts 'oc_client_open: its contract lacks Owns' $client 's/Owns:   \*out: oc_client_close\./ /'
  plant check_contracts 'oc_client_close: its contract lacks Owns' $client 's/Owns:   takes `client`\.//'
  plant check_contracts 'oc_agent_wait_connected: its contract lacks Units' $pairing 's/Units:  timeout_ms: /Time: /'
  plant check_contracts 'oc_status_name: neither it nor its header says Thread' include/openclaw/status.h \
    's/Thread: any; every/Every/'
  plant check_contracts 'labels stand as Units, Owns, Fails, Thread' $client 's/Units:  cap: bytes/Thread: any, bytes/'
  plant check_contracts 'oc_counter: nothing is said of it' $device "/^\\/\\* One of the gateway's counts/d"
  plant check_page 'is missing on the page' client/libopenclaw.map 's/( +)oc_version;/&\n\1oc_version_number;/'
  plant check_page 'is not what the headers say; run: ./dev docs' $client 's/Prepares a client\./Makes a client./'
  plant check_abi 'struct oc_device 3' $device 's/^    bool is_online;/    uint64_t more[99];\n&/'
  plant check_abi 'struct oc_device.state' $device 's/^    enum oc_state state;/    enum oc_why because;\n&/'
  plant check_abi 'struct oc_device.is_online' $device 's/^    bool is_online;/    uint32_t is_online;/'
  plant check_abi 'struct oc_decision.code 6' $admin 's/^    char code\[16\]/    char code[24]/'
  plant check_abi 'struct oc_agent_ops.refused 8 8 was promised' $pairing \
    's/^    void \(\*refused\)/    void (*waiting)(void *user);\n&/'
  plant check_abi 'OC_REVOKE 3 was promised' $admin 's/^    OC_REVOKE,/    OC_FORGIVE,\n&/'
  plant check_abi "OC_STATE_REVOKED 4 was promised; now it is gone" include/openclaw/states.h \
    's/OC_STATE_REVOKED/OC_STATE_ENDED/'
  plant check_abi 'struct oc_session.alias' $pairing '/^struct oc_session/ s/$/\n    uint64_t at_the_front;/'
  # What the rules allow is found too, but only as not yet recorded.
  plant check_abi 'struct oc_trust.is_grown 272 8 is new and not recorded; run: ./dev docs' $pairing \
    's/^    uint64_t reserved\[8\];/    uint64_t is_grown;\n    uint64_t reserved[7];/'
  [ $failed -eq 0 ] && echo "self-test: every planted fault was found"
}

self=$(realpath "$0")
root=$(realpath "$(dirname "$self")/../..")
failed=0
if [ "${1:-}" = --self-test ]; then
  self_test
else
  tree=$(realpath "${1:-$root}")
  check_contracts "$tree" || failed=1
  check_page "$tree" || failed=1
  check_abi "$tree" || failed=1
  exit $failed
fi
