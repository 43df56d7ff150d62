/* Forgetting: a record goes with all its rows, its change is listed, and a group undoes it whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

static struct store_change forget(struct suite *suite, const struct oc_device_id *id)
{
    return (struct store_change){.forget = id, .action = "forget", .now_ms = suite->now_ms++};
}

static void forget_shape(struct suite *suite, enum record_shape shape, uint32_t n)
{
    const struct pairing record = value_record(shape, n);
    suite_begin(suite);
    const struct store_change change = forget(suite, &record.id);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
}

static size_t count_records(struct suite *suite)
{
    struct suite_rows rows = suite_load(suite);
    suite_rows_free(&rows);
    return rows.n;
}

static void what_is_forgotten_is_gone_and_its_change_is_listed(void **state)
{
    struct suite *suite = *state;
    for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++) {
        const struct pairing record = value_record((enum record_shape)shape, shape);
        const struct store_sighting sighting = {record.id, value_sighting(shape)};
        struct oc_error err;
        suite_put(suite, &record);
        assert_int_equal(store_save_sightings(suite->store, &sighting, 1, &err), OC_OK);
    }
    const uint64_t seq = store_identity(suite->store).seq;
    for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++) {
        forget_shape(suite, (enum record_shape)shape, shape);
        assert_int_equal(count_records(suite), SHAPE_COUNT - shape - 1);
    }
    suite_restart(suite);
    assert_int_equal(count_records(suite), 0);
    struct store_change_row rows[2 * SHAPE_COUNT];
    size_t n = 0;
    struct oc_error err;
    assert_int_equal(store_list_changes(suite->store, 0, rows, 2 * SHAPE_COUNT, &n, &err), OC_OK);
    assert_int_equal(n, seq + SHAPE_COUNT);
    for (size_t i = 0; i < n; i++) {
        const struct oc_device_id id = value_device_id((uint32_t)(i % SHAPE_COUNT));
        assert_int_equal(rows[i].seq, i + 1);
        assert_string_equal(rows[i].action, i < SHAPE_COUNT ? "approve" : "forget");
        assert_true(oc_device_id_equal(&rows[i].device_id, &id));
    }
    suite_check_audit(suite, SHAPE_COUNT);
}

static void who_comes_back_brings_nothing_of_before(void **state)
{
    struct suite *suite = *state;
    const struct pairing upgrade = value_record(SHAPE_UPGRADE, 1);
    const struct store_sighting sighting = {upgrade.id, value_sighting(1)};
    struct oc_error err;
    suite_put(suite, &upgrade);
    assert_int_equal(store_save_sightings(suite->store, &sighting, 1, &err), OC_OK);
    forget_shape(suite, SHAPE_UPGRADE, 1);
    struct pairing other = value_record(SHAPE_UPGRADE, 2);
    other.request.id = upgrade.request.id; /* free again, as the alias is */
    memcpy(other.alias, upgrade.alias, sizeof other.alias);
    suite_put(suite, &other);
    const struct pairing back = value_record(SHAPE_REJECTED, 1);
    suite_put(suite, &back);
    suite_restart(suite);
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 2);
    for (size_t i = 0; i < rows.n; i++) {
        assert_int_equal(rows.sightings[i].seen_ms, 0);
    }
    suite_rows_free(&rows);
    const struct pairing found = suite_find(suite, &back.id);
    assert_same_record(&back, &found);
}

static void a_group_undoes_what_it_forgot(void **state)
{
    struct suite *suite = *state;
    const struct pairing kept[] = {value_record(SHAPE_PENDING, 1), value_record(SHAPE_REJECTED, 2),
                                   value_record(SHAPE_PENDING, 3)};
    for (int i = 0; i < 3; i++) {
        suite_put(suite, &kept[i]);
    }
    const uint64_t seq = store_identity(suite->store).seq;
    const struct pairing added = value_record(SHAPE_PENDING, 4);
    suite_begin(suite);
    const struct store_change steps[] = {
        forget(suite, &kept[0].id), suite_change(suite, &added, NULL),   forget(suite, &kept[1].id),
        forget(suite, &added.id),   suite_change(suite, &kept[0], NULL), forget(suite, &kept[0].id),
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(suite_apply(suite, &steps[i], OC_OK), seq + i + 1);
    }
    store_rollback(suite->store);
    assert_int_equal(store_identity(suite->store).seq, seq);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(count_records(suite), 3);
        for (int i = 0; i < 3; i++) {
            const struct pairing found = suite_find(suite, &kept[i].id);
            assert_same_record(&kept[i], &found);
        }
        suite_restart(suite);
    }
}

static void to_forget_nobody_is_done_and_numbered(void **state)
{
    struct suite *suite = *state;
    const struct pairing record = value_record(SHAPE_PENDING, 1);
    suite_put(suite, &record);
    forget_shape(suite, SHAPE_PENDING, 2);
    assert_int_equal(store_identity(suite->store).seq, 2);
    assert_int_equal(count_records(suite), 1);
}

/* Rows come cheap to whoever has keys: the oldest go, whatever their age. */
static void the_change_log_never_holds_more_rows_than_its_bound(void **state)
{
    enum { OVER = 1500 };
    struct suite *suite = *state;
    const struct oc_device_id nobody = value_device_id(1);
    suite_begin(suite);
    for (int i = 0; i < STORE_KEEP_CHANGES + OVER; i++) {
        const struct store_change change = {
            .forget = &nobody, .action = "shed", .now_ms = suite->now_ms};
        suite_apply(suite, &change, OC_OK);
    }
    suite_commit(suite);
    bool more = false;
    struct oc_error err;
    assert_int_equal(store_prune(suite->store, suite->now_ms, &more, &err), OC_OK);
    assert_true(more);
    assert_int_equal(store_prune(suite->store, suite->now_ms, &more, &err), OC_OK);
    assert_false(more);
    suite_restart(suite);
    struct store_change_row row;
    size_t n = 0;
    assert_int_equal(store_list_changes(suite->store, OVER - 1, &row, 1, &n, &err),
                     OC_OUT_OF_RANGE);
    assert_int_equal(store_list_changes(suite->store, OVER, &row, 1, &n, &err), OC_OK);
    assert_int_equal(row.seq, OVER + 1);
}

const struct suite_test suite_forget_tests[] = {
    {"what_is_forgotten_is_gone_and_its_change_is_listed",
     what_is_forgotten_is_gone_and_its_change_is_listed},
    {"who_comes_back_brings_nothing_of_before", who_comes_back_brings_nothing_of_before},
    {"a_group_undoes_what_it_forgot", a_group_undoes_what_it_forgot},
    {"to_forget_nobody_is_done_and_numbered", to_forget_nobody_is_done_and_numbered},
    {"the_change_log_never_holds_more_rows_than_its_bound",
     the_change_log_never_holds_more_rows_than_its_bound},
    {0},
};
