/*
 * Metrics: one table of atomic numbers. Names end in their unit and take nothing from a peer.
 * Totals only grow; counts go up and down.
 */
#pragma once

#include <stdint.h>

enum metric {
    METRIC_CONNECTIONS_ACCEPTED_TOTAL,
    METRIC_CONNECTIONS_REFUSED_AT_CAP_TOTAL,
    METRIC_HANDSHAKES_FAILED_TOTAL,
    METRIC_CALLS_TOTAL,
    METRIC_CALLS_REFUSED_TOTAL,
    METRIC_CALLS_LATE_TOTAL,
    METRIC_SESSIONS_COUNT,
    METRIC_WAITERS_COUNT,
    METRIC_DEVICES_COUNT,
    METRIC_REQUESTS_OPEN_COUNT,
    METRIC_REQUESTS_SHED_TOTAL,
    METRIC_REQUESTS_REFUSED_AT_CAP_TOTAL,
    METRIC_RECORDS_FORGOTTEN_TOTAL,
    METRIC_DECISIONS_TOTAL,
    METRIC_COMMITS_TOTAL,
    METRIC_COMMITS_FAILED_TOTAL,
    METRIC_WRITER_QUEUE_COUNT,
    METRIC_WRITER_QUEUE_FULL_TOTAL,
    METRIC_ROWS_QUARANTINED_COUNT,
    METRIC_LOG_LINES_TOTAL,
    METRIC_LOG_LINES_SUPPRESSED_TOTAL,
    METRIC_CLOCK_STEPS_TOTAL,
    METRIC_AUDIT_DENIED_LEFT_OUT_TOTAL,
    METRIC_BREAK_GLASS_TOTAL,
    METRIC_COUNT
};

/* Adds (which may be negative only for a _COUNT). Thread: any, wait-free. */
void metric_add(enum metric metric, int64_t amount);
void metric_set(enum metric metric, int64_t value);
int64_t metric_get(enum metric metric);

/* "openclaw_calls_total". Never NULL. */
const char *metric_name(enum metric metric);

/* Calls `each` for every metric, in the order of the table. Values are read one by one. */
void metrics_read(void (*each)(void *user, const char *name, int64_t value), void *user);
