/*
 * Between the files of this folder: what a service is made of. Nobody else includes this.
 *
 * Threads: connection threads call in; the writer (executor.h) alone changes records and uses the
 * store; the notifier alone says what was decided later; the clockwork finds what falls due.
 */
#pragma once

#include <stdatomic.h>

#include "proto/crypto/checkpoint.h"
#include "server/service/denied_limit.h"
#include "server/service/directory.h"
#include "server/service/executor.h"
#include "server/service/missing.h"
#include "server/service/naming.h"
#include "server/service/notifier.h"
#include "server/service/open_requests.h"
#include "server/service/outage.h"
#include "server/service/service.h"

struct clockwork;
struct writer;
struct watchers;
struct backup;
struct administrators;
struct externals;

struct service {
    struct service_options options; /* as given; store is the writer's, secret not kept */
    struct naming naming;
    struct index index;
    struct directory directory;
    struct open_requests waiting;
    struct notifier *notifier;
    struct executor *executor;
    struct writer *writer;
    struct clockwork *clockwork;
    struct watchers *watchers;
    struct backup *backup; /* the writer's */
    struct administrators *administrators;
    struct externals *externals;
    struct outage outage;
    struct denied_limit denied;
    struct missing missing;
    int64_t started_ms;
    struct oc_audit_checkpoint checkpoint; /* writer thread: the newest; no signature: none yet */
    int64_t checkpoint_ms;                 /* writer thread: when that was signed (monotonic) */
    struct bounds bounds;                  /* writer thread */
    int64_t told_certificates_ms;          /* writer thread: of certificates that end (monotonic) */
    bool has_told_certificates;            /* writer thread */
    uint8_t load_round;                    /* writer thread: counts the loads */
    int64_t shed_ms; /* writer thread: when a request was last shed (monotonic); 0: never */

    atomic_int lock;               /* enum store_lock */
    atomic_uint_least64_t seq;     /* of the last commit */
    atomic_int_least64_t ahead_ms; /* of the clock: so that it is not behind what the store saw */
    atomic_int_least64_t rollback_ms; /* when a rollback was last accepted; 0: never */
    atomic_uint_least64_t n_online;
    atomic_uint_least64_t n_unsaved; /* withdrawals in force that are not durable yet */
    atomic_bool is_draining;

    pthread_mutex_t settings_mutex; /* guards the next two */
    struct service_settings settings;
    struct voting voting;
    atomic_bool has_approval_rules; /* of voting; so that who asks about none takes no lock */

    pthread_mutex_t identity_mutex; /* guards the two below */
    struct store_identity identity;
    char store_text[64];
};

/* Unix milliseconds of the gateway's steady clock. */
int64_t service_now_ms(struct service *service);
int64_t service_monotonic_ms(const struct service *service);
struct outage_time service_outage_time(struct service *service);
bool service_is_locked(const struct service *service);
struct store_identity service_identity(struct service *service);
/* Writer thread. */
void service_set_identity(struct service *service, const struct store *store);
/* Serves nobody from now on: sessions are cut by the clockwork's next tick. */
void service_lock(struct service *service, enum store_lock lock);
/* The source as the caps count it. `address` is borrowed. */
struct open_requests_source service_source(const struct service *service, const char *address);
struct open_requests_caps service_caps(struct service *service);
struct policy service_policy(struct service *service);

struct device_view;
/* What lists show of a device. False when nothing is known of it. No shard locked. */
bool service_view(struct service *service, const struct oc_device_id *id, struct device_view *out);
/* The device that has, or had, this request: open, replaced, or closed not too long ago. No shard
 * locked. */
bool service_find_request(struct service *service, const struct oc_request_id *request_id,
                          struct oc_device_id *out);
/* The id closest to what was typed, if any is close; else out is left alone. No shard locked. */
void service_find_closest(struct service *service, const char *selector,
                          char out[OC_DEVICE_ID_DIGITS + 1]);
