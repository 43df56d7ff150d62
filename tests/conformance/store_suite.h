/*
 * The contract of server/store/store.h as tests, run against every backend. A test gets a fresh,
 * empty store in a directory of its own, and may close and open it again.
 */
#pragma once

#include "server/store/store.h"

struct suite_backend {
    const char *name;
    enum oc_status (*open)(const struct store_options *options, struct store **out,
                           struct oc_error *err);
    bool is_durable; /* opening again finds what was committed */
};

struct suite {
    const struct suite_backend *backend;
    char directory[64];
    char path[96];
    struct oc_key row_key;
    struct store_options options;
    struct store *store;
    int64_t now_ms; /* of the next change; grows */
};

/* Runs everything; the exit code of main. */
int store_suite_run(const struct suite_backend *backend);

/* For the tests themselves, and for tests of one backend alone (cmocka fixtures; *state is a
 * suite_backend before the set-up and a suite after). */
int suite_set_up(void **state);
int suite_tear_down(void **state);

/* Closes and opens again, where that keeps what was committed; else asks for a reopen. */
void suite_restart(struct suite *suite);
/* One change in a group of its own, with its audit row; returns its number. */
uint64_t suite_put(struct suite *suite, const struct pairing *after);
/* Applies a change inside the open group and expects `want`. */
uint64_t suite_apply(struct suite *suite, const struct store_change *change, enum oc_status want);
/* A change of a record with action, time and audit event. */
struct store_change suite_change(struct suite *suite, const struct pairing *after,
                                 const struct audit_event *audit);
void suite_begin(struct suite *suite);
void suite_commit(struct suite *suite);

/* Everything that a load visits, sorted by nothing. */
struct suite_rows {
    struct pairing *records;
    struct sighting *sightings;
    size_t n;
};
struct suite_rows suite_load(struct suite *suite);
void suite_rows_free(struct suite_rows *rows);
/* The record of that device in a fresh load; fails the test if there is none. */
struct pairing suite_find(struct suite *suite, const struct oc_device_id *id);

/* Fails unless the whole audit is numbered 1..n and every hash follows from the one before. */
void suite_check_audit(struct suite *suite, uint64_t n_rows);

struct suite_test {
    const char *name;
    void (*run)(void **state);
};
/* Each table ends with an empty row. */
extern const struct suite_test suite_record_tests[];
extern const struct suite_test suite_group_tests[];
extern const struct suite_test suite_history_tests[];
extern const struct suite_test suite_forget_tests[];
extern const struct suite_test suite_administrator_tests[];
