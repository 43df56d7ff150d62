/* A reload under the service: what is taken away is gone when it is answered, and it is audited. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/reload.h"
#include "tests/support/service_fixture.h"

enum {
    N_RACERS = 4,
    N_ROUNDS = 100,
};

struct scene {
    struct service_fixture fixture; /* first: devices want it */
    struct service_settings wanted; /* put in force by the next reload */
    const char *trusted;            /* the one source; NULL: each */
    bool is_refused;
    pthread_mutex_t lock; /* guards the next two */
    pthread_cond_t changed;
    unsigned n_done;
    struct reload_result result;
};

static bool is_trusted(void *user, const char *source)
{
    const struct scene *scene = user;
    return !scene->trusted || strcmp(scene->trusted, source) == 0;
}

static void reload(void *user, const struct audit_actor *actor, struct reload_report *out)
{
    struct scene *scene = user;
    (void)actor;
    out->is_refused = scene->is_refused;
    (void)snprintf(out->problem, sizeof out->problem, "%s",
                   scene->is_refused ? "gateway.yaml:3:1: log.level: not a level" : "");
    if (!scene->is_refused) {
        out->changed[out->n_changed++] = "log.level";
        out->changed[out->n_changed++] = "pairingRequired";
        service_change_settings(scene->fixture.service, &scene->wanted, is_trusted, scene);
    }
}

static struct scene *prepare(bool pairing_required)
{
    struct scene *scene = calloc(1, sizeof *scene);
    fixture_init(&scene->fixture);
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->changed, NULL);
    scene->fixture.options.pairing_required = pairing_required;
    scene->fixture.options.reload = reload;
    scene->fixture.options.reload_user = scene;
    return scene;
}

static void start(struct scene *scene)
{
    fixture_start(&scene->fixture);
    service_get_settings(scene->fixture.service, &scene->wanted);
}

static int set_up_open(void **state)
{
    struct scene *scene = prepare(false);
    start(scene);
    *state = scene;
    return 0;
}

static int set_up(void **state)
{
    struct scene *scene = prepare(true);
    start(scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fixture_stop(&scene->fixture);
    pthread_cond_destroy(&scene->changed);
    pthread_mutex_destroy(&scene->lock);
    free(scene);
    return 0;
}

static void done(void *user, const struct reload_result *result)
{
    struct scene *scene = user;
    pthread_mutex_lock(&scene->lock);
    scene->result = *result;
    scene->n_done++;
    pthread_cond_signal(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static const struct reload_report *do_reload(struct scene *scene)
{
    static const struct audit_actor actor = {.name = "uid:7", .source = "local"};
    const struct reload_call call = {done, scene};
    const unsigned n_before = scene->n_done;
    admin_reload(scene->fixture.service, &actor, &call);
    pthread_mutex_lock(&scene->lock);
    while (scene->n_done == n_before) {
        pthread_cond_wait(&scene->changed, &scene->lock);
    }
    pthread_mutex_unlock(&scene->lock);
    assert_int_equal(scene->result.status, OC_OK);
    return &scene->result.report;
}

static bool has_session(const struct device *device)
{
    uint64_t generation;
    return peer_heartbeat(device->peer, &generation) == OC_OK;
}

/* ---- pairing is switched on ------------------------------------------------------------------ */

static void sessions_without_an_approval_end_and_the_approved_stay(void **state)
{
    struct scene *scene = *state;
    struct device unpaired;
    struct device approved;
    device_open(&scene->fixture, &approved, 1);
    (void)device_connect(&approved); /* from no trusted source: it has to ask */
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_APPROVE, &approved.id).status,
                     OC_OK);
    assert_true(device_connect(&approved).has_session);
    device_open_trusted(&scene->fixture, &unpaired, 2);
    assert_true(device_connect(&unpaired).has_session);
    scene->wanted.pairing_required = true;
    (void)do_reload(scene);
    assert_false(has_session(&unpaired));
    assert_true(has_session(&approved));
    device_close(&unpaired);
    device_open_trusted(&scene->fixture, &unpaired, 2);
    assert_int_equal(device_connect(&unpaired).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    device_close(&unpaired);
    device_close(&approved);
}

struct racer {
    struct scene *scene;
    unsigned n;
    pthread_t thread;
    atomic_bool is_over; /* the reload is answered */
    unsigned n_sessions;
    bool has_slipped;
};

/* Comes, connects and goes until the reload is answered; who is in the middle of it then must have
 * no session, whenever the attempt began. */
static void *race(void *user)
{
    struct racer *racer = user;
    bool is_over = false;
    while (!is_over) {
        struct device device;
        device_open_trusted(&racer->scene->fixture, &device, racer->n + 1);
        racer->n_sessions += device_connect(&device).has_session;
        is_over = atomic_load(&racer->is_over);
        racer->has_slipped = is_over && has_session(&device);
        device_close(&device);
    }
    return NULL;
}

static void no_connect_slips_through_while_pairing_is_switched_on(void **state)
{
    (void)state;
    unsigned n_sessions = 0;
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        struct scene *scene = prepare(false);
        struct racer racers[N_RACERS];
        start(scene);
        for (unsigned i = 0; i < N_RACERS; i++) {
            racers[i] = (struct racer){.scene = scene, .n = i};
            assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        }
        scene->wanted.pairing_required = true;
        (void)do_reload(scene);
        for (unsigned i = 0; i < N_RACERS; i++) {
            atomic_store(&racers[i].is_over, true);
        }
        for (unsigned i = 0; i < N_RACERS; i++) {
            pthread_join(racers[i].thread, NULL);
            assert_false(racers[i].has_slipped);
            n_sessions += racers[i].n_sessions;
        }
        fixture_stop(&scene->fixture);
        free(scene);
    }
    assert_int_not_equal(n_sessions, 0);
}

/* ---- trust ----------------------------------------------------------------------------------- */

static bool is_cut(void *user)
{
    return atomic_load(&((struct device *)user)->n_cuts) > 0;
}

static void sources_that_are_trusted_no_more_are_cut_off(void **state)
{
    struct scene *scene = *state;
    struct device device;
    struct device silent;
    device_open_trusted(&scene->fixture, &device, 1);
    device_open_trusted(&scene->fixture, &silent, 2); /* has not connected yet */
    assert_true(device_connect(&device).has_session);
    (void)do_reload(scene);
    assert_true(has_session(&device)); /* nothing changed */
    scene->trusted = "198.51.100.1";
    (void)do_reload(scene);
    assert_false(has_session(&device));
    assert_true(eventually(is_cut, &device));
    assert_true(eventually(is_cut, &silent));
    assert_false(device_connect(&silent).has_session);
    device_close(&device);
    device_close(&silent);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool has_expired(void *user)
{
    struct device *device = user;
    struct device_view view;
    return !view_of(device->fixture, &device->id, &view) || !view.pairing.request.is_open;
}

static void a_shorter_time_for_requests_holds_for_those_that_are_open(void **state)
{
    struct scene *scene = *state;
    struct device device;
    device_open(&scene->fixture, &device, 1);
    (void)device_connect(&device);
    device_close(&device);
    scene->wanted.policy.pending_ttl_ms = 1000;
    (void)do_reload(scene);
    assert_false(has_expired(&device));
    fake_clock_advance(&scene->fixture.clock, 2000);
    assert_true(eventually(has_expired, &device));
}

static void a_lower_cap_holds_for_who_comes_next(void **state)
{
    struct scene *scene = *state;
    struct device first;
    struct device second;
    device_open(&scene->fixture, &first, 1);
    (void)device_connect(&first);
    scene->wanted.max_pending = 1;
    scene->wanted.max_pending_per_source = 1;
    (void)do_reload(scene);
    device_open(&scene->fixture, &second, 2);
    assert_int_equal(device_connect(&second).refusal.kind, OC_REFUSAL_BUSY);
    assert_int_equal(device_connect(&first).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    device_close(&first);
    device_close(&second);
}

/* ---- the audit ------------------------------------------------------------------------------- */

struct seen {
    struct pending_call pending;
    size_t n;
    struct audit_event last;
};

static void listed(void *user, const struct audit_result *result)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->pending.lock);
    seen->n = result->n;
    if (result->n > 0) {
        seen->last = result->rows[0].event;
    }
    seen->pending.is_done = true;
    pthread_cond_signal(&seen->pending.changed);
    pthread_mutex_unlock(&seen->pending.lock);
}

static struct seen newest_audit(struct scene *scene)
{
    struct seen seen = {.n = 0};
    const struct store_audit_query query = {.newest_first = true, .limit = 1};
    const struct audit_call call = {listed, &seen};
    pending_init(&seen.pending);
    admin_list_audit(scene->fixture.service, &query, &call);
    assert_true(pending_wait(&seen.pending, 10000));
    return seen;
}

static void a_reload_is_audited_with_who_and_what(void **state)
{
    struct scene *scene = *state;
    assert_true(do_reload(scene)->is_audited);
    struct seen seen = newest_audit(scene);
    assert_string_equal(seen.last.action, "reload");
    assert_string_equal(seen.last.actor.name, "uid:7");
    assert_string_equal(seen.last.outcome, "done");
    assert_string_equal(seen.last.detail, "log.level,pairingRequired");
    scene->is_refused = true;
    const struct reload_report *refused = do_reload(scene);
    assert_true(refused->is_refused);
    seen = newest_audit(scene);
    assert_string_equal(seen.last.outcome, "invalid_file");
    assert_string_equal(seen.last.detail, "none");
    assert_true(refused->problem[0] != '\0');
    assert_string_equal(seen.last.reason, refused->problem);
}

static void a_locked_gateway_reloads_and_leaves_the_database_alone(void **state)
{
    (void)state;
    struct scene *scene = prepare(true);
    scene->fixture.options.lock = STORE_LOCK_FOREIGN;
    start(scene);
    scene->wanted.max_pending = 7;
    assert_false(do_reload(scene)->is_audited);
    struct service_settings settings;
    service_get_settings(scene->fixture.service, &settings);
    assert_int_equal(settings.max_pending, 7);
    assert_int_equal(newest_audit(scene).n, 0);
    fixture_stop(&scene->fixture);
    free(scene);
}

int main(void)
{
#define TEST(name, up) cmocka_unit_test_setup_teardown(name, up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sessions_without_an_approval_end_and_the_approved_stay, set_up_open),
        cmocka_unit_test(no_connect_slips_through_while_pairing_is_switched_on),
        TEST(sources_that_are_trusted_no_more_are_cut_off, set_up_open),
        TEST(a_shorter_time_for_requests_holds_for_those_that_are_open, set_up),
        TEST(a_lower_cap_holds_for_who_comes_next, set_up),
        TEST(a_reload_is_audited_with_who_and_what, set_up),
        cmocka_unit_test(a_locked_gateway_reloads_and_leaves_the_database_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
