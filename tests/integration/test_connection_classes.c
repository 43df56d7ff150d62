/* Which threads of NNG's pool are batch threads, and when: thread_class.h. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/rpc/thread_class.h"
#include "proto/rpc/transport_internal.h"
#include "tests/support/step_probe.h"
#include "tests/support/wire_fixture.h"

enum {
    LIMIT_MS = 20000,
    /* A call over the local door counts for a second; a slower machine asks again. */
    SOON_MS = 500,
};

static bool is_allowed;       /* by whoever runs the tests */
static atomic_int class_seen; /* of the thread that answered last */

static void note_class(struct endpoint *server, struct oc_connection *connection, uint32_t word,
                       const uint8_t *body, size_t n_body)
{
    (void)server;
    atomic_store(&class_seen, sched_getscheduler(0));
    (void)oc_connection_send(connection, word, body, n_body);
}

/* What class the thread had that answered a call. */
static int call(struct oc_connection *connection, struct endpoint *client)
{
    const uint8_t body[4] = {0};
    const unsigned n = endpoint_get(client, &client->n_frames) + 1;
    assert_true(oc_connection_send(connection, 0x80000001U, body, sizeof body));
    assert_true(endpoint_wait(client, &client->n_frames, n));
    return atomic_load(&class_seen);
}

/* Calls until a batch thread answers; false if none does. */
static bool comes_to_batch(struct oc_connection *connection, struct endpoint *client)
{
    const uint64_t since_ms = oc_monotonic_ms();
    while (call(connection, client) != SCHED_BATCH) {
        if (oc_monotonic_ms() - since_ms > LIMIT_MS) {
            return false;
        }
    }
    return true;
}

struct scene {
    struct wire_fixture wire;
    struct endpoint device;
    struct oc_connection *connection;
};

static void begin(struct scene *scene, bool is_library)
{
    if (!is_allowed) {
        skip();
    }
    const struct wire_options options = {.is_library = is_library, .n_handshake_workers = 1};
    wire_make(&scene->wire, &options);
    scene->wire.server.on_frame = note_class;
    wire_listen(&scene->wire, &options);
    endpoint_init(&scene->device);
    scene->connection = wire_connect(&scene->wire, &scene->device, false);
}

static void end(struct scene *scene)
{
    oc_connection_release(scene->connection);
    wire_stop(&scene->wire);
    endpoint_deinit(&scene->device);
}

static void batch_threads_answer_devices(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, false);
    assert_true(comes_to_batch(scene.connection, &scene.device));
    end(&scene);
}

static void a_call_at_the_local_door_ends_it_for_a_while(void **state)
{
    (void)state;
    struct scene scene;
    struct endpoint person;
    begin(&scene, false);
    endpoint_init(&person);
    struct oc_connection *local = wire_connect(&scene.wire, &person, true);
    assert_true(comes_to_batch(scene.connection, &scene.device));
    int class_after;
    uint64_t before_ms;
    do {
        before_ms = oc_monotonic_ms();
        (void)call(local, &person);
        class_after = call(scene.connection, &scene.device);
    } while (oc_monotonic_ms() - before_ms > SOON_MS);
    assert_int_equal(class_after, SCHED_OTHER);
    assert_true(comes_to_batch(scene.connection, &scene.device)); /* and no longer */
    oc_connection_release(local);
    end(&scene);
    endpoint_deinit(&person);
}

/* A step that has to wait, as another has the only slot. */
static void crowd(struct oc_step_queue *queue)
{
    struct step_probe second;
    struct step_probe first;
    step_probe_init(&second, queue, NULL);
    step_probe_init(&first, queue, &second);
    step_probe_run(&first);
    step_probe_wait(&first);
    step_probe_wait(&second);
}

static void a_crowd_of_handshakes_ends_it_beside_established_calls(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, false);
    struct oc_step_queue *queue = oc_transport_steps(scene.wire.transport);
    crowd(queue);
    assert_false(oc_step_queue_presses(queue)); /* there is nobody to press on */
    assert_true(comes_to_batch(scene.connection, &scene.device));
    oc_step_queue_yield(queue, oc_monotonic_ms() + UINT64_C(3600) * 1000);
    int class_after;
    uint64_t before_ms;
    do {
        before_ms = oc_monotonic_ms();
        crowd(queue);
        class_after = call(scene.connection, &scene.device);
    } while (oc_monotonic_ms() - before_ms > SOON_MS);
    assert_int_equal(class_after, SCHED_OTHER);
    assert_true(comes_to_batch(scene.connection, &scene.device));
    end(&scene);
}

static void a_library_leaves_threads_as_they_are(void **state)
{
    (void)state;
    enum { CALLS = 50 };
    struct scene scene;
    begin(&scene, true);
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(call(scene.connection, &scene.device), SCHED_OTHER);
    }
    end(&scene);
}

static void *become_batch_and_back(void *user)
{
    bool *has_worked = user;
    oc_thread_batches(true);
    const bool is_batch = sched_getscheduler(0) == SCHED_BATCH;
    oc_thread_batches(false);
    *has_worked = is_batch && sched_getscheduler(0) == SCHED_OTHER;
    return NULL;
}

static void a_thread_changes_its_own_class_alone(void **state)
{
    (void)state;
    bool has_worked = false;
    pthread_t thread;
    if (!is_allowed) {
        skip();
    }
    assert_int_equal(pthread_create(&thread, NULL, become_batch_and_back, &has_worked), 0);
    (void)pthread_join(thread, NULL);
    assert_true(has_worked);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

static void *try_to_leave(void *user)
{
    int *class_after = user;
    const struct sched_param none = {.sched_priority = 0};
    if (sched_setscheduler(0, *class_after, &none) != 0) {
        return user; /* it may not be chosen here */
    }
    oc_thread_batches(true);
    oc_thread_batches(false);
    *class_after = sched_getscheduler(0);
    return NULL;
}

static void a_class_that_was_chosen_stays(void **state)
{
    (void)state;
    const int chosen[] = {SCHED_IDLE, SCHED_BATCH};
    if (!is_allowed) {
        skip();
    }
    for (unsigned i = 0; i < 2; i++) {
        int class_after = chosen[i];
        void *not_chosen = NULL;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, try_to_leave, &class_after), 0);
        (void)pthread_join(thread, &not_chosen);
        assert_null(not_chosen);
        assert_int_equal(class_after, chosen[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_changes_its_own_class_alone),
        cmocka_unit_test(a_class_that_was_chosen_stays),
        cmocka_unit_test(a_library_leaves_threads_as_they_are), /* the pool is the process's */
        cmocka_unit_test(batch_threads_answer_devices),
        cmocka_unit_test(a_call_at_the_local_door_ends_it_for_a_while),
        cmocka_unit_test(a_crowd_of_handshakes_ends_it_beside_established_calls),
    };
    const struct sched_param none = {.sched_priority = 0};
    is_allowed = sched_setscheduler(0, SCHED_BATCH, &none) == 0 &&
                 sched_setscheduler(0, SCHED_OTHER, &none) == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
