#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "proto/rpc/envelope.h"
#include "server/obs/log.h"
#include "server/rpc/doors.h"
#include "tests/support/fake_connection.h"
#include "tests/support/fake_service.h"

enum {
    DEVICES = 0, /* in the order of opening */
    LOCAL = 1,
    WORD = 1,
    HEARTBEAT_MS = 20000,
    MINUTE_MS = 60 * 1000,
};

struct fixture {
    struct service service;
    struct dispatch *dispatch;
    struct doors *doors;
};

/* 10.x.x.x */
static bool is_ten(void *user, const uint8_t address[16])
{
    (void)user;
    return address[12] == 10;
}

static struct doors_options options_of(struct fixture *fixture)
{
    return (struct doors_options){
        .dispatch = fixture->dispatch,
        .service = &fixture->service,
        .device_urls = {"tls+tcp://127.0.0.1:18789"},
        .n_device_urls = 1,
        .local_url = "ipc:///run/x.sock",
        .settings = {.pairing_required = true,
                     .max_unapproved = 5,
                     .max_unapproved_per_source = 2,
                     .local_uids = {4242},
                     .n_local_uids = 1},
        .heartbeat_ms = HEARTBEAT_MS,
    };
}

static void prepare(struct fixture *fixture)
{
    *fixture = (struct fixture){.service = {.parks = false}};
    const struct dispatch_options options = {.service = &fixture->service};
    fixture->dispatch = dispatch_new(&options);
}

static void enter(struct fixture *fixture)
{
    prepare(fixture);
    const struct doors_options options = options_of(fixture);
    assert_int_equal(doors_open(&options, &fixture->doors, NULL), OC_OK);
}

static void leave(struct fixture *fixture)
{
    doors_stop(fixture->doors);
    assert_int_equal(fake_n_listeners, 0);
    doors_free(fixture->doors);
    dispatch_free(fixture->dispatch);
}

/* A peer comes to the door; NULL when it is refused at accept. is_in tells what opened() said. */
static struct oc_connection *come(size_t door, const struct oc_peer *peer, bool *is_in)
{
    const struct oc_listener_options *options = &fake_listeners[door]->options;
    void *user = options->accepted(options->user, &peer->source);
    if (!user) {
        return NULL;
    }
    struct oc_connection *connection = fake_connection_new();
    connection->user = user;
    connection->peer = *peer;
    *is_in = options->ops->opened(user, connection, &connection->peer);
    return connection;
}

static struct oc_connection *come_in(size_t door, const struct oc_peer *peer)
{
    bool is_in = false;
    struct oc_connection *connection = come(door, peer, &is_in);
    assert_non_null(connection);
    assert_true(is_in);
    return connection;
}

static void go(size_t door, struct oc_connection *connection)
{
    const struct oc_error err = {.status = OC_OK};
    fake_listeners[door]->options.ops->closed(connection->user, connection, &err);
    fake_connection_free(connection);
}

static struct oc_peer device_from(uint8_t first, uint8_t last)
{
    return (struct oc_peer){
        .source = {.address = {[10] = 0xff, [11] = 0xff, first, 0, 0, last}},
        .has_device_id = true,
        .device_id = {{first, last}},
    };
}

static struct oc_peer user_of(uint32_t uid)
{
    return (struct oc_peer){.source = {.is_local = true}, .uid = uid, .pid = 1};
}

/* The status of one Health call. */
static enum oc_status ask_health(size_t door, struct oc_connection *connection, uint32_t *wait_ms)
{
    uint8_t bytes[64];
    const struct oc_call call = {.method = OPENCLAW__V1__METHOD__METHOD_HEALTH};
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    struct oc_reply reply;
    fake_listeners[door]->options.ops->frame(connection->user, connection, WORD, bytes, n);
    const struct fake_frame *frame = &connection->sent[connection->n_sent - 1];
    assert_int_equal(oc_reply_unpack(frame->bytes, frame->n, &reply, NULL), OC_OK);
    *wait_ms = reply.error.retry_after_ms;
    return reply.status;
}

static void assert_local(struct oc_connection *connection, enum oc_status wanted)
{
    uint32_t wait_ms = 0;
    assert_int_equal(ask_health(LOCAL, connection, &wait_ms), wanted);
    assert_int_equal(connection->is_approved, wanted == OC_OK);
    go(LOCAL, connection);
}

static void root_the_owner_and_named_users_administrate(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer root = user_of(0);
    const struct oc_peer owner = user_of((uint32_t)geteuid());
    const struct oc_peer named = user_of(4242);
    enter(&fixture);
    assert_local(come_in(LOCAL, &root), OC_OK);
    assert_local(come_in(LOCAL, &owner), OC_OK);
    assert_local(come_in(LOCAL, &named), OC_OK);
    assert_int_equal(fixture.service.n_denied, 0);
    leave(&fixture);
}

static void any_other_user_is_told_no_and_audited(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer stranger = user_of(31337);
    enter(&fixture);
    assert_local(come_in(LOCAL, &stranger), OC_PERMISSION_DENIED);
    assert_int_equal(fixture.service.n_denied, 1);
    leave(&fixture);
}

static void a_device_is_the_key_it_proved(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    uint32_t wait_ms = 0;
    enter(&fixture);
    struct oc_connection *connection = come_in(DEVICES, &peer);
    assert_int_equal(fixture.service.n_peers, 1);
    assert_true(oc_device_id_equal(&fixture.service.last_peer->id, &peer.device_id));
    assert_false(fixture.service.last_peer->is_source_trusted);
    assert_int_equal(connection->idle_ms, 0); /* the handshake's deadline stands */
    assert_int_equal(ask_health(DEVICES, connection, &wait_ms), OC_OK);
    assert_int_not_equal(connection->idle_ms, 0);
    go(DEVICES, connection);
    assert_int_equal(fixture.service.n_peers, 0);
    leave(&fixture);
}

static void a_source_over_its_cap_is_told_so_and_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    const struct oc_peer other = device_from(203, 10);
    uint32_t wait_ms = 0;
    enter(&fixture);
    struct oc_connection *in[] = {come_in(DEVICES, &peer), come_in(DEVICES, &peer)};
    struct oc_connection *over = come_in(DEVICES, &peer);
    assert_int_equal(ask_health(DEVICES, over, &wait_ms), OC_RESOURCE_EXHAUSTED);
    assert_int_not_equal(wait_ms, 0);
    assert_true(over->is_closed);
    go(DEVICES, over);
    struct oc_connection *else_where = come_in(DEVICES, &other);
    assert_int_equal(ask_health(DEVICES, else_where, &wait_ms), OC_OK);
    go(DEVICES, else_where);
    go(DEVICES, in[0]);
    struct oc_connection *again = come_in(DEVICES, &peer);
    assert_int_equal(ask_health(DEVICES, again, &wait_ms), OC_OK);
    go(DEVICES, again);
    go(DEVICES, in[1]);
    leave(&fixture);
}

static void a_flood_gives_way_to_the_one_who_knocks_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct oc_connection *flood[5];
    const struct oc_peer other = device_from(203, 99);
    uint32_t wait_ms = 0;
    enter(&fixture);
    for (uint8_t i = 0; i < 5; i++) {
        const struct oc_peer peer = device_from(203, (uint8_t)(1 + i / 2));
        flood[i] = come_in(DEVICES, &peer);
    }
    struct oc_connection *knocks = come_in(DEVICES, &other);
    assert_int_equal(ask_health(DEVICES, knocks, &wait_ms), OC_OK);
    unsigned n_closed = 0;
    for (size_t i = 0; i < 5; i++) {
        n_closed += flood[i]->is_closed;
    }
    assert_int_equal(n_closed, 1);
    assert_false(flood[4]->is_closed); /* alone at its source */
    for (size_t i = 0; i < 5; i++) {
        go(DEVICES, flood[i]);
    }
    go(DEVICES, knocks);
    leave(&fixture);
}

static void a_known_device_comes_in_over_the_cap_of_strangers(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    uint32_t wait_ms = 0;
    enter(&fixture);
    struct oc_connection *in[] = {come_in(DEVICES, &peer), come_in(DEVICES, &peer)};
    fixture.service.welcomes_everyone = true;
    struct oc_connection *known = come_in(DEVICES, &peer);
    assert_int_equal(ask_health(DEVICES, known, &wait_ms), OC_OK);
    assert_false(known->is_closed);
    go(DEVICES, known);
    go(DEVICES, in[0]);
    go(DEVICES, in[1]);
    leave(&fixture);
}

static void the_doors_tell_what_strangers_hold(void **state)
{
    (void)state;
    struct fixture fixture;
    struct oc_connection *in[7];
    struct dispatch_cap caps[DISPATCH_DOOR_CAPS];
    enter(&fixture);
    for (uint8_t i = 0; i < 7; i++) {
        const struct oc_peer peer = device_from(203, (uint8_t)(i < 3 ? 1 : i));
        in[i] = come_in(DEVICES, &peer);
    }
    assert_int_equal(dispatch_read_caps(fixture.dispatch, caps), 3);
    assert_string_equal(caps[0].name, "unapproved_connections");
    assert_int_equal(caps[0].in_use, 5);
    assert_int_equal(caps[0].limit, 5);
    assert_int_equal(caps[0].limit_per_source, 2);
    assert_int_equal(caps[0].refused + caps[0].shed, 2);
    assert_string_equal(caps[1].name, "unfinished_handshakes");
    assert_int_equal(caps[1].in_use, 1); /* of the devices' door alone */
    assert_int_equal(caps[1].refused, 0);
    assert_int_equal(caps[1].shed, 4);
    assert_string_equal(caps[2].name, "arrivals");
    assert_int_equal(caps[2].in_use, 5);
    assert_int_equal(caps[2].refused, 2);
    assert_int_equal(caps[2].shed, 3);
    for (size_t i = 0; i < 7; i++) {
        go(DEVICES, in[i]);
    }
    (void)dispatch_read_caps(fixture.dispatch, caps);
    assert_int_equal(caps[0].in_use, 0);
    leave(&fixture);
}

static void status_tells_it_too(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer root = user_of(0);
    uint8_t bytes[64];
    struct oc_reply reply;
    enter(&fixture);
    fixture.service.status.n_counted_requests = 7;
    fixture.service.status.max_pending = 8;
    fixture.service.status.max_pending_per_source = 6;
    struct oc_connection *admin = come_in(LOCAL, &root);
    const struct oc_call call = {.method = OPENCLAW__V1__METHOD__METHOD_GET_STATUS};
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    fake_listeners[LOCAL]->options.ops->frame(admin->user, admin, WORD, bytes, n);
    assert_int_equal(oc_reply_unpack(admin->sent[0].bytes, admin->sent[0].n, &reply, NULL), OC_OK);
    Openclaw__V1__GetStatusReply *out =
        openclaw__v1__get_status_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_int_equal(out->n_caps, 4);
    assert_string_equal(out->caps[0]->name, "open_requests");
    assert_int_equal(out->caps[0]->in_use, 7);
    assert_int_equal(out->caps[0]->limit, 8);
    assert_int_equal(out->caps[0]->limit_per_source, 6);
    assert_string_equal(out->caps[2]->name, "unfinished_handshakes");
    assert_int_equal(out->caps[2]->shed, 4);
    assert_string_equal(out->caps[3]->name, "arrivals");
    assert_int_equal(out->caps[3]->refused, 2);
    assert_int_equal(out->caps[3]->shed, 3);
    openclaw__v1__get_status_reply__free_unpacked(out, NULL);
    go(LOCAL, admin);
    leave(&fixture);
}

/* Expected since they came, and their sources the fullest: they keep their connections. */
static void who_became_expected_makes_room_for_nobody(void **state)
{
    (void)state;
    struct fixture fixture;
    struct oc_connection *in[5];
    struct oc_connection *newcomers[2];
    enter(&fixture);
    for (uint8_t i = 0; i < 5; i++) {
        const struct oc_peer peer = device_from(203, (uint8_t)(1 + i / 2));
        in[i] = come_in(DEVICES, &peer);
        fixture.service.last_peer->is_welcome = i % 2 == 1;
    }
    for (uint8_t i = 0; i < 2; i++) {
        const struct oc_peer peer = device_from(203, (uint8_t)(100 + i));
        newcomers[i] = come_in(DEVICES, &peer);
    }
    unsigned n_closed = 0;
    for (size_t i = 0; i < 5; i++) {
        n_closed += in[i]->is_closed;
        go(DEVICES, in[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        n_closed += newcomers[i]->is_closed;
        go(DEVICES, newcomers[i]);
    }
    assert_int_equal(n_closed, 0); /* two places were held without need */
    leave(&fixture);
}

static void speaking_now_and_then_is_not_enough_to_stay(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    uint32_t wait_ms = 0;
    enter(&fixture);
    struct oc_connection *idler = come_in(DEVICES, &peer);
    assert_int_equal(ask_health(DEVICES, idler, &wait_ms), OC_OK);
    fake_monotonic_ms += 2 * MINUTE_MS;
    assert_int_equal(ask_health(DEVICES, idler, &wait_ms), OC_UNAVAILABLE);
    assert_int_not_equal(wait_ms, 0);
    assert_true(idler->is_closed);
    go(DEVICES, idler);
    leave(&fixture);
}

static void who_waits_for_a_decision_stays_for_half_a_day(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    uint32_t wait_ms = 0;
    enter(&fixture);
    fixture.service.has_open_requests = true;
    struct oc_connection *waits = come_in(DEVICES, &peer);
    for (int hours = 0; hours < 12; hours += 4) {
        assert_int_equal(ask_health(DEVICES, waits, &wait_ms), OC_OK);
        fake_monotonic_ms += 4 * 60 * MINUTE_MS;
    }
    assert_int_equal(ask_health(DEVICES, waits, &wait_ms), OC_UNAVAILABLE);
    go(DEVICES, waits);
    leave(&fixture);
}

static void a_session_has_no_such_age(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    uint32_t wait_ms = 0;
    enter(&fixture);
    struct oc_connection *served = come_in(DEVICES, &peer);
    const struct peer *seen = fixture.service.last_peer;
    seen->ops->set_approved(seen->user, true);
    fake_monotonic_ms += 24 * 60 * MINUTE_MS;
    assert_int_equal(ask_health(DEVICES, served, &wait_ms), OC_OK);
    go(DEVICES, served);
    leave(&fixture);
}

static void a_session_gives_its_slot_back(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 9);
    struct oc_connection *in[4];
    enter(&fixture);
    for (size_t i = 0; i < 4; i++) {
        in[i] = come_in(DEVICES, &peer);
        const struct peer *seen = fixture.service.last_peer;
        assert_int_equal(fixture.service.n_peers, i + 1);
        seen->ops->set_approved(seen->user, true);
        assert_true(in[i]->is_approved);
        assert_int_equal(in[i]->idle_ms, 3 * HEARTBEAT_MS);
    }
    const struct peer *seen = fixture.service.last_peer;
    seen->ops->set_approved(seen->user, false);
    assert_false(in[3]->is_approved);
    seen->ops->cut(seen->user, "revoked");
    assert_true(in[3]->is_closed);
    for (size_t i = 0; i < 4; i++) {
        go(DEVICES, in[i]);
    }
    leave(&fixture);
}

static void exempt_sources_share_the_total_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer nat = device_from(10, 1);
    struct oc_connection *in[5];
    prepare(&fixture);
    struct doors_options options = options_of(&fixture);
    options.is_exempt = is_ten;
    assert_int_equal(doors_open(&options, &fixture.doors, NULL), OC_OK);
    for (size_t i = 0; i < 5; i++) {
        in[i] = come_in(DEVICES, &nat);
    }
    assert_int_equal(fixture.service.n_peers, 5);
    struct oc_connection *over = come_in(DEVICES, &nat);
    uint32_t wait_ms = 0;
    assert_int_equal(ask_health(DEVICES, over, &wait_ms), OC_RESOURCE_EXHAUSTED);
    go(DEVICES, over);
    for (size_t i = 0; i < 5; i++) {
        go(DEVICES, in[i]);
    }
    leave(&fixture);
}

static void without_pairing_only_trusted_networks_come_in(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer inside = device_from(10, 1);
    const struct oc_peer outside = device_from(203, 1);
    bool is_in = false;
    prepare(&fixture);
    struct doors_options options = options_of(&fixture);
    options.settings.pairing_required = false;
    options.is_trusted = is_ten;
    assert_int_equal(doors_open(&options, &fixture.doors, NULL), OC_OK);
    assert_null(come(DEVICES, &outside, &is_in));
    struct oc_connection *connection = come_in(DEVICES, &inside);
    assert_true(fixture.service.last_peer->is_source_trusted);
    go(DEVICES, connection);
    leave(&fixture);
}

static void a_connection_that_never_opened_just_closes(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer peer = device_from(203, 1);
    enter(&fixture);
    for (size_t door = DEVICES; door <= LOCAL; door++) {
        const struct oc_listener_options *options = &fake_listeners[door]->options;
        const struct oc_error err = {.status = OC_DEADLINE_EXCEEDED};
        struct oc_connection *connection = fake_connection_new();
        connection->peer = peer;
        void *user = options->accepted(options->user, &peer.source);
        assert_non_null(user);
        options->ops->closed(user, connection, &err);
        fake_connection_free(connection);
    }
    leave(&fixture);
}

static void one_listener_that_cannot_open_closes_the_others(void **state)
{
    (void)state;
    struct fixture fixture;
    struct oc_error err;
    prepare(&fixture);
    struct doors_options options = options_of(&fixture);
    options.local_url = "ipc:///run/taken.sock";
    assert_int_equal(doors_open(&options, &fixture.doors, &err), OC_ALREADY_EXISTS);
    assert_int_equal(fake_n_listeners, 0);
    dispatch_free(fixture.dispatch);
}

/* ---- other settings, while the doors are open ------------------------------------------------ */

static void a_local_user_who_is_listed_no_more_is_cut_off(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer named = user_of(4242);
    const struct oc_peer root = user_of(0);
    enter(&fixture);
    struct oc_connection *first = come_in(LOCAL, &named);
    struct oc_connection *other = come_in(LOCAL, &root);
    struct oc_connection *second = come_in(LOCAL, &named);
    struct doors_settings settings = options_of(&fixture).settings;
    doors_change_settings(fixture.doors, &settings);
    assert_false(first->is_closed);
    settings.n_local_uids = 0;
    doors_change_settings(fixture.doors, &settings);
    assert_true(first->is_closed);
    assert_true(second->is_closed);
    assert_false(other->is_closed);
    go(LOCAL, first);
    go(LOCAL, second);
    go(LOCAL, other);
    assert_local(come_in(LOCAL, &named), OC_PERMISSION_DENIED);
    settings.local_uids[settings.n_local_uids++] = 4242;
    doors_change_settings(fixture.doors, &settings);
    assert_local(come_in(LOCAL, &named), OC_OK);
    leave(&fixture);
}

static void caps_and_whom_to_trust_change_for_those_who_come(void **state)
{
    (void)state;
    struct fixture fixture;
    uint32_t wait_ms = 0;
    const struct oc_peer peer = device_from(203, 40);
    enter(&fixture);
    struct doors_settings settings = options_of(&fixture).settings;
    settings.max_unapproved_per_source = 1;
    doors_change_settings(fixture.doors, &settings);
    struct oc_connection *first = come_in(DEVICES, &peer);
    struct oc_connection *over = come_in(DEVICES, &peer);
    assert_int_equal(ask_health(DEVICES, first, &wait_ms), OC_OK);
    assert_int_equal(ask_health(DEVICES, over, &wait_ms), OC_RESOURCE_EXHAUSTED);
    go(DEVICES, first);
    go(DEVICES, over);
    leave(&fixture);
}

/* ---- what the log tells of them -------------------------------------------------------------- */

/* Everything logged since the last call. */
static const char *logged(int fd)
{
    static char text[8192];
    const ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void end_handshake(enum oc_status status, const char *text)
{
    const struct oc_peer peer = device_from(203, 77);
    const struct oc_listener_options *options = &fake_listeners[DEVICES]->options;
    struct oc_connection *connection = fake_connection_new();
    struct oc_error err;
    (void)oc_fail(&err, status, "%s", text);
    connection->peer = peer;
    connection->user = options->accepted(options->user, &peer.source);
    options->ops->closed(connection->user, connection, &err);
    fake_connection_free(connection);
}

static void strangers_are_told_once_a_source_and_those_that_only_look_never(void **state)
{
    (void)state;
    struct fixture fixture;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    enter(&fixture);
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .fd = ends[1]});
    end_handshake(OC_UNAVAILABLE, "tls: the peer closed during the handshake");
    end_handshake(OC_UNAVAILABLE, "the peer went away");
    assert_string_equal(logged(ends[0]), "");
    end_handshake(OC_UNAVAILABLE, "tls: unsupported protocol");
    end_handshake(OC_UNAVAILABLE, "tls: unsupported protocol");
    assert_string_equal(logged(ends[0]),
                        "warn handshake.refused source=203.0.0.77 reason=\"the peer speaks no TLS "
                        "1.3\" fix=\"use a TLS library that has TLS 1.3\" detail=\"tls: "
                        "unsupported protocol\"\n");
    const struct oc_peer peer = device_from(203, 78);
    const struct oc_listener_options *options = &fake_listeners[DEVICES]->options;
    options->refused(options->user, &peer.source);
    options->refused(options->user, &peer.source);
    assert_string_equal(logged(ends[0]),
                        "warn connection.over_cap source=203.0.0.78 reason=\"no place for a "
                        "connection that has not begun its handshake\" fix=\"none: they end "
                        "within seconds; else limits.maxArrivals, or more descriptors\"\n");
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO});
    leave(&fixture);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void an_administrator_who_is_none_is_told_with_the_key_that_would_make_one(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct oc_peer stranger = user_of(31338);
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    enter(&fixture);
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .fd = ends[1]});
    assert_local(come_in(LOCAL, &stranger), OC_PERMISSION_DENIED);
    assert_string_equal(
        logged(ends[0]),
        "warn admin.refused by=uid:31338 method=openclaw.v1.HealthService/Health door=local "
        "pid=1 reason=\"neither root, nor the gateway's user, nor in "
        "admin.localUids\" fix=\"add 31338 to admin.localUids in "
        "gateway.yaml\"\n");
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO});
    leave(&fixture);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_the_owner_and_named_users_administrate),
        cmocka_unit_test(any_other_user_is_told_no_and_audited),
        cmocka_unit_test(a_device_is_the_key_it_proved),
        cmocka_unit_test(a_source_over_its_cap_is_told_so_and_closed),
        cmocka_unit_test(a_flood_gives_way_to_the_one_who_knocks_once),
        cmocka_unit_test(a_known_device_comes_in_over_the_cap_of_strangers),
        cmocka_unit_test(the_doors_tell_what_strangers_hold),
        cmocka_unit_test(status_tells_it_too),
        cmocka_unit_test(who_became_expected_makes_room_for_nobody),
        cmocka_unit_test(speaking_now_and_then_is_not_enough_to_stay),
        cmocka_unit_test(who_waits_for_a_decision_stays_for_half_a_day),
        cmocka_unit_test(a_session_has_no_such_age),
        cmocka_unit_test(a_session_gives_its_slot_back),
        cmocka_unit_test(exempt_sources_share_the_total_alone),
        cmocka_unit_test(without_pairing_only_trusted_networks_come_in),
        cmocka_unit_test(a_connection_that_never_opened_just_closes),
        cmocka_unit_test(one_listener_that_cannot_open_closes_the_others),
        cmocka_unit_test(a_local_user_who_is_listed_no_more_is_cut_off),
        cmocka_unit_test(caps_and_whom_to_trust_change_for_those_who_come),
        cmocka_unit_test(strangers_are_told_once_a_source_and_those_that_only_look_never),
        cmocka_unit_test(an_administrator_who_is_none_is_told_with_the_key_that_would_make_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
