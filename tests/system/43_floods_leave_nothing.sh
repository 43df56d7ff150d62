# Floods that go on and on leave nothing behind: as many records as may wait at a time, and for as
# long again as many that waited, in memory and on disk; a file and a process that stay as they are.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/flood.sh"

write_config <<'YAML'
listen: {devices: "tls+tcp://127.0.0.1:0"}
pairing: {maxPending: 100, pendingTtl: 3s}
log: {level: warn}
YAML

rows() {
    python3 - "$GATEWAY_HOME/gateway/gateway.db" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(*(db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
        for t in ("devices", "requests", "sightings", "change_log")))
PYTHON
}

file_kib() {
    du -k "$GATEWAY_HOME/gateway/gateway.db" | cut -f1
}

resident_kib() {
    awk '/^VmRSS/ {print $2}' "/proc/$GATEWAY_PID/status"
}

is_empty() {
    [ "$(ocg gateway status -o json | json 'd["pending"]')" -eq 0 ] &&
        [ "$(ocg devices list --state none -o json | json 'len(d["items"])')" -eq 0 ]
}

start_gateway
start_flood 5 2000 48
end_flood
before_rss=$(resident_kib)
stop_gateway
read -r devices requests sightings changes <<<"$(rows)"
before_kib=$(file_kib)
echo "after one flood: $devices records, $requests requests, $changes changes, $before_kib KiB on disk, $before_rss KiB in memory"
# Where few ask, requests lapse before they are shed, and are kept for another pendingTtl.
[ "$devices" -le 200 ] && [ "$requests" -le 100 ] && [ "$sightings" -le 200 ] ||
    fail "more records than may wait: $devices $requests $sightings"

start_gateway
for i in 1 2; do
    start_flood 5 2000 48 "$i"
    end_flood
done
after_rss=$(resident_kib)
wait_for 20 is_empty # nobody is waiting, and nobody is remembered
stop_gateway
read -r devices requests sightings changes <<<"$(rows)"
after_kib=$(file_kib)
echo "after three: $devices records, $requests requests, $changes changes, $after_kib KiB on disk, $after_rss KiB in memory"
[ "$devices" -eq 0 ] || fail "$devices records are left of strangers"
[ "$changes" -le 101000 ] || fail "the change log holds $changes rows"
# Two rows of the change log for each who asked, some 60 bytes each, until there are 100,000.
[ "$after_kib" -le $((before_kib + 4096)) ] || fail "the file grew from $before_kib to $after_kib KiB"
[ "$after_rss" -le $((before_rss + 24576)) ] || fail "memory grew from $before_rss to $after_rss KiB"
