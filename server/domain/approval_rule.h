/*
 * What several administrators must agree to, as the configuration says it. Plain values.
 */
#pragma once

#include <openclaw/types.h>

enum {
    APPROVAL_RULES = 16, /* at most */
    APPROVAL_NEED_LEAST = 2,
    APPROVAL_NEED_MOST = 10,
};
#define APPROVAL_VOTES_EXPIRE_MS       (INT64_C(60) * 60 * 1000) /* unless the rule says otherwise */
#define APPROVAL_VOTES_EXPIRE_LEAST_MS INT64_C(1000)
#define APPROVAL_VOTES_EXPIRE_MOST_MS  (INT64_C(7) * 24 * 60 * 60 * 1000)

enum approval_subject {
    APPROVAL_OF_NOTHING, /* matches all there is: a rule that says nothing must not let by */
    APPROVAL_OF_ROLE,
    APPROVAL_OF_SCOPE,
    APPROVAL_OF_LABEL,
};

struct approval_rule {
    enum approval_subject of;
    char text[OC_MAX_LABEL_KEY_BYTES + 1];    /* the role, the scope, or the label's key ... */
    char value[OC_MAX_LABEL_VALUE_BYTES + 1]; /* ... and the label's value */
    uint32_t need;
    int64_t votes_expire_ms;
};

struct approval_rules {
    size_t n;
    struct approval_rule items[APPROVAL_RULES];
};
