/*
 * So that an older state gives no remote administrator anything back: who was revoked or demoted
 * since, whose certificate was revoked, and whoever the present database does not vouch for.
 */
#pragma once

#include "server/restore_report.h"

struct restore_administrators {
    uint64_t n_withdrawn; /* decisions */
    char *text;           /* one line each; free(); NULL: none */
};

/*
 * Withdraws in the backup what an administrator may by it and not by the present database: after it
 * nobody may more than before the restore. A certificate that the present does not know is void, as
 * is every one where it cannot be read: the local door issues anew. Where the backup is no older
 * than the present (or than the marker, where the present cannot be read) nothing is withdrawn. In
 * one transaction, each decision with its audit row.
 *
 * Owns:  out->text, also after a failure.
 * Fails: RESOURCE_EXHAUSTED; as store_load_administrators, store_apply, store_commit.
 */
OC_MUST_CHECK enum oc_status
restore_withdraw_administrators(struct restore_side *backup, const struct restore_side *present,
                                const struct restore_lost *lost, int64_t now_ms,
                                struct restore_administrators *out, struct oc_error *err);

void restore_print_administrators(FILE *out, const struct restore_administrators *again);
