/*
 * Prepared statements: binding in order, reading in order, and SQLite's result codes as a status.
 *
 * Invariant: text and blobs are copied out before the next step, and a column that is not what
 * its reader expects marks the reader as broken instead of being cut.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>

#include <sqlite3.h>

/* The status of the last result of `db`, with its text; never OC_OK. `what` says what failed. A
 * full disk and one that fails are named by their file, and told by the error's cause (store.h). */
enum oc_status statement_fail(sqlite3 *db, int result, const char *what, struct oc_error *err);
/* Whether the result is a row that the schema refused. */
bool statement_is_refused(int result);

/* Runs SQL that returns nothing. */
OC_MUST_CHECK enum oc_status statement_exec(sqlite3 *db, const char *sql, struct oc_error *err);
/* Prepares for repeated use. Owns: sqlite3_finalize. */
OC_MUST_CHECK enum oc_status statement_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                                               struct oc_error *err);
/* Binds parameters from the first on. What is bound must live until the statement is reset. */
struct binder {
    sqlite3_stmt *statement;
    int at;     /* the last bound */
    int failed; /* the first result but SQLITE_OK */
};
/* Steps once. Returns SQLITE_ROW, SQLITE_DONE or the error; then read, and sqlite3_reset. */
int bind_step(struct binder *binder);
/* Steps a statement that returns nothing, and resets it. Returns SQLITE_DONE or the error. */
int bind_run(struct binder *binder);
void bind_number(struct binder *binder, int64_t value);
void bind_text(struct binder *binder, const char *text, size_t most);
void bind_blob(struct binder *binder, const void *bytes, size_t n);
void bind_digest(struct binder *binder, const struct oc_digest *digest); /* zeros: NULL */
void bind_grant(struct binder *binder, const struct oc_grant *grant);    /* copied */
void bind_labels(struct binder *binder, const struct oc_labels *labels); /* copied */

/* Reads the columns of the current row from `at` on. */
struct reader {
    sqlite3_stmt *statement;
    int at; /* the next to read */
    bool is_broken;
};
int64_t read_number(struct reader *reader);
/* A number from 0 to `most`; 0 and broken otherwise. */
unsigned read_small(struct reader *reader, unsigned most);
/* At most `most` bytes without NUL, then a NUL. */
void read_text(struct reader *reader, char *out, size_t most);
/* Exactly n bytes. */
void read_blob(struct reader *reader, void *out, size_t n);
void read_digest(struct reader *reader, struct oc_digest *out); /* NULL: zeros */
void read_grant(struct reader *reader, struct oc_grant *out);
void read_labels(struct reader *reader, struct oc_labels *out);
