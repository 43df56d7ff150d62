/*
 * The bound of an approver: which grants it may give, and which devices it may decide on. Plain
 * values, pure.
 *
 * - A device is within reach when the labels that an administrator gave it hold every label of the
 *   bound; what a device claims of itself never counts. A device that was announced has the labels
 *   of its announcement: they are what an approval gives it.
 * - What is given (by an approval, or an announcement that approves) lies within the bound as a
 *   whole, whoever asked for it and however much of it was granted before.
 * - Who is bounded gives no labels and takes none away: they are what bounds are tested by.
 * - What takes away (reject, revoke, block, remove) needs the reach alone.
 */
#pragma once

#include <openclaw/types.h>
#include <stdbool.h>

struct pairing;
struct pairing_event;

enum {
    BOUND_NAME_BYTES = 64,
    BOUND_MAX_ROLES = 8,
    BOUNDS_MAX = 32,
};

struct bound {
    char name[BOUND_NAME_BYTES + 1];
    bool has_any_role; /* "*" */
    bool has_any_scope;
    uint8_t n_roles;
    uint8_t n_scopes;
    char roles[BOUND_MAX_ROLES][OC_MAX_ROLE_BYTES + 1];
    char scopes[OC_MAX_SCOPES][OC_MAX_SCOPE_BYTES + 1];
    struct oc_labels labels; /* none: every device */
};

/* The bounds of a gateway. None given: an approver is bounded by its role alone. */
struct bounds {
    bool are_given;
    size_t n;
    struct bound items[BOUNDS_MAX];
};

/* The one of this name, else the one called "default"; NULL: neither. Borrowed. */
const struct bound *bounds_find(const struct bounds *bounds, const char *name);
/* The one of this name and no other; NULL: there is none. Borrowed. */
const struct bound *bounds_find_exactly(const struct bounds *bounds, const char *name);

enum bound_verdict {
    BOUND_WITHIN,
    BOUND_NONE,         /* bounds are given, and none of them is this administrator's */
    BOUND_OUT_OF_REACH, /* the device's labels do not match */
    BOUND_TOO_WIDE,     /* the grant */
    BOUND_CHANGES_LABELS,
    BOUND_VERDICT_COUNT
};

/*
 * Whether an administrator of this bound may cause the event, on the record as it is. NULL: it has
 * none, and may cause nothing. Every path of every decision goes through here.
 *
 * Thread: any; pure.
 */
enum bound_verdict bound_judge(const struct bound *bound, const struct pairing *was,
                               const struct pairing_event *event);

/* "bound_grant": the cause that the caller is told; and why, in a sentence. Never NULL. */
const char *bound_verdict_name(enum bound_verdict verdict);
const char *bound_verdict_text(enum bound_verdict verdict);
