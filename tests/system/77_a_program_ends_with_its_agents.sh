# A program that ends while its agents shake hands ends with its own exit code: nothing is torn down
# under the threads that use it. At moments all over the first 50 ms, 100 times.
. "$(dirname "$0")/lib.sh"

write_config <<<'listen: {devices: "tls+tcp://127.0.0.1:0"}'
start_gateway
mkdir -m 700 "$TEST_DIR/leavers"
for ((i = 0; i < 100; i++)); do
    "$OC_TESTS/leaver" "$GATEWAY_URL" "$TEST_DIR/leavers" $((i * 500)) >"$TEST_DIR/said" 2>&1 ||
        fail "it ended with $? after $((i * 500)) us: $(head -c 2000 "$TEST_DIR/said")"
done
