/*
 * A whole service over a memory store, with a clock that stands still until told otherwise and
 * replayable randomness; and devices and administrators whose calls are made synchronous by waiting
 * for their answer. A wait that takes longer than ten seconds fails the test.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/service/admin_service.h"

struct fake_clock {
    atomic_int_least64_t now_ms;
    struct clock clock;
};
void fake_clock_init(struct fake_clock *clock, int64_t now_ms);
void fake_clock_advance(struct fake_clock *clock, int64_t ms);

struct seeded_random {
    atomic_uint_least64_t state;
    struct random_source source;
};
void seeded_random_init(struct seeded_random *random, uint64_t seed);

struct service_fixture {
    struct fake_clock clock;
    struct fake_clock monotonic;
    struct seeded_random random;
    struct oc_key secret, row_key;
    struct oc_identity *identity;
    struct service_options options; /* to change before fixture_start */
    struct service *service;
};

/* Fills everything but the service; options.store is an empty memory store. */
void fixture_init(struct service_fixture *fixture);
void fixture_start(struct service_fixture *fixture);
void fixture_stop(struct service_fixture *fixture);
struct store *fixture_memory_store(struct service_fixture *fixture);

/* ---- devices -------------------------------------------------------------------------------- */

struct device {
    struct service_fixture *fixture;
    struct oc_device_id id;
    struct peer *peer;
    uint8_t nonce[OC_NONCE_BYTES];
    struct connect_facts facts;
    atomic_int n_cuts;
    atomic_bool is_approved;
};

/* The n-th device: its id is made of n; asks for role "agent", scope "chat". */
void device_open(struct service_fixture *fixture, struct device *device, unsigned n);
void device_open_from(struct service_fixture *fixture, struct device *device, unsigned n,
                      const char *address);
/* The same, from a source that the configuration trusts. */
void device_open_trusted(struct service_fixture *fixture, struct device *device, unsigned n);
void device_close(struct device *device);
struct connect_result device_connect(struct device *device);
/* Blocks until the answer; budget in fake monotonic milliseconds. */
struct wait_result device_wait(struct device *device, const struct oc_request_id *id,
                               uint32_t budget_ms);
struct notice_result device_notice(struct device *device, uint64_t generation, uint32_t budget_ms);

/* A call under way: started now, answered later. */
struct pending_call {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    bool was_dropped;
    union {
        struct connect_result connect;
        struct wait_result wait;
        struct notice_result notice;
        struct decide_result decide;
    } result;
};
void pending_init(struct pending_call *pending);
/* False: no answer within `limit_ms` of real time. */
bool pending_wait(struct pending_call *pending, unsigned limit_ms);
void device_connect_start(struct device *device, struct pending_call *pending);
void device_wait_start(struct device *device, const struct oc_request_id *id, uint32_t budget_ms,
                       struct pending_call *pending);
void device_notice_start(struct device *device, uint64_t generation, uint32_t budget_ms,
                         struct pending_call *pending);

/* ---- administrators ------------------------------------------------------------------------- */

struct decide_result admin_do(struct service_fixture *fixture,
                              const struct decide_command *command);
void admin_do_start(struct service_fixture *fixture, const struct admin_caller *caller,
                    const struct decide_command *command, struct pending_call *pending);
/* By what is listed now: the open request of the device, or the device. */
struct decide_result admin_decide_on(struct service_fixture *fixture, enum pairing_event_kind kind,
                                     const struct oc_device_id *id);
struct decide_command command_on(struct service_fixture *fixture, enum pairing_event_kind kind,
                                 const struct oc_device_id *id);
/* What is known of a device; false for nothing. */
bool view_of(struct service_fixture *fixture, const struct oc_device_id *id,
             struct device_view *out);

/* Waits until the condition holds, at most ten seconds; false if it never did. */
bool eventually(bool (*holds)(void *user), void *user);
