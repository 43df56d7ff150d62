/* Administrators of another CA over a service: what is looked up at every call, and what ends it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/administrators.h"
#include "server/service/externals.h"
#include "server/store/store_memory.h"
#include "tests/support/held_store.h"
#include "tests/support/service_fixture.h"

#define URI "spiffe://corp/ops/"

struct bench {
    struct service_fixture base;
    struct administrator_map map;
    struct oc_digest ca; /* the one in force */
    unsigned n_told;
};

static unsigned told(void *user, void *origin)
{
    (void)origin;
    ((struct bench *)user)->n_told++;
    return 0;
}

/* Another CA each time; the service takes it. */
static struct oc_admin_ca *make_ca(struct bench *bench)
{
    struct oc_admin_ca *ca = NULL;
    assert_int_equal(oc_admin_ca_make("corp", clock_now_ms(&bench->base.clock.clock), &ca, NULL),
                     OC_OK);
    bench->ca = oc_admin_ca_sha256(ca);
    return ca;
}

static void switch_on(struct bench *bench)
{
    const struct administrators_external wanted = {
        .is_on = true, .ca = make_ca(bench), .map = &bench->map};
    (void)administrators_change_external(bench->base.service, &wanted);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    fixture_init(&bench->base);
    held_store_take(bench->base.options.store);
    fixture_start(&bench->base);
    administrators_set_watcher(bench->base.service, told, bench);
    bench->map.n = 2;
    strcpy(bench->map.items[0].san, URI "*");
    bench->map.items[0].role = ADMINISTRATOR_VIEWER;
    strcpy(bench->map.items[1].san, URI "bob");
    bench->map.items[1].role = ADMINISTRATOR_APPROVER;
    strcpy(bench->map.items[1].bound, "chat");
    switch_on(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    fixture_stop(&bench->base);
    free(bench);
    return 0;
}

/* As the handshake proved it: for a day. */
static struct oc_admin_certificate shown(struct bench *bench, const char *name, uint8_t number)
{
    const int64_t now_ms = clock_now_ms(&bench->base.clock.clock);
    struct oc_admin_certificate certificate = {
        .sha256 = {{number}},
        .serial = {number},
        .n_serial = 1,
        .not_before_ms = now_ms - 1000,
        .not_after_ms = now_ms + OC_ADMIN_DAY_MS,
        .ca_sha256 = bench->ca,
    };
    (void)snprintf(certificate.name, sizeof certificate.name, URI "%s", name);
    return certificate;
}

static struct oc_digest enter(struct bench *bench, const char *name, uint8_t number)
{
    const struct oc_admin_certificate certificate = shown(bench, name, number);
    administrators_note_certificate(bench->base.service, &certificate, 1);
    return certificate.sha256;
}

static enum administrators_standing look(struct bench *bench, const struct oc_digest *certificate,
                                         enum administrator_role wanted)
{
    enum administrator_role role = ADMINISTRATOR_ADMIN;
    const enum administrators_standing standing =
        administrators_look_up(bench->base.service, certificate, &role);
    assert_int_equal(role, wanted);
    return standing;
}

static void change_map(struct bench *bench)
{
    const struct administrators_external wanted = {
        .is_on = true, .keeps_ca = true, .map = &bench->map};
    (void)administrators_change_external(bench->base.service, &wanted);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static struct answered {
    atomic_bool is_done;
    struct administrator_result result;
} answered;

static void done(void *user, const struct administrator_result *result)
{
    (void)user;
    answered.result = *result;
    atomic_store(&answered.is_done, true);
}

static bool is_done(void *user)
{
    (void)user;
    return atomic_load(&answered.is_done);
}

static struct administrator_command command;
static const struct admin_caller root = {.actor = {.name = "uid:0", .source = "local"}};

static void start(struct bench *bench)
{
    const struct administrator_call call = {.done = done};
    atomic_store(&answered.is_done, false);
    administrators_change(bench->base.service, &root, &command, &call);
}

static const struct administrator_result *run(struct bench *bench)
{
    start(bench);
    assert_true(eventually(is_done, NULL));
    return &answered.result;
}

static void revoke(const char *name, const struct oc_digest *certificate)
{
    command = (struct administrator_command){.kind = ADMINISTRATOR_REVOKE};
    (void)snprintf(command.name, sizeof command.name, "%s", name);
    if (certificate) {
        command.sha256 = *certificate;
    }
}

/* ---- what is promised ------------------------------------------------------------------------ */

static void what_the_map_says_holds_for_the_next_call(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest alice = enter(bench, "alice", 1);
    const struct oc_digest bob = enter(bench, "bob", 2);
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_VIEWER), ADMINISTRATORS_ALLOWED);
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_APPROVER), ADMINISTRATORS_ALLOWED);
    const unsigned n_told = bench->n_told;
    bench->map.items[1].role = ADMINISTRATOR_ADMIN;
    change_map(bench);
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_ADMIN), ADMINISTRATORS_ALLOWED);
    bench->map.n = 0;
    change_map(bench);
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNMAPPED);
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNMAPPED);
    assert_int_equal(bench->n_told, n_told + 2); /* who cuts was told each time */
}

static void nobody_counts_who_did_not_come_in_with_the_ca_in_force(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest stranger = {{9}};
    assert_int_equal(look(bench, &stranger, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNKNOWN);
    const struct oc_digest alice = enter(bench, "alice", 1);
    switch_on(bench); /* another CA */
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNKNOWN);
    (void)enter(bench, "alice", 1); /* judged anew */
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_VIEWER), ADMINISTRATORS_ALLOWED);
    const struct administrators_external none = {.is_on = true, .map = &bench->map};
    (void)administrators_change_external(bench->base.service, &none);
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNKNOWN);
    const struct administrators_external off = {.is_on = false, .map = &bench->map};
    (void)administrators_change_external(bench->base.service, &off);
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNKNOWN);
}

static void time_ends_a_certificate(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest alice = enter(bench, "alice", 1);
    fake_clock_advance(&bench->base.clock, OC_ADMIN_DAY_MS + 1);
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_NOBODY), ADMINISTRATORS_EXPIRED);
}

static void a_revocation_by_name_holds_for_every_certificate_before_the_commit(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest one = enter(bench, "bob", 1);
    const struct oc_digest other = enter(bench, "bob", 2);
    held_store_hold();
    revoke(URI "bob", NULL);
    start(bench);
    assert_true(held_store_wait());
    enum administrator_role role;
    const enum administrators_standing standing =
        administrators_look_up(bench->base.service, &one, &role);
    held_store_release();
    assert_int_equal(standing, ADMINISTRATORS_REVOKED);
    assert_int_equal(role, ADMINISTRATOR_NOBODY);
    assert_true(eventually(is_done, NULL));
    assert_int_equal(answered.result.status, OC_OK);
    assert_int_equal(look(bench, &other, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    const struct oc_digest third = enter(bench, "bob", 3); /* and for those to come */
    assert_int_equal(look(bench, &third, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    const struct oc_digest alice = enter(bench, "alice", 4);
    assert_int_equal(look(bench, &alice, ADMINISTRATOR_VIEWER), ADMINISTRATORS_ALLOWED);
}

static void a_revocation_that_the_disk_refuses_stays(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest bob = enter(bench, "bob", 1);
    held_store_set_full(true);
    revoke(URI "bob", NULL);
    assert_int_equal(run(bench)->status, OC_UNAVAILABLE);
    assert_true(answered.result.error.is_not_durable);
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    held_store_set_full(false);
}

/* Nothing on the disk tells of the name: what is loaded from it must not stand in its place. */
static void a_revocation_that_is_not_on_disk_outlives_a_reopen(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest bob = enter(bench, "bob", 1);
    held_store_set_full(true);
    revoke(URI "bob", NULL);
    assert_int_equal(run(bench)->status, OC_UNAVAILABLE);
    held_store_set_full(false);
    store_memory_fail_next(bench->base.options.store, STORE_MEMORY_COMMIT_KEPT);
    struct pending_call pending;
    const struct oc_device_id stranger = {{7}};
    const struct decide_command block = command_on(&bench->base, PAIRING_EV_BLOCK, &stranger);
    fake_clock_advance(&bench->base.monotonic, 60 * 1000);
    pending_init(&pending);
    admin_do_start(&bench->base, &root, &block,
                   &pending); /* nobody knows what it did: it is read */
    assert_true(pending_wait(&pending, 10000));
    assert_true(held_store_n_loads() > 1);
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    struct service_status status;
    service_get_status(bench->base.service, &status);
    assert_int_equal(status.n_unsaved, 1); /* still to be written */
    revoke(URI "bob", NULL);
    assert_int_equal(run(bench)->status, OC_OK);
    service_get_status(bench->base.service, &status);
    assert_int_equal(status.n_unsaved, 0);
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
}

static void a_certificate_is_revoked_whether_it_was_seen_or_not(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest seen = enter(bench, "bob", 1);
    const struct oc_digest kept = enter(bench, "bob", 2);
    revoke("", &seen);
    assert_int_equal(run(bench)->status, OC_OK);
    assert_string_equal(answered.result.view.administrator.name, URI "bob");
    assert_int_equal(look(bench, &seen, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    assert_int_equal(look(bench, &kept, ADMINISTRATOR_APPROVER), ADMINISTRATORS_ALLOWED);
    const struct oc_digest unseen = shown(bench, "bob", 7).sha256;
    revoke("", &unseen);
    assert_int_equal(run(bench)->status, OC_OK);
    assert_non_null(strstr(answered.result.view.administrator.name, "sha256:0700"));
    (void)enter(bench, "bob", 7);
    assert_int_equal(look(bench, &unseen, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    revoke("", &kept); /* another of a name that has a row by now */
    assert_int_equal(run(bench)->status, OC_OK);
    assert_int_equal(answered.result.view.administrator.n_certificates, 2);
    assert_int_equal(look(bench, &kept, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    assert_int_equal(run(bench)->status, OC_OK); /* again */
    assert_int_equal(answered.result.view.administrator.n_certificates, 2);
}

static struct admin_caller mallory_of(struct bench *bench)
{
    struct admin_caller mallory = {.is_remote = true, .certificate = enter(bench, "mallory", 1)};
    strcpy(mallory.actor.name, "admin:" URI "mallory");
    strcpy(mallory.remote_name, URI "mallory");
    return mallory;
}

static enum oc_status run_as(struct bench *bench, const struct admin_caller *caller)
{
    const struct administrator_call call = {.done = done};
    atomic_store(&answered.is_done, false);
    administrators_change(bench->base.service, caller, &command, &call);
    assert_true(eventually(is_done, NULL));
    return answered.result.status;
}

/* A stolen certificate of an administrator, who revokes what nobody has: first by fingerprint, then
 * by name. */
static unsigned revoke_what_nobody_has(struct bench *bench, const struct admin_caller *mallory)
{
    unsigned n = 0;
    for (bool is_by_name = false;; n++) {
        char name[32] = "";
        const struct oc_digest random = {{0xee, (uint8_t)(n >> 8), (uint8_t)n}};
        if (is_by_name) {
            (void)snprintf(name, sizeof name, URI "n%u", n);
        }
        revoke(name, &random);
        const enum oc_status st = run_as(bench, mallory);
        if (st && is_by_name) {
            assert_int_equal(st, OC_RESOURCE_EXHAUSTED);
            assert_non_null(strstr(answered.result.error.text, "admin.map"));
            return n;
        }
        is_by_name = is_by_name || n == 100;
        assert_true(n < 2 * ADMINISTRATORS_MAX);
    }
}

static void nobody_takes_the_room_that_the_revocation_of_another_needs(void **state)
{
    struct bench *bench = *state;
    bench->map.items[0].role = ADMINISTRATOR_ADMIN;
    change_map(bench);
    const struct admin_caller mallory = mallory_of(bench);
    struct admin_caller alice = mallory;
    alice.certificate = enter(bench, "alice", 2);
    strcpy(alice.remote_name, URI "alice");
    assert_int_equal(revoke_what_nobody_has(bench, &mallory), ADMINISTRATORS_MAX_UNSEEN);
    revoke("", &mallory.certificate); /* from afar, of who came in */
    assert_int_equal(run_as(bench, &alice), OC_OK);
    assert_int_equal(look(bench, &mallory.certificate, ADMINISTRATOR_NOBODY),
                     ADMINISTRATORS_REVOKED);
    (void)enter(bench, "carol", 3);
    revoke(URI "carol", NULL);
    assert_int_equal(run_as(bench, &alice), OC_OK);
    revoke(URI "mallory", NULL);
    assert_int_equal(run_as(bench, &alice), OC_OK);
    revoke(URI "dave", NULL); /* and at the local door of who did not */
    assert_int_equal(run(bench)->status, OC_OK);
    const struct oc_digest dave = enter(bench, "dave", 9);
    assert_int_equal(look(bench, &dave, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
}

/* However many a CA made out to one name, with short terms. */
static void as_many_certificates_of_one_name_are_revoked_as_there_are(void **state)
{
    struct bench *bench = *state;
    for (int i = 1; i <= 3 * ADMINISTRATOR_CERTIFICATES; i++) {
        const struct oc_digest each = enter(bench, "bob", (uint8_t)i);
        revoke("", &each);
        assert_int_equal(run(bench)->status, OC_OK);
        assert_int_equal(look(bench, &each, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    }
    const struct oc_digest first = {{1}};
    assert_int_equal(look(bench, &first, ADMINISTRATOR_NOBODY), ADMINISTRATORS_REVOKED);
    const struct oc_digest kept = enter(bench, "bob", 99);
    assert_int_equal(look(bench, &kept, ADMINISTRATOR_APPROVER), ADMINISTRATORS_ALLOWED);
}

static void nothing_is_certified_while_another_ca_is_in_force(void **state)
{
    struct bench *bench = *state;
    const enum administrator_command_kind kinds[] = {ADMINISTRATOR_INIT_PKI, ADMINISTRATOR_ISSUE,
                                                     ADMINISTRATOR_RENEW};
    for (size_t i = 0; i < 3; i++) {
        command = (struct administrator_command){.kind = kinds[i], .role = ADMINISTRATOR_VIEWER};
        strcpy(command.name, "erin");
        assert_int_equal(run(bench)->status, OC_FAILED_PRECONDITION);
        assert_string_equal(answered.result.error.cause, "external_ca");
    }
    revoke("erin", NULL); /* a name of ours, that nobody has */
    assert_int_equal(run(bench)->status, OC_NOT_FOUND);
    const struct administrators_external off = {.is_on = false, .map = &bench->map};
    (void)administrators_change_external(bench->base.service, &off);
    revoke(URI "bob", NULL); /* there is no such here any more */
    assert_int_equal(run(bench)->status, OC_NOT_FOUND);
}

static void an_approver_has_the_bound_that_the_map_names_and_no_other(void **state)
{
    struct bench *bench = *state;
    static struct bounds bounds;
    struct device device;
    struct pending_call pending;
    bounds = (struct bounds){.are_given = true, .n = 2};
    strcpy(bounds.items[0].name, "default");
    bounds.items[0].has_any_role = bounds.items[0].has_any_scope = true;
    strcpy(bounds.items[1].name, "chat");
    service_change_bounds(bench->base.service, &bounds); /* before anything is decided */
    struct admin_caller bob = {.is_remote = true, .certificate = enter(bench, "bob", 1)};
    strcpy(bob.actor.name, "admin:" URI "bob");
    strcpy(bob.remote_name, URI "bob");
    device_open(&bench->base, &device, 1);
    (void)device_connect(&device);
    const struct decide_command approve = command_on(&bench->base, PAIRING_EV_APPROVE, &device.id);
    static const char *const causes[] = {"bound_grant", "bound_none", ""};
    for (size_t i = 0; i < 3; i++) {
        pending_init(&pending);
        admin_do_start(&bench->base, &bob, &approve, &pending);
        assert_true(pending_wait(&pending, 10000));
        assert_string_equal(pending.result.decide.error.cause, causes[i]);
        bench->map.items[1].bound[0] = '\0'; /* which config_check lets nobody write */
        bench->map.items[1].role = i == 0 ? ADMINISTRATOR_APPROVER : ADMINISTRATOR_ADMIN;
        change_map(bench);
    }
    assert_int_equal(pending.result.decide.status, OC_OK);
    device_close(&device);
}

static void who_is_connected_is_never_forgotten(void **state)
{
    struct bench *bench = *state;
    const struct oc_digest bob = enter(bench, "bob", 1);
    for (unsigned i = 0; i < 2 * EXTERNALS_MAX; i++) {
        struct oc_admin_certificate passing = shown(bench, "alice", 2);
        passing.sha256.bytes[1] = (uint8_t)(i & 0xFF);
        passing.sha256.bytes[2] = (uint8_t)(i >> 8);
        administrators_note_certificate(bench->base.service, &passing, 1);
        administrators_note_certificate(bench->base.service, &passing, -1);
        fake_clock_advance(&bench->base.clock, 1);
    }
    assert_int_equal(look(bench, &bob, ADMINISTRATOR_APPROVER), ADMINISTRATORS_ALLOWED);
    const struct oc_digest first = {{2, 0, 0}};
    assert_int_equal(look(bench, &first, ADMINISTRATOR_NOBODY), ADMINISTRATORS_UNKNOWN);
}

struct names {
    char text[512];
};

static void add_name(void *user, const struct administrator_view *view)
{
    struct names *names = user;
    const size_t n = strlen(names->text);
    (void)snprintf(names->text + n, sizeof names->text - n, "%s%s:%d:%zu:%d", n > 0 ? " " : "",
                   strrchr(view->administrator.name, '/') + 1, view->state,
                   view->administrator.n_certificates, view->is_online);
}

static void assert_listed(struct bench *bench, size_t limit, const char *wanted)
{
    struct names names = {.text = ""};
    char cursor[ADMINISTRATOR_NAME_BYTES + 1] = "";
    do {
        assert_true(administrators_list(bench->base.service, cursor, limit, add_name, &names));
    } while (cursor[0] != '\0');
    assert_string_equal(names.text, wanted);
}

/* NAME:STATE:CERTIFICATES:ONLINE; active is 1, revoked 2. */
static void who_came_in_is_listed_with_who_is_revoked(void **state)
{
    struct bench *bench = *state;
    (void)enter(bench, "carol", 3);
    (void)enter(bench, "carol", 4);
    const struct oc_admin_certificate bob = shown(bench, "bob", 2);
    administrators_note_certificate(bench->base.service, &bob, 1);
    administrators_note_certificate(bench->base.service, &bob, -1);
    revoke(URI "dave", NULL);
    assert_int_equal(run(bench)->status, OC_OK);
    assert_listed(bench, 100, "bob:1:1:0 carol:1:2:1 dave:2:0:0");
    assert_listed(bench, 1, "bob:1:1:0 carol:1:2:1 dave:2:0:0");
    revoke(URI "carol", NULL);
    assert_int_equal(run(bench)->status, OC_OK);
    assert_listed(bench, 1, "bob:1:1:0 carol:2:0:1 dave:2:0:0"); /* until it is cut */
    bench->map.n = 0;
    change_map(bench);
    assert_listed(bench, 2, "carol:2:0:0 dave:2:0:0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_the_map_says_holds_for_the_next_call),
        TEST(nobody_counts_who_did_not_come_in_with_the_ca_in_force),
        TEST(time_ends_a_certificate),
        TEST(a_revocation_by_name_holds_for_every_certificate_before_the_commit),
        TEST(a_revocation_that_the_disk_refuses_stays),
        TEST(a_revocation_that_is_not_on_disk_outlives_a_reopen),
        TEST(a_certificate_is_revoked_whether_it_was_seen_or_not),
        TEST(nobody_takes_the_room_that_the_revocation_of_another_needs),
        TEST(as_many_certificates_of_one_name_are_revoked_as_there_are),
        TEST(nothing_is_certified_while_another_ca_is_in_force),
        TEST(an_approver_has_the_bound_that_the_map_names_and_no_other),
        TEST(who_is_connected_is_never_forgotten),
        TEST(who_came_in_is_listed_with_who_is_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
