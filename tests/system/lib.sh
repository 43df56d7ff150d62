# Sourced by every system test: a fresh directory, the real binaries, processes that end with the
# test. A test is one promise; it fails at the first thing that is not as promised.
set -euo pipefail

: "${OC_BIN:?set OC_BIN to the folder with openclaw and openclaw-gateway}"
export PATH="$OC_BIN:$PATH" NO_COLOR=1 LC_ALL=C.UTF-8
unset OPENCLAW_HOME OPENCLAW_GATEWAY 2>/dev/null || true

TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-test.XXXXXX")
GATEWAY_HOME=$TEST_DIR/gateway-home
STARTED=()
MOUNTED=()

# A process that ended may have left its number to one of another test.
is_ours() {
    local parent
    parent=$(ps -o ppid= -p "$1" 2>/dev/null | tr -d ' ') && [ -n "$parent" ] &&
        grep -qwF -- "$parent" <<<"$$ ${STARTED[*]}"
}

finish() {
    local code=$?
    local ours=()
    for pid in "${STARTED[@]}"; do
        is_ours "$pid" && ours+=("$pid")
    done
    [ ${#ours[@]} -eq 0 ] || kill -9 "${ours[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    if [ "$code" -ne 0 ] && [ "$code" -ne 77 ]; then
        for log in "$TEST_DIR"/*.log; do
            [ -f "$log" ] && { echo "--- ${log##*/}"; tail -n 40 "$log"; }
        done
    fi
    for mounted in "${MOUNTED[@]}"; do
        umount -l "$mounted" 2>/dev/null || true
    done
    # What is still mounted in it stays as it is, whatever it is.
    rm -rf --one-file-system "$TEST_DIR"
    exit "$code"
}
trap finish EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Ends the test as skipped; ctest shows why.
skip() {
    echo "SKIPPED: $*"
    exit 77
}

is_address_sanitized() {
    grep -qa __asan_init "$OC_BIN/openclaw-gateway"
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails after the limit.
wait_for() {
    local limit=$1 end
    shift
    end=$((SECONDS + limit))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "not within ${limit} s: $*"
        sleep 0.05
    done
}

# expect_exit CODE COMMAND...: runs it, keeps its output in $OUT and $ERR, compares the exit code.
expect_exit() {
    local wanted=$1 code=0
    shift
    "$@" >"$TEST_DIR/out" 2>"$TEST_DIR/err" </dev/null || code=$?
    OUT=$(cat "$TEST_DIR/out")
    ERR=$(cat "$TEST_DIR/err")
    [ "$code" -eq "$wanted" ] || fail "exit $code instead of $wanted: $* -- stdout: $OUT -- stderr: $ERR"
}

# contains TEXT PATTERN: TEXT has the fixed string PATTERN.
contains() {
    grep -qF -- "$2" <<<"$1" || fail "'$2' is missing in: $1"
}

lacks() {
    ! grep -qF -- "$2" <<<"$1" || fail "'$2' must not be in: $1"
}

# json EXPRESSION: evaluates a Python expression over the JSON on standard input, bound to `d`.
json() {
    python3 -c 'import json,sys
d = json.load(sys.stdin)
v = eval(sys.argv[1])
print(v if not isinstance(v, bool) else str(v).lower())' "$1"
}

# write_config [HOME]: reads YAML from standard input into HOME/gateway.yaml.
write_config() {
    local home=${1:-$GATEWAY_HOME}
    mkdir -p -m 0700 "$home"
    cat >"$home/gateway.yaml"
    chmod 0600 "$home/gateway.yaml"
}

ocg() {
    openclaw --data-dir "$GATEWAY_HOME" "$@"
}

# start_gateway [ARGUMENTS...]: starts it in GATEWAY_HOME (a port the kernel picks, unless the test
# wrote a configuration), waits until it answers, sets GATEWAY_PID, GATEWAY_URL and GATEWAY_PIN.
start_gateway() {
    if [ ! -f "$GATEWAY_HOME/gateway.yaml" ]; then
        write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
    fi
    openclaw-gateway run --data-dir "$GATEWAY_HOME" "$@" >>"$TEST_DIR/gateway.log" 2>&1 </dev/null &
    GATEWAY_PID=$!
    STARTED+=("$GATEWAY_PID")
    wait_for 20 gateway_answers
    local info
    info=$(ocg gateway info -o json)
    GATEWAY_URL=$(json 'd["address"]' <<<"$info")
    GATEWAY_PIN=$(json 'd["pin"]' <<<"$info")
}

gateway_answers() {
    kill -0 "$GATEWAY_PID" 2>/dev/null || fail "the gateway ended"
    ocg gateway status -o json
}

stop_gateway() {
    kill -TERM "$GATEWAY_PID"
    wait_for 15 gone "$GATEWAY_PID"
}

# A zombie holds its files and locks as long as one of its threads has not ended.
gone() {
    ! kill -0 "$1" 2>/dev/null || { [ "$(ps -o stat= -p "$1" 2>/dev/null | cut -c1)" = Z ] &&
        [ "$(ls "/proc/$1/task" 2>/dev/null | wc -l)" -le 1 ]; }
}

# start_agent NAME [ARGUMENTS...]: an agent with a data directory of its own; its output goes to
# NAME.log. Sets AGENT_PID.
start_agent() {
    local name=$1
    shift
    mkdir -p -m 0700 "$TEST_DIR/$name"
    openclaw --data-dir "$TEST_DIR/$name" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name "$name" "$@" >>"$TEST_DIR/$name.log" 2>&1 </dev/null &
    AGENT_PID=$!
    STARTED+=("$AGENT_PID")
}

log_has() {
    grep -qF -- "$2" "$TEST_DIR/$1.log"
}

# device_of NAME: waits until the agent has made its identity and prints its device id.
device_of() {
    wait_for 10 openclaw --data-dir "$TEST_DIR/$1" identity show
    openclaw --data-dir "$TEST_DIR/$1" identity show -o json | json 'd["device_id"]'
}

# field DEVICE FIELD: of one device's JSON; "None" for null.
field() {
    ocg devices show "$1" -o json | json "d[\"$2\"]"
}

is_field() {
    [ "$(field "$1" "$2")" = "$3" ]
}

# request_of DEVICE: waits until the device has an open request and prints its id.
request_of() {
    wait_for 10 has_request "$1"
    field "$1" request_id
}

has_request() {
    local request
    request=$(field "$1" request_id 2>/dev/null) && [ "$request" != None ]
}

is_online() {
    is_field "$1" online true
}
