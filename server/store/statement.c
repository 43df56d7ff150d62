/* Statements; see statement.h. */
#include "server/store/statement.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "server/store/row_form.h"
#include "server/store/store.h"

static enum oc_status status_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return OC_RESOURCE_EXHAUSTED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return OC_DATA_LOSS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return OC_FAILED_PRECONDITION;
    default:
        return OC_UNAVAILABLE;
    }
}

static const char *name_of(sqlite3 *db)
{
    const char *name = sqlite3_db_filename(db, "main");
    return name && name[0] != '\0' ? name : "the database";
}

/* The disk's own failures: what an administrator must mend. */
static enum oc_status fail_disk(sqlite3 *db, int result, const char *what, struct oc_error *err)
{
    const bool is_full = (result & 0xff) == SQLITE_FULL;
    const int number = sqlite3_system_errno(db);
    char reason[96] = "";
    if (!is_full) {
        (void)snprintf(reason, sizeof reason, ": %s",
                       number != 0 ? strerror(number) : sqlite3_errstr(result));
    }
    (void)oc_fail(err, is_full ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE,
                  "the disk of %s %s%s (%s: sqlite %d)", name_of(db), is_full ? "is full" : "fails",
                  reason, what, result);
    if (err) {
        (void)snprintf(err->cause, sizeof err->cause, "%s",
                       is_full ? STORE_CAUSE_DISK_FULL : STORE_CAUSE_DISK_FAILS);
    }
    return is_full ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE;
}

enum oc_status statement_fail(sqlite3 *db, int result, const char *what, struct oc_error *err)
{
    const bool is_memory = result == SQLITE_IOERR_NOMEM; /* says IOERR, and means the other */
    if ((result & 0xff) == SQLITE_FULL || ((result & 0xff) == SQLITE_IOERR && !is_memory)) {
        return fail_disk(db, result, what, err);
    }
    const char *cause =
        (result & 0xff) == SQLITE_BUSY ? "another process holds the database" : sqlite3_errmsg(db);
    return oc_fail(err, status_of(result), "store: %s: %s (sqlite %d, errno %d)", what, cause,
                   result, sqlite3_system_errno(db));
}

bool statement_is_refused(int result)
{
    return (result & 0xff) == SQLITE_CONSTRAINT;
}

enum oc_status statement_exec(sqlite3 *db, const char *sql, struct oc_error *err)
{
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (result != SQLITE_OK) {
        char what[64];
        (void)snprintf(what, sizeof what, "%s", sql);
        return statement_fail(db, result, what, err);
    }
    return OC_OK;
}

enum oc_status statement_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                                 struct oc_error *err)
{
    int result = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return result == SQLITE_OK ? OC_OK : statement_fail(db, result, "prepare", err);
}

/* ---- binding ------------------------------------------------------------------------------- */

/* A wrong number is a bug of ours; out of memory must not write a NULL in the value's place. */
static void note(struct binder *binder, int result)
{
    assert(result == SQLITE_OK || result == SQLITE_NOMEM);
    if (result != SQLITE_OK) {
        binder->failed = result;
    }
}

int bind_step(struct binder *binder)
{
    return binder->failed ? binder->failed : sqlite3_step(binder->statement);
}

int bind_run(struct binder *binder)
{
    int result = bind_step(binder);
    (void)sqlite3_reset(binder->statement); /* says again what the step said */
    return result;
}

void bind_number(struct binder *binder, int64_t value)
{
    note(binder, sqlite3_bind_int64(binder->statement, ++binder->at, value));
}

void bind_text(struct binder *binder, const char *text, size_t most)
{
    note(binder, sqlite3_bind_text(binder->statement, ++binder->at, text, (int)strnlen(text, most),
                                   SQLITE_STATIC));
}

void bind_blob(struct binder *binder, const void *bytes, size_t n)
{
    note(binder, sqlite3_bind_blob(binder->statement, ++binder->at, bytes, (int)n, SQLITE_STATIC));
}

void bind_digest(struct binder *binder, const struct oc_digest *digest)
{
    static const struct oc_digest none;
    if (memcmp(digest->bytes, none.bytes, OC_DIGEST_BYTES) == 0) {
        note(binder, sqlite3_bind_null(binder->statement, ++binder->at));
    } else {
        bind_blob(binder, digest->bytes, OC_DIGEST_BYTES);
    }
}

void bind_grant(struct binder *binder, const struct oc_grant *grant)
{
    uint8_t form[ROW_GRANT_BYTES];
    size_t n = row_encode_grant(grant, form);
    note(binder,
         sqlite3_bind_blob(binder->statement, ++binder->at, form, (int)n, SQLITE_TRANSIENT));
}

void bind_labels(struct binder *binder, const struct oc_labels *labels)
{
    uint8_t form[ROW_LABELS_BYTES];
    size_t n = row_encode_labels(labels, form);
    note(binder,
         sqlite3_bind_blob(binder->statement, ++binder->at, form, (int)n, SQLITE_TRANSIENT));
}

/* ---- reading ------------------------------------------------------------------------------- */

int64_t read_number(struct reader *reader)
{
    return sqlite3_column_int64(reader->statement, reader->at++);
}

unsigned read_small(struct reader *reader, unsigned most)
{
    int64_t value = read_number(reader);
    if (value < 0 || value > most) {
        reader->is_broken = true;
        return 0;
    }
    return (unsigned)value;
}

void read_text(struct reader *reader, char *out, size_t most)
{
    const unsigned char *text = sqlite3_column_text(reader->statement, reader->at);
    size_t n = (size_t)sqlite3_column_bytes(reader->statement, reader->at++);
    if (!text || n > most || memchr(text, '\0', n)) {
        reader->is_broken = true;
        return;
    }
    memcpy(out, text, n);
    out[n] = '\0';
}

void read_blob(struct reader *reader, void *out, size_t n)
{
    const void *bytes = sqlite3_column_blob(reader->statement, reader->at);
    size_t found = (size_t)sqlite3_column_bytes(reader->statement, reader->at++);
    if (!bytes || found != n) {
        reader->is_broken = true;
        return;
    }
    memcpy(out, bytes, n);
}

void read_digest(struct reader *reader, struct oc_digest *out)
{
    if (sqlite3_column_type(reader->statement, reader->at) == SQLITE_NULL) {
        *out = (struct oc_digest){0};
        reader->at++;
        return;
    }
    read_blob(reader, out->bytes, OC_DIGEST_BYTES);
}

void read_grant(struct reader *reader, struct oc_grant *out)
{
    const void *bytes = sqlite3_column_blob(reader->statement, reader->at);
    size_t n = (size_t)sqlite3_column_bytes(reader->statement, reader->at++);
    if (!row_decode_grant(bytes, n, out)) {
        reader->is_broken = true;
    }
}

void read_labels(struct reader *reader, struct oc_labels *out)
{
    const void *bytes = sqlite3_column_blob(reader->statement, reader->at);
    size_t n = (size_t)sqlite3_column_bytes(reader->statement, reader->at++);
    if (!row_decode_labels(bytes, n, out)) {
        reader->is_broken = true;
    }
}
