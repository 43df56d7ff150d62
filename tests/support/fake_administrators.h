/*
 * The administrators' half of the double of libopenclaw: a few administrators in memory.
 */
#pragma once

#include <openclaw/admin_pki.h>
#include <openclaw/offline_ca.h>

#include "tests/support/fake_bundle.h"

enum {
    FAKE_ADMINISTRATORS = 8,
};

struct fake_pki {
    struct oc_admin_pki pki;
    size_t n;
    struct oc_administrator items[FAKE_ADMINISTRATORS];
    enum oc_status changes_fail_with;
    struct oc_error facts; /* cause, is_outcome_unknown of such a failure */
    size_t n_changes;
    char last_name[65]; /* of the last change */
    char last_url[321];
    int64_t last_ttl_ms;
    bool was_signed_elsewhere;
};
extern struct fake_pki fake_pki;

/* alice (admin, online), bob (approver, 12 days left), carol (viewer, revoked), and a CA. */
void fake_pki_reset(void);
