/*
 * So that an older state lets nobody in who was shut out since: the withdrawals that the present
 * database knows of are made again in the restored one, each a decision of its own with its audit
 * row, before that one takes its place.
 */
#pragma once

#include "server/restore_report.h"

/*
 * Revokes in the backup whoever is approved there and is not in the present database, blocks who is
 * blocked in that, and ends approvals in advance that were used or ended since. Who was approved
 * anew since, with less than before or for less long, is revoked too: no decision of the backup is
 * that approval, and the one it has gives more; likewise an approval in advance is ended. Records
 * that are not authentic say nothing.
 *
 * Owns:  out->text, also after a failure.
 * Fails: as store_apply, store_commit.
 */
OC_MUST_CHECK enum oc_status restore_withdraw(struct restore_side *backup,
                                              const struct restore_side *present,
                                              const struct restore_lost *lost, int64_t now_ms,
                                              struct restore_withdrawn *out, struct oc_error *err);
