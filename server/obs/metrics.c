/* Owns the process's metrics. */
#include "server/obs/metrics.h"

#include <assert.h>
#include <stdatomic.h>

static _Atomic int64_t values[METRIC_COUNT];

static const char *const names[METRIC_COUNT] = {
    [METRIC_CONNECTIONS_ACCEPTED_TOTAL] = "openclaw_connections_accepted_total",
    [METRIC_CONNECTIONS_REFUSED_AT_CAP_TOTAL] = "openclaw_connections_refused_at_cap_total",
    [METRIC_HANDSHAKES_FAILED_TOTAL] = "openclaw_handshakes_failed_total",
    [METRIC_CALLS_TOTAL] = "openclaw_calls_total",
    [METRIC_CALLS_REFUSED_TOTAL] = "openclaw_calls_refused_total",
    [METRIC_CALLS_LATE_TOTAL] = "openclaw_calls_late_total",
    [METRIC_SESSIONS_COUNT] = "openclaw_sessions_count",
    [METRIC_WAITERS_COUNT] = "openclaw_waiters_count",
    [METRIC_DEVICES_COUNT] = "openclaw_devices_count",
    [METRIC_REQUESTS_OPEN_COUNT] = "openclaw_requests_open_count",
    [METRIC_REQUESTS_SHED_TOTAL] = "openclaw_requests_shed_total",
    [METRIC_REQUESTS_REFUSED_AT_CAP_TOTAL] = "openclaw_requests_refused_at_cap_total",
    [METRIC_RECORDS_FORGOTTEN_TOTAL] = "openclaw_records_forgotten_total",
    [METRIC_DECISIONS_TOTAL] = "openclaw_decisions_total",
    [METRIC_COMMITS_TOTAL] = "openclaw_commits_total",
    [METRIC_COMMITS_FAILED_TOTAL] = "openclaw_commits_failed_total",
    [METRIC_WRITER_QUEUE_COUNT] = "openclaw_writer_queue_count",
    [METRIC_WRITER_QUEUE_FULL_TOTAL] = "openclaw_writer_queue_full_total",
    [METRIC_ROWS_QUARANTINED_COUNT] = "openclaw_rows_quarantined_count",
    [METRIC_LOG_LINES_TOTAL] = "openclaw_log_lines_total",
    [METRIC_LOG_LINES_SUPPRESSED_TOTAL] = "openclaw_log_lines_suppressed_total",
    [METRIC_CLOCK_STEPS_TOTAL] = "openclaw_clock_steps_total",
    [METRIC_AUDIT_DENIED_LEFT_OUT_TOTAL] = "openclaw_audit_denied_left_out_total",
    [METRIC_BREAK_GLASS_TOTAL] = "openclaw_break_glass_total",
};

void metric_add(enum metric metric, int64_t amount)
{
    assert((unsigned)metric < METRIC_COUNT);
    atomic_fetch_add_explicit(&values[metric], amount, memory_order_relaxed);
}

void metric_set(enum metric metric, int64_t value)
{
    assert((unsigned)metric < METRIC_COUNT);
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

int64_t metric_get(enum metric metric)
{
    assert((unsigned)metric < METRIC_COUNT);
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

const char *metric_name(enum metric metric)
{
    assert((unsigned)metric < METRIC_COUNT);
    return names[metric];
}

void metrics_read(void (*each)(void *user, const char *name, int64_t value), void *user)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        each(user, names[i], metric_get((enum metric)i));
    }
}
