/*
 * populate: fills a gateway's directory with approved devices, through the store's own code.
 *
 *     populate STATE_DIR COUNT
 *
 * For tests and benchmarks of a large fleet. The gateway must not run; a directory that is not
 * there yet is made as at a first start. Each device has what an approval through the gateway
 * leaves: its record, its audit and change-log rows, and how it was last seen; no device has a key.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/random.h"
#include "server/state.h"
#include "tests/bench/measure.h"

enum { GROUP = 4096 };

static const int64_t first_ms = 1700000000000;

struct filling {
    struct state state;
    struct store *store;
    struct store_sighting sightings[GROUP];
};

static _Noreturn void die(const char *what, const struct oc_error *err)
{
    fprintf(stderr, "populate: %s: %s\n", what, err->text);
    exit(1);
}

/* Ids without order, as hashes of keys have none. */
static struct oc_device_id device_id(uint64_t n)
{
    struct oc_device_id id;
    uint64_t state = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        id.bytes[i] = (uint8_t)(state >> 56);
    }
    memcpy(id.bytes + 24, &n, sizeof n);
    return id;
}

static void make_record(uint64_t n, struct pairing *record)
{
    const int64_t at_ms = first_ms + (int64_t)n;
    *record = (struct pairing){
        .id = device_id(n),
        .standing = OC_STANDING_APPROVED,
        .generation = 1,
        .asked = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}},
        .labels = {.n = 1, .items = {{"site", "berlin"}}},
        .last_end = REQUEST_END_APPROVED,
        .first_seen_ms = at_ms,
        .requested_ms = at_ms,
        .decided_ms = at_ms + 60000,
        .decided_by = "uid:1000",
    };
    record->granted = record->asked;
    (void)snprintf(record->claimed_name, sizeof record->claimed_name, "web-%" PRIu64, n);
}

static void make_audit(const struct pairing *record, struct audit_event *event)
{
    *event = (struct audit_event){
        .at_ms = record->decided_ms,
        .actor = {.name = "uid:1000", .source = "local"},
        .action = "approve",
        .outcome = "done",
        .device_id = record->id,
        .request_id = {"7QK4M2T9XA"},
        .before = "pending",
        .after = "approved",
        .detail = "role=agent scopes=chat",
    };
}

static void make_sighting(uint64_t n, struct store_sighting *row)
{
    *row = (struct store_sighting){
        .id = device_id(n),
        .sighting = {.seen_ms = first_ms + (int64_t)n,
                     .platform = "linux",
                     .version = "1.2.0",
                     .session_counter = n % 100},
    };
    memcpy(row->sighting.instance_id, row->id.bytes, OC_INSTANCE_BYTES);
    memcpy(row->sighting.boot_id, row->id.bytes + 8, OC_INSTANCE_BYTES);
    memcpy(row->sighting.host_hint, row->id.bytes + 16, OC_INSTANCE_BYTES);
    (void)snprintf(row->sighting.source, sizeof row->sighting.source, "10.%u.%u.%u",
                   (unsigned)(n >> 16 & 0xff), (unsigned)(n >> 8 & 0xff), (unsigned)(n & 0xff));
}

static void fill_group(struct filling *filling, uint64_t first, uint64_t end)
{
    struct oc_error err = {0};
    enum oc_status st = store_begin(filling->store, &err);
    for (uint64_t n = first; n < end && !st; n++) {
        struct pairing record;
        struct audit_event event;
        uint64_t seq = 0;
        make_record(n, &record);
        make_audit(&record, &event);
        make_sighting(n, &filling->sightings[n - first]);
        const struct store_change change = {
            .after = &record, .audit = &event, .action = "approve", .now_ms = event.at_ms};
        st = store_apply(filling->store, &change, &seq, &err);
    }
    if (st || store_commit(filling->store, &err) ||
        store_save_sightings(filling->store, filling->sightings, end - first, &err)) {
        die("write", &err);
    }
}

int main(int argc, char **argv)
{
    const uint64_t n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (n == 0) {
        fprintf(stderr, "usage: populate STATE_DIR COUNT\n");
        return 2;
    }
    static struct filling filling;
    const struct random_source random = random_system();
    const uint64_t start = measure_now_ns();
    struct oc_error err = {0};
    if (state_open(argv[1], &random, first_ms, &filling.state, &err)) {
        die(argv[1], &err);
    }
    filling.store = filling.state.store;
    if (filling.state.lock != STORE_LOCK_NONE) {
        err = (struct oc_error){.status = OC_OK};
        die(store_lock_text(filling.state.lock), &err);
    }
    for (uint64_t first = 0; first < n; first += GROUP) {
        fill_group(&filling, first, first + GROUP < n ? first + GROUP : n);
    }
    const struct store_identity identity = store_identity(filling.store);
    if (marker_write(filling.state.marker_path, &identity, &err)) {
        die("marker", &err);
    }
    state_close(&filling.state);
    printf("{\"devices\": %" PRIu64 ", \"took_s\": %.2f}\n", n,
           (double)(measure_now_ns() - start) / 1e9);
    return 0;
}
