/* Schemas by number; see migrate.h. A schema that was released is never edited again. */
#include "server/store/migrate.h"

#include "server/store/audit_chain.h"
#include "server/store/statement.h"

/* Made of schema/NNNN_*.sql by the build. */
extern const char schema_0001[];
extern const char schema_0002[];
extern const char schema_0003[];
extern const char schema_0004[];
extern const char schema_0005[];
extern const char schema_0006[];

static const char *const schemas[MIGRATE_LATEST] = {schema_0001, schema_0002, schema_0003,
                                                    schema_0004, schema_0005, schema_0006};

static enum oc_status insert_meta(sqlite3 *db, const struct store_options *options,
                                  struct oc_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum oc_status st = statement_prepare(
        db, "INSERT INTO meta VALUES (1, ?1, ?2, ?3, 1, 0, 0, ?4, ?5, ?5)", &statement, err);
    if (st) {
        return st;
    }
    const struct oc_digest head = audit_chain_genesis(options->gateway_id, options->database_id);
    struct binder binder = {.statement = statement};
    bind_blob(&binder, options->gateway_id, STORE_ID_BYTES);
    bind_blob(&binder, options->database_id, STORE_ID_BYTES);
    bind_number(&binder, MIGRATE_LATEST);
    bind_blob(&binder, head.bytes, OC_DIGEST_BYTES);
    bind_number(&binder, options->now_ms);
    int result = bind_run(&binder);
    if (result != SQLITE_DONE) {
        st = statement_fail(db, result, "write the ids", err);
    }
    (void)sqlite3_finalize(statement);
    return st;
}

static enum oc_status apply_from(sqlite3 *db, int version, struct oc_error *err)
{
    for (int i = version; i < MIGRATE_LATEST; i++) {
        enum oc_status st = statement_exec(db, schemas[i], err);
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

enum oc_status migrate_create(sqlite3 *db, const struct store_options *options,
                              struct oc_error *err)
{
    char pragma[48];
    (void)sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA application_id = %d",
                           MIGRATE_APPLICATION_ID);
    enum oc_status st = statement_exec(db, "BEGIN IMMEDIATE", err);
    if (!st) {
        st = statement_exec(db, pragma, err);
    }
    if (!st) {
        st = apply_from(db, 0, err);
    }
    if (!st) {
        st = insert_meta(db, options, err);
    }
    return st ? st : statement_exec(db, "COMMIT", err);
}

static enum oc_status read_version(sqlite3 *db, int *version, struct oc_error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, "SELECT schema_version FROM meta WHERE id = 1", -1,
                                    &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    enum oc_status st = OC_OK;
    if (result == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
    } else if (result == SQLITE_DONE || result == SQLITE_ERROR) {
        st = oc_fail(err, OC_DATA_LOSS, "store: the database lacks the row that names it");
    } else {
        st = statement_fail(db, result, "read the schema version", err);
    }
    (void)sqlite3_finalize(statement);
    return st;
}

enum oc_status migrate_is_latest(sqlite3 *db, bool *is, struct oc_error *err)
{
    int version = 0;
    const enum oc_status st = read_version(db, &version, err);
    if (!st) {
        *is = version == MIGRATE_LATEST;
    }
    return st;
}

static enum oc_status upgrade_from(sqlite3 *db, int version, struct oc_error *err)
{
    char update[64];
    (void)sqlite3_snprintf(sizeof update, update, "UPDATE meta SET schema_version = %d",
                           MIGRATE_LATEST);
    enum oc_status st = statement_exec(db, "BEGIN IMMEDIATE", err);
    if (!st) {
        st = apply_from(db, version, err);
    }
    if (!st) {
        st = statement_exec(db, update, err);
    }
    return st ? st : statement_exec(db, "COMMIT", err);
}

enum oc_status migrate_upgrade(sqlite3 *db, struct oc_error *err)
{
    int version = 0;
    enum oc_status st = read_version(db, &version, err);
    if (st) {
        return st;
    }
    if (version > MIGRATE_LATEST) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "store: the database has schema %d, this gateway knows up to %d: "
                       "run the newer gateway",
                       version, MIGRATE_LATEST);
    }
    if (version < 1) {
        return oc_fail(err, OC_DATA_LOSS, "store: the database has no valid schema version");
    }
    return version < MIGRATE_LATEST ? upgrade_from(db, version, err) : OC_OK;
}
