/*
 * A backup as a use case: audited first, made between the groups, one at a time, given up when
 * nobody asks after it or the gateway stops.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/obs/log.h"
#include "server/service/backup.h"
#include "tests/support/service_fixture.h"

enum {
    N_RECORDS = 3000, /* many more pages than a job copies */
    N_IN_BETWEEN = 20,
    LIMIT_MS = 20 * 1000,
    /* Of the clock, whenever somebody looks at it: a backup ends before it is given up ... */
    SLOW_STEP_MS = 20,
    FAST_STEP_MS = 200, /* ... or not */
    LOOKS_BEFORE_STOP = 10,
};

/* A clock that goes on by being looked at. A test can hold the writer when it looks at it while a
 * copy is made: then it stands still in the middle of a job. */
struct stepping_clock {
    struct clock clock;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    int64_t now_ms;
    int64_t step_ms;
    bool stops;
    unsigned n_looks; /* while there is an unfinished file */
    unsigned n_held;
    pthread_t main, clockwork; /* who else looks at it */
    bool knows_clockwork;
    char unfinished[192];
};

struct scene {
    struct service_fixture fixture;
    struct stepping_clock clock;
    char directory[64];
    char backups[96];
    char database[96];
    uint32_t budget_ms; /* of a call; 0: none is given */
};

struct asked {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    unsigned n_answers;
    struct backup_result result;
    struct pending_call *decisions; /* looked at when the answer comes */
    unsigned n_decided;
};

static int64_t look(void *user)
{
    struct stepping_clock *clock = user;
    pthread_mutex_lock(&clock->lock);
    if (!clock->knows_clockwork && !pthread_equal(pthread_self(), clock->main)) {
        clock->knows_clockwork = true;
        clock->clockwork = pthread_self();
        pthread_cond_broadcast(&clock->changed);
    }
    const bool is_writer = !pthread_equal(pthread_self(), clock->main) &&
                           !pthread_equal(pthread_self(), clock->clockwork);
    clock->n_looks += is_writer && clock->stops && access(clock->unfinished, F_OK) == 0;
    while (is_writer && clock->stops && clock->n_looks >= LOOKS_BEFORE_STOP) {
        clock->n_held++;
        pthread_cond_broadcast(&clock->changed);
        pthread_cond_wait(&clock->changed, &clock->lock);
        clock->n_held--;
    }
    const int64_t now_ms = clock->now_ms += clock->step_ms;
    pthread_mutex_unlock(&clock->lock);
    return now_ms;
}

static void clock_stop(struct stepping_clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    clock->stops = true;
    pthread_mutex_unlock(&clock->lock);
}

static void clock_wait_for_writer(struct stepping_clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    while (clock->n_held == 0) {
        pthread_cond_wait(&clock->changed, &clock->lock);
    }
    pthread_mutex_unlock(&clock->lock);
}

static void clock_go(struct stepping_clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    clock->stops = false;
    pthread_cond_broadcast(&clock->changed);
    pthread_mutex_unlock(&clock->lock);
}

/* ---- the scene ------------------------------------------------------------------------------- */

static void fill(struct store *store)
{
    struct oc_error err;
    uint64_t seq;
    assert_int_equal(store_begin(store, &err), OC_OK);
    for (uint32_t i = 0; i < N_RECORDS; i++) {
        struct oc_device_id id = {{0x77}};
        memcpy(id.bytes + 1, &i, sizeof i);
        struct pairing pairing = pairing_of_stranger(&id);
        struct audit_event audit = {.at_ms = 1, .action = "block", .outcome = "done"};
        pairing.standing = OC_STANDING_BLOCKED;
        pairing.generation = 1;
        memset(audit.detail, 'x', sizeof audit.detail - 1);
        const struct store_change change = {
            .after = &pairing, .audit = &audit, .action = "block", .now_ms = 1};
        assert_int_equal(store_apply(store, &change, &seq, &err), OC_OK);
    }
    assert_int_equal(store_commit(store, &err), OC_OK);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct store_options options = {.may_create = true, .now_ms = 1};
    const struct log_options quiet = {.level = LOG_LEVEL_ERROR, .fd = 2};
    struct oc_error err;
    assert_non_null(scene);
    log_configure(&quiet);
    (void)snprintf(scene->directory, sizeof scene->directory, "/tmp/openclaw-backup-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->backups, sizeof scene->backups, "%s/backups", scene->directory);
    (void)snprintf(scene->database, sizeof scene->database, "%s/gateway.db", scene->directory);
    (void)snprintf(scene->clock.unfinished, sizeof scene->clock.unfinished, "%s/%s", scene->backups,
                   BACKUP_UNFINISHED);
    pthread_mutex_init(&scene->clock.lock, NULL);
    pthread_cond_init(&scene->clock.changed, NULL);
    scene->clock.now_ms = 1000000;
    scene->clock.step_ms = SLOW_STEP_MS;
    scene->clock.main = pthread_self();
    scene->clock.clock = (struct clock){.now_ms = look, .user = &scene->clock};
    fixture_init(&scene->fixture);
    store_close(scene->fixture.options.store);
    options.path = scene->database;
    options.row_key = &scene->fixture.row_key;
    assert_int_equal(store_open_sqlite(&options, &scene->fixture.options.store, &err), OC_OK);
    fill(scene->fixture.options.store);
    scene->fixture.options.backup_dir = scene->backups;
    scene->fixture.options.monotonic = &scene->clock.clock;
    fixture_start(&scene->fixture);
    pthread_mutex_lock(&scene->clock.lock);
    while (!scene->clock.knows_clockwork) {
        pthread_cond_wait(&scene->clock.changed, &scene->clock.lock);
    }
    pthread_mutex_unlock(&scene->clock.lock);
    *state = scene;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fixture_stop(&scene->fixture);
    (void)nftw(scene->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    pthread_cond_destroy(&scene->clock.changed);
    pthread_mutex_destroy(&scene->clock.lock);
    free(scene);
    return 0;
}

static void answered(void *user, const struct backup_result *result)
{
    struct asked *asked = user;
    pthread_mutex_lock(&asked->lock);
    asked->n_answers++;
    asked->result = *result;
    for (unsigned i = 0; asked->decisions && i < N_IN_BETWEEN; i++) {
        asked->n_decided += asked->decisions[i].is_done; /* the same thread set it */
    }
    pthread_cond_signal(&asked->changed);
    pthread_mutex_unlock(&asked->lock);
}

static void ask_start(struct scene *scene, uint64_t ticket, struct asked *asked)
{
    const struct admin_caller caller = {.actor = {.name = "uid:0", .source = "local"},
                                        .budget_ms = scene->budget_ms};
    const struct backup_call call = {answered, asked};
    memset(asked, 0, sizeof *asked);
    pthread_mutex_init(&asked->lock, NULL);
    pthread_cond_init(&asked->changed, NULL);
    admin_backup(scene->fixture.service, &caller, ticket, &call);
}

static void ask_wait(struct asked *asked)
{
    pthread_mutex_lock(&asked->lock);
    while (asked->n_answers == 0) {
        pthread_cond_wait(&asked->changed, &asked->lock);
    }
    pthread_mutex_unlock(&asked->lock);
}

static struct backup_result ask(struct scene *scene, uint64_t ticket)
{
    struct asked asked = {.n_answers = 0};
    ask_start(scene, ticket, &asked);
    ask_wait(&asked);
    return asked.result;
}

static struct backup_result make_backup(struct scene *scene)
{
    struct backup_result result = ask(scene, 0);
    while (result.status == OC_OK && !result.is_done) {
        result = ask(scene, result.ticket);
    }
    return result;
}

static uint64_t seq_in(struct scene *scene, const char *path)
{
    const struct store_options options = {.path = path, .row_key = &scene->fixture.row_key};
    struct store *store = NULL;
    struct oc_error err;
    assert_int_equal(store_open_sqlite(&options, &store, &err), OC_OK);
    const uint64_t seq = store_identity(store).seq;
    store_close(store);
    return seq;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void a_backup_tells_its_progress_and_what_it_holds(void **state)
{
    struct scene *scene = *state;
    struct backup_result result = ask(scene, 0);
    unsigned n_progress = 0;
    while (!result.is_done) {
        assert_int_equal(result.status, OC_OK);
        assert_true(result.ticket != 0);
        assert_true(result.progress.pages_left == 0 || result.progress.identity.seq == 0);
        n_progress++;
        result = ask(scene, result.ticket);
    }
    assert_true(n_progress > 0);
    assert_int_equal(result.failed, OC_OK);
    assert_int_equal(result.progress.identity.seq, N_RECORDS);
    assert_int_equal(seq_in(scene, result.progress.path), N_RECORDS);
    /* Asked again, it still knows. */
    assert_true(ask(scene, result.ticket).is_done);
}

/* The writer tells how far it is when it answers, however late that is read here. */
static uint64_t copied_at_first_answer(struct scene *scene)
{
    struct backup_result result = ask(scene, 0);
    const uint64_t copied = result.progress.pages - result.progress.pages_left;
    while (!result.is_done) {
        assert_int_equal(result.status, OC_OK);
        result = ask(scene, result.ticket);
    }
    assert_int_equal(result.failed, OC_OK);
    return copied;
}

static void a_caller_with_little_time_is_answered_in_half_of_it(void **state)
{
    struct scene *scene = *state;
    const uint64_t copied = copied_at_first_answer(scene);
    scene->budget_ms = 200;
    fake_clock_advance(&scene->fixture.clock, 1);
    assert_true(copied > 3 * copied_at_first_answer(scene));
}

struct audit_seen {
    struct asked asked;
    struct store_audit_row row;
};

static void take_audit(void *user, const struct audit_result *result)
{
    struct audit_seen *seen = user;
    pthread_mutex_lock(&seen->asked.lock);
    seen->row = result->rows[0];
    seen->asked.n_answers++;
    pthread_cond_signal(&seen->asked.changed);
    pthread_mutex_unlock(&seen->asked.lock);
}

static void it_is_on_record_before_it_is_made(void **state)
{
    struct scene *scene = *state;
    const struct store_audit_query query = {.newest_first = true, .limit = 1};
    struct audit_seen seen = {.asked.n_answers = 0};
    const struct audit_call call = {take_audit, &seen};
    struct backup_result result = make_backup(scene);
    pthread_mutex_init(&seen.asked.lock, NULL);
    pthread_cond_init(&seen.asked.changed, NULL);
    admin_list_audit(scene->fixture.service, &query, &call);
    ask_wait(&seen.asked);
    assert_string_equal(seen.row.event.action, "backup");
    assert_string_equal(seen.row.event.actor.name, "uid:0");
    assert_non_null(strstr(result.progress.path, seen.row.event.detail + strlen("file=")));
    /* The copy tells of itself. */
    const struct store_options options = {.path = result.progress.path,
                                          .row_key = &scene->fixture.row_key};
    struct store *copy = NULL;
    struct oc_error err;
    struct store_audit_row row;
    size_t n = 0;
    assert_int_equal(store_open_sqlite(&options, &copy, &err), OC_OK);
    assert_int_equal(store_list_audit(copy, &query, &row, &n, &err), OC_OK);
    assert_string_equal(row.event.action, "backup");
    store_close(copy);
}

static void decisions_go_on_between_its_steps_and_are_in_it(void **state)
{
    struct scene *scene = *state;
    struct asked asked = {.n_answers = 0};
    struct pending_call decisions[N_IN_BETWEEN];
    clock_stop(&scene->clock);
    ask_start(scene, 0, &asked);
    clock_wait_for_writer(&scene->clock);
    for (unsigned i = 0; i < N_IN_BETWEEN; i++) {
        struct decide_command block = {.kind = PAIRING_EV_BLOCK, .device_id = {{0x99, 0}}};
        block.device_id.bytes[1] = (uint8_t)i;
        admin_do_start(&scene->fixture, NULL, &block, &decisions[i]);
    }
    pthread_mutex_lock(&asked.lock);
    asked.decisions = decisions;
    pthread_mutex_unlock(&asked.lock);
    clock_go(&scene->clock);
    ask_wait(&asked);
    struct backup_result result = asked.result;
    /* Not one of them waited for the backup. */
    assert_int_equal(asked.n_decided, N_IN_BETWEEN);
    while (!result.is_done) {
        result = ask(scene, result.ticket);
    }
    assert_int_equal(result.failed, OC_OK);
    assert_int_equal(result.progress.identity.seq, N_RECORDS + N_IN_BETWEEN);
    assert_int_equal(seq_in(scene, result.progress.path), N_RECORDS + N_IN_BETWEEN);
    for (unsigned i = 0; i < N_IN_BETWEEN; i++) {
        assert_true(pending_wait(&decisions[i], LIMIT_MS));
        assert_int_equal(decisions[i].result.decide.status, OC_OK);
    }
}

static void there_is_one_at_a_time(void **state)
{
    struct scene *scene = *state;
    struct asked begun = {.n_answers = 0};
    struct asked another = {.n_answers = 0};
    struct asked stray = {.n_answers = 0};
    /* In the middle of a copy, however slow this thread is. */
    clock_stop(&scene->clock);
    ask_start(scene, 0, &begun);
    clock_wait_for_writer(&scene->clock);
    ask_start(scene, 0, &another);
    ask_start(scene, 2, &stray); /* nobody's: they are odd */
    clock_go(&scene->clock);
    ask_wait(&another);
    ask_wait(&stray);
    ask_wait(&begun);
    assert_int_equal(another.result.status, OC_RESOURCE_EXHAUSTED);
    assert_string_equal(another.result.error.cause, "backup_running");
    assert_true(another.result.error.retry_after_ms > 0);
    assert_int_equal(stray.result.status, OC_NOT_FOUND);
    struct backup_result first = begun.result;
    assert_int_equal(first.status, OC_OK);
    while (!first.is_done) {
        first = ask(scene, first.ticket);
    }
    assert_int_equal(first.failed, OC_OK);
    fake_clock_advance(&scene->fixture.clock, 1);
    assert_int_equal(make_backup(scene).failed, OC_OK);
}

static bool is_gone(void *user)
{
    const struct scene *scene = user;
    return access(scene->clock.unfinished, F_OK) != 0;
}

static void one_that_nobody_asks_after_is_given_up(void **state)
{
    struct scene *scene = *state;
    pthread_mutex_lock(&scene->clock.lock);
    scene->clock.step_ms = FAST_STEP_MS;
    pthread_mutex_unlock(&scene->clock.lock);
    struct backup_result result = ask(scene, 0);
    assert_false(result.is_done);
    assert_true(eventually(is_gone, scene));
    result = ask(scene, result.ticket);
    assert_true(result.is_done);
    assert_int_equal(result.failed, OC_CANCELLED);
    assert_int_equal(access(result.progress.path, F_OK), -1);
}

static void *stop(void *service)
{
    service_free(service);
    return NULL;
}

/* A queue that stops takes nothing more. */
static bool is_stopping(void *user)
{
    struct scene *scene = user;
    static struct asked probe; /* may be answered later */
    ask_start(scene, 2, &probe);
    return probe.n_answers > 0 && probe.result.status == OC_RESOURCE_EXHAUSTED;
}

static void a_stop_ends_it_with_an_answer_and_without_a_file(void **state)
{
    struct scene *scene = *state;
    struct asked asked = {.n_answers = 0};
    clock_stop(&scene->clock);
    ask_start(scene, 0, &asked);
    clock_wait_for_writer(&scene->clock);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, scene->fixture.service), 0);
    assert_true(eventually(is_stopping, scene));
    clock_go(&scene->clock);
    pthread_join(stopper, NULL);
    scene->fixture.service = NULL;
    assert_int_equal(asked.n_answers, 1);
    assert_int_equal(asked.result.failed, OC_UNAVAILABLE);
    assert_true(is_gone(scene));
}

static void a_locked_gateway_makes_none(void **state)
{
    struct scene *scene = *state;
    struct oc_error err;
    const struct store_options options = {.path = scene->database,
                                          .row_key = &scene->fixture.row_key};
    service_free(scene->fixture.service);
    assert_int_equal(store_open_sqlite(&options, &scene->fixture.options.store, &err), OC_OK);
    scene->fixture.options.lock = STORE_LOCK_BEHIND;
    fixture_start(&scene->fixture);
    const struct backup_result result = ask(scene, 0);
    assert_int_equal(result.status, OC_UNAVAILABLE);
    assert_string_equal(result.error.cause, "locked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_backup_tells_its_progress_and_what_it_holds),
        CASE(a_caller_with_little_time_is_answered_in_half_of_it),
        CASE(it_is_on_record_before_it_is_made),
        CASE(decisions_go_on_between_its_steps_and_are_in_it),
        CASE(there_is_one_at_a_time),
        CASE(one_that_nobody_asks_after_is_given_up),
        CASE(a_stop_ends_it_with_an_answer_and_without_a_file),
        CASE(a_locked_gateway_makes_none),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
