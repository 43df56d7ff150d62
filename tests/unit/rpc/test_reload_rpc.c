/* What the answer to a reload tells; test_dispatch.c has who may ask for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "proto/rpc/envelope.h"
#include "server/rpc/dispatch.h"
#include "tests/support/fake_connection.h"
#include "tests/support/fake_service.h"

struct fixture {
    struct service service;
    struct dispatch *dispatch;
    struct caller *caller;
    struct oc_connection *connection;
};

static int enter(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.service = {.parks = false}};
    const struct dispatch_options options = {.service = &fixture.service};
    fixture.dispatch = dispatch_new(&options);
    fixture.connection = fake_connection_new();
    fixture.caller = caller_new(RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    fixture.caller->connection = fixture.connection;
    (void)snprintf(fixture.caller->actor.name, sizeof fixture.caller->actor.name, "uid:7");
    atomic_store(&fixture.caller->is_approved, true);
    *state = &fixture;
    return 0;
}

static int leave(void **state)
{
    struct fixture *fixture = *state;
    caller_release(fixture->caller);
    fake_connection_free(fixture->connection);
    dispatch_free(fixture->dispatch);
    return 0;
}

static struct oc_reply ask(struct fixture *fixture)
{
    uint8_t bytes[64];
    struct oc_reply reply;
    const struct oc_call call = {.method = OPENCLAW__V1__METHOD__METHOD_RELOAD};
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    dispatch_frame(fixture->dispatch, fixture->caller, 1, bytes, n);
    assert_int_equal(fixture->connection->n_sent, 1);
    const struct fake_frame *frame = &fixture->connection->sent[0];
    assert_int_equal(oc_reply_unpack(frame->bytes, frame->n, &reply, NULL), OC_OK);
    return reply;
}

static void it_tells_what_changed_and_what_waits(void **state)
{
    struct fixture *fixture = *state;
    fixture->service.reload_result.report = (struct reload_report){
        .path = "/x/gateway.yaml",
        .n_changed = 2,
        .changed = {"log.level", "admin.localUids"},
        .n_waiting = 1,
        .waiting = {"stateDir"},
        .is_audited = true,
    };
    const struct oc_reply reply = ask(fixture);
    Openclaw__V1__ReloadReply *out =
        openclaw__v1__reload_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_string_equal(out->path, "/x/gateway.yaml");
    assert_string_equal(out->problem, "");
    assert_int_equal(out->n_changed, 2);
    assert_string_equal(out->changed[1], "admin.localUids");
    assert_int_equal(out->n_needs_restart, 1);
    assert_string_equal(out->needs_restart[0], "stateDir");
    assert_true(out->audited);
    assert_string_equal(fixture->service.admin_caller.actor.name, "uid:7");
    openclaw__v1__reload_reply__free_unpacked(out, NULL);
}

static void a_refused_file_is_an_answer_with_its_line_and_column(void **state)
{
    struct fixture *fixture = *state;
    fixture->service.reload_result.report =
        (struct reload_report){.is_refused = true, .problem = "gateway.yaml:3:5: log.level: no"};
    const struct oc_reply reply = ask(fixture);
    assert_int_equal(reply.status, OC_OK);
    Openclaw__V1__ReloadReply *out =
        openclaw__v1__reload_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_string_equal(out->problem, "gateway.yaml:3:5: log.level: no");
    assert_int_equal(out->n_changed, 0);
    openclaw__v1__reload_reply__free_unpacked(out, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_tells_what_changed_and_what_waits, enter, leave),
        cmocka_unit_test_setup_teardown(a_refused_file_is_an_answer_with_its_line_and_column, enter,
                                        leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
