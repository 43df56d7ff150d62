/* Administrators as rows of their table. Of the SQLite backend; see store_sqlite.c. */
#pragma once

#include "proto/crypto/digest.h"
#include "server/store/statement.h"
#include "server/store/store_backend.h"

enum administrator_statement {
    ADMINISTRATOR_PUT,
    ADMINISTRATOR_LOAD,
    ADMINISTRATOR_STATEMENT_COUNT
};

struct administrator_rows {
    sqlite3 *db;
    sqlite3_stmt *statements[ADMINISTRATOR_STATEMENT_COUNT];
    struct oc_hmac *hmac; /* borrowed, as is the next */
    const uint8_t *gateway_id;
};

OC_MUST_CHECK enum oc_status administrator_rows_init(struct administrator_rows *rows, sqlite3 *db,
                                                     struct oc_error *err);
void administrator_rows_deinit(struct administrator_rows *rows);

OC_MUST_CHECK enum oc_status administrator_rows_put(struct administrator_rows *rows,
                                                    const struct administrator *administrator,
                                                    struct oc_error *err);
OC_MUST_CHECK enum oc_status administrator_rows_load(struct administrator_rows *rows,
                                                     store_visit_administrator_fn visit, void *user,
                                                     struct oc_error *err);
