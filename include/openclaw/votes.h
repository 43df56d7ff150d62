/*
 * Two-person approval: who agreed to a request. A device that waits says how many must, and how
 * many do (oc_device.n_votes_needed, n_votes); each agrees by an ordinary approval, and the last
 * one's approves. Votes are for one request as it was shown and for one grant: what is narrowed
 * otherwise does not add up, and a request that is replaced or closed loses them. They expire, and
 * count only while their voter may approve.
 *
 * Thread: any.
 */
#pragma once

#include <openclaw/client.h>
#include <openclaw/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_MAX_VOTES = 9, /* of a request: the tenth approves */
};

struct oc_vote {
    char by[OC_MAX_ACTOR_BYTES + 1]; /* "uid:0", "admin:alice" */
    int64_t at_ms;                   /* Unix milliseconds, UTC */
    bool is_otherwise; /* not for what is asked, but for less, a term, or other labels */
    uint64_t reserved[4];
};

/* Of one open request; oldest first, one of each administrator, those that count now. */
struct oc_votes {
    uint32_t n_needed;  /* to approve it as asked; 0: one is enough */
    uint32_t n_for_one; /* for one and the same grant, of that with the most */
    size_t n;
    struct oc_vote items[OC_MAX_VOTES];
    uint64_t reserved[8];
};

/*
 * Reads the votes for an open request.
 *
 * Fails:  NOT_FOUND (no such request is open); as all calls of openclaw/admin.h.
 */
OC_MUST_CHECK enum oc_status oc_admin_read_votes(struct oc_client *client,
                                                 const struct oc_request_id *request_id,
                                                 struct oc_votes *out, struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
