/*
 * Checkpoints that were kept elsewhere, compared with a history: the one part of verifying that is
 * the same for an export and for a database.
 *
 *     set_new, set_add (a checkpoint file, signatures checked), set_begin (whose history),
 *     set_row for each row, or each that set_next_seq names, in order; set_finish
 *
 * Thread: one at a time.
 */
#pragma once

#include <openclaw/audit.h>

struct oc_checkpoint_set;

/* NULL: out of memory. Owns: oc_checkpoint_set_free, which accepts NULL. */
struct oc_checkpoint_set *oc_checkpoint_set_new(void);
void oc_checkpoint_set_free(struct oc_checkpoint_set *set);

/* A checkpoint a line; what stands before it (as syslog writes) is passed over. A line at the end
 * of a file that is cut short, as a crash leaves it, is counted. Of an export, the checkpoints in
 * it.
 * Fails: DATA_LOSS (names the line); INVALID_ARGUMENT (none); RESOURCE_EXHAUSTED. */
OC_MUST_CHECK enum oc_status oc_checkpoint_set_add(struct oc_checkpoint_set *set, const char *text,
                                                   size_t n, struct oc_error *err);

/* Whose history is walked; what was found in another walk is forgotten. */
void oc_checkpoint_set_begin(struct oc_checkpoint_set *set, const uint8_t gateway_id[16],
                             const uint8_t database_id[16]);
/* The next number of which a checkpoint speaks; false: there is none any more. */
bool oc_checkpoint_set_next_seq(const struct oc_checkpoint_set *set, uint64_t *seq);
/* Row `seq` has this hash; 0 has the genesis hash. In ascending order; any may be left out. */
void oc_checkpoint_set_row(struct oc_checkpoint_set *set, uint64_t seq,
                           const struct oc_digest *hash);

/* What the end of a history is compared with. */
struct oc_checkpoint_end {
    uint64_t first_seq, last_seq; /* of the rows that were walked over; last 0: none */
    uint64_t epoch;               /* as far as known; 0: not */
    const struct oc_digest *pin;  /* of the gateway's key; NULL: not known */
};

/* Fills in what proof says of checkpoints that were given. One of an older epoch may say otherwise:
 * an accepted rollback gave up what it speaks of.
 * Fails: DATA_LOSS (names record and checkpoint). */
OC_MUST_CHECK enum oc_status oc_checkpoint_set_finish(struct oc_checkpoint_set *set,
                                                      const struct oc_checkpoint_end *end,
                                                      struct oc_audit_proof *proof,
                                                      struct oc_error *err);
