/* What a locked gateway learns of the decisions that its database does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/service/missing.h"
#include "tests/support/service_fixture.h"

enum {
    GATEWAY = 0x11, /* of the fixture's store */
    DATABASE = 0x22,
    OTHER = 0x99,
    MARKER_SEQ = 500,
};

struct scene {
    struct service_fixture fixture;
    char marker[64];
};

static struct store_identity marker_of(uint8_t database)
{
    struct store_identity marker = {.epoch = 1, .seq = MARKER_SEQ};
    memset(marker.gateway_id, GATEWAY, sizeof marker.gateway_id);
    memset(marker.database_id, database, sizeof marker.database_id);
    return marker;
}

static int set_up_with(void **state, enum store_lock lock, uint8_t database)
{
    struct scene *scene = calloc(1, sizeof *scene);
    char dir[] = "/tmp/openclaw-missing-XXXXXX";
    struct oc_error err;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(scene->marker, sizeof scene->marker, "%s/marker", dir);
    fixture_init(&scene->fixture);
    scene->fixture.options.lock = lock;
    scene->fixture.options.marker_path = scene->marker;
    if (lock) {
        const struct store_identity marker = marker_of(database);
        assert_int_equal(marker_write(scene->marker, &marker, &err), OC_OK);
    }
    fixture_start(&scene->fixture);
    *state = scene;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, STORE_LOCK_NONE, 0);
}

static int set_up_behind(void **state)
{
    return set_up_with(state, STORE_LOCK_BEHIND, DATABASE);
}

static int set_up_foreign(void **state)
{
    return set_up_with(state, STORE_LOCK_FOREIGN, OTHER);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fixture_stop(&scene->fixture);
    (void)unlink(scene->marker);
    *strrchr(scene->marker, '/') = '\0';
    (void)rmdir(scene->marker);
    free(scene);
    return 0;
}

static struct missing_facts facts_of(struct scene *scene)
{
    struct service_status status;
    service_get_status(scene->fixture.service, &status);
    return status.missing;
}

static struct oc_receipt receipt_of(struct scene *scene, const struct oc_device_id *id,
                                    uint8_t database, uint64_t seq)
{
    struct oc_error err;
    struct oc_receipt receipt = {
        .seq = seq, .device_id = *id, .issued_at_ms = clock_now_ms(&scene->fixture.clock.clock)};
    memset(receipt.gateway_id, GATEWAY, sizeof receipt.gateway_id);
    memset(receipt.database_id, database, sizeof receipt.database_id);
    assert_int_equal(oc_receipt_sign(scene->fixture.identity, &receipt, &err), OC_OK);
    return receipt;
}

static enum oc_refusal_kind show(struct scene *scene, unsigned n, const struct oc_receipt *receipt)
{
    struct device device;
    device_open(&scene->fixture, &device, n);
    device.facts.has_receipt = true;
    device.facts.receipt = *receipt;
    const enum oc_refusal_kind kind = device_connect(&device).refusal.kind;
    device_close(&device);
    return kind;
}

static struct oc_device_id id_of(struct scene *scene, unsigned n)
{
    struct device device;
    device_open(&scene->fixture, &device, n);
    device_close(&device);
    return device.id;
}

/* Device n comes with a receipt of that change. */
static void come(struct scene *scene, unsigned n, uint64_t seq)
{
    const struct oc_device_id id = id_of(scene, n);
    const struct oc_receipt receipt = receipt_of(scene, &id, DATABASE, seq);
    assert_int_equal(show(scene, n, &receipt), OC_REFUSAL_LOCKED);
}

static void who_holds_a_receipt_from_beyond_is_listed_in_the_order_of_the_approvals(void **state)
{
    struct scene *scene = *state;
    const struct oc_device_id first = id_of(scene, 1);
    come(scene, 2, 70);
    come(scene, 1, 30);
    come(scene, 1, 50); /* again, with a later one */
    come(scene, 1, 40); /* and with an older one */
    const struct missing_facts facts = facts_of(scene);
    assert_true(facts.has_marker);
    assert_true(facts.marker.seq == MARKER_SEQ);
    assert_int_equal(facts.n, 2);
    assert_true(facts.n_in_all == 2 && !facts.is_at_least);
    assert_true(facts.approvals[0].seq == 50 && facts.approvals[1].seq == 70);
    assert_true(oc_device_id_equal(&facts.approvals[0].device_id, &first));
    assert_true(facts.approvals[0].at_ms == clock_now_ms(&scene->fixture.clock.clock));
}

static void nothing_is_kept_of_what_our_key_did_not_sign_for_that_device(void **state)
{
    struct scene *scene = *state;
    const struct oc_device_id id = id_of(scene, 1);
    struct oc_receipt forged = receipt_of(scene, &id, DATABASE, 50);
    forged.seq = 51;
    assert_int_equal(show(scene, 1, &forged), OC_REFUSAL_LOCKED);
    const struct oc_receipt stolen = receipt_of(scene, &id, DATABASE, 50);
    assert_int_equal(show(scene, 2, &stolen), OC_REFUSAL_LOCKED);
    const struct oc_receipt foreign = receipt_of(scene, &id, OTHER, 50);
    assert_int_equal(show(scene, 1, &foreign), OC_REFUSAL_LOCKED);
    const struct oc_receipt known = receipt_of(scene, &id, DATABASE, 0);
    assert_int_equal(show(scene, 1, &known), OC_REFUSAL_LOCKED);
    assert_int_equal(facts_of(scene).n, 0);
}

static void receipts_of_the_records_that_should_be_here_count(void **state)
{
    struct scene *scene = *state;
    const struct oc_device_id id = id_of(scene, 1);
    const struct oc_receipt receipt = receipt_of(scene, &id, OTHER, 3);
    assert_int_equal(show(scene, 1, &receipt), OC_REFUSAL_LOCKED);
    const struct missing_facts facts = facts_of(scene);
    assert_int_equal(facts.n, 1);
    assert_true(facts.approvals[0].seq == 3);
}

static void no_number_of_devices_takes_more_than_its_places(void **state)
{
    struct scene *scene = *state;
    for (unsigned n = 1; n <= MISSING_HELD + 5; n++) {
        come(scene, n, 100 + n);
    }
    const struct missing_facts facts = facts_of(scene);
    assert_int_equal(facts.n, MISSING_TOLD);
    assert_true(facts.n_in_all == MISSING_HELD && facts.is_at_least);
    assert_true(facts.approvals[MISSING_TOLD - 1].seq == 100 + MISSING_HELD);
    assert_true(facts.approvals[0].seq == 100 + MISSING_HELD - MISSING_TOLD + 1);
}

static void keep_result(void *user, const struct decide_result *result)
{
    *(enum oc_status *)user = result->status;
}

static bool is_serving(void *user)
{
    struct service_status status;
    service_get_status(user, &status);
    return status.lock == STORE_LOCK_NONE;
}

static void nothing_is_missing_once_a_rollback_was_accepted(void **state)
{
    static enum oc_status result;
    struct scene *scene = *state;
    const struct admin_caller caller = {.actor = {.name = "uid:0"}};
    const struct decide_call call = {.done = keep_result, .user = &result};
    come(scene, 1, 50);
    admin_unlock(scene->fixture.service, &caller, true, false, &call);
    assert_true(eventually(is_serving, scene->fixture.service));
    struct missing_facts facts;
    missing_read(scene->fixture.service, &facts); /* what the next lock would tell */
    assert_true(facts.n == 0 && !facts.has_marker);
    fixture_stop(&scene->fixture);
    assert_int_equal(result, OC_OK);
    fixture_init(&scene->fixture);
    fixture_start(&scene->fixture);
}

static bool marker_is_at_60(void *user)
{
    struct store_identity marker;
    struct oc_error err;
    return marker_read(user, &marker, &err) == OC_OK && marker.seq == 60;
}

/* Or else a restart would serve whom the missing decisions had shut out, until it comes again. */
static void a_receipt_that_locks_a_serving_gateway_locks_its_next_start_too(void **state)
{
    struct scene *scene = *state;
    struct store_identity marker;
    struct oc_error err;
    come(scene, 1, 60);
    const struct missing_facts facts = facts_of(scene);
    assert_int_equal(facts.n, 1);
    assert_true(facts.approvals[0].seq == 60);
    assert_true(eventually(marker_is_at_60, scene->marker));
    assert_int_equal(marker_read(scene->marker, &marker, &err), OC_OK);
    struct service_status status;
    service_get_status(scene->fixture.service, &status);
    assert_int_equal(status.lock, STORE_LOCK_RECEIPT);
    assert_int_equal(store_lock_reason(&status.identity, &marker), STORE_LOCK_BEHIND);
}

#define CASE(name, setup) cmocka_unit_test_setup_teardown(name, setup, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_holds_a_receipt_from_beyond_is_listed_in_the_order_of_the_approvals,
             set_up_behind),
        CASE(nothing_is_kept_of_what_our_key_did_not_sign_for_that_device, set_up_behind),
        CASE(receipts_of_the_records_that_should_be_here_count, set_up_foreign),
        CASE(no_number_of_devices_takes_more_than_its_places, set_up_behind),
        CASE(nothing_is_missing_once_a_rollback_was_accepted, set_up_behind),
        CASE(a_receipt_that_locks_a_serving_gateway_locks_its_next_start_too, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
