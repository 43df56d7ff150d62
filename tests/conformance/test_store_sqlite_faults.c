/*
 * The store on a disk that fails: for every operation of a scripted run and every kind of fault,
 * what is found afterwards holds everything that was acknowledged and nothing that was not sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"
#include "tests/support/fault_memory.h"
#include "tests/support/fault_vfs.h"

enum {
    GROUPS = 5,
    CHANGES = 3, /* in a group; change number i is device i, and device 1000 changes each time */
    COUNTER = 1000,
    SEEDS = 2,
    ALLOCATIONS = 400, /* that fail, one a run, spread over the script */
};

static struct suite_backend backend = {
    .name = "SQLite",
    .open = store_open_sqlite,
    .is_durable = true,
};

/* How far a run came, in change numbers. */
struct oracle {
    uint64_t sent;
    uint64_t acknowledged;
};

static int set_up(void **state)
{
    *state = &backend;
    (void)suite_set_up(state);
    struct suite *suite = *state;
    store_close(suite->store);
    suite->store = NULL;
    return 0;
}

/* A fresh directory entry for every run. */
static void start_over(struct suite *suite, unsigned run)
{
    (void)snprintf(suite->path, sizeof suite->path, "%s/%u.db", suite->directory, run);
    suite->options.may_create = true;
}

static void remove_files(const struct suite *suite)
{
    static const char *const suffixes[] = {"", "-wal", "-journal", ".new", ".new-journal"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", suite->path, suffixes[i]);
        (void)unlink(name);
    }
}

static struct pairing change_record(uint64_t number)
{
    const uint32_t n = (uint32_t)number;
    if (n % CHANGES != 0) {
        return value_record(n % 2 ? SHAPE_UPGRADE : SHAPE_PENDING, n);
    }
    struct pairing counter = value_record(SHAPE_APPROVED, COUNTER);
    counter.generation = n;
    return counter;
}

/* One group of changes from `number` on, each audited and with a key. */
static enum oc_status run_group(struct suite *suite, uint64_t number, struct oracle *oracle)
{
    struct oc_error err;
    enum oc_status st = store_begin(suite->store, &err);
    if (st) {
        return st;
    }
    oracle->sent = number + CHANGES - 1;
    for (uint64_t i = number; i < number + CHANGES; i++) {
        const struct pairing record = change_record(i);
        const struct audit_event event = value_event((uint32_t)i);
        const struct store_key key = value_key((uint32_t)i);
        struct store_change change = suite_change(suite, &record, &event);
        change.key = &key;
        uint64_t seq = 0;
        st = store_apply(suite->store, &change, &seq, &err);
        if (st) {
            break; /* the group can still be committed, but the numbers of this test would slip */
        }
        assert_int_equal(seq, i);
    }
    if (st) {
        store_rollback(suite->store);
        return st;
    }
    st = store_commit(suite->store, &err);
    if (!st) {
        oracle->acknowledged = oracle->sent;
        assert_int_equal(store_identity(suite->store).seq, oracle->acknowledged);
    }
    return st;
}

/* Opens, runs groups with upkeep between them until something fails, closes. */
static enum oc_status run_script(struct suite *suite, struct oracle *oracle)
{
    struct oc_error err;
    enum oc_status st = store_open_sqlite(&suite->options, &suite->store, &err);
    for (uint64_t group = 0; group < GROUPS && !st; group++) {
        st = run_group(suite, 1 + group * CHANGES, oracle);
        if (!st && group == 2) {
            const struct store_sighting row = {value_device_id(1), value_sighting(1)};
            st = store_save_sightings(suite->store, &row, 1, &err);
        }
    }
    store_close(suite->store);
    suite->store = NULL;
    return st;
}

static void check_change(struct suite *suite, const struct suite_rows *rows, uint64_t number)
{
    const struct pairing sent = change_record(number);
    for (size_t i = 0; i < rows->n; i++) {
        if (oc_device_id_equal(&rows->records[i].id, &sent.id)) {
            assert_same_record(&sent, &rows->records[i]);
        }
    }
    const struct store_key key = value_key((uint32_t)number);
    struct store_key found;
    struct oc_error err;
    assert_int_equal(store_find_key(suite->store, key.actor, key.method, key.key, &found, &err),
                     OC_OK);
    assert_int_equal(found.seq, number);
}

/* The open store holds exactly the changes 1..seq, whole. */
static void check_state(struct suite *suite, uint64_t seq)
{
    struct suite_rows rows = suite_load(suite);
    const uint64_t n_counters = seq / CHANGES;
    assert_int_equal(rows.n, seq - n_counters + (n_counters ? 1 : 0));
    for (uint64_t i = 1; i <= seq; i++) {
        if (i % CHANGES != 0 || i + CHANGES > seq) {
            check_change(suite, &rows, i);
        }
    }
    suite_rows_free(&rows);
    suite_check_audit(suite, seq);
    struct store_change_row changes[STORE_MAX_PAGE];
    size_t n = 0;
    struct oc_error err;
    assert_int_equal(store_list_changes(suite->store, 0, changes, STORE_MAX_PAGE, &n, &err), OC_OK);
    assert_int_equal(n, seq);
    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(changes[i].seq, i + 1);
    }
}

/* Acknowledged is within found is within sent, and found ends with a group. */
static void check_found(struct suite *suite, const struct oracle *oracle)
{
    const uint64_t found = store_identity(suite->store).seq;
    assert_true(found >= oracle->acknowledged);
    assert_true(found <= oracle->sent);
    assert_int_equal(found % CHANGES, 0);
    check_state(suite, found);
}

static void open_after(struct suite *suite)
{
    struct oc_error err = {0};
    if (store_open_sqlite(&suite->options, &suite->store, &err)) {
        fail_msg("open after the fault: %s", err.text);
    }
}

/* The number of operations of a run that nothing disturbs. */
static uint64_t count_operations(struct suite *suite)
{
    struct oracle oracle = {0};
    start_over(suite, 0);
    fault_vfs_plan(FAULT_NONE, 0, 0);
    assert_int_equal(run_script(suite, &oracle), OC_OK);
    assert_int_equal(oracle.acknowledged, GROUPS * CHANGES);
    const uint64_t n = fault_vfs_operations();
    fault_vfs_revive();
    open_after(suite);
    check_found(suite, &oracle);
    store_close(suite->store);
    suite->store = NULL;
    remove_files(suite);
    return n;
}

static void strike_everywhere(struct suite *suite, enum fault_kind kind, uint32_t seed)
{
    const uint64_t n = count_operations(suite);
    assert_true(n > 2 * GROUPS);
    for (uint64_t at = 1; at <= n; at++) {
        struct oracle oracle = {0};
        start_over(suite, (unsigned)at);
        fault_vfs_plan(kind, at, seed + (uint32_t)at);
        (void)run_script(suite, &oracle);
        assert_true(fault_vfs_has_struck());
        fault_vfs_revive();
        open_after(suite);
        check_found(suite, &oracle);
        store_close(suite->store);
        suite->store = NULL;
        remove_files(suite);
    }
}

static void an_io_error_anywhere_loses_nothing_acknowledged(void **state)
{
    strike_everywhere(*state, FAULT_IO_ERROR, 0);
}

static void a_full_disk_anywhere_loses_nothing_acknowledged(void **state)
{
    strike_everywhere(*state, FAULT_FULL, 0);
}

static void an_error_after_the_deed_loses_nothing_acknowledged(void **state)
{
    strike_everywhere(*state, FAULT_LATE_ERROR, 0);
}

static void a_torn_write_anywhere_loses_nothing_acknowledged(void **state)
{
    strike_everywhere(*state, FAULT_TORN, 0);
}

static void a_power_cut_anywhere_loses_nothing_acknowledged(void **state)
{
    strike_everywhere(*state, FAULT_CUT, 0);
}

static void a_power_cut_that_keeps_parts_loses_nothing_acknowledged(void **state)
{
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        strike_everywhere(*state, FAULT_CUT_SHUFFLE, seed * 1000);
    }
}

static void lack_of_memory_anywhere_loses_nothing_acknowledged(void **state)
{
    struct suite *suite = *state;
    fault_memory_plan(0);
    (void)count_operations(suite);
    const uint64_t n = fault_memory_allocations() / 2; /* the script, then its check */
    assert_true(n > ALLOCATIONS);
    unsigned n_failed = 0;
    for (uint64_t at = 1; at <= n; at += n / ALLOCATIONS) {
        struct oracle oracle = {0};
        start_over(suite, (unsigned)at);
        fault_vfs_plan(FAULT_NONE, 0, 0);
        fault_memory_plan(at);
        n_failed += run_script(suite, &oracle) == OC_OK ? 0 : 1;
        fault_memory_plan(0);
        fault_vfs_revive();
        open_after(suite);
        check_found(suite, &oracle);
        store_close(suite->store);
        suite->store = NULL;
        remove_files(suite);
    }
    assert_true(n_failed > ALLOCATIONS / 4);
}

static void every_commit_is_on_the_disk_before_it_is_acknowledged(void **state)
{
    struct suite *suite = *state;
    start_over(suite, 1);
    fault_vfs_plan(FAULT_NONE, 0, 0);
    open_after(suite);
    struct oracle oracle = {0};
    for (uint64_t group = 0; group < GROUPS; group++) {
        const uint64_t before = fault_vfs_syncs();
        assert_int_equal(run_group(suite, 1 + group * CHANGES, &oracle), OC_OK);
        assert_true(fault_vfs_syncs() > before);
    }
    store_close(suite->store);
    suite->store = NULL;
}

/* The fault strikes once inside a running gateway: reopen, and go on. */
static void reopen_and_go_on(struct suite *suite, enum fault_kind kind, uint64_t at)
{
    struct oracle oracle = {0};
    struct oc_error err = {0};
    start_over(suite, (unsigned)at);
    fault_vfs_plan(FAULT_NONE, 0, 0);
    open_after(suite);
    fault_vfs_plan(kind, at, 0);
    for (uint64_t next = 1; next <= GROUPS * CHANGES;) {
        if (run_group(suite, next, &oracle)) {
            assert_int_equal(store_reopen(suite->store, &err), OC_OK);
            check_found(suite, &oracle);
        }
        next = store_identity(suite->store).seq + 1;
    }
    check_state(suite, GROUPS * CHANGES);
    store_close(suite->store);
    suite->store = NULL;
    fault_vfs_revive();
    open_after(suite);
    check_state(suite, GROUPS * CHANGES);
    store_close(suite->store);
    suite->store = NULL;
    remove_files(suite);
}

static void after_a_passing_fault_a_reopened_store_goes_on(void **state)
{
    static const enum fault_kind kinds[] = {FAULT_IO_ERROR, FAULT_FULL, FAULT_LATE_ERROR};
    const uint64_t n = count_operations(*state);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(kinds); i++) {
        for (uint64_t at = 1; at <= n; at++) {
            reopen_and_go_on(*state, kinds[i], at);
        }
    }
}

/* A sync fails, the gateway reopens and goes on, and later the power is cut. */
static void what_follows_a_failed_sync_is_not_built_on_sand(void **state)
{
    struct suite *suite = *state;
    const uint64_t n = count_operations(suite);
    unsigned n_struck = 0;
    for (uint64_t at = 1; at <= n; at++) {
        struct oracle oracle = {0};
        struct oc_error err;
        start_over(suite, (unsigned)at);
        fault_vfs_plan(FAULT_NONE, 0, 0);
        open_after(suite);
        fault_vfs_plan(FAULT_SYNC_LOST, at, 0);
        for (uint64_t next = 1; next <= GROUPS * CHANGES;) {
            if (run_group(suite, next, &oracle)) {
                assert_int_equal(store_reopen(suite->store, &err), OC_OK);
                oracle.acknowledged = store_identity(suite->store).seq; /* told to callers */
            }
            /* Upkeep may be what fails; decisions then go on without a reopen. */
            const struct store_sighting row = {value_device_id(1), value_sighting((uint32_t)next)};
            enum oc_status st = store_save_sightings(suite->store, &row, 1, &err);
            assert_true(!st || fault_vfs_has_struck());
            next = store_identity(suite->store).seq + 1;
        }
        n_struck += fault_vfs_has_struck() ? 1 : 0;
        fault_vfs_cut();
        store_close(suite->store);
        suite->store = NULL;
        fault_vfs_revive();
        open_after(suite);
        check_found(suite, &oracle);
        store_close(suite->store);
        suite->store = NULL;
        remove_files(suite);
    }
    assert_true(n_struck >= GROUPS);
}

static void after_a_failed_commit_nothing_but_a_reopen_is_served(void **state)
{
    struct suite *suite = *state;
    struct oracle oracle = {0};
    struct oc_error err = {0};
    start_over(suite, 1);
    open_after(suite);
    fault_vfs_plan(FAULT_IO_ERROR, 1, 0);
    assert_int_equal(run_group(suite, 1, &oracle), OC_UNAVAILABLE);
    assert_int_equal(store_begin(suite->store, &err), OC_UNAVAILABLE);
    bool more = false;
    assert_int_equal(store_prune(suite->store, suite->now_ms, &more, &err), OC_UNAVAILABLE);
    assert_int_equal(store_reopen(suite->store, &err), OC_OK);
    assert_int_equal(run_group(suite, store_identity(suite->store).seq + 1, &oracle), OC_OK);
}

static void a_full_disk_is_told_from_a_broken_one(void **state)
{
    struct suite *suite = *state;
    struct oracle oracle = {0};
    start_over(suite, 1);
    open_after(suite);
    fault_vfs_plan(FAULT_FULL, 1, 0);
    assert_int_equal(run_group(suite, 1, &oracle), OC_RESOURCE_EXHAUSTED);
    struct oc_error err;
    assert_int_equal(store_reopen(suite->store, &err), OC_OK);
    fault_vfs_plan(FAULT_LATE_ERROR, 1, 0);
    assert_int_equal(run_group(suite, store_identity(suite->store).seq + 1, &oracle),
                     OC_UNAVAILABLE);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    size_t n;
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

/* What a gateway would find that started on the files as they are now. */
static void check_after_kill(const struct suite *suite, const struct oracle *oracle)
{
    struct suite copy = *suite;
    char from[160];
    char to[160];
    struct oc_error err = {0};
    (void)snprintf(copy.path, sizeof copy.path, "%s/killed.db", suite->directory);
    copy.options.path = copy.path;
    (void)snprintf(from, sizeof from, "%s-wal", suite->path);
    (void)snprintf(to, sizeof to, "%s-wal", copy.path);
    copy_file(suite->path, copy.path);
    copy_file(from, to);
    if (store_open_sqlite(&copy.options, &copy.store, &err)) {
        fail_msg("open after the kill: %s", err.text);
    }
    check_found(&copy, oracle);
    store_close(copy.store);
    remove_files(&copy);
}

/* The disk is full once, at each write in turn: where the store says that nothing was written,
 * there is nothing, not even for a gateway that starts anew; and it goes on without being reopened.
 */
static unsigned fill_at_every_write(struct suite *suite)
{
    const uint64_t n = count_operations(suite);
    unsigned n_undone = 0;
    for (uint64_t at = 1; at <= n; at++) {
        struct oracle oracle = {0};
        struct oc_error err = {0};
        start_over(suite, (unsigned)at);
        fault_vfs_plan(FAULT_NONE, 0, 0);
        open_after(suite);
        fault_vfs_plan(FAULT_FULL, at, 0);
        for (uint64_t next = 1; next <= GROUPS * CHANGES;) {
            if (run_group(suite, next, &oracle) && store_needs_reopen(suite->store)) {
                assert_int_equal(store_reopen(suite->store, &err), OC_OK);
            } else if (oracle.acknowledged < oracle.sent) {
                n_undone++;
                oracle.sent = oracle.acknowledged; /* "nothing was changed" is a promise */
                check_after_kill(suite, &oracle);
            }
            check_found(suite, &oracle);
            next = store_identity(suite->store).seq + 1;
        }
        check_state(suite, GROUPS * CHANGES);
        store_close(suite->store);
        suite->store = NULL;
        fault_vfs_revive();
        remove_files(suite);
    }
    return n_undone;
}

static void a_full_disk_is_survived_without_a_reopen(void **state)
{
    fault_vfs_set_powersafe(true);
    const unsigned n_undone = fill_at_every_write(*state);
    fault_vfs_set_powersafe(false);
    assert_true(n_undone >= GROUPS);
    /* Here SQLite writes behind a commit's last frame, and a full disk may strike there. */
    (void)fill_at_every_write(*state);
}

/* Upkeep fails alone: decisions go on without the caller's help. */
static void a_failed_upkeep_does_not_stop_decisions(void **state)
{
    struct suite *suite = *state;
    bool has_struck = true;
    uint64_t at = 0;
    while (has_struck) {
        struct oracle oracle = {0};
        struct oc_error err;
        start_over(suite, (unsigned)++at);
        open_after(suite);
        assert_int_equal(run_group(suite, 1, &oracle), OC_OK);
        fault_vfs_plan(FAULT_IO_ERROR, at, 0);
        const struct store_sighting row = {value_device_id(1), value_sighting(1)};
        enum oc_status st = store_save_sightings(suite->store, &row, 1, &err);
        has_struck = fault_vfs_has_struck();
        assert_int_equal(st != OC_OK, has_struck);
        fault_vfs_plan(FAULT_NONE, 0, 0);
        assert_int_equal(run_group(suite, 1 + CHANGES, &oracle), OC_OK);
        check_found(suite, &oracle);
        store_close(suite->store);
        suite->store = NULL;
        fault_vfs_revive();
    }
    assert_true(at > 2); /* its write and its sync at least */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, suite_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_io_error_anywhere_loses_nothing_acknowledged),
        TEST(a_full_disk_anywhere_loses_nothing_acknowledged),
        TEST(an_error_after_the_deed_loses_nothing_acknowledged),
        TEST(a_torn_write_anywhere_loses_nothing_acknowledged),
        TEST(a_power_cut_anywhere_loses_nothing_acknowledged),
        TEST(a_power_cut_that_keeps_parts_loses_nothing_acknowledged),
        TEST(lack_of_memory_anywhere_loses_nothing_acknowledged),
        TEST(every_commit_is_on_the_disk_before_it_is_acknowledged),
        TEST(after_a_passing_fault_a_reopened_store_goes_on),
        TEST(what_follows_a_failed_sync_is_not_built_on_sand),
        TEST(after_a_failed_commit_nothing_but_a_reopen_is_served),
        TEST(a_full_disk_is_told_from_a_broken_one),
        TEST(a_full_disk_is_survived_without_a_reopen),
        TEST(a_failed_upkeep_does_not_stop_decisions),
    };
    fault_memory_install();
    fault_vfs_install();
    int failed = cmocka_run_group_tests_name("store on a failing disk", tests, NULL, NULL);
    fault_vfs_remove();
    return failed;
}
