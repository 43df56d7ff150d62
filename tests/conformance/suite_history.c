/* History: pages of audit rows and of changes, and what is forgotten when. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

static void write_audit(struct suite *suite, uint32_t n)
{
    suite_begin(suite);
    for (uint32_t i = 1; i <= n; i++) {
        struct audit_event event = value_event(i);
        event.device_id = value_device_id(i % 3);
        const struct store_change change = suite_change(suite, NULL, &event);
        suite_apply(suite, &change, OC_OK);
    }
    suite_commit(suite);
}

static size_t list(struct suite *suite, struct store_audit_query query,
                   struct store_audit_row *rows)
{
    size_t n = 0;
    struct oc_error err;
    assert_int_equal(store_list_audit(suite->store, &query, rows, &n, &err), OC_OK);
    return n;
}

static void an_audit_row_comes_back_in_every_field(void **state)
{
    struct suite *suite = *state;
    struct audit_event sent[] = {value_event(1), {.at_ms = 5}};
    strcpy(sent[1].action, "unlock");
    strcpy(sent[1].outcome, "done");
    suite_begin(suite);
    for (int i = 0; i < 2; i++) {
        const struct store_change change = suite_change(suite, NULL, &sent[i]);
        suite_apply(suite, &change, OC_OK);
    }
    suite_commit(suite);
    suite_restart(suite);
    struct store_audit_row rows[2];
    assert_int_equal(list(suite, (struct store_audit_query){.limit = 2}, rows), 2);
    assert_same_event(&sent[0], &rows[0].event);
    assert_same_event(&sent[1], &rows[1].event);
    suite_check_audit(suite, 2);
}

static void the_audit_is_paged_in_both_directions(void **state)
{
    struct suite *suite = *state;
    write_audit(suite, 10);
    struct store_audit_row rows[10];
    struct store_audit_query query = {.limit = 4, .after_seq = 3};
    assert_int_equal(list(suite, query, rows), 4);
    assert_int_equal(rows[0].seq, 4);
    assert_int_equal(rows[3].seq, 7);
    query.after_seq = 8;
    assert_int_equal(list(suite, query, rows), 2);
    query.after_seq = 10;
    assert_int_equal(list(suite, query, rows), 0);
    query.after_seq = 11;
    assert_int_equal(list(suite, query, rows), 0);

    query = (struct store_audit_query){.limit = 4, .newest_first = true};
    assert_int_equal(list(suite, query, rows), 4);
    assert_int_equal(rows[0].seq, 10);
    assert_int_equal(rows[3].seq, 7);
    query.after_seq = 3;
    assert_int_equal(list(suite, query, rows), 2);
    assert_int_equal(rows[0].seq, 2);
    query.after_seq = 1;
    assert_int_equal(list(suite, query, rows), 0);
    query.after_seq = 100;
    assert_int_equal(list(suite, query, rows), 4);
    assert_int_equal(rows[0].seq, 10);
}

static void the_audit_of_one_device_holds_no_other(void **state)
{
    struct suite *suite = *state;
    write_audit(suite, 10);
    struct store_audit_row rows[10];
    struct store_audit_query query = {
        .limit = 10, .has_device_id = true, .device_id = value_device_id(1)};
    assert_int_equal(list(suite, query, rows), 4); /* 1, 4, 7, 10 */
    assert_int_equal(rows[0].seq, 1);
    assert_int_equal(rows[3].seq, 10);
    query.after_seq = 4;
    assert_int_equal(list(suite, query, rows), 2);
    query.newest_first = true;
    query.limit = 1;
    query.after_seq = 10;
    assert_int_equal(list(suite, query, rows), 1);
    assert_int_equal(rows[0].seq, 7);
    query.device_id = value_device_id(99);
    assert_int_equal(list(suite, query, rows), 0);
}

static void the_audit_chain_goes_on_over_groups_and_restarts(void **state)
{
    struct suite *suite = *state;
    write_audit(suite, 3);
    suite_restart(suite);
    write_audit(suite, 4);
    suite_check_audit(suite, 7);
}

static void changes_are_paged_and_carry_device_action_and_time(void **state)
{
    struct suite *suite = *state;
    const int64_t first_ms = suite->now_ms;
    for (uint32_t i = 0; i < 5; i++) {
        const struct pairing record = value_record(SHAPE_PENDING, i);
        suite_put(suite, &record);
    }
    suite_restart(suite);
    struct store_change_row rows[5];
    size_t n = 0;
    struct oc_error err;
    assert_int_equal(store_list_changes(suite->store, 1, rows, 3, &n, &err), OC_OK);
    assert_int_equal(n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct oc_device_id id = value_device_id(i + 1);
        assert_int_equal(rows[i].seq, i + 2);
        assert_int_equal(rows[i].at_ms, first_ms + i + 1);
        assert_string_equal(rows[i].action, "approve");
        assert_true(oc_device_id_equal(&rows[i].device_id, &id));
    }
    assert_int_equal(store_list_changes(suite->store, 5, rows, 3, &n, &err), OC_OK);
    assert_int_equal(n, 0);
    assert_int_equal(store_list_changes(suite->store, 6, rows, 3, &n, &err), OC_OUT_OF_RANGE);
}

static void forgotten_changes_are_out_of_range(void **state)
{
    struct suite *suite = *state;
    for (uint32_t i = 0; i < 3; i++) {
        const struct pairing record = value_record(SHAPE_PENDING, i);
        suite_put(suite, &record); /* a millisecond apart */
    }
    bool more = true;
    struct oc_error err;
    const int64_t now_ms = suite->now_ms - 1 + STORE_KEEP_CHANGES_MS; /* the third's hour */
    assert_int_equal(store_prune(suite->store, now_ms, &more, &err), OC_OK);
    assert_false(more);
    suite_restart(suite);
    struct store_change_row rows[3];
    size_t n = 0;
    assert_int_equal(store_list_changes(suite->store, 1, rows, 3, &n, &err), OC_OUT_OF_RANGE);
    assert_int_equal(store_list_changes(suite->store, 2, rows, 3, &n, &err), OC_OK);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].seq, 3);
    assert_int_equal(store_prune(suite->store, now_ms + 1, &more, &err), OC_OK);
    assert_int_equal(store_list_changes(suite->store, 2, rows, 3, &n, &err), OC_OUT_OF_RANGE);
    assert_int_equal(store_list_changes(suite->store, 3, rows, 3, &n, &err), OC_OK);
    assert_int_equal(n, 0);
    const struct pairing next = value_record(SHAPE_PENDING, 9);
    assert_int_equal(suite_put(suite, &next), 4);
}

static bool has_key(struct suite *suite, const struct store_key *key)
{
    struct store_key found;
    struct oc_error err;
    return store_find_key(suite->store, key->actor, key->method, key->key, &found, &err) == OC_OK;
}

static void keys_are_kept_for_their_time_and_then_forgotten(void **state)
{
    struct suite *suite = *state;
    const struct store_key keys[] = {value_key(1), value_key(2)};
    suite_begin(suite);
    for (int i = 0; i < 2; i++) {
        struct store_change change = suite_change(suite, NULL, NULL);
        change.key = &keys[i];
        suite_apply(suite, &change, OC_OK);
    }
    suite_commit(suite);
    bool more = true;
    struct oc_error err;
    const int64_t now_ms = suite->now_ms - 1 + STORE_KEEP_KEYS_MS;
    assert_int_equal(store_prune(suite->store, now_ms, &more, &err), OC_OK);
    assert_false(more);
    assert_false(has_key(suite, &keys[0]));
    assert_true(has_key(suite, &keys[1]));
}

static void a_prune_takes_a_thousand_rows_and_says_what_is_left(void **state)
{
    struct suite *suite = *state;
    const struct pairing record = value_record(SHAPE_PENDING, 1);
    suite_begin(suite);
    for (uint32_t i = 0; i < 1001; i++) {
        const struct store_key key = value_key(i);
        struct store_change change = suite_change(suite, &record, NULL);
        change.key = &key;
        suite_apply(suite, &change, OC_OK);
    }
    suite_commit(suite);
    const int64_t now_ms = suite->now_ms + STORE_KEEP_CHANGES_MS + 1;
    bool more = false;
    struct oc_error err;
    assert_int_equal(store_prune(suite->store, now_ms, &more, &err), OC_OK);
    assert_true(more);
    struct store_change_row row;
    size_t n = 0;
    assert_int_equal(store_list_changes(suite->store, 1000, &row, 1, &n, &err), OC_OK);
    assert_int_equal(n, 1);
    assert_int_equal(store_list_changes(suite->store, 999, &row, 1, &n, &err), OC_OUT_OF_RANGE);
    for (int calls = 0; more && calls < 3; calls++) {
        assert_int_equal(store_prune(suite->store, now_ms, &more, &err), OC_OK);
    }
    assert_false(more);
    const struct store_key last = value_key(1000);
    assert_false(has_key(suite, &last));
    assert_int_equal(store_list_changes(suite->store, 1000, &row, 1, &n, &err), OC_OUT_OF_RANGE);
}

const struct suite_test suite_history_tests[] = {
    {"an_audit_row_comes_back_in_every_field", an_audit_row_comes_back_in_every_field},
    {"the_audit_is_paged_in_both_directions", the_audit_is_paged_in_both_directions},
    {"the_audit_of_one_device_holds_no_other", the_audit_of_one_device_holds_no_other},
    {"the_audit_chain_goes_on_over_groups_and_restarts",
     the_audit_chain_goes_on_over_groups_and_restarts},
    {"changes_are_paged_and_carry_device_action_and_time",
     changes_are_paged_and_carry_device_action_and_time},
    {"forgotten_changes_are_out_of_range", forgotten_changes_are_out_of_range},
    {"keys_are_kept_for_their_time_and_then_forgotten",
     keys_are_kept_for_their_time_and_then_forgotten},
    {"a_prune_takes_a_thousand_rows_and_says_what_is_left",
     a_prune_takes_a_thousand_rows_and_says_what_is_left},
    {0},
};
