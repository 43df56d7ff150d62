/*
 * Outages of the store: from the first write that failed until one worked again, with room for
 * more. One line in the log at either end, not one per failure.
 *
 * While it lasts, what strangers would have written is refused without touching the disk, so that
 * nobody can make the gateway fail, reopen and read again at will; the writer looks by itself
 * whether the disk is back, less and less often. What an administrator withdraws is always tried.
 *
 * The writer's thread alone notes and asks what is due; the rest may be asked by any thread.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/store/store.h"

enum {
    OUTAGE_FIRST_PROBE_MS = 1000,
    OUTAGE_MAX_PROBE_MS = 5000,
    /* An outage that follows another within this time begins with the other's pace. */
    OUTAGE_SETTLED_MS = 60 * 1000,
};

struct outage_facts {
    int64_t since_ms;   /* Unix; 0: none */
    int64_t last_ok_ms; /* Unix, of the last write that worked; 0: none yet */
    char error[256];    /* in words */
    char cause[24];     /* "disk_full" */
};

struct outage {
    atomic_bool is_on;
    atomic_int_least64_t last_ok_ms;
    pthread_mutex_t lock; /* guards facts, but last_ok_ms */
    struct outage_facts facts;
    /* The writer's. */
    uint64_t n_failures;
    int64_t delay_ms;
    int64_t probe_ms;   /* monotonic: when to look again */
    int64_t settled_ms; /* monotonic: when the pace is forgotten */
};

struct outage_time {
    int64_t now_ms; /* Unix */
    int64_t monotonic_ms;
};

void outage_init(struct outage *outage);
void outage_deinit(struct outage *outage);

/* A write failed. */
void outage_note_failure(struct outage *outage, const struct oc_error *err,
                         const struct outage_time *now);
/* A write worked; `is_over` if there is also room for more. */
void outage_note_success(struct outage *outage, bool is_over, uint64_t n_unsaved,
                         const struct outage_time *now);
/* Whether to look at the disk now; then not again for a while. */
bool outage_takes_probe(struct outage *outage, int64_t monotonic_ms);

bool outage_is_on(const struct outage *outage);
/* Fills *err with what a caller is told whose change was not tried, or did not work. */
enum oc_status outage_fail(struct outage *outage, struct oc_error *err);
void outage_read(struct outage *outage, struct outage_facts *out);
