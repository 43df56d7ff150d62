/* The runner and the fixture of the suite; the tests stand in suite_*.c. */
#include "tests/conformance/store_suite.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store/audit_chain.h"
#include "tests/conformance/store_values.h"

enum {
    MAX_TESTS = 64,
};

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

int suite_set_up(void **state)
{
    struct suite *suite = calloc(1, sizeof *suite);
    assert_non_null(suite);
    suite->backend = *state;
    suite->now_ms = 1700000000000;
    /* In memory where there is such a place: the tests make their own power cuts. */
    (void)snprintf(suite->directory, sizeof suite->directory, "%s/openclaw-store-XXXXXX",
                   access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(suite->directory));
    (void)snprintf(suite->path, sizeof suite->path, "%s/gateway.db", suite->directory);
    memset(suite->row_key.bytes, 0x5a, OC_KEY_BYTES);
    suite->options = (struct store_options){
        .path = suite->path,
        .row_key = &suite->row_key,
        .may_create = true,
        .gateway_id = {1, 2, 3},
        .database_id = {4, 5, 6},
        .now_ms = suite->now_ms,
    };
    struct oc_error err = {0};
    if (suite->backend->open(&suite->options, &suite->store, &err)) {
        fail_msg("open: %s", err.text);
    }
    *state = suite;
    return 0;
}

int suite_tear_down(void **state)
{
    struct suite *suite = *state;
    store_close(suite->store);
    (void)nftw(suite->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(suite);
    return 0;
}

void suite_restart(struct suite *suite)
{
    struct oc_error err = {0};
    if (!suite->backend->is_durable) {
        assert_int_equal(store_reopen(suite->store, &err), OC_OK);
        return;
    }
    store_close(suite->store);
    suite->store = NULL;
    suite->options.may_create = false;
    if (suite->backend->open(&suite->options, &suite->store, &err)) {
        fail_msg("open again: %s", err.text);
    }
}

void suite_begin(struct suite *suite)
{
    struct oc_error err = {0};
    if (store_begin(suite->store, &err)) {
        fail_msg("begin: %s", err.text);
    }
}

void suite_commit(struct suite *suite)
{
    struct oc_error err = {0};
    if (store_commit(suite->store, &err)) {
        fail_msg("commit: %s", err.text);
    }
}

struct store_change suite_change(struct suite *suite, const struct pairing *after,
                                 const struct audit_event *audit)
{
    return (struct store_change){
        .after = after,
        .audit = audit,
        .action = after ? "approve" : NULL,
        .now_ms = suite->now_ms++,
    };
}

uint64_t suite_apply(struct suite *suite, const struct store_change *change, enum oc_status want)
{
    uint64_t seq = 0;
    struct oc_error err = {0};
    enum oc_status st = store_apply(suite->store, change, &seq, &err);
    if (st != want) {
        fail_msg("apply: %s, wanted %s: %s", oc_status_name(st), oc_status_name(want), err.text);
    }
    return seq;
}

uint64_t suite_put(struct suite *suite, const struct pairing *after)
{
    const struct audit_event event = value_event((uint32_t)(after->generation & 0xffff));
    const struct store_change change = suite_change(suite, after, &event);
    suite_begin(suite);
    uint64_t seq = suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
    return seq;
}

static enum oc_status collect(void *user, const struct pairing *pairing,
                              const struct sighting *sighting)
{
    struct suite_rows *rows = user;
    rows->records = realloc(rows->records, (rows->n + 1) * sizeof *rows->records);
    rows->sightings = realloc(rows->sightings, (rows->n + 1) * sizeof *rows->sightings);
    assert_non_null(rows->records);
    assert_non_null(rows->sightings);
    rows->records[rows->n] = *pairing;
    rows->sightings[rows->n++] = *sighting;
    return OC_OK;
}

struct suite_rows suite_load(struct suite *suite)
{
    struct suite_rows rows = {0};
    struct oc_error err = {0};
    if (store_load_all(suite->store, collect, &rows, &err)) {
        fail_msg("load: %s", err.text);
    }
    return rows;
}

void suite_rows_free(struct suite_rows *rows)
{
    free(rows->records);
    free(rows->sightings);
}

struct pairing suite_find(struct suite *suite, const struct oc_device_id *id)
{
    struct suite_rows rows = suite_load(suite);
    struct pairing found = {0};
    size_t n = 0;
    for (size_t i = 0; i < rows.n; i++) {
        if (oc_device_id_equal(&rows.records[i].id, id)) {
            found = rows.records[i];
            n++;
        }
    }
    suite_rows_free(&rows);
    assert_int_equal(n, 1);
    return found;
}

void suite_check_audit(struct suite *suite, uint64_t n_rows)
{
    struct store_audit_row *page = calloc(STORE_MAX_PAGE, sizeof *page);
    assert_non_null(page);
    const struct store_identity identity = store_identity(suite->store);
    struct oc_digest head = audit_chain_genesis(identity.gateway_id, identity.database_id);
    struct store_audit_query query = {.limit = STORE_MAX_PAGE};
    size_t n = 0;
    do {
        struct oc_error err = {0};
        assert_int_equal(store_list_audit(suite->store, &query, page, &n, &err), OC_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(page[i].seq, query.after_seq + 1);
            head = audit_chain_next(&head, page[i].seq, &page[i].event);
            assert_memory_equal(page[i].hash.bytes, head.bytes, OC_DIGEST_BYTES);
            query.after_seq = page[i].seq;
        }
    } while (n);
    assert_int_equal(query.after_seq, n_rows);
    free(page);
}

int store_suite_run(const struct suite_backend *backend)
{
    const struct suite_test *const tables[] = {
        suite_record_tests, suite_group_tests,         suite_history_tests,
        suite_forget_tests, suite_administrator_tests,
    };
    struct suite_backend mine = *backend;
    struct CMUnitTest tests[MAX_TESTS] = {0};
    size_t n = 0;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(tables); i++) {
        for (const struct suite_test *test = tables[i]; test->run; test++) {
            assert_true(n < MAX_TESTS);
            tests[n++] = (struct CMUnitTest){.name = test->name,
                                             .test_func = test->run,
                                             .setup_func = suite_set_up,
                                             .teardown_func = suite_tear_down,
                                             .initial_state = &mine};
        }
    }
    return _cmocka_run_group_tests(backend->name, tests, n, NULL, NULL);
}
