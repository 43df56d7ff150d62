/* See administrator_rows.h. */
#include "server/store/administrator_rows.h"

#include <stdlib.h>
#include <string.h>

#include "server/store/administrator_form.h"

static const char *const sources[ADMINISTRATOR_STATEMENT_COUNT] = {
    [ADMINISTRATOR_PUT] =
        "INSERT INTO administrators (name, role, is_revoked, generation, created_ms, created_by,"
        " decided_ms, decided_by, certificates, mac)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        " ON CONFLICT (name) DO UPDATE SET role = excluded.role, is_revoked = excluded.is_revoked,"
        " generation = excluded.generation, created_ms = excluded.created_ms,"
        " created_by = excluded.created_by, decided_ms = excluded.decided_ms,"
        " decided_by = excluded.decided_by, certificates = excluded.certificates,"
        " mac = excluded.mac",
    [ADMINISTRATOR_LOAD] = "SELECT name, role, is_revoked, generation, created_ms, created_by,"
                           " decided_ms, decided_by, certificates, mac FROM administrators"
                           " ORDER BY name",
};

enum oc_status administrator_rows_init(struct administrator_rows *rows, sqlite3 *db,
                                       struct oc_error *err)
{
    rows->db = db;
    for (size_t i = 0; i < ADMINISTRATOR_STATEMENT_COUNT; i++) {
        enum oc_status st = statement_prepare(db, sources[i], &rows->statements[i], err);
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

void administrator_rows_deinit(struct administrator_rows *rows)
{
    for (size_t i = 0; i < ADMINISTRATOR_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(rows->statements[i]);
        rows->statements[i] = NULL;
    }
    rows->db = NULL;
}

enum oc_status administrator_rows_put(struct administrator_rows *rows,
                                      const struct administrator *administrator,
                                      struct oc_error *err)
{
    uint8_t form[ADMINISTRATOR_FORM_BYTES];
    struct oc_digest mac = {{0}}; /* of zeros while quarantined, so that it stays so */
    if (!administrator->is_quarantined) {
        mac = administrator_mac(rows->hmac, rows->gateway_id, administrator);
    }
    struct binder binder = {.statement = rows->statements[ADMINISTRATOR_PUT]};
    bind_text(&binder, administrator->name, ADMINISTRATOR_NAME_BYTES);
    bind_number(&binder, (int64_t)administrator->role);
    bind_number(&binder, administrator->is_revoked);
    bind_number(&binder, (int64_t)administrator->generation);
    bind_number(&binder, administrator->created_ms);
    bind_text(&binder, administrator->created_by, OC_MAX_ACTOR_BYTES);
    bind_number(&binder, administrator->decided_ms);
    bind_text(&binder, administrator->decided_by, OC_MAX_ACTOR_BYTES);
    bind_blob(&binder, form, administrator_encode(administrator, form));
    bind_blob(&binder, mac.bytes, sizeof mac.bytes);
    const int result = bind_run(&binder);
    return result == SQLITE_DONE ? OC_OK
                                 : statement_fail(rows->db, result, "write an administrator", err);
}

/* A column that is not what it should be leaves the row quarantined, never trusted. */
static void read_row(struct administrator_rows *rows, sqlite3_stmt *statement,
                     struct administrator *out)
{
    struct reader reader = {.statement = statement};
    struct oc_digest mac;
    memset(out, 0, sizeof *out);
    read_text(&reader, out->name, ADMINISTRATOR_NAME_BYTES);
    out->role = (enum administrator_role)read_small(&reader, ADMINISTRATOR_ROLE_COUNT - 1);
    out->is_revoked = read_small(&reader, 1) == 1;
    out->generation = (uint64_t)read_number(&reader);
    out->created_ms = read_number(&reader);
    read_text(&reader, out->created_by, OC_MAX_ACTOR_BYTES);
    out->decided_ms = read_number(&reader);
    read_text(&reader, out->decided_by, OC_MAX_ACTOR_BYTES);
    const uint8_t *form = sqlite3_column_blob(statement, reader.at);
    const int n_form = sqlite3_column_bytes(statement, reader.at);
    const bool is_form = form && administrator_decode(form, (size_t)n_form, out);
    reader.at++;
    read_blob(&reader, mac.bytes, sizeof mac.bytes);
    const struct oc_digest wanted = administrator_mac(rows->hmac, rows->gateway_id, out);
    out->is_quarantined = reader.is_broken || !is_form ||
                          !oc_equal_constant_time(&mac, &wanted, sizeof mac) ||
                          !administrator_is_consistent(out);
}

enum oc_status administrator_rows_load(struct administrator_rows *rows,
                                       store_visit_administrator_fn visit, void *user,
                                       struct oc_error *err)
{
    sqlite3_stmt *statement = rows->statements[ADMINISTRATOR_LOAD];
    struct administrator *administrator = malloc(sizeof *administrator);
    if (!administrator) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: out of memory");
    }
    enum oc_status st = OC_OK;
    int result = sqlite3_step(statement);
    while (result == SQLITE_ROW && !st) {
        read_row(rows, statement, administrator);
        st = visit(user, administrator);
        result = st ? result : sqlite3_step(statement);
    }
    if (!st && result != SQLITE_DONE) {
        st = statement_fail(rows->db, result, "read the administrators", err);
    }
    (void)sqlite3_reset(statement);
    free(administrator);
    return st;
}
