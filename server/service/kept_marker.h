/*
 * The marker as the writer keeps it: written after commits, at most once for each, and asked what
 * a database is worth that was opened anew.
 *
 * Thread: the writer's.
 */
#pragma once

#include "server/service/service_state.h"

struct kept_marker {
    uint64_t seq, epoch; /* as it was last written */
    bool is_failing;
    char error[256];
};

/* If anything was committed since. A failure is told in the log, once.
 * Fails: UNAVAILABLE with STORE_CAUSE_MARKER_FAILS. */
OC_MUST_CHECK enum oc_status kept_marker_write(struct kept_marker *kept, struct service *service,
                                               struct oc_error *err);
/* What a revocation is answered that is durable itself. Fails: UNAVAILABLE with is_not_durable and
 * STORE_CAUSE_MARKER_FAILS while the marker could not be written. */
OC_MUST_CHECK enum oc_status kept_marker_check(const struct kept_marker *kept,
                                               struct oc_error *err);

/* What a start would say of the database that was found, with what was acknowledged beside what
 * the marker has, which may be a second late; one that cannot be read says nothing. A lock is told
 * in the log. */
enum store_lock kept_marker_judge(struct service *service,
                                  const struct store_identity *acknowledged,
                                  const struct store_identity *found);
