# A configuration that is not understood, or that would let strangers in, is a refusal to start that
# names line, column and fix.
. "$(dirname "$0")/lib.sh"

refused() {
    expect_exit 1 timeout 20 openclaw-gateway run --data-dir "$GATEWAY_HOME"
    expect_exit 1 ocg gateway check-config
}

write_config <<'YAML'
pairingRequired: true
pairingRequried: true
YAML
refused
contains "$ERR" 'gateway.yaml:2:1'
contains "$ERR" pairingRequired

write_config <<'YAML'
pairingRequired: true
pairingRequired: true
YAML
refused
contains "$ERR" 'gateway.yaml:2:1'

write_config <<'YAML'
pairingRequired: false
listen: {devices: "tls+tcp://0.0.0.0:0"}
YAML
refused
contains "$ERR" pairingRequired

write_config <<'YAML'
listen: {devices: "tls+tcp://127.0.0.1:0"}
pairing: {pendingTtl: 1h}
YAML
expect_exit 0 ocg gateway check-config

# Switched off where only this machine can reach it: allowed, and said.
write_config <<'YAML'
pairingRequired: false
listen: {devices: "tls+tcp://127.0.0.1:0"}
YAML
start_gateway
contains "$(ocg gateway status)" 'off (pairingRequired: false)'
start_agent web-1
wait_for 10 log_has web-1 connected
