/*
 * What a person is shown of a device before deciding on it: the gateway's own facts, apart from
 * them what the device says of itself, whom it could be taken for, and how to be sure.
 */
#pragma once

#include <openclaw/audit.h>
#include <openclaw/review.h>

#include "cli/approved_claims.h"
#include "cli/failure.h"

struct review {
    struct oc_device device;
    bool is_known; /* false: the gateway is too old to tell the rest */
    struct oc_review facts;
    bool has_previous;               /* it asks, and was approved before */
    struct oc_audit_record previous; /* the last approval; seq 0: the audit tells of none */
    struct approved_claims claims;   /* of that record */
};

/*
 * Asks the gateway about a device as it was listed or resolved.
 * Fails: EXIT_CONFLICT when another request stands by now; and what a call fails with. To a gateway
 *        that is too old it is no failure.
 */
enum exit_code review_load(struct cli *cli, const struct oc_device *device, struct review *out,
                           struct failure *failure);

/* `devices show` where a program reads it: the device with the rest as further fields. */
extern const struct item_kind review_kind;

/* All of it, for a person. */
void review_print(const struct output *output, FILE *out, const struct review *review);

/* How to make sure that the request is the one of the agent in front of a person: on err. Nothing
 * when no request is open. `at_prompt`: a question follows that takes the code, too. */
void review_advise(const struct terminal *terminal, const struct review *review, bool at_prompt);
