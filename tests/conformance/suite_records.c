/* Records: what goes in comes out, in every field, over a restart too. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

static void a_new_store_is_empty_and_knows_its_ids(void **state)
{
    struct suite *suite = *state;
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 0);
    suite_rows_free(&rows);
    const struct store_identity identity = store_identity(suite->store);
    assert_memory_equal(identity.gateway_id, suite->options.gateway_id, STORE_ID_BYTES);
    assert_memory_equal(identity.database_id, suite->options.database_id, STORE_ID_BYTES);
    assert_int_equal(identity.epoch, 1);
    assert_int_equal(identity.seq, 0);
    assert_true(strlen(store_describe(suite->store)) > 0);
}

static void every_shape_of_record_comes_back_in_every_field(void **state)
{
    struct suite *suite = *state;
    for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++) {
        const struct pairing record = value_record((enum record_shape)shape, shape);
        suite_put(suite, &record);
    }
    for (int round = 0; round < 2; round++) {
        struct suite_rows rows = suite_load(suite);
        assert_int_equal(rows.n, SHAPE_COUNT);
        suite_rows_free(&rows);
        for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++) {
            const struct pairing sent = value_record((enum record_shape)shape, shape);
            const struct pairing found = suite_find(suite, &sent.id);
            assert_same_record(&sent, &found);
        }
        suite_restart(suite);
    }
}

static void any_shape_can_follow_any_other(void **state)
{
    struct suite *suite = *state;
    for (uint32_t from = 0; from < SHAPE_COUNT; from++) {
        for (uint32_t to = 0; to < SHAPE_COUNT; to++) {
            const struct pairing first = value_record((enum record_shape)from, 5);
            const struct pairing second = value_record((enum record_shape)to, 5);
            suite_put(suite, &first);
            suite_put(suite, &second);
            const struct pairing found = suite_find(suite, &second.id);
            assert_same_record(&second, &found);
        }
    }
}

static void an_empty_record_comes_back_empty(void **state)
{
    struct suite *suite = *state;
    const struct pairing sent = {.id = value_device_id(1), .generation = 1};
    suite_put(suite, &sent);
    suite_restart(suite);
    const struct pairing found = suite_find(suite, &sent.id);
    assert_same_record(&sent, &found);
}

static void an_alias_belongs_to_one_device(void **state)
{
    struct suite *suite = *state;
    struct pairing first = value_record(SHAPE_APPROVED, 1);
    struct pairing second = value_record(SHAPE_APPROVED, 2);
    strcpy(first.alias, "printer");
    strcpy(second.alias, "printer");
    suite_put(suite, &first);
    suite_begin(suite);
    const struct store_change change = suite_change(suite, &second, NULL);
    suite_apply(suite, &change, OC_ALREADY_EXISTS);
    /* Writing the holder again is no clash, and giving the alias up frees it at once. */
    first.generation++;
    const struct store_change same = suite_change(suite, &first, NULL);
    suite_apply(suite, &same, OC_OK);
    first.alias[0] = '\0';
    const struct store_change freed = suite_change(suite, &first, NULL);
    suite_apply(suite, &freed, OC_OK);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
    suite_restart(suite);
    const struct pairing found = suite_find(suite, &second.id);
    assert_string_equal(found.alias, "printer");
}

static void an_open_request_id_belongs_to_one_device(void **state)
{
    struct suite *suite = *state;
    const struct pairing first = value_record(SHAPE_PENDING, 1);
    struct pairing second = value_record(SHAPE_PENDING, 2);
    second.request.id = first.request.id;
    suite_put(suite, &first);
    suite_begin(suite);
    const struct store_change change = suite_change(suite, &second, NULL);
    suite_apply(suite, &change, OC_DATA_LOSS);
    suite_commit(suite);
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 1);
    suite_rows_free(&rows);
}

static void sightings_come_back_and_strangers_are_skipped(void **state)
{
    struct suite *suite = *state;
    const struct pairing record = value_record(SHAPE_APPROVED, 1);
    const struct pairing silent = value_record(SHAPE_APPROVED, 2);
    suite_put(suite, &record);
    suite_put(suite, &silent);
    const uint64_t seq = store_identity(suite->store).seq;
    const struct store_sighting sent[] = {
        {value_device_id(9), value_sighting(9)},
        {record.id, value_sighting(4)},
        {record.id, value_sighting(1)},
    };
    struct oc_error err;
    assert_int_equal(store_save_sightings(suite->store, sent, 3, &err), OC_OK);
    assert_int_equal(store_identity(suite->store).seq, seq);
    suite_restart(suite);
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 2);
    for (size_t i = 0; i < rows.n; i++) {
        const bool is_seen = oc_device_id_equal(&rows.records[i].id, &record.id);
        const struct sighting none = {0};
        assert_same_sighting(&rows.sightings[i], is_seen ? &sent[2].sighting : &none);
    }
    suite_rows_free(&rows);
}

static void a_later_change_keeps_the_sighting(void **state)
{
    struct suite *suite = *state;
    struct pairing record = value_record(SHAPE_PENDING, 1);
    suite_put(suite, &record);
    const struct store_sighting sent = {record.id, value_sighting(1)};
    struct oc_error err;
    assert_int_equal(store_save_sightings(suite->store, &sent, 1, &err), OC_OK);
    record = value_record(SHAPE_BLOCKED, 1);
    suite_put(suite, &record);
    struct suite_rows rows = suite_load(suite);
    assert_same_sighting(&rows.sightings[0], &sent.sighting);
    suite_rows_free(&rows);
}

static enum oc_status stop_at_second(void *user, const struct pairing *pairing,
                                     const struct sighting *sighting)
{
    (void)pairing;
    (void)sighting;
    return ++*(int *)user == 2 ? OC_RESOURCE_EXHAUSTED : OC_OK;
}

static void a_load_stops_where_the_visitor_says(void **state)
{
    struct suite *suite = *state;
    for (uint32_t i = 0; i < 3; i++) {
        const struct pairing record = value_record(SHAPE_PENDING, i);
        suite_put(suite, &record);
    }
    int n = 0;
    struct oc_error err;
    assert_int_equal(store_load_all(suite->store, stop_at_second, &n, &err), OC_RESOURCE_EXHAUSTED);
    assert_int_equal(n, 2);
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 3);
    suite_rows_free(&rows);
}

static void a_thousand_devices_are_each_found_once(void **state)
{
    struct suite *suite = *state;
    suite_begin(suite);
    for (uint32_t i = 0; i < 1000; i++) {
        const struct pairing record = value_record((enum record_shape)(i % SHAPE_COUNT), i);
        const struct store_change change = suite_change(suite, &record, NULL);
        suite_apply(suite, &change, OC_OK);
    }
    suite_commit(suite);
    suite_restart(suite);
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 1000);
    for (size_t i = 0; i < rows.n; i++) {
        const uint8_t *tail = rows.records[i].id.bytes + 28;
        const uint32_t n = tail[0] | (uint32_t)tail[1] << 8;
        const struct pairing sent = value_record((enum record_shape)(n % SHAPE_COUNT), n);
        assert_same_record(&sent, &rows.records[i]);
    }
    suite_rows_free(&rows);
}

const struct suite_test suite_record_tests[] = {
    {"a_new_store_is_empty_and_knows_its_ids", a_new_store_is_empty_and_knows_its_ids},
    {"every_shape_of_record_comes_back_in_every_field",
     every_shape_of_record_comes_back_in_every_field},
    {"any_shape_can_follow_any_other", any_shape_can_follow_any_other},
    {"an_empty_record_comes_back_empty", an_empty_record_comes_back_empty},
    {"an_alias_belongs_to_one_device", an_alias_belongs_to_one_device},
    {"an_open_request_id_belongs_to_one_device", an_open_request_id_belongs_to_one_device},
    {"sightings_come_back_and_strangers_are_skipped",
     sightings_come_back_and_strangers_are_skipped},
    {"a_later_change_keeps_the_sighting", a_later_change_keeps_the_sighting},
    {"a_load_stops_where_the_visitor_says", a_load_stops_where_the_visitor_says},
    {"a_thousand_devices_are_each_found_once", a_thousand_devices_are_each_found_once},
    {0},
};
