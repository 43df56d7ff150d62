#include <openclaw/watch.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "proto/base/cleanup.h"
#include "tests/support/scripted_gateway.h"

#define METHOD(name) OPENCLAW__V1__METHOD__METHOD_##name

enum {
    LONG_MS = 20 * 1000,
    MOST = 8,
};

/* ---- a gateway, a client of it, and one who watches -------------------------------------- */

struct scene {
    char dir[64];
    char url[160];
    struct scripted_gateway *gateway;
    struct oc_client *client;
    struct oc_watch *watch;
    struct oc_watch_item item;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    char path[96];
    (void)snprintf(scene->dir, sizeof scene->dir, "/tmp/oc-watch-XXXXXX");
    if (!mkdtemp(scene->dir)) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/gateway", scene->dir);
    if (mkdir(path, 0700) != 0) {
        return -1;
    }
    (void)snprintf(scene->url, sizeof scene->url, "ipc://%s/admin.sock", path);
    scene->gateway = scripted_gateway_start(scene->url, NULL);
    const struct oc_client_options options = {.data_dir = scene->dir, .timeout_ms = 15000};
    *state = scene;
    return oc_client_open(&options, &scene->client, NULL) == OC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    oc_watch_free(scene->watch);
    oc_client_close(scene->client);
    if (scene->gateway) {
        scripted_gateway_stop(scene->gateway);
    }
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scene->dir);
    int rc = system(command);
    free(scene);
    return rc;
}

/* Begins; its first call is on its way. */
static void start(struct scene *scene, enum oc_watch_start where, const struct oc_cursor *cursor)
{
    struct oc_watch_options options = {.start = where};
    options.cursor = cursor ? *cursor : options.cursor;
    assert_int_equal(oc_watch_open(scene->client, &options, &scene->watch, NULL), OC_OK);
    assert_int_equal(oc_watch_next(scene->watch, 0, &scene->item, NULL), OC_OK);
    assert_int_equal(scene->item.kind, OC_WATCH_NOTHING);
}

static void start_after(struct scene *scene, uint64_t seq)
{
    start(scene, OC_WATCH_FROM_CURSOR, &(struct oc_cursor){.seq = seq});
}

static const struct oc_watch_item *next(struct scene *scene, enum oc_watch_kind kind)
{
    assert_int_equal(oc_watch_next(scene->watch, LONG_MS, &scene->item, NULL), OC_OK);
    assert_int_equal(scene->item.kind, kind);
    return &scene->item;
}

/* Nothing is there yet; what is to be asked was. */
static void next_is_nothing(struct scene *scene)
{
    assert_int_equal(oc_watch_next(scene->watch, 0, &scene->item, NULL), OC_OK);
    assert_int_equal(scene->item.kind, OC_WATCH_NOTHING);
}

/* ---- what the gateway says --------------------------------------------------------------- */

static uint8_t database[16] = {0xdb};
static uint8_t device_id[32] = {7};

static ProtobufCBinaryData bytes_of(uint8_t *bytes, size_t n)
{
    return (ProtobufCBinaryData){.data = bytes, .len = n};
}

/* Takes the call for changes, which must be after that number. */
static struct scripted_call *take_changes(struct scene *scene, uint64_t after_seq)
{
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(WATCH_EVENTS));
    Openclaw__V1__WatchEventsRequest *request = scripted_call_decode(call);
    assert_int_equal(request->after_seq, after_seq);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    return call;
}

static void answer_changes_of(struct scripted_call *call, uint64_t epoch, size_t n,
                              const uint64_t *seqs)
{
    Openclaw__V1__Event events[MOST];
    Openclaw__V1__Event *items[MOST];
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    Openclaw__V1__WatchEventsReply reply = OPENCLAW__V1__WATCH_EVENTS_REPLY__INIT;
    device.device_id = bytes_of(device_id, sizeof device_id);
    for (size_t i = 0; i < n; i++) {
        openclaw__v1__event__init(&events[i]);
        events[i].seq = seqs[i];
        events[i].at_ms = 1000;
        events[i].action = (char *)(uintptr_t) "approve";
        events[i].device = &device;
        items[i] = &events[i];
    }
    reply.events = items;
    reply.n_events = n;
    reply.database_id = bytes_of(database, sizeof database);
    reply.epoch = epoch;
    scripted_call_answer(call, &reply.base);
}

#define ANSWER_CHANGES(call, ...)                                                                  \
    answer_changes_of((call), 1, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),       \
                      (const uint64_t[]){__VA_ARGS__})

static void answer_status(struct scene *scene, uint64_t seq)
{
    Openclaw__V1__GetStatusReply reply = OPENCLAW__V1__GET_STATUS_REPLY__INIT;
    reply.database_id = bytes_of(database, sizeof database);
    reply.epoch = 1;
    reply.seq = seq;
    scripted_call_answer(scripted_gateway_take(scene->gateway, METHOD(GET_STATUS)), &reply.base);
}

/* One device on the page. */
static void answer_page(struct scene *scene, const char *cursor, const char *next_cursor,
                        uint64_t revision)
{
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(LIST_DEVICES));
    Openclaw__V1__ListDevicesRequest *request = scripted_call_decode(call);
    assert_string_equal(request->cursor, cursor);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    Openclaw__V1__Device *items[] = {&device};
    Openclaw__V1__ListDevicesReply reply = OPENCLAW__V1__LIST_DEVICES_REPLY__INIT;
    device.device_id = bytes_of(device_id, sizeof device_id);
    reply.items = items;
    reply.n_items = 1;
    reply.next_cursor = (char *)(uintptr_t)next_cursor;
    reply.revision = revision;
    scripted_call_answer(call, &reply.base);
}

/* Goes on until the gateway is asked. */
static void next_asks(struct scene *scene)
{
    do {
        assert_int_equal(oc_watch_next(scene->watch, 10, &scene->item, NULL), OC_OK);
        assert_int_equal(scene->item.kind, OC_WATCH_NOTHING);
    } while (!scripted_gateway_has_call(scene->gateway, 0));
}

static void expect_resync(struct scene *scene, enum oc_resync_why why)
{
    next_asks(scene);
    answer_status(scene, 8);
    assert_int_equal(next(scene, OC_WATCH_RESYNC)->why, why);
}

/* ---- changes ----------------------------------------------------------------------------- */

static void changes_come_in_order_and_the_next_call_goes_on_behind_them(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    ANSWER_CHANGES(take_changes(scene, 2), 3, 4);
    assert_int_equal(next(scene, OC_WATCH_CHANGE)->event.seq, 3);
    assert_string_equal(scene->item.event.action, "approve");
    assert_int_equal(scene->item.cursor.seq, 3);
    assert_int_equal(next(scene, OC_WATCH_CHANGE)->event.seq, 4);
    assert_memory_equal(scene->item.cursor.database_id, database, sizeof database);
    next_is_nothing(scene);
    scripted_call_forget(take_changes(scene, 4));
}

static void a_change_that_was_told_already_is_not_told_again(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    ANSWER_CHANGES(take_changes(scene, 2), 1, 2, 3);
    assert_int_equal(next(scene, OC_WATCH_CHANGE)->event.seq, 3);
    next_is_nothing(scene);
    scripted_call_forget(take_changes(scene, 3));
}

static void where_a_change_is_missing_everything_is_told_anew(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    ANSWER_CHANGES(take_changes(scene, 2), 3, 5);
    expect_resync(scene, OC_RESYNC_OTHER_RECORDS);
}

static void a_watch_from_now_on_says_from_where(void **state)
{
    struct scene *scene = *state;
    start(scene, OC_WATCH_FROM_NOW, NULL);
    answer_status(scene, 41);
    assert_int_equal(next(scene, OC_WATCH_SYNCED)->cursor.seq, 41);
    next_is_nothing(scene);
    ANSWER_CHANGES(take_changes(scene, 41), 42);
    assert_int_equal(next(scene, OC_WATCH_CHANGE)->event.seq, 42);
}

/* ---- snapshots --------------------------------------------------------------------------- */

static void expect_snapshot(struct scene *scene, enum oc_resync_why why)
{
    expect_resync(scene, why);
    next_is_nothing(scene);
    answer_page(scene, "", "more", 9);
    (void)next(scene, OC_WATCH_DEVICE);
    assert_memory_equal(scene->item.event.device.id.bytes, device_id, sizeof device_id);
    next_is_nothing(scene);
    answer_page(scene, "more", "", 11);
    (void)next(scene, OC_WATCH_DEVICE);
    /* What changed since the first page is told, as the second may show it or not. */
    assert_int_equal(next(scene, OC_WATCH_SYNCED)->cursor.seq, 9);
    next_is_nothing(scene);
    ANSWER_CHANGES(take_changes(scene, 9), 10);
    assert_int_equal(next(scene, OC_WATCH_CHANGE)->event.seq, 10);
}

static void a_cursor_older_than_what_is_kept_gives_a_snapshot(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    const struct oc_error err = {.status = OC_OUT_OF_RANGE};
    scripted_call_fail(take_changes(scene, 2), OC_OUT_OF_RANGE, &err);
    expect_snapshot(scene, OC_RESYNC_OUT_OF_RANGE);
}

static void a_cursor_into_another_database_gives_a_snapshot(void **state)
{
    struct scene *scene = *state;
    start(scene, OC_WATCH_FROM_CURSOR,
          &(struct oc_cursor){.seq = 2, .epoch = 1, .database_id = {0xaa}});
    ANSWER_CHANGES(take_changes(scene, 2), 3);
    expect_snapshot(scene, OC_RESYNC_OTHER_RECORDS);
}

static void a_number_that_other_records_do_not_have_tells_of_other_records(void **state)
{
    struct scene *scene = *state;
    const struct oc_error err = {.status = OC_OUT_OF_RANGE};
    start(scene, OC_WATCH_FROM_CURSOR,
          &(struct oc_cursor){.seq = 70, .epoch = 1, .database_id = {0xaa}});
    scripted_call_fail(take_changes(scene, 70), OC_OUT_OF_RANGE, &err);
    expect_snapshot(scene, OC_RESYNC_OTHER_RECORDS);
}

static void records_that_were_rolled_back_give_a_snapshot(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    ANSWER_CHANGES(take_changes(scene, 2), 3);
    (void)next(scene, OC_WATCH_CHANGE);
    next_is_nothing(scene);
    answer_changes_of(take_changes(scene, 3), 2, 1, (const uint64_t[]){4});
    expect_snapshot(scene, OC_RESYNC_OTHER_RECORDS);
}

/* ---- a gateway that goes away ------------------------------------------------------------ */

static void a_lost_gateway_is_told_of_once_and_again_when_it_is_back(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    ANSWER_CHANGES(take_changes(scene, 2), 3);
    (void)next(scene, OC_WATCH_CHANGE);
    next_is_nothing(scene);
    struct scripted_call *call = take_changes(scene, 3);
    scripted_gateway_close_door(scene->gateway);
    scripted_call_cut(call);
    assert_int_equal(next(scene, OC_WATCH_LOST)->error.status, OC_UNAVAILABLE);
    assert_int_equal(oc_watch_next(scene->watch, 500, &scene->item, NULL), OC_OK);
    assert_int_equal(scene->item.kind, OC_WATCH_NOTHING);
    scripted_gateway_stop(scene->gateway);
    scene->gateway = scripted_gateway_start(scene->url, NULL);
    next_asks(scene);
    ANSWER_CHANGES(take_changes(scene, 3), 4);
    (void)next(scene, OC_WATCH_BACK);
    assert_int_equal(next(scene, OC_WATCH_CHANGE)->event.seq, 4);
}

static void a_locked_gateway_is_waited_for(void **state)
{
    struct scene *scene = *state;
    start(scene, OC_WATCH_FROM_NOW, NULL);
    Openclaw__V1__GetStatusReply reply = OPENCLAW__V1__GET_STATUS_REPLY__INIT;
    reply.lock_reason = (char *)(uintptr_t) "the database is gone";
    scripted_call_answer(scripted_gateway_take(scene->gateway, METHOD(GET_STATUS)), &reply.base);
    assert_non_null(strstr(next(scene, OC_WATCH_LOST)->error.text, "the database is gone"));
}

static void a_gateway_that_has_nothing_and_says_so_at_once_is_not_asked_in_a_loop(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    ANSWER_CHANGES(take_changes(scene, 2), 3);
    (void)next(scene, OC_WATCH_CHANGE);
    next_is_nothing(scene);
    answer_changes_of(take_changes(scene, 3), 1, 0, NULL);
    assert_int_equal(oc_watch_next(scene->watch, 20, &scene->item, NULL), OC_OK);
    assert_int_equal(scene->item.kind, OC_WATCH_NOTHING);
    assert_false(scripted_gateway_has_call(scene->gateway, 0));
    assert_int_equal(oc_watch_next(scene->watch, 1000, &scene->item, NULL), OC_OK);
    scripted_call_forget(take_changes(scene, 3));
}

static void what_no_waiting_mends_ends_the_watch(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    const struct oc_error denied = {.status = OC_PERMISSION_DENIED};
    scripted_call_fail(take_changes(scene, 2), OC_PERMISSION_DENIED, &denied);
    struct oc_error err = {.status = OC_OK};
    assert_int_equal(oc_watch_next(scene->watch, LONG_MS, &scene->item, &err),
                     OC_PERMISSION_DENIED);
    assert_int_equal(err.status, OC_PERMISSION_DENIED);
}

/* ---- waiting, stopping ------------------------------------------------------------------- */

static void its_descriptor_is_readable_when_there_is_something(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    struct pollfd fd = {.fd = oc_watch_fd(scene->watch), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 0), 0);
    ANSWER_CHANGES(take_changes(scene, 2), 3, 4);
    for (uint64_t seq = 3; seq <= 4; seq++) {
        assert_int_equal(poll(&fd, 1, LONG_MS), 1);
        assert_int_equal(oc_watch_next(scene->watch, 0, &scene->item, NULL), OC_OK);
        assert_int_equal(scene->item.event.seq, seq);
    }
    next_is_nothing(scene);
    assert_int_equal(poll(&fd, 1, 0), 0);
    scripted_gateway_close_door(scene->gateway);
    scripted_call_cut(take_changes(scene, 4));
    assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    (void)next(scene, OC_WATCH_LOST);
    next_is_nothing(scene);
    assert_int_equal(poll(&fd, 1, LONG_MS), 1); /* the pause is over */
}

static void *wait_long(void *user)
{
    struct scene *scene = user;
    static struct oc_watch_item item;
    enum oc_status st = OC_OK;
    while (st == OC_OK) {
        st = oc_watch_next(scene->watch, UINT32_MAX, &item, NULL);
    }
    return st == OC_CANCELLED ? NULL : user;
}

static void stopping_ends_the_wait_of_another_thread(void **state)
{
    struct scene *scene = *state;
    pthread_t thread;
    void *failed = scene;
    start_after(scene, 2);
    assert_int_equal(pthread_create(&thread, NULL, wait_long, scene), 0);
    ANSWER_CHANGES(take_changes(scene, 2), 3);
    scripted_call_forget(take_changes(scene, 3)); /* it has asked, and waits */
    oc_watch_stop(scene->watch);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(oc_watch_next(scene->watch, 0, &scene->item, NULL), OC_CANCELLED);
}

static void a_watch_may_end_while_its_call_is_under_way(void **state)
{
    struct scene *scene = *state;
    start_after(scene, 2);
    struct scripted_call *call = take_changes(scene, 2);
    oc_watch_free(scene->watch);
    scene->watch = NULL;
    ANSWER_CHANGES(call, 3);
    start_after(scene, 2);
    scripted_call_forget(take_changes(scene, 2));
    oc_watch_free(scene->watch);
    scene->watch = NULL;
}

static void options_of_a_newer_library_are_refused(void **state)
{
    struct scene *scene = *state;
    struct oc_watch_options options = {.start = OC_WATCH_FROM_NOW};
    options.reserved[15] = 1;
    assert_int_equal(oc_watch_open(scene->client, &options, &scene->watch, NULL),
                     OC_INVALID_ARGUMENT);
    options = (struct oc_watch_options){.start = (enum oc_watch_start)3};
    assert_int_equal(oc_watch_open(scene->client, &options, &scene->watch, NULL),
                     OC_INVALID_ARGUMENT);
    assert_null(scene->watch);
}

/* ---- cursors ----------------------------------------------------------------------------- */

static void a_cursor_is_the_same_after_its_text(void **state)
{
    (void)state;
    const struct oc_cursor cursors[] = {
        {.seq = 0},
        {.seq = UINT64_MAX},
        {.seq = 57, .epoch = 3, .database_id = {0x1f, 0x2e}},
        {.seq = UINT64_MAX, .epoch = UINT64_MAX, .database_id = {0xff}},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cursors); i++) {
        char text[OC_CURSOR_TEXT_BYTES];
        struct oc_cursor read;
        memset(&read, 0xee, sizeof read);
        oc_cursor_format(&cursors[i], text);
        assert_true(oc_cursor_parse(text, &read));
        assert_memory_equal(&read, &cursors[i], sizeof read);
    }
}

static void what_is_no_cursor_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "1x",
                                      " 1",
                                      "18446744073709551616",
                                      "1-",
                                      "1-2",
                                      "1-2-",
                                      "1-2-a",
                                      "now",
                                      "1-2-1f2e0000000000000000000000000000x",
                                      "1--1f2e0000000000000000000000000000"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        struct oc_cursor cursor = {.seq = 77};
        assert_false(oc_cursor_parse(bad[i], &cursor));
        assert_int_equal(cursor.seq, 77);
    }
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(changes_come_in_order_and_the_next_call_goes_on_behind_them),
        WITH_GATEWAY(a_change_that_was_told_already_is_not_told_again),
        WITH_GATEWAY(where_a_change_is_missing_everything_is_told_anew),
        WITH_GATEWAY(a_watch_from_now_on_says_from_where),
        WITH_GATEWAY(a_cursor_older_than_what_is_kept_gives_a_snapshot),
        WITH_GATEWAY(a_cursor_into_another_database_gives_a_snapshot),
        WITH_GATEWAY(a_number_that_other_records_do_not_have_tells_of_other_records),
        WITH_GATEWAY(records_that_were_rolled_back_give_a_snapshot),
        WITH_GATEWAY(a_lost_gateway_is_told_of_once_and_again_when_it_is_back),
        WITH_GATEWAY(a_locked_gateway_is_waited_for),
        WITH_GATEWAY(a_gateway_that_has_nothing_and_says_so_at_once_is_not_asked_in_a_loop),
        WITH_GATEWAY(what_no_waiting_mends_ends_the_watch),
        WITH_GATEWAY(its_descriptor_is_readable_when_there_is_something),
        WITH_GATEWAY(stopping_ends_the_wait_of_another_thread),
        WITH_GATEWAY(a_watch_may_end_while_its_call_is_under_way),
        WITH_GATEWAY(options_of_a_newer_library_are_refused),
        cmocka_unit_test(a_cursor_is_the_same_after_its_text),
        cmocka_unit_test(what_is_no_cursor_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
