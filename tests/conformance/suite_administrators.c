/* Administrators: kept whole, numbered like every change, undone with their group. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

enum {
    MOST = 8,
};

struct found {
    struct administrator items[MOST];
    size_t n;
};

static enum oc_status collect(void *user, const struct administrator *administrator)
{
    struct found *found = user;
    assert_true(found->n < MOST);
    found->items[found->n++] = *administrator;
    return OC_OK;
}

static void load(struct suite *suite, struct found *out)
{
    struct oc_error err;
    out->n = 0;
    assert_int_equal(store_load_administrators(suite->store, collect, out, &err), OC_OK);
}

static struct store_change change_of(struct suite *suite, const struct administrator *administrator)
{
    return (struct store_change){
        .administrator = administrator, .action = "admin.issue", .now_ms = suite->now_ms++};
}

static void put(struct suite *suite, const struct administrator *administrator)
{
    const struct store_change change = change_of(suite, administrator);
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
}

static void an_administrator_is_loaded_as_it_was_put(void **state)
{
    struct suite *suite = *state;
    static struct administrator sent[3];
    static struct found found;
    value_administrator("carol", ADMINISTRATOR_CERTIFICATES, &sent[2]);
    value_administrator("alice", 0, &sent[0]);
    value_administrator("bob.x-y_z", 3, &sent[1]);
    for (size_t i = 0; i < 3; i++) {
        put(suite, &sent[2 - i]);
    }
    suite_restart(suite);
    load(suite, &found);
    assert_int_equal(found.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_same_administrator(&sent[i], &found.items[i]);
    }
    sent[1].role = ADMINISTRATOR_VIEWER;
    sent[1].is_revoked = true;
    sent[1].n_certificates = 0;
    sent[1].generation++;
    put(suite, &sent[1]);
    suite_restart(suite);
    load(suite, &found);
    assert_int_equal(found.n, 3);
    assert_same_administrator(&sent[1], &found.items[1]);
}

static void its_change_is_numbered_as_one_of_no_device(void **state)
{
    struct suite *suite = *state;
    static struct administrator alice;
    const struct oc_device_id none = {{0}};
    const struct pairing record = value_record(SHAPE_APPROVED, 1);
    struct store_change_row rows[4];
    size_t n = 0;
    struct oc_error err;
    value_administrator("alice", 1, &alice);
    suite_put(suite, &record);
    put(suite, &alice);
    suite_put(suite, &record);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).seq, 3);
    assert_int_equal(store_list_changes(suite->store, 0, rows, 4, &n, &err), OC_OK);
    assert_int_equal(n, 3);
    assert_string_equal(rows[1].action, "admin.issue");
    assert_true(oc_device_id_equal(&rows[1].device_id, &none));
    assert_true(oc_device_id_equal(&rows[2].device_id, &record.id));
}

static void it_goes_with_a_group_that_is_rolled_back(void **state)
{
    struct suite *suite = *state;
    static struct administrator alice;
    static struct administrator bob;
    static struct found found;
    value_administrator("alice", 2, &alice);
    value_administrator("bob", 2, &bob);
    put(suite, &alice);
    struct administrator changed = alice;
    changed.role = ADMINISTRATOR_ADMIN;
    const struct store_change first = change_of(suite, &changed);
    const struct store_change second = change_of(suite, &bob);
    suite_begin(suite);
    suite_apply(suite, &first, OC_OK);
    suite_apply(suite, &second, OC_OK);
    store_rollback(suite->store);
    load(suite, &found);
    assert_int_equal(found.n, 1);
    assert_same_administrator(&alice, &found.items[0]);
    assert_int_equal(store_identity(suite->store).seq, 1);
}

static void an_impossible_one_is_refused_alone(void **state)
{
    struct suite *suite = *state;
    static struct administrator good;
    static struct administrator bad[5];
    static struct found found;
    value_administrator("alice", 2, &good);
    for (size_t i = 0; i < 5; i++) {
        bad[i] = good;
    }
    bad[0].name[0] = '\0';
    bad[1].role = ADMINISTRATOR_NOBODY;
    bad[2].generation = 0;
    bad[3].certificates[1].sha256 = bad[3].certificates[0].sha256;
    bad[4].is_revoked = true; /* and holds one that is not */
    suite_begin(suite);
    for (size_t i = 0; i < 5; i++) {
        const struct store_change change = change_of(suite, &bad[i]);
        suite_apply(suite, &change, OC_DATA_LOSS);
    }
    const struct store_change change = change_of(suite, &good);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
    load(suite, &found);
    assert_int_equal(found.n, 1);
    assert_int_equal(store_identity(suite->store).seq, 1);
}

const struct suite_test suite_administrator_tests[] = {
    {"an administrator is loaded as it was put", an_administrator_is_loaded_as_it_was_put},
    {"an administrator's change is numbered as one of no device",
     its_change_is_numbered_as_one_of_no_device},
    {"an administrator goes with a group that is rolled back",
     it_goes_with_a_group_that_is_rolled_back},
    {"an impossible administrator is refused alone", an_impossible_one_is_refused_alone},
    {NULL, NULL},
};
