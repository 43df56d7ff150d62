/*
 * openclaw audit list --follow: each record once and in order, over lost connections and restarts
 * of the gateway. The last record that was told is looked at again each time, with its hash:
 * records that were replaced are not followed, but told.
 */
#pragma once

#include <openclaw/audit.h>

#include "cli/command.h"

struct audit_follow {
    struct oc_audit_filter filter;
    bool has_after;
    uint64_t after; /* begins behind this record; else now, or with filter.since_ms */
    size_t limit;   /* ends after so many; SIZE_MAX: never */
    const struct item_kind *kind;
};

/* As follow_run; EXIT_CONFLICT: the gateway has other records than those that were told. */
enum exit_code audit_follow_run(struct cli *cli, const struct audit_follow *follow);
