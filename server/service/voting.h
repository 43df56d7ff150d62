/*
 * What the configuration says of two-person approval. A plain value.
 */
#pragma once

#include "server/domain/approvals.h"

enum {
    VOTING_MAX_UIDS = 32,
};
/* To what several administrators must agree, and whom the local door lets in besides root and our
 * own user: who votes there may be one who may no more. */
struct voting {
    struct approval_rules rules;
    uint32_t local_uids[VOTING_MAX_UIDS];
    size_t n_local_uids;
};
