/*
 * populate: fills a gateway's directory with devices, through the store's own code.
 *
 *     populate STATE_DIR APPROVED [PENDING]
 *
 * For tests and benchmarks of a large fleet. The gateway must not run; a directory that is not
 * there yet is made as at a first start. Each device has what its approval, or its first attempt,
 * through the gateway leaves: its record, its audit and change-log rows, and how it was last seen.
 * No device has a key.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/random.h"
#include "server/state.h"
#include "tests/bench/measure.h"

enum { GROUP = 4096 };

static const int64_t first_ms = 1700000000000;

struct filling {
    struct state state;
    struct store *store;
    uint64_t n_approved;
    int64_t now_ms;
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

static void make_approved(uint64_t n, struct pairing *record)
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

static struct oc_request_id request_id(uint64_t n)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    struct oc_request_id id = {.text = ""};
    for (size_t i = OC_REQUEST_ID_CHARS; i > 0; i--) {
        id.text[i - 1] = digits[n % 32];
        n /= 32;
    }
    return id;
}

static void make_pending(uint64_t n, int64_t now_ms, struct pairing *record)
{
    *record = (struct pairing){
        .id = device_id(n),
        .first_seen_ms = now_ms,
        .requested_ms = now_ms,
        .request =
            {
                .is_open = true,
                .id = request_id(n),
                .digest = {.bytes = {1}},
                .ask = {.grant = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}}},
                .why = OC_WHY_NEW_DEVICE,
                .opened_ms = now_ms,
                .attempted_ms = now_ms,
            },
    };
    (void)snprintf(record->claimed_name, sizeof record->claimed_name, "web-%" PRIu64, n);
    memcpy(record->request.ask.name, record->claimed_name, sizeof record->request.ask.name);
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

static void make_sighting(uint64_t n, int64_t seen_ms, struct store_sighting *row)
{
    *row = (struct store_sighting){
        .id = device_id(n),
        .sighting = {.seen_ms = seen_ms,
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

static enum oc_status put(struct filling *filling, uint64_t n, struct store_sighting *sighting,
                          struct oc_error *err)
{
    struct pairing record;
    struct audit_event event;
    uint64_t seq = 0;
    const bool is_approved = n < filling->n_approved;
    if (is_approved) {
        make_approved(n, &record);
        make_audit(&record, &event);
    } else {
        make_pending(n, filling->now_ms, &record);
    }
    make_sighting(n, record.requested_ms, sighting);
    const struct store_change change = {
        .after = &record,
        .audit = is_approved ? &event : NULL,
        .action = is_approved ? "approve" : "request",
        .now_ms = record.requested_ms,
    };
    return store_apply(filling->store, &change, &seq, err);
}

static void fill_group(struct filling *filling, uint64_t first, uint64_t end)
{
    struct oc_error err = {0};
    enum oc_status st = store_begin(filling->store, &err);
    for (uint64_t n = first; n < end && !st; n++) {
        st = put(filling, n, &filling->sightings[n - first], &err);
    }
    if (st || store_commit(filling->store, &err) ||
        store_save_sightings(filling->store, filling->sightings, end - first, &err)) {
        die("write", &err);
    }
}

static void open_state(struct filling *filling, const char *path)
{
    const struct random_source random = random_system();
    struct system_clock *clock = system_clock_new(NULL);
    struct oc_error err = {0};
    if (!clock || state_open(path, &random, first_ms, &filling->state, &err)) {
        die(path, &err);
    }
    const struct clock now = system_clock_clock(clock);
    filling->now_ms = clock_now_ms(&now);
    system_clock_free(clock);
    filling->store = filling->state.store;
    if (filling->state.lock != STORE_LOCK_NONE) {
        die(store_lock_text(filling->state.lock), &err);
    }
}

int main(int argc, char **argv)
{
    static struct filling filling;
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: populate STATE_DIR APPROVED [PENDING]\n");
        return 2;
    }
    filling.n_approved = strtoull(argv[2], NULL, 10);
    const uint64_t n = filling.n_approved + (argc == 4 ? strtoull(argv[3], NULL, 10) : 0);
    const uint64_t start = measure_now_ns();
    open_state(&filling, argv[1]);
    for (uint64_t first = 0; first < n; first += GROUP) {
        fill_group(&filling, first, first + GROUP < n ? first + GROUP : n);
    }
    const struct store_identity identity = store_identity(filling.store);
    struct oc_error err = {0};
    if (marker_write(filling.state.marker_path, &identity, &err)) {
        die("marker", &err);
    }
    state_close(&filling.state);
    printf("{\"devices\": %" PRIu64 ", \"took_s\": %.2f}\n", n,
           (double)(measure_now_ns() - start) / 1e9);
    return 0;
}
