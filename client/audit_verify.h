/* The inside of a verifier. A plain value but for `held`: a copy goes on from where it was made. */
#pragma once

#include "client/audit_lines.h"
#include "proto/crypto/checkpoint_set.h"

struct oc_audit_verifier {
    bool has_pin;
    struct oc_digest pin;
    struct oc_checkpoint_set *held; /* given apart; NULL: none */
    bool has_header;
    struct oc_audit_header header; /* the first */
    struct oc_digest hash;         /* of the record before the next one */
    uint64_t next_seq;
    uint64_t line; /* the one that is read, from 1 */
    bool is_after_header;
    bool is_at_end; /* the last line was a checkpoint */
    struct oc_audit_proof proof;
    enum oc_status failed;
    struct oc_error error;
    size_t n_partial;
    char partial[OC_AUDIT_LINE_BYTES]; /* of the line whose end has not come yet */
};
