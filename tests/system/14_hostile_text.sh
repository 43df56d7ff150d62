# Nothing that a device says of itself reaches a terminal, a log or a list unescaped.
. "$(dirname "$0")/lib.sh"

start_gateway
esc=$(printf '\033[31mroot\033[0m')
for name in "$esc" "$(printf 'a\rb')" "$(printf 'a\nb')" "$(printf 'abc\342\200\256def')" \
    "$(printf '\377\376')" "$(head -c 10000 /dev/zero | tr '\0' x)"; do
    mkdir -p -m 0700 "$TEST_DIR/hostile"
    code=0
    openclaw --data-dir "$TEST_DIR/hostile" agent run --gateway "$GATEWAY_URL" --pin "$GATEWAY_PIN" \
        --name "$name" --once >"$TEST_DIR/hostile.log" 2>&1 </dev/null || code=$?
    [ "$code" -ne 0 ] || fail "a hostile name was accepted"
    rm -rf "$TEST_DIR/hostile"
done
printed=$(ocg pairing list; ocg devices list -o json; ocg audit list; cat "$TEST_DIR/gateway.log")
if grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae' <<<"$printed"; then
    fail "control bytes reached the output"
fi
