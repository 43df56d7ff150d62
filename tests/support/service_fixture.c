#include "tests/support/service_fixture.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/crypto/pairing_code.h"

enum {
    LIMIT_MS = 10 * 1000,
};

static int64_t read_clock(void *user)
{
    return atomic_load(&((struct fake_clock *)user)->now_ms);
}

void fake_clock_init(struct fake_clock *clock, int64_t now_ms)
{
    atomic_init(&clock->now_ms, now_ms);
    clock->clock = (struct clock){.now_ms = read_clock, .user = clock};
}

void fake_clock_advance(struct fake_clock *clock, int64_t ms)
{
    atomic_fetch_add(&clock->now_ms, ms);
}

/* SplitMix64. */
static void fill(void *user, void *out, size_t n)
{
    struct seeded_random *random = user;
    uint8_t *at = out;
    while (n > 0) {
        uint64_t z = atomic_fetch_add(&random->state, UINT64_C(0x9E3779B97F4A7C15));
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        z ^= z >> 31;
        size_t part = n < sizeof z ? n : sizeof z;
        memcpy(at, &z, part);
        at += part;
        n -= part;
    }
}

void seeded_random_init(struct seeded_random *random, uint64_t seed)
{
    atomic_init(&random->state, seed);
    random->source = (struct random_source){.fill = fill, .user = random};
}

/* ---- the service ---------------------------------------------------------------------------- */

struct store *fixture_memory_store(struct service_fixture *fixture)
{
    struct store_options options = {
        .row_key = &fixture->row_key,
        .may_create = true,
        .now_ms = clock_now_ms(&fixture->clock.clock),
    };
    struct store *store;
    struct oc_error err;
    memset(options.gateway_id, 0x11, sizeof options.gateway_id);
    memset(options.database_id, 0x22, sizeof options.database_id);
    assert_int_equal(store_open_memory(&options, &store, &err), OC_OK);
    return store;
}

void fixture_init(struct service_fixture *fixture)
{
    struct oc_error err;
    memset(fixture, 0, sizeof *fixture);
    fake_clock_init(&fixture->clock, INT64_C(1700000000000));
    fake_clock_init(&fixture->monotonic, 1000000);
    seeded_random_init(&fixture->random, 42);
    memset(&fixture->secret, 0x5A, sizeof fixture->secret);
    memset(&fixture->row_key, 0xA5, sizeof fixture->row_key);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &fixture->identity, &err), OC_OK);
    fixture->options = (struct service_options){
        .store = fixture_memory_store(fixture),
        .gateway_identity = fixture->identity,
        .secret = &fixture->secret,
        .policy = {.pending_ttl_ms = 60 * 60 * 1000},
        .default_grant = {.role = "agent"},
        .heartbeat_ms = 30 * 1000,
        .max_pending = 10000,
        .max_pending_per_source = 32,
        .pairing_required = true,
        .clock = &fixture->clock.clock,
        .random = &fixture->random.source,
        .monotonic = &fixture->monotonic.clock,
    };
}

void fixture_start(struct service_fixture *fixture)
{
    struct oc_error err;
    enum oc_status st = service_new(&fixture->options, &fixture->service, &err);
    if (st) {
        print_error("service_new: %s\n", err.text);
    }
    assert_int_equal(st, OC_OK);
}

void fixture_stop(struct service_fixture *fixture)
{
    service_free(fixture->service);
    oc_identity_free(fixture->identity);
    fixture->service = NULL;
}

/* ---- waiting -------------------------------------------------------------------------------- */

void pending_init(struct pending_call *pending)
{
    memset(pending, 0, sizeof *pending);
    pthread_mutex_init(&pending->lock, NULL);
    pthread_cond_init(&pending->changed, NULL);
}

static void complete(struct pending_call *pending, const void *result, size_t n)
{
    pthread_mutex_lock(&pending->lock);
    assert(!pending->is_done); /* exactly once */
    memcpy(&pending->result, result, n);
    pending->is_done = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

static void drop(void *user)
{
    struct pending_call *pending = user;
    pthread_mutex_lock(&pending->lock);
    assert(!pending->is_done);
    pending->is_done = true;
    pending->was_dropped = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

bool pending_wait(struct pending_call *pending, unsigned limit_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += limit_ms / 1000;
    until.tv_nsec += (long)(limit_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&pending->lock);
    int rc = 0;
    while (!pending->is_done && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&pending->changed, &pending->lock, &until);
    }
    bool is_done = pending->is_done;
    pthread_mutex_unlock(&pending->lock);
    return is_done;
}

bool eventually(bool (*holds)(void *user), void *user)
{
    struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < LIMIT_MS / 2; i++) {
        if (holds(user)) {
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

/* ---- devices -------------------------------------------------------------------------------- */

static void set_approved(void *user, bool is_approved)
{
    atomic_store(&((struct device *)user)->is_approved, is_approved);
}

static void cut(void *user, const char *why)
{
    (void)why;
    atomic_fetch_add(&((struct device *)user)->n_cuts, 1);
}

static void open_from(struct service_fixture *fixture, struct device *device, unsigned n,
                      const char *address, bool is_trusted)
{
    static const struct peer_ops ops = {.set_approved = set_approved, .cut = cut};
    char source[OC_MAX_SOURCE_BYTES + 1] = "";
    memcpy(source, address, strlen(address));
    memset(device, 0, sizeof *device);
    device->fixture = fixture;
    /* Spread over the shards, some with the same first byte. */
    device->id.bytes[0] = (uint8_t)(n % 40 * 37);
    for (size_t i = 0; i < sizeof n; i++) {
        device->id.bytes[1 + i] = (uint8_t)(n >> (8 * i));
    }
    device->id.bytes[31] = 1;
    device->facts = (struct connect_facts){
        .has_ask = true,
        .ask = {.grant = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}}, .name = "web-1"},
        .sighting = {.platform = "linux", .version = "1.2"},
    };
    memset(device->nonce, 0x33, sizeof device->nonce);
    device->facts.nonce_commitment = oc_nonce_commitment(device->nonce);
    device->peer = peer_opened(fixture->service, &device->id, source, is_trusted, &ops, device);
    assert_non_null(device->peer);
}

void device_open(struct service_fixture *fixture, struct device *device, unsigned n)
{
    open_from(fixture, device, n, "203.0.113.9", false);
}

void device_open_from(struct service_fixture *fixture, struct device *device, unsigned n,
                      const char *address)
{
    open_from(fixture, device, n, address, false);
}

void device_open_trusted(struct service_fixture *fixture, struct device *device, unsigned n)
{
    open_from(fixture, device, n, "203.0.113.9", true);
}

void device_close(struct device *device)
{
    if (device->peer) {
        peer_closed(device->peer, "the device left");
        device->peer = NULL;
    }
}

static void connected(void *user, const struct connect_result *result)
{
    complete(user, result, sizeof *result);
}

void device_connect_start(struct device *device, struct pending_call *pending)
{
    const struct connect_call call = {.done = connected, .dropped = drop, .user = pending};
    pending_init(pending);
    peer_connect(device->peer, &device->facts, &call);
}

struct connect_result device_connect(struct device *device)
{
    struct pending_call pending;
    device_connect_start(device, &pending);
    assert_true(pending_wait(&pending, LIMIT_MS));
    assert_false(pending.was_dropped);
    return pending.result.connect;
}

static void waited(void *user, const struct wait_result *result)
{
    complete(user, result, sizeof *result);
}

void device_wait_start(struct device *device, const struct oc_request_id *id, uint32_t budget_ms,
                       struct pending_call *pending)
{
    const struct wait_call call = {.done = waited, .dropped = drop, .user = pending};
    pending_init(pending);
    peer_await_decision(device->peer, id, device->nonce, budget_ms, &call);
}

struct wait_result device_wait(struct device *device, const struct oc_request_id *id,
                               uint32_t budget_ms)
{
    struct pending_call pending;
    device_wait_start(device, id, budget_ms, &pending);
    assert_true(pending_wait(&pending, LIMIT_MS));
    assert_false(pending.was_dropped);
    return pending.result.wait;
}

static void noticed(void *user, const struct notice_result *result)
{
    complete(user, result, sizeof *result);
}

void device_notice_start(struct device *device, uint64_t generation, uint32_t budget_ms,
                         struct pending_call *pending)
{
    const struct notice_call call = {.done = noticed, .dropped = drop, .user = pending};
    pending_init(pending);
    peer_await_notice(device->peer, generation, budget_ms, &call);
}

struct notice_result device_notice(struct device *device, uint64_t generation, uint32_t budget_ms)
{
    struct pending_call pending;
    device_notice_start(device, generation, budget_ms, &pending);
    assert_true(pending_wait(&pending, LIMIT_MS));
    assert_false(pending.was_dropped);
    return pending.result.notice;
}

/* ---- administrators ------------------------------------------------------------------------- */

static void decided(void *user, const struct decide_result *result)
{
    complete(user, result, sizeof *result);
}

void admin_do_start(struct service_fixture *fixture, const struct admin_caller *caller,
                    const struct decide_command *command, struct pending_call *pending)
{
    static const struct admin_caller anyone = {.actor = {.name = "uid:0", .source = "local"}};
    const struct decide_call call = {.done = decided, .user = pending};
    pending_init(pending);
    admin_decide(fixture->service, caller ? caller : &anyone, command, &call);
}

struct decide_result admin_do(struct service_fixture *fixture, const struct decide_command *command)
{
    struct pending_call pending;
    admin_do_start(fixture, NULL, command, &pending);
    assert_true(pending_wait(&pending, LIMIT_MS));
    return pending.result.decide;
}

bool view_of(struct service_fixture *fixture, const struct oc_device_id *id,
             struct device_view *out)
{
    char text[OC_DEVICE_ID_DIGITS + 1];
    struct resolve_result *found = calloc(1, sizeof *found);
    assert_non_null(found);
    oc_device_id_format(id, text);
    admin_resolve(fixture->service, text, false, found);
    bool is_known = found->n_matches == 1;
    if (is_known) {
        *out = found->matches[0];
    }
    free(found);
    return is_known;
}

struct decide_command command_on(struct service_fixture *fixture, enum pairing_event_kind kind,
                                 const struct oc_device_id *id)
{
    struct decide_command command = {.kind = kind, .device_id = *id};
    struct device_view view;
    if (view_of(fixture, id, &view)) {
        command.request_id = view.pairing.request.id;
        command.ask_digest = view.pairing.request.digest;
    }
    return command;
}

struct decide_result admin_decide_on(struct service_fixture *fixture, enum pairing_event_kind kind,
                                     const struct oc_device_id *id)
{
    struct decide_command command = command_on(fixture, kind, id);
    return admin_do(fixture, &command);
}
