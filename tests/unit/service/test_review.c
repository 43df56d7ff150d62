/* What a person is told of a device before deciding on it: whom it could be taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/peer.h"
#include "server/service/review.h"
#include "tests/support/service_fixture.h"

enum {
    N_DEVICES = 12,
    LONG_MS = 10 * 1000,
};

struct scene {
    struct service_fixture fixture;
    struct device devices[N_DEVICES];
    size_t n;
    struct review_result result;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) {
        return -1;
    }
    fixture_init(&scene->fixture);
    fixture_start(&scene->fixture);
    *state = scene;
    return 0;
}

/* One record, as a store loads a row that somebody edited. */
static const struct pairing edited = {
    .id = {.bytes = {0xED}},
    .standing = OC_STANDING_APPROVED,
    .generation = 1,
    .asked = {.role = "agent", .n_scopes = 1, .scopes = {"root"}},
    .granted = {.role = "agent", .n_scopes = 1, .scopes = {"root"}},
    .alias = "build-1",
    .labels = {.n = 1, .items = {{.key = "env", .value = "prod"}}},
    .decided_ms = 1,
    .decided_by = "admin:alice",
    .is_quarantined = true,
};

static int set_up_edited(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    uint64_t seq;
    if (!scene) {
        return -1;
    }
    fixture_init(&scene->fixture);
    struct store *store = scene->fixture.options.store;
    const struct store_change change = {.after = &edited, .action = "approve", .now_ms = 1};
    assert_int_equal(store_begin(store, NULL), OC_OK);
    assert_int_equal(store_apply(store, &change, &seq, NULL), OC_OK);
    assert_int_equal(store_commit(store, NULL), OC_OK);
    fixture_start(&scene->fixture);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < scene->n; i++) {
        device_close(&scene->devices[i]);
    }
    fixture_stop(&scene->fixture);
    free(scene);
    return 0;
}

static struct device *ask(struct scene *scene, const char *name)
{
    struct device *device = &scene->devices[scene->n++];
    device_open(&scene->fixture, device, (unsigned)scene->n);
    memset(device->facts.ask.name, 0, sizeof device->facts.ask.name);
    memcpy(device->facts.ask.name, name, strlen(name));
    (void)device_connect(device);
    return device;
}

static struct device *approved(struct scene *scene, const char *name)
{
    struct device *device = ask(scene, name);
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_APPROVE, &device->id).status,
                     OC_OK);
    return device;
}

static void review(struct scene *scene, const struct device *device)
{
    assert_true(admin_review(scene->fixture.service, &device->id, &scene->result));
}

static void assert_look_alike(const struct scene *scene, size_t i, const struct device *device,
                              enum resemblance resemblance)
{
    assert_true(i < scene->result.n_look_alikes);
    const struct review_look_alike *found = &scene->result.look_alikes[i];
    assert_memory_equal(&found->view.pairing.id, &device->id, sizeof device->id);
    assert_int_equal(found->resemblance, resemblance);
}

static void approved_devices_of_that_name_or_one_like_it_are_told(void **state)
{
    struct scene *scene = *state;
    struct device *confusable = approved(scene, "WEB_1");
    struct device *exact = approved(scene, "web-1");
    (void)approved(scene, "web-2");
    struct device *asking = ask(scene, "web-1");
    review(scene, asking);
    assert_int_equal(scene->result.n_look_alikes, 2);
    assert_look_alike(scene, 0, exact, RESEMBLES_EXACTLY);
    assert_look_alike(scene, 1, confusable, RESEMBLES_CONFUSABLY);
    assert_false(scene->result.has_more_look_alikes);
}

static void the_names_that_administrators_gave_count_too(void **state)
{
    struct scene *scene = *state;
    struct device *named = approved(scene, "vm-4711");
    struct decide_command rename = command_on(&scene->fixture, PAIRING_EV_RENAME, &named->id);
    memcpy(rename.alias, "payments", sizeof "payments");
    assert_int_equal(admin_do(&scene->fixture, &rename).status, OC_OK);
    struct device *asking = ask(scene, "p\xd0\xb0yments");
    review(scene, asking);
    assert_int_equal(scene->result.n_look_alikes, 1);
    assert_look_alike(scene, 0, named, RESEMBLES_CONFUSABLY);
}

static void neither_itself_nor_who_is_not_approved_is_told(void **state)
{
    struct scene *scene = *state;
    struct device *revoked = approved(scene, "web-1");
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_REVOKE, &revoked->id).status,
                     OC_OK);
    (void)ask(scene, "web-1");
    struct device *itself = approved(scene, "web-1");
    review(scene, itself);
    assert_int_equal(scene->result.n_look_alikes, 0);
}

static void an_approved_device_that_wants_more_is_told_too(void **state)
{
    struct scene *scene = *state;
    struct device *upgrading = approved(scene, "web-1");
    upgrading->facts.ask.grant.n_scopes = 2;
    memcpy(upgrading->facts.ask.grant.scopes[1], "tools", sizeof "tools");
    (void)device_connect(upgrading);
    struct device *asking = ask(scene, "web-1");
    review(scene, asking);
    assert_int_equal(scene->result.n_look_alikes, 1);
    assert_look_alike(scene, 0, upgrading, RESEMBLES_EXACTLY);
}

static void of_many_the_same_names_come_first_and_more_is_said(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < REVIEW_MOST_LOOK_ALIKES + 1; i++) {
        (void)approved(scene, "WEB-1");
    }
    struct device *exact = approved(scene, "web-1");
    struct device *asking = ask(scene, "web-1");
    review(scene, asking);
    assert_int_equal(scene->result.n_look_alikes, REVIEW_MOST_LOOK_ALIKES);
    assert_true(scene->result.has_more_look_alikes);
    assert_look_alike(scene, 0, exact, RESEMBLES_EXACTLY);
    for (size_t i = 2; i < REVIEW_MOST_LOOK_ALIKES; i++) {
        assert_true(memcmp(&scene->result.look_alikes[i - 1].view.pairing.id,
                           &scene->result.look_alikes[i].view.pairing.id, sizeof asking->id) < 0);
    }
}

static void wrong_codes_and_claimed_labels_are_those_of_the_open_request(void **state)
{
    struct scene *scene = *state;
    struct device *asking = ask(scene, "web-1");
    struct device_view view;
    assert_true(view_of(&scene->fixture, &asking->id, &view));
    review(scene, asking);
    assert_string_equal(scene->result.request_id.text, view.pairing.request.id.text);
    assert_int_equal(scene->result.code_tries_left, PAIRING_MAX_CODE_FAILURES);
    assert_int_equal(scene->result.claimed_labels.n, asking->facts.ask.labels.n);
}

static void what_was_approved_before_is_told_after_a_revocation_too(void **state)
{
    struct scene *scene = *state;
    struct device *device = ask(scene, "web-1");
    review(scene, device);
    assert_string_equal(scene->result.approved_ask.role, "");
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_APPROVE, &device->id).status,
                     OC_OK);
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_REVOKE, &device->id).status,
                     OC_OK);
    review(scene, device);
    assert_string_equal(scene->result.approved_ask.role, "agent");
    assert_string_equal(scene->result.approved_ask.scopes[0], "chat");
}

static void of_an_edited_row_nobody_is_said_to_have_approved_or_named_anything(void **state)
{
    struct scene *scene = *state;
    struct device_view view;
    assert_true(admin_review(scene->fixture.service, &edited.id, &scene->result));
    assert_string_equal(scene->result.approved_ask.role, "");
    assert_true(service_view(scene->fixture.service, &edited.id, &view));
    assert_true(view.pairing.is_quarantined);
    assert_string_equal(view.pairing.alias, "");
    assert_string_equal(view.pairing.decided_by, "");
    assert_int_equal(view.pairing.decided_ms, 0);
    assert_int_equal(view.pairing.labels.n, 0);
}

static void of_a_stranger_nothing_is_known(void **state)
{
    struct scene *scene = *state;
    const struct oc_device_id nobody = {.bytes = {0xEE}};
    assert_false(admin_review(scene->fixture.service, &nobody, &scene->result));
}

/* ---- what the audit keeps for the next review ------------------------------------------------ */

struct reading {
    struct pending_call pending;
    struct audit_event rows[4];
    size_t n;
};

static void read_rows(void *user, const struct audit_result *result)
{
    struct reading *reading = user;
    pthread_mutex_lock(&reading->pending.lock);
    for (size_t i = 0; i < result->n && i < 4; i++) {
        reading->rows[i] = result->rows[i].event;
    }
    reading->n = result->n;
    reading->pending.is_done = true;
    pthread_cond_broadcast(&reading->pending.changed);
    pthread_mutex_unlock(&reading->pending.lock);
}

/* By a person and by an announcement: with how the device was seen then. */
static void an_approval_says_in_the_audit_who_was_approved_by_its_own_account(void **state)
{
    struct scene *scene = *state;
    struct reading reading;
    const struct store_audit_query query = {.limit = 4};
    const struct audit_call call = {.done = read_rows, .user = &reading};
    (void)approved(scene, "web 1");
    struct device *announced = &scene->devices[scene->n++];
    device_open_from(&scene->fixture, announced, 2, "198.51.100.7");
    const struct decide_command expect = {
        .kind = PAIRING_EV_EXPECT,
        .device_id = announced->id,
        .approves = true,
        .grant = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}},
    };
    assert_int_equal(admin_do(&scene->fixture, &expect).status, OC_OK);
    assert_true(device_connect(announced).has_session);
    pending_init(&reading.pending);
    admin_list_audit(scene->fixture.service, &query, &call);
    assert_true(pending_wait(&reading.pending, LONG_MS));
    assert_int_equal(reading.n, 3);
    assert_string_equal(reading.rows[0].detail, "role=agent scopes=chat source=203.0.113.9 "
                                                "name=web%201 platform=linux labels= purpose=");
    assert_string_equal(reading.rows[2].detail, "role=agent scopes=chat source=198.51.100.7 "
                                                "name=web-1 platform=linux labels= purpose=");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(approved_devices_of_that_name_or_one_like_it_are_told),
        TEST(the_names_that_administrators_gave_count_too),
        TEST(neither_itself_nor_who_is_not_approved_is_told),
        TEST(an_approved_device_that_wants_more_is_told_too),
        TEST(of_many_the_same_names_come_first_and_more_is_said),
        TEST(wrong_codes_and_claimed_labels_are_those_of_the_open_request),
        TEST(what_was_approved_before_is_told_after_a_revocation_too),
        cmocka_unit_test_setup_teardown(
            of_an_edited_row_nobody_is_said_to_have_approved_or_named_anything, set_up_edited,
            tear_down),
        TEST(of_a_stranger_nothing_is_known),
        TEST(an_approval_says_in_the_audit_who_was_approved_by_its_own_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
