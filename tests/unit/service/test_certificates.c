/* Certificates that come to their end are told in time: in the status, and once a day in the log.
 * Over a memory store, with clocks of the test. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/crypto/identity.h"
#include "server/obs/log.h"
#include "server/service/certificates.h"
#include "server/service/writer.h"
#include "tests/support/service_fixture.h"

#define DAY_MS OC_ADMIN_DAY_MS

enum {
    MAX_LOG_BYTES = 64 * 1024,
};

struct scene {
    struct service_fixture base;
    int ends[2];
    char caught[MAX_LOG_BYTES];
    size_t n_caught;
    const char *wanted;
    unsigned n_wanted;
};

static enum oc_status save_ca(void *user, const struct oc_admin_ca *ca, struct oc_error *err)
{
    (void)user;
    (void)ca;
    (void)err;
    return OC_OK;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    fixture_init(&scene->base);
    scene->base.options.save_admin_ca = save_ca;
    assert_int_equal(pipe2(scene->ends, O_NONBLOCK), 0);
    log_configure(&(struct log_options){
        .level = LOG_LEVEL_INFO, .fd = scene->ends[1], .monotonic = scene->base.monotonic.clock});
    fixture_start(&scene->base);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fixture_stop(&scene->base);
    log_tell_suppressed_at_end();
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO});
    close(scene->ends[0]);
    close(scene->ends[1]);
    free(scene);
    return 0;
}

/* ---- the log --------------------------------------------------------------------------------- */

static unsigned count(struct scene *scene, const char *wanted)
{
    ssize_t got = 0;
    unsigned n = 0;
    do {
        scene->n_caught += got > 0 ? (size_t)got : 0;
        got = read(scene->ends[0], scene->caught + scene->n_caught,
                   sizeof scene->caught - 1 - scene->n_caught);
    } while (got > 0);
    scene->caught[scene->n_caught] = '\0';
    for (const char *at = strstr(scene->caught, wanted); at; at = strstr(at + 1, wanted)) {
        n++;
    }
    return n;
}

static bool has_lines(void *user)
{
    struct scene *scene = user;
    return count(scene, scene->wanted) >= scene->n_wanted;
}

static void wants_lines(struct scene *scene, const char *wanted, unsigned n)
{
    scene->wanted = wanted;
    scene->n_wanted = n;
    assert_true(eventually(has_lines, scene));
    assert_int_equal(count(scene, wanted), n);
}

static void pass(struct scene *scene, int64_t ms)
{
    fake_clock_advance(&scene->base.clock, ms);
    fake_clock_advance(&scene->base.monotonic, ms);
}

struct look {
    struct change change; /* first */
    atomic_bool is_done;
};

static void run_look(struct service *service, struct change *change)
{
    (void)change;
    certificates_tick(service);
}

static void finish_look(struct service *service, struct change *change,
                        const struct oc_error *failed)
{
    (void)service;
    (void)failed;
    atomic_store(&((struct look *)(void *)change)->is_done, true);
}

static bool has_looked(void *user)
{
    return atomic_load(&((struct look *)user)->is_done);
}

/* As the clockwork has it done every second. */
static void look(struct scene *scene)
{
    static const struct change_ops ops = {.run = run_look, .finish = finish_look};
    struct look look = {.change = {.ops = &ops}};
    assert_true(writer_push(scene->base.service, &look.change));
    assert_true(eventually(has_looked, &look));
}

/* ---- administrators -------------------------------------------------------------------------- */

struct answered {
    atomic_bool is_done;
    enum oc_status status;
};

static void done(void *user, const struct administrator_result *result)
{
    struct answered *answered = user;
    answered->status = result->status;
    atomic_store(&answered->is_done, true);
}

static bool is_done(void *user)
{
    return atomic_load(&((struct answered *)user)->is_done);
}

static void change(struct scene *scene, enum administrator_command_kind kind, const char *name,
                   int64_t ttl_ms)
{
    static const struct admin_caller root = {.actor = {.name = "uid:0", .source = "local"}};
    static struct answered answered;
    static struct administrator_command command;
    const struct administrator_call call = {done, &answered};
    command = (struct administrator_command){
        .kind = kind, .role = ADMINISTRATOR_APPROVER, .ttl_ms = ttl_ms};
    (void)snprintf(command.name, sizeof command.name, "%s", name);
    if (kind == ADMINISTRATOR_ISSUE || kind == ADMINISTRATOR_RENEW) {
        struct oc_identity *identity = NULL;
        size_t n = 0;
        assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, NULL), OC_OK);
        assert_int_equal(oc_admin_csr_make(identity, command.csr, sizeof command.csr, &n, NULL),
                         OC_OK);
        command.n_csr = (uint16_t)n;
        oc_identity_free(identity);
    }
    atomic_store(&answered.is_done, false);
    administrators_change(scene->base.service, &root, &command, &call);
    assert_true(eventually(is_done, &answered));
    assert_int_equal(answered.status, OC_OK);
}

/* ---- what is promised ------------------------------------------------------------------------ */

static void who_comes_to_the_end_is_told_once_a_day_until_renewed(void **state)
{
    struct scene *scene = *state;
    static const char alice[] = "certificate.ends of=admin:alice";
    change(scene, ADMINISTRATOR_INIT_PKI, "", 0);
    change(scene, ADMINISTRATOR_ISSUE, "alice", 90 * DAY_MS);
    pass(scene, 59 * DAY_MS);
    change(scene, ADMINISTRATOR_ISSUE, "bob", 90 * DAY_MS);
    assert_int_equal(count(scene, "certificate."), 0);
    pass(scene, 2 * DAY_MS);
    wants_lines(scene, alice, 1);
    assert_int_equal(count(scene, "days_left=29 fix=\"openclaw pki renew alice\""), 1);
    pass(scene, DAY_MS / 2); /* not again on that day */
    look(scene);
    assert_int_equal(count(scene, alice), 1);
    change(scene, ADMINISTRATOR_ISSUE, "carol", 3 * DAY_MS);
    pass(scene, DAY_MS / 2 + 1000);
    wants_lines(scene, alice, 2);
    look(scene);
    assert_int_equal(count(scene, "of=admin:carol"), 0);
    change(scene, ADMINISTRATOR_RENEW, "alice", 90 * DAY_MS);
    pass(scene, DAY_MS + DAY_MS / 2);
    wants_lines(scene, "certificate.ends of=admin:carol", 1); /* the last third of a short life */
    assert_int_equal(count(scene, alice), 2);
    assert_int_equal(count(scene, "of=admin:bob"), 0);
    assert_int_equal(count(scene, "of=admin-ca"), 0);
}

static void the_status_says_how_many_and_who_is_first(void **state)
{
    struct scene *scene = *state;
    struct certificate_ends ends;
    certificates_look(scene->base.service, &ends);
    assert_int_equal(ends.ca_not_after_ms, 0);
    change(scene, ADMINISTRATOR_INIT_PKI, "", 0);
    change(scene, ADMINISTRATOR_ISSUE, "alice", 90 * DAY_MS);
    change(scene, ADMINISTRATOR_ISSUE, "bob", 80 * DAY_MS);
    change(scene, ADMINISTRATOR_ISSUE, "carol", 70 * DAY_MS);
    change(scene, ADMINISTRATOR_ISSUE, "dan", 300 * DAY_MS);
    certificates_look(scene->base.service, &ends);
    assert_int_equal(ends.n, 0);
    assert_true(ends.ca_not_after_ms > 0);
    assert_false(ends.is_ca_ending);
    pass(scene, 61 * DAY_MS);
    change(scene, ADMINISTRATOR_REVOKE, "carol", 0);
    certificates_look(scene->base.service, &ends);
    assert_int_equal(ends.n, 2);
    assert_string_equal(ends.soonest[0].name, "bob");
    assert_string_equal(ends.soonest[1].name, "alice");
    pass(scene, 20 * DAY_MS); /* bob has none any more, and is not told of */
    certificates_look(scene->base.service, &ends);
    assert_int_equal(ends.n, 1);
    assert_string_equal(ends.soonest[0].name, "alice");
}

static void an_admin_ca_that_ends_is_told_and_so_is_one_that_has(void **state)
{
    struct scene *scene = *state;
    change(scene, ADMINISTRATOR_INIT_PKI, "", 0);
    pass(scene, 3630 * DAY_MS);
    wants_lines(scene, "warn certificate.ends of=admin-ca", 1);
    assert_int_equal(count(scene, "openclaw pki init --replace"), 1);
    pass(scene, 40 * DAY_MS);
    wants_lines(scene, "error certificate.ended of=admin-ca", 1);
}

static void many_are_told_in_few_lines_the_soonest_first(void **state)
{
    struct scene *scene = *state;
    change(scene, ADMINISTRATOR_INIT_PKI, "", 0);
    for (int i = 0; i < CERTIFICATES_TOLD + 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "a%02d", i);
        change(scene, ADMINISTRATOR_ISSUE, name, (100 - i % 2 * 10) * DAY_MS - i * 1000);
    }
    pass(scene, 75 * DAY_MS);
    wants_lines(scene, "certificate.ends of=others count=5", 1);
    assert_int_equal(count(scene, "certificate.ends of=admin:"), CERTIFICATES_TOLD);
    struct certificate_ends ends;
    certificates_look(scene->base.service, &ends);
    assert_string_equal(ends.soonest[0].name, "a23");
    for (size_t i = 1; i < CERTIFICATES_TOLD; i++) {
        assert_true(ends.soonest[i - 1].not_after_ms <= ends.soonest[i].not_after_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(who_comes_to_the_end_is_told_once_a_day_until_renewed),
        CASE(the_status_says_how_many_and_who_is_first),
        CASE(an_admin_ca_that_ends_is_told_and_so_is_one_that_has),
        CASE(many_are_told_in_few_lines_the_soonest_first),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
