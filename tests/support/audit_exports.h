/*
 * Exports of an audit and what signs them, for tests of who verifies them: a history of 200 records
 * with texts of every kind, whole or in parts, signed by a gateway's key or by a thief's.
 */
#pragma once

#include <stddef.h>

#include "client/audit_lines.h"
#include "proto/crypto/identity.h"

enum {
    RECORDS = 200,
    EXPORT_BYTES = (RECORDS + 8) * 1024,
};

/* Made by exports_make_keys. */
extern struct oc_identity *gateway, *thief;

struct export
{
    char *text;
    size_t n;
    size_t lines[RECORDS + 8]; /* where each begins; one more at the end */
    size_t n_lines;
};

/* A history, as the gateway would have it. */
struct history {
    struct oc_audit_header header;
    struct oc_audit_record records[RECORDS];
    uint64_t epoch;
};

/* Hashes that fit, from this record (from 0) on. */
void rehash(struct history *history, size_t from);
struct history *new_history(void);
/* Another history from record 50 on, with hashes that fit. */
void forge(struct history *history);
struct oc_audit_checkpoint checkpoint_at(const struct history *history,
                                         const struct oc_identity *key, uint64_t seq);
struct export new_export(void);
void add_line(struct export *export, const char *line, size_t n);
/* Records from..to and the checkpoint of `to`, signed by this key. */
void add_export(struct export *export, const struct history *history, const struct oc_identity *key,
                uint64_t from, uint64_t to);
/* Behind the text in `out`. */
void append_checkpoint(char *out, size_t cap, const struct history *history,
                       const struct oc_identity *key, uint64_t seq);

/* What the last verify said, and why not. */
extern struct oc_error why;
extern struct oc_audit_proof proof;
/* With a pin (NULL: none) and checkpoints that were kept (NULL: none). */
enum oc_status verify_with(const struct export *export, const struct oc_identity *pinned,
                           const char *checkpoints);
enum oc_status verify(const struct export *export);
#define assert_bad(status, text) assert_bad_at(status, text, __LINE__)
void assert_bad_at(enum oc_status status, const char *text, int line);

/* A history and its export. */
struct exports_fixture {
    struct history *history;
    struct export export;
};
int exports_set_up(void **state);
int exports_tear_down(void **state);
int exports_make_keys(void **state);
int exports_free_keys(void **state);
