/*
 * History as rows: the change log, the audit and the memory of calls. Numbers and hashes arrive
 * ready made; this writes and finds them.
 */
#pragma once

#include <sqlite3.h>

#include "server/store/store_backend.h"

enum history_statement {
    HISTORY_PUT_CHANGE,
    HISTORY_PUT_AUDIT,
    HISTORY_PUT_KEY,
    HISTORY_FIND_KEY,
    HISTORY_LIST_CHANGES,
    HISTORY_FIRST_CHANGE,
    HISTORY_LIST_AUDIT,
    HISTORY_LIST_AUDIT_BACK,
    HISTORY_LIST_AUDIT_OF,
    HISTORY_LIST_AUDIT_OF_BACK,
    HISTORY_PRUNE_CHANGES,
    HISTORY_PRUNE_KEYS,
    HISTORY_HAS_OLD,
    HISTORY_STATEMENT_COUNT
};

struct history_rows {
    sqlite3 *db;
    sqlite3_stmt *statements[HISTORY_STATEMENT_COUNT];
};

/* Prepares. Owns: history_rows_deinit, also after a failure. */
OC_MUST_CHECK enum oc_status history_rows_init(struct history_rows *history, sqlite3 *db,
                                               struct oc_error *err);
void history_rows_deinit(struct history_rows *history);

OC_MUST_CHECK enum oc_status history_rows_put_change(struct history_rows *history,
                                                     const struct store_write *write,
                                                     struct oc_error *err);
OC_MUST_CHECK enum oc_status history_rows_put_audit(struct history_rows *history,
                                                    const struct store_write *write,
                                                    struct oc_error *err);
OC_MUST_CHECK enum oc_status history_rows_put_key(struct history_rows *history,
                                                  const struct store_write *write,
                                                  struct oc_error *err);

OC_MUST_CHECK enum oc_status history_rows_find_key(struct history_rows *history, const char *actor,
                                                   uint32_t method,
                                                   const uint8_t key[STORE_KEY_BYTES],
                                                   struct store_key *out, struct oc_error *err);

OC_MUST_CHECK enum oc_status history_rows_list_audit(struct history_rows *history,
                                                     const struct store_audit_query *query,
                                                     struct store_audit_row *rows, size_t *n,
                                                     struct oc_error *err);
/* `last` is the highest number there is. */
OC_MUST_CHECK enum oc_status history_rows_list_changes(struct history_rows *history, uint64_t last,
                                                       uint64_t after_seq,
                                                       struct store_change_row *rows, size_t limit,
                                                       size_t *n, struct oc_error *err);

/* `last` is the highest number of the change log. Whether a row is past its time, or one too many.
 */
OC_MUST_CHECK enum oc_status history_rows_has_old(struct history_rows *history, uint64_t last,
                                                  int64_t now_ms, bool *out, struct oc_error *err);
/* Forgets at most STORE_PRUNE_ROWS of them. */
OC_MUST_CHECK enum oc_status history_rows_prune(struct history_rows *history, uint64_t last,
                                                int64_t now_ms, struct oc_error *err);
