/*
 * Records as rows of four tables: written by a few prepared statements, loaded by one merge over
 * the tables in the order of their key.
 */
#pragma once

#include <sqlite3.h>

#include "server/store/store.h"

enum record_statement {
    RECORD_FIND_DEVICE,
    RECORD_INSERT_DEVICE,
    RECORD_UPDATE_DEVICE,
    RECORD_PUT_REQUEST,
    RECORD_DROP_REQUEST,
    RECORD_PUT_EXPECTATION,
    RECORD_DROP_EXPECTATION,
    RECORD_PUT_SIGHTING,
    RECORD_DROP_SIGHTING,
    RECORD_DROP_DEVICE,
    RECORD_STATEMENT_COUNT
};

struct record_rows {
    sqlite3 *db;
    struct oc_hmac *hmac;      /* of the row key; borrowed */
    const uint8_t *gateway_id; /* borrowed */
    sqlite3_stmt *statements[RECORD_STATEMENT_COUNT];
};

/* Prepares. Owns: record_rows_deinit, also after a failure. */
OC_MUST_CHECK enum oc_status record_rows_init(struct record_rows *rows, sqlite3 *db,
                                              struct oc_error *err);
void record_rows_deinit(struct record_rows *rows);

/* Writes the record. Fails: ALREADY_EXISTS (alias taken); as store_apply. */
OC_MUST_CHECK enum oc_status record_rows_put(struct record_rows *rows,
                                             const struct pairing *pairing, struct oc_error *err);
/* Deletes the record's rows, if it has any. */
OC_MUST_CHECK enum oc_status
record_rows_forget(struct record_rows *rows, const struct oc_device_id *id, struct oc_error *err);

/* Skips devices that have no record. */
OC_MUST_CHECK enum oc_status record_rows_put_sighting(struct record_rows *rows,
                                                      const struct store_sighting *sighting,
                                                      struct oc_error *err);

OC_MUST_CHECK enum oc_status record_rows_load(struct record_rows *rows, store_visit_fn visit,
                                              void *user, struct oc_error *err);
