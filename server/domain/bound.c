/* See bound.h. */
#include "server/domain/bound.h"

#include <string.h>

#include "server/domain/event.h"

static const char DEFAULT_BOUND[] = "default";

static const struct {
    const char *name;
    const char *text;
} words[BOUND_VERDICT_COUNT] = {
    [BOUND_WITHIN] = {"bound_within", "within the bound"},
    [BOUND_NONE] = {"bound_none", "admin.bounds has neither this approver nor default"},
    [BOUND_OUT_OF_REACH] = {"bound_labels",
                            "the labels that an administrator gave the device are not the bound's"},
    [BOUND_TOO_WIDE] = {"bound_grant", "the bound has not this role, or not all of these scopes"},
    [BOUND_CHANGES_LABELS] = {"bound_gives_labels",
                              "an approver with a bound gives no labels and takes none away"},
};

const char *bound_verdict_name(enum bound_verdict verdict)
{
    return words[verdict].name;
}

const char *bound_verdict_text(enum bound_verdict verdict)
{
    return words[verdict].text;
}

const struct bound *bounds_find_exactly(const struct bounds *bounds, const char *name)
{
    for (size_t i = 0; i < bounds->n; i++) {
        if (strcmp(bounds->items[i].name, name) == 0) {
            return &bounds->items[i];
        }
    }
    return NULL;
}

const struct bound *bounds_find(const struct bounds *bounds, const char *name)
{
    const struct bound *own = bounds_find_exactly(bounds, name);
    return own ? own : bounds_find_exactly(bounds, DEFAULT_BOUND);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* What an announcement says is newer than what an earlier approval gave, and what the next gives.
 * Who wrote a quarantined record is not known: it says nothing. */
static const struct oc_labels *given_labels(const struct pairing *pairing)
{
    static const struct oc_labels none = {.n = 0};
    const struct expectation *expectation = &pairing->expectation;
    if (pairing->is_quarantined) {
        return &none;
    }
    return expectation->is_set && expectation->labels.n > 0 ? &expectation->labels
                                                            : &pairing->labels;
}

static bool has_label(const struct oc_labels *labels, const struct oc_label *wanted)
{
    for (size_t i = 0; i < labels->n; i++) {
        if (strcmp(labels->items[i].key, wanted->key) == 0) {
            return strcmp(labels->items[i].value, wanted->value) == 0;
        }
    }
    return false;
}

static bool has_labels(const struct oc_labels *labels, const struct oc_labels *wanted)
{
    for (size_t i = 0; i < wanted->n; i++) {
        if (!has_label(labels, &wanted->items[i])) {
            return false;
        }
    }
    return true;
}

/* An approval without labels leaves them; an announcement without takes them away. */
static bool changes_labels(const struct pairing *was, const struct pairing_event *event)
{
    const struct oc_labels *given = given_labels(was);
    const bool is_same = given->n == event->labels.n && has_labels(given, &event->labels);
    switch (event->kind) {
    case PAIRING_EV_APPROVE:
        return event->labels.n > 0 && !is_same;
    case PAIRING_EV_EXPECT:
        return !is_same;
    default:
        return false;
    }
}

/* ---- grants ---------------------------------------------------------------------------------- */

static bool has_role(const struct bound *bound, const char *role)
{
    bool is_there = bound->has_any_role;
    for (size_t i = 0; i < bound->n_roles && !is_there; i++) {
        is_there = strcmp(bound->roles[i], role) == 0;
    }
    return is_there;
}

static bool has_scope(const struct bound *bound, const char *scope)
{
    bool is_there = bound->has_any_scope;
    for (size_t i = 0; i < bound->n_scopes && !is_there; i++) {
        is_there = strcmp(bound->scopes[i], scope) == 0;
    }
    return is_there;
}

static bool covers(const struct bound *bound, const struct oc_grant *grant)
{
    bool is_within = has_role(bound, grant->role);
    for (size_t i = 0; i < grant->n_scopes && is_within; i++) {
        is_within = has_scope(bound, grant->scopes[i]);
    }
    return is_within;
}

/* What the device would have, or be promised; NULL: the event gives nothing. */
static const struct oc_grant *effective_grant(const struct pairing *was,
                                              const struct pairing_event *event)
{
    switch (event->kind) {
    case PAIRING_EV_APPROVE:
        if (event->narrows) {
            return &event->grant;
        }
        return was->request.is_open ? &was->request.ask.grant : NULL;
    case PAIRING_EV_EXPECT:
        return event->approves ? &event->grant : NULL;
    default:
        return NULL;
    }
}

enum bound_verdict bound_judge(const struct bound *bound, const struct pairing *was,
                               const struct pairing_event *event)
{
    if (!bound) {
        return BOUND_NONE;
    }
    if (!has_labels(given_labels(was), &bound->labels)) {
        return BOUND_OUT_OF_REACH;
    }
    if (changes_labels(was, event)) {
        return BOUND_CHANGES_LABELS;
    }
    const struct oc_grant *grant = effective_grant(was, event);
    return grant && !covers(bound, grant) ? BOUND_TOO_WIDE : BOUND_WITHIN;
}
