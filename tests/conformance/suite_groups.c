/* Groups: all or nothing per change, numbers without gaps, keys, and commits that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

static void change_numbers_have_no_gaps_over_failures(void **state)
{
    struct suite *suite = *state;
    struct pairing first = value_record(SHAPE_APPROVED, 1);
    struct pairing clash = value_record(SHAPE_APPROVED, 2);
    const struct pairing third = value_record(SHAPE_PENDING, 3);
    strcpy(first.alias, "a");
    strcpy(clash.alias, "a");
    const struct audit_event event = value_event(1);
    const struct store_change changes[] = {
        suite_change(suite, &first, &event),
        suite_change(suite, &clash, &event),
        suite_change(suite, &third, &event),
    };
    suite_begin(suite);
    assert_int_equal(suite_apply(suite, &changes[0], OC_OK), 1);
    suite_apply(suite, &changes[1], OC_ALREADY_EXISTS);
    assert_int_equal(suite_apply(suite, &changes[2], OC_OK), 2);
    suite_commit(suite);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).seq, 2);
    struct store_change_row rows[4];
    size_t n = 0;
    struct oc_error err;
    assert_int_equal(store_list_changes(suite->store, 0, rows, 4, &n, &err), OC_OK);
    assert_int_equal(n, 2);
    assert_true(oc_device_id_equal(&rows[0].device_id, &first.id));
    assert_true(oc_device_id_equal(&rows[1].device_id, &third.id));
    suite_check_audit(suite, 2);
    struct suite_rows loaded = suite_load(suite);
    assert_int_equal(loaded.n, 2);
    suite_rows_free(&loaded);
}

static void a_failed_change_leaves_nothing_behind(void **state)
{
    struct suite *suite = *state;
    struct pairing holder = value_record(SHAPE_APPROVED, 1);
    struct pairing known = value_record(SHAPE_APPROVED, 2);
    strcpy(holder.alias, "a");
    suite_put(suite, &holder);
    suite_put(suite, &known);
    /* A change of record, audit and key that clashes in its alias. */
    struct pairing clash = value_record(SHAPE_UPGRADE, 2);
    strcpy(clash.alias, "a");
    const struct audit_event event = value_event(7);
    const struct store_key key = value_key(7);
    struct store_change change = suite_change(suite, &clash, &event);
    change.key = &key;
    suite_begin(suite);
    suite_apply(suite, &change, OC_ALREADY_EXISTS);
    suite_commit(suite);
    const struct pairing found = suite_find(suite, &known.id);
    assert_same_record(&known, &found);
    struct store_key kept;
    struct oc_error err;
    assert_int_equal(store_find_key(suite->store, key.actor, key.method, key.key, &kept, &err),
                     OC_NOT_FOUND);
    suite_check_audit(suite, 2);
}

static void a_key_that_is_kept_refuses_the_whole_change(void **state)
{
    struct suite *suite = *state;
    const struct pairing before = value_record(SHAPE_PENDING, 1);
    const struct pairing after = value_record(SHAPE_APPROVED, 1);
    const struct audit_event event = value_event(1);
    const struct store_key key = value_key(1);
    struct store_change change = suite_change(suite, &before, &event);
    change.key = &key;
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    change.after = &after;
    suite_apply(suite, &change, OC_DATA_LOSS);
    suite_commit(suite);
    const struct pairing found = suite_find(suite, &before.id);
    assert_same_record(&before, &found);
    suite_check_audit(suite, 1);
}

static void a_group_that_is_rolled_back_never_happened(void **state)
{
    struct suite *suite = *state;
    const struct pairing kept = value_record(SHAPE_UPGRADE, 1);
    suite_put(suite, &kept);
    const struct pairing changed = value_record(SHAPE_BLOCKED, 1);
    const struct pairing added = value_record(SHAPE_PENDING, 2);
    const struct audit_event event = value_event(1);
    const struct store_key key = value_key(1);
    struct store_change changes[] = {
        suite_change(suite, &changed, &event),
        suite_change(suite, &added, &event),
    };
    changes[1].key = &key;
    suite_begin(suite);
    suite_apply(suite, &changes[0], OC_OK);
    suite_apply(suite, &changes[1], OC_OK);
    store_rollback(suite->store);
    assert_int_equal(store_identity(suite->store).seq, 1);
    const struct pairing found = suite_find(suite, &kept.id);
    assert_same_record(&kept, &found);
    struct store_key none;
    struct oc_error err;
    assert_int_equal(store_find_key(suite->store, key.actor, key.method, key.key, &none, &err),
                     OC_NOT_FOUND);
    suite_check_audit(suite, 1);
    assert_int_equal(suite_put(suite, &added), 2);
}

static void a_record_that_breaks_its_invariants_is_refused_alone(void **state)
{
    struct suite *suite = *state;
    const struct pairing sound = value_record(SHAPE_APPROVED, 1);
    struct pairing broken = value_record(SHAPE_APPROVED, 2);
    broken.granted = (struct oc_grant){0};
    const struct audit_event event = value_event(1);
    const struct store_change changes[] = {
        suite_change(suite, &broken, &event),
        suite_change(suite, &sound, &event),
    };
    suite_begin(suite);
    suite_apply(suite, &changes[0], OC_DATA_LOSS);
    assert_int_equal(suite_apply(suite, &changes[1], OC_OK), 1);
    suite_commit(suite);
    suite_check_audit(suite, 1);
}

static void an_empty_group_commits(void **state)
{
    struct suite *suite = *state;
    suite_begin(suite);
    suite_commit(suite);
    assert_int_equal(store_identity(suite->store).seq, 0);
}

static void the_number_of_a_change_is_known_only_after_the_commit(void **state)
{
    struct suite *suite = *state;
    const struct pairing record = value_record(SHAPE_PENDING, 1);
    const struct store_change change = suite_change(suite, &record, NULL);
    suite_begin(suite);
    assert_int_equal(suite_apply(suite, &change, OC_OK), 1);
    assert_int_equal(store_identity(suite->store).seq, 0);
    suite_commit(suite);
    assert_int_equal(store_identity(suite->store).seq, 1);
}

static void a_refusal_is_audited_without_a_change_number(void **state)
{
    struct suite *suite = *state;
    const struct audit_event event = value_event(1);
    const struct store_change change = suite_change(suite, NULL, &event);
    suite_begin(suite);
    assert_int_equal(suite_apply(suite, &change, OC_OK), 0);
    suite_commit(suite);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).seq, 0);
    suite_check_audit(suite, 1);
}

static void a_key_remembers_its_call_within_the_group_and_after(void **state)
{
    struct suite *suite = *state;
    const struct pairing record = value_record(SHAPE_APPROVED, 1);
    struct store_key key = value_key(1);
    struct store_change change = suite_change(suite, &record, NULL);
    change.key = &key;
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    key.seq = 1; /* the store's own number */
    struct store_key found;
    struct oc_error err;
    assert_int_equal(store_find_key(suite->store, key.actor, key.method, key.key, &found, &err),
                     OC_OK);
    assert_same_key(&key, &found);
    suite_commit(suite);
    suite_restart(suite);
    assert_int_equal(store_find_key(suite->store, key.actor, key.method, key.key, &found, &err),
                     OC_OK);
    assert_same_key(&key, &found);
}

static void a_key_is_of_one_actor_and_one_method(void **state)
{
    struct suite *suite = *state;
    const struct pairing record = value_record(SHAPE_APPROVED, 1);
    const struct store_key key = value_key(1);
    struct store_change change = suite_change(suite, &record, NULL);
    change.key = &key;
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
    struct store_key none;
    struct oc_error err;
    assert_int_equal(store_find_key(suite->store, "uid:0", key.method, key.key, &none, &err),
                     OC_NOT_FOUND);
    assert_int_equal(store_find_key(suite->store, key.actor, key.method + 1, key.key, &none, &err),
                     OC_NOT_FOUND);
    const struct store_key other = value_key(2);
    assert_int_equal(store_find_key(suite->store, key.actor, key.method, other.key, &none, &err),
                     OC_NOT_FOUND);
}

static void a_removed_device_stays_as_a_tombstone_and_can_come_back(void **state)
{
    struct suite *suite = *state;
    struct pairing record = value_record(SHAPE_APPROVED, 1);
    suite_put(suite, &record);
    record = value_record(SHAPE_REMOVED, 1);
    suite_put(suite, &record);
    suite_restart(suite);
    struct pairing found = suite_find(suite, &record.id);
    assert_true(found.is_removed);
    record = value_record(SHAPE_PENDING, 1);
    suite_put(suite, &record);
    found = suite_find(suite, &record.id);
    assert_same_record(&record, &found);
}

static void the_clock_never_reads_lower_than_any_change(void **state)
{
    struct suite *suite = *state;
    const int64_t high = suite->now_ms + 1000000;
    const struct pairing record = value_record(SHAPE_PENDING, 1);
    struct store_change change = suite_change(suite, &record, NULL);
    suite_begin(suite);
    change.now_ms = high;
    suite_apply(suite, &change, OC_OK);
    change.now_ms = high - 500;
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
    suite_restart(suite);
    assert_int_equal(store_clock_ms(suite->store), high);
}

static void an_epoch_grows_with_its_audit_row_and_never_shrinks(void **state)
{
    struct suite *suite = *state;
    const struct audit_event event = value_event(1);
    struct oc_error err;
    assert_int_equal(store_raise_epoch(suite->store, 5, &event, suite->now_ms, &err), OC_OK);
    assert_int_equal(store_raise_epoch(suite->store, 5, &event, suite->now_ms, &err),
                     OC_INVALID_ARGUMENT);
    assert_int_equal(store_raise_epoch(suite->store, 4, &event, suite->now_ms, &err),
                     OC_INVALID_ARGUMENT);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).epoch, 5);
    assert_int_equal(store_identity(suite->store).seq, 0);
    suite_check_audit(suite, 1);
}

static void a_reopen_gives_up_the_open_group_alone(void **state)
{
    struct suite *suite = *state;
    const struct pairing kept = value_record(SHAPE_UPGRADE, 1);
    suite_put(suite, &kept);
    const struct pairing lost = value_record(SHAPE_PENDING, 2);
    const struct store_change change = suite_change(suite, &lost, NULL);
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    struct oc_error err;
    assert_int_equal(store_reopen(suite->store, &err), OC_OK);
    struct suite_rows rows = suite_load(suite);
    assert_int_equal(rows.n, 1);
    assert_same_record(&kept, &rows.records[0]);
    suite_rows_free(&rows);
    assert_int_equal(suite_put(suite, &lost), 2);
    suite_check_audit(suite, 2);
}

const struct suite_test suite_group_tests[] = {
    {"change_numbers_have_no_gaps_over_failures", change_numbers_have_no_gaps_over_failures},
    {"a_failed_change_leaves_nothing_behind", a_failed_change_leaves_nothing_behind},
    {"a_key_that_is_kept_refuses_the_whole_change", a_key_that_is_kept_refuses_the_whole_change},
    {"a_group_that_is_rolled_back_never_happened", a_group_that_is_rolled_back_never_happened},
    {"a_record_that_breaks_its_invariants_is_refused_alone",
     a_record_that_breaks_its_invariants_is_refused_alone},
    {"an_empty_group_commits", an_empty_group_commits},
    {"the_number_of_a_change_is_known_only_after_the_commit",
     the_number_of_a_change_is_known_only_after_the_commit},
    {"a_refusal_is_audited_without_a_change_number", a_refusal_is_audited_without_a_change_number},
    {"a_key_remembers_its_call_within_the_group_and_after",
     a_key_remembers_its_call_within_the_group_and_after},
    {"a_key_is_of_one_actor_and_one_method", a_key_is_of_one_actor_and_one_method},
    {"a_removed_device_stays_as_a_tombstone_and_can_come_back",
     a_removed_device_stays_as_a_tombstone_and_can_come_back},
    {"the_clock_never_reads_lower_than_any_change", the_clock_never_reads_lower_than_any_change},
    {"an_epoch_grows_with_its_audit_row_and_never_shrinks",
     an_epoch_grows_with_its_audit_row_and_never_shrinks},
    {"a_reopen_gives_up_the_open_group_alone", a_reopen_gives_up_the_open_group_alone},
    {0},
};
