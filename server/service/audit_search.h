/* Searching the audit: small jobs on the writer's thread, between groups. */
#pragma once

#include "server/service/admin_service.h"

/* What rows must be; "" and 0 are any. */
struct audit_filter {
    char actor[OC_MAX_ACTOR_BYTES + 1];
    char action[24];
    char outcome[24];
    struct oc_request_id request_id;
    int64_t since_ms, until_ms; /* from the one on, before the other */
    uint64_t last_seq;
};
/* The same of rows that pass the filter. At most 1,024 rows are looked at: a page may hold fewer
 * than its size, even none, and still have a next one. */
void admin_search_audit(struct service *service, const struct store_audit_query *query,
                        const struct audit_filter *filter, const struct audit_call *call);
