# The README's troubleshooting chapter: each mistake is made for real, and what the programs print is
# compared with what the chapter shows. OC_README_WRITE=1 puts what was printed into the README.
. "$(dirname "$0")/lib.sh"

README=$(realpath "$(dirname "$0")/../../README.md")
SHOWN=$TEST_DIR/shown
mkdir "$SHOWN"

# begin NAME: what is typed from here on belongs to the block of that name.
begin() {
    BLOCK=$SHOWN/$1
    : >"$BLOCK"
}

say() {
    printf '%s\n' "$*" >>"$BLOCK"
}

# at DIRECTORY WORDS...: a person types `openclaw WORDS` on the machine with that data directory.
at() {
    local home=$1
    shift
    say "\$ openclaw $*"
    OPENCLAW_HOME=$home openclaw "$@" >>"$BLOCK" 2>&1 </dev/null || true
}

# told NAME PATTERN LAST: what the agent of that name printed from the line with the pattern on, once
# it came to the last line of the block.
told() {
    wait_for 60 came_to "$@"
    refusal_in "$@" >>"$BLOCK"
}

refusal_in() {
    grep -v 'openclaw: warning:' "$TEST_DIR/$1.log" | sed -n "/^Gateway.*$2/,\$p"
}

came_to() {
    refusal_in "$@" | grep -q "^  $3 .*.\$"
}

# Names and addresses as they would be elsewhere.
as_elsewhere() {
    sed -e "s#$TEST_DIR/[a-z0-9-]*#/root/.openclaw#g" -e "s#$ADMIN_URL#tls+tcp://gw.example:18790#g" -e "s#$GATEWAY_URL#tls+tcp://gw.example:18789#g" \
        -e 's# *$##'
}

# What differs from run to run, and the widths of columns that follow from it.
masked() {
    sed -E -e 's/sha256:[0-9a-f]{64}/PIN/g' -e 's/\b[0-9a-f]{64}\b/DEVICE/g' -e 's/\b[0-9a-f]{32}\b/ID/g' \
        -e 's/\b[0-9]{4}-[0-9]{4}\b/CODE/g' -e 's/\b[0-9A-HJKMNP-TV-Z]{10}\b/REQUEST/g' \
        -e 's/(approve|id:) [0-9A-Z]{4}( is|$)/\1 PREFIX\2/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' -e 's/\b(pid|process|seq|epoch|up) +[0-9]+/\1 N/g' -e 's/[0-9]+(ms|s) ago/AGE/g' -e 's/[0-9]+ days/N days/g' \
        -e 's/  +/  /g' -e 's/ *$//'
}

# shown_in_readme NAME: the block after the line <!-- printed: NAME -->.
shown_in_readme() {
    awk -v mark="<!-- printed: $1 -->" '
        $0 == mark { wanted = 1; next }
        wanted && /^```/ { if (inside) exit; inside = 1; next }
        inside { print }' "$README"
}

# ---- the mistakes -------------------------------------------------------------------------------

start_gateway
PORT=${GATEWAY_URL##*:}
write_config <<<"listen: {devices: \"tls+tcp://127.0.0.1:$PORT\"}"

begin refused
start_agent web-1
told web-1 required fix
WEB=$(device_of web-1)
REQUEST=$(request_of "$WEB")

begin wrong-machine
at "$TEST_DIR/web-1" devices approve "$REQUEST"

# What is in order depends on the machine.
begin doctor
say '$ openclaw doctor'
OPENCLAW_HOME=$TEST_DIR/web-1 openclaw doctor </dev/null 2>&1 |
    awk '/^$/ { exit } /^  [a-z]/ { failed = /^  fail / } failed' >>"$BLOCK" || true

begin unchecked
at "$GATEWAY_HOME" devices approve "${REQUEST:0:4}"
at "$GATEWAY_HOME" devices approve "$REQUEST" --code 0000-0000
at "$GATEWAY_HOME" devices show "$REQUEST"
CODE=$(grep -oE 'code [0-9]{4}-[0-9]{4}' "$TEST_DIR/web-1.log" | tail -n 1 | cut -d' ' -f2)
at "$GATEWAY_HOME" devices approve "$REQUEST" --code "$CODE"
wait_for 10 is_online "$WEB"

begin events
at "$GATEWAY_HOME" events watch --from 0 --limit 2 -o table

begin container
for _ in 1 2 3; do
    rm -rf "$TEST_DIR/container"
    start_agent container
    request_of "$(device_of container)" >/dev/null
    kill -TERM "$AGENT_PID"
    wait_for 10 gone "$AGENT_PID"
done
at "$GATEWAY_HOME" devices list --state pending

begin revoked
at "$GATEWAY_HOME" devices revoke "$WEB" --yes
told web-1 403 then

begin blocked
start_agent web-2
SECOND=$(device_of web-2)
request_of "$SECOND" >/dev/null
at "$GATEWAY_HOME" devices block "$SECOND" --yes
told web-2 403 then

begin cleared
start_agent web-3
THIRD=$(device_of web-3)
expect_exit 0 ocg devices approve "$(request_of "$THIRD")"
wait_for 10 is_online "$THIRD"
stop_gateway
rm "$GATEWAY_HOME"/gateway/gateway.db*
: >"$TEST_DIR/web-3.log"
start_gateway
at "$GATEWAY_HOME" gateway status
at "$GATEWAY_HOME" gateway unlock --init --yes
begin cleared-agent
told web-3 required also

begin public
stop_gateway
write_config <<'YAML'
pairingRequired: false
listen: {devices: "tls+tcp://0.0.0.0:18789"}
YAML
say '$ cat ~/.openclaw/gateway.yaml'
cat "$GATEWAY_HOME/gateway.yaml" >>"$BLOCK"
at "$GATEWAY_HOME" gateway check-config

# ---- from another machine -------------------------------------------------------------------------

DEVICES_URL=$GATEWAY_URL
GATEWAY_HOME=$TEST_DIR/administered
LAPTOP=$TEST_DIR/laptop
write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0", admin: "tls+tcp://127.0.0.1:0"}'
start_gateway
cd "$TEST_DIR"

begin administer-issue
at "$GATEWAY_HOME" pki init
ADMIN_URL=$(sed -n 's/^ *admin door *//p' "$BLOCK")
at "$GATEWAY_HOME" pki issue alice --role admin --gateway "$ADMIN_URL"

begin administer-context
at "$LAPTOP" context add prod --bundle alice.bundle
at "$LAPTOP" context use prod
start_agent web-9
NINTH=$(request_of "$(device_of web-9)")
at "$LAPTOP" pairing list
at "$LAPTOP" devices approve "$NINTH"
at "$LAPTOP" audit list --actor admin:alice

begin administer-refused
expect_exit 0 openclaw --data-dir "$LAPTOP" pki issue vera --role viewer --ttl 20d
expect_exit 0 openclaw --data-dir "$LAPTOP" context add vera --bundle vera.bundle
at "$LAPTOP" --context vera devices revoke "$(device_of web-9)" --yes
at "$LAPTOP" pki list
at "$LAPTOP" pki revoke vera --yes --reason left
at "$LAPTOP" --context vera pairing list
GATEWAY_URL=$DEVICES_URL

# ---- the comparison -----------------------------------------------------------------------------

for block in "$SHOWN"/*; do
    as_elsewhere <"$block" >"$block.printed"
    rm "$block"
done

if [ -n "${OC_README_WRITE:-}" ]; then
    python3 - "$README" "$SHOWN" <<'PYTHON'
import pathlib, re, sys

readme, shown = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
text = readme.read_text()
for block in shown.glob("*.printed"):
    pattern = re.compile(r"(<!-- printed: %s -->\n```\n).*?(```\n)" % re.escape(block.stem), re.S)
    text, n = pattern.subn(lambda m: m[1] + block.read_text() + m[2], text)
    if n != 1:
        print(f"{block.stem}: {n} places in the README", file=sys.stderr)
readme.write_text(text)
PYTHON
fi

for block in "$SHOWN"/*.printed; do
    name=$(basename "$block" .printed)
    diff <(shown_in_readme "$name" | masked) <(masked <"$block") >"$TEST_DIR/difference" ||
        fail "README.md does not show what is printed ($name); OC_README_WRITE=1 writes it: $(cat "$TEST_DIR/difference")"
done
marks=$(grep -c '^<!-- printed: ' "$README") || true
[ "$marks" -eq "$(find "$SHOWN" -name '*.printed' | wc -l)" ] || fail "README.md marks $marks blocks"
