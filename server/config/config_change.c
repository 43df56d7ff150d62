/*
 * Owns which keys are live. Invariant: what comes out of config_take_over passes config_check, and
 * every key that differs is told once.
 */
#include "server/config/config_change.h"

#include <string.h>

#include "proto/base/cleanup.h"

enum when {
    AT_RESTART,
    LIVE,
    LIVE_IF_STRICTER, /* pairingRequired: true at once, false at the next start */
    LIVE_IF_SAFE,     /* together with the listeners that are open */
};

typedef bool (*is_same_fn)(const void *a, const void *b);

struct row {
    const char *path;
    enum when when;
    size_t offset, n_bytes;
    is_same_fn is_same;
};

/* ---- whether two values are the same --------------------------------------------------------- */

static bool is_same_bool(const void *a, const void *b)
{
    return *(const bool *)a == *(const bool *)b;
}

static bool is_same_count(const void *a, const void *b)
{
    return *(const uint32_t *)a == *(const uint32_t *)b;
}

static bool is_same_duration(const void *a, const void *b)
{
    return *(const int64_t *)a == *(const int64_t *)b;
}

static bool is_same_text(const void *a, const void *b)
{
    return strcmp(a, b) == 0;
}

static bool is_same_level(const void *a, const void *b)
{
    return *(const enum log_level *)a == *(const enum log_level *)b;
}

static bool is_same_format(const void *a, const void *b)
{
    return *(const enum log_format *)a == *(const enum log_format *)b;
}

static bool is_same_networks(const void *a, const void *b)
{
    const struct config_networks *one = a;
    const struct config_networks *other = b;
    bool is_same = one->n == other->n;
    for (size_t i = 0; is_same && i < one->n; i++) {
        is_same =
            one->items[i].prefix_bits == other->items[i].prefix_bits &&
            memcmp(one->items[i].address, other->items[i].address, NETWORK_ADDRESS_BYTES) == 0;
    }
    return is_same;
}

static bool is_same_urls(const void *a, const void *b)
{
    const struct config_urls *one = a;
    const struct config_urls *other = b;
    bool is_same = one->n == other->n;
    for (size_t i = 0; is_same && i < one->n; i++) {
        is_same = strcmp(one->items[i], other->items[i]) == 0;
    }
    return is_same;
}

static bool is_same_uids(const void *a, const void *b)
{
    const struct config_uids *one = a;
    const struct config_uids *other = b;
    return one->n == other->n && memcmp(one->items, other->items, one->n * sizeof *one->items) == 0;
}

static bool is_same_approvals(const void *a, const void *b)
{
    const struct approval_rules *one = a;
    const struct approval_rules *other = b;
    bool is_same = one->n == other->n;
    for (size_t i = 0; is_same && i < one->n; i++) {
        const struct approval_rule *left = &one->items[i];
        const struct approval_rule *right = &other->items[i];
        is_same = left->of == right->of && strcmp(left->text, right->text) == 0 &&
                  strcmp(left->value, right->value) == 0 && left->need == right->need &&
                  left->votes_expire_ms == right->votes_expire_ms;
    }
    return is_same;
}

/* Of the whole grant, whose role is a key of its own. */
static bool is_same_scopes(const void *a, const void *b)
{
    const struct oc_grant *one = a;
    const struct oc_grant *other = b;
    bool is_same = one->n_scopes == other->n_scopes;
    for (size_t i = 0; is_same && i < one->n_scopes; i++) {
        is_same = strcmp(one->scopes[i], other->scopes[i]) == 0;
    }
    return is_same;
}

static bool is_same_labels(const struct oc_labels *one, const struct oc_labels *other)
{
    bool is_same = one->n == other->n;
    for (size_t i = 0; is_same && i < one->n; i++) {
        is_same = strcmp(one->items[i].key, other->items[i].key) == 0 &&
                  strcmp(one->items[i].value, other->items[i].value) == 0;
    }
    return is_same;
}

static bool is_same_bound(const struct bound *one, const struct bound *other)
{
    bool is_same = strcmp(one->name, other->name) == 0 &&
                   one->has_any_role == other->has_any_role &&
                   one->has_any_scope == other->has_any_scope && one->n_roles == other->n_roles &&
                   one->n_scopes == other->n_scopes;
    for (size_t i = 0; is_same && i < one->n_roles; i++) {
        is_same = strcmp(one->roles[i], other->roles[i]) == 0;
    }
    for (size_t i = 0; is_same && i < one->n_scopes; i++) {
        is_same = strcmp(one->scopes[i], other->scopes[i]) == 0;
    }
    return is_same && is_same_labels(&one->labels, &other->labels);
}

static bool is_same_bounds(const void *a, const void *b)
{
    const struct bounds *one = a;
    const struct bounds *other = b;
    bool is_same = one->are_given == other->are_given && one->n == other->n;
    for (size_t i = 0; is_same && i < one->n; i++) {
        is_same = is_same_bound(&one->items[i], &other->items[i]);
    }
    return is_same;
}

static bool is_same_map(const void *a, const void *b)
{
    const struct administrator_map *one = a;
    const struct administrator_map *other = b;
    bool is_same = one->n == other->n;
    for (size_t i = 0; is_same && i < one->n; i++) {
        is_same = strcmp(one->items[i].san, other->items[i].san) == 0 &&
                  one->items[i].role == other->items[i].role &&
                  strcmp(one->items[i].bound, other->items[i].bound) == 0;
    }
    return is_same;
}

/* ---- the table ------------------------------------------------------------------------------- */

#define VALUE(field) offsetof(struct config, field), sizeof((struct config *)NULL)->field

static const struct row rows[] = {
    {"pairingRequired", LIVE_IF_STRICTER, VALUE(pairing_required), is_same_bool},
    {"allowUnpairedDevices", LIVE_IF_SAFE, VALUE(allow_unpaired_devices), is_same_bool},
    {"trustedNetworks", LIVE_IF_SAFE, VALUE(trusted_networks), is_same_networks},
    {"defaultGrant.role", LIVE, VALUE(default_grant.role), is_same_text},
    {"defaultGrant.scopes", LIVE, VALUE(default_grant), is_same_scopes},
    {"stateDir", AT_RESTART, VALUE(state_dir), is_same_text},
    {"store", AT_RESTART, VALUE(store), is_same_text},
    {"listen.devices", AT_RESTART, VALUE(listen.devices), is_same_urls},
    {"listen.local", AT_RESTART, VALUE(listen.local), is_same_text},
    {"listen.admin", AT_RESTART, VALUE(listen.admin), is_same_text},
    {"listen.metrics", AT_RESTART, VALUE(listen.metrics), is_same_text},
    {"pairing.pendingTtl", LIVE, VALUE(pairing.pending_ttl_ms), is_same_duration},
    {"pairing.maxPending", LIVE, VALUE(pairing.max_pending), is_same_count},
    {"pairing.maxPendingPerSource", LIVE, VALUE(pairing.max_pending_per_source), is_same_count},
    {"pairing.exemptSources", LIVE, VALUE(pairing.exempt_sources), is_same_networks},
    {"limits.maxUnfinished", AT_RESTART, VALUE(limits.max_unfinished), is_same_count},
    {"limits.maxUnfinishedPerSource", AT_RESTART, VALUE(limits.max_unfinished_per_source),
     is_same_count},
    {"limits.maxArrivals", AT_RESTART, VALUE(limits.max_arrivals), is_same_count},
    {"limits.maxArrivalsPerSource", AT_RESTART, VALUE(limits.max_arrivals_per_source),
     is_same_count},
    {"limits.maxUnapproved", LIVE, VALUE(limits.max_unapproved), is_same_count},
    {"limits.maxUnapprovedPerSource", LIVE, VALUE(limits.max_unapproved_per_source), is_same_count},
    {"admin.localUids", LIVE, VALUE(admin.local_uids), is_same_uids},
    {"admin.bounds", LIVE, VALUE(admin.bounds), is_same_bounds},
    {"admin.ca", LIVE, VALUE(admin.ca), is_same_text},
    {"admin.map", LIVE, VALUE(admin.map), is_same_map},
    {"approvals", LIVE, VALUE(approvals), is_same_approvals},
    {"audit.checkpointFile", AT_RESTART, VALUE(audit.checkpoint_file), is_same_text},
    {"audit.checkpointEvery", AT_RESTART, VALUE(audit.checkpoint_every_ms), is_same_duration},
    {"audit.syslog", AT_RESTART, VALUE(audit.syslog), is_same_bool},
    {"log.level", LIVE, VALUE(log.level), is_same_level},
    {"log.format", LIVE, VALUE(log.format), is_same_format},
};

_Static_assert(sizeof rows / sizeof rows[0] <= CONFIG_MAX_CHANGES, "room for every key");

bool config_change_knows(const char *path)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        if (strcmp(rows[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- taking over ----------------------------------------------------------------------------- */

static const void *value_in(const struct config *config, const struct row *row)
{
    return (const char *)config + row->offset;
}

/* How much is taken over: the first of these that passes the checks. */
enum measure {
    EVERYTHING_LIVE,
    NOTHING_THAT_DEPENDS, /* on what stays */
    NOTHING,
};

static bool may_apply(const struct row *row, const struct config *wanted, enum measure measure)
{
    switch (row->when) {
    case AT_RESTART:
        return false;
    case LIVE:
        return measure != NOTHING;
    case LIVE_IF_STRICTER:
        return measure != NOTHING && wanted->pairing_required;
    case LIVE_IF_SAFE:
        return measure == EVERYTHING_LIVE;
    }
    return false;
}

static struct config merge(const struct config *now, const struct config *wanted,
                           enum measure measure, struct config_changes *changes)
{
    struct config merged = *now;
    *changes = (struct config_changes){.n_applied = 0};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        const struct row *row = &rows[i];
        const void *value = value_in(wanted, row);
        if (row->is_same(value_in(now, row), value)) {
            continue;
        }
        if (may_apply(row, wanted, measure)) {
            memcpy((char *)&merged + row->offset, value, row->n_bytes);
            changes->applied[changes->n_applied++] = row->path;
        } else {
            changes->waiting[changes->n_waiting++] = row->path;
        }
    }
    return merged;
}

void config_take_over(struct config *now, const struct config *wanted,
                      struct config_changes *changes)
{
    enum measure measure = EVERYTHING_LIVE;
    struct config merged = merge(now, wanted, measure, changes);
    while (measure != NOTHING && config_check(&merged, "", NULL) != OC_OK) {
        merged = merge(now, wanted, ++measure, changes);
    }
    *now = merged;
}
