/* The doctor's questions to a gateway that runs, and the lines that the daemon gives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor_gateway.h"
#include "cli/flat_json.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

/* ---- lines --------------------------------------------------------------------------------- */

static bool read_line(const char *text, struct flat_object *out)
{
    static char line[512];
    (void)snprintf(line, sizeof line, "%s", text);
    return flat_json_read(line, out);
}

static void a_line_of_texts_is_read_with_every_escape(void **state)
{
    (void)state;
    struct flat_object object;
    assert_true(read_line("{\"a\":\"x\",\"b\" : \"q\\\"\\\\\\/\\n\\u00e4\\u20ac\\ud83d\\ude00\"}",
                          &object));
    assert_int_equal(object.n, 2);
    assert_string_equal(flat_json_value(&object, "a"), "x");
    assert_string_equal(flat_json_value(&object, "b"),
                        "q\"\\/\n\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_string_equal(flat_json_value(&object, "c"), "");
}

static void anything_else_is_no_such_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "{",
                                        "{}",
                                        "[]",
                                        "{\"a\"}",
                                        "{\"a\":1}",
                                        "{\"a\":null}",
                                        "{\"a\":\"b\"",
                                        "{\"a\":\"b",
                                        "{\"a\":\"b\"}x",
                                        "{\"a\":\"b\",}",
                                        "{\"a\":\"\\",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":\"\\u00\"}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{\"a\":\"\\ud83d\"}",
                                        "{\"a\":\"\\ud83d\\u0041\"}",
                                        "{\"a\":\"\\udc00\"}",
                                        "openclaw-gateway: unknown command: doctor",
                                        "{\"a\":{\"b\":\"c\"}}"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct flat_object object;
        if (read_line(lines[i], &object)) {
            fail_msg("taken: %s", lines[i]);
        }
    }
    char many[512] = "{\"0\":\"\"";
    for (int i = 0; i < FLAT_MOST_MEMBERS; i++) {
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), ",\"k\":\"\"");
    }
    strcat(many, "}");
    struct flat_object object;
    assert_false(read_line(many, &object));
}

/* ---- a gateway that runs ------------------------------------------------------------------- */

struct stage_of_doctor {
    struct terminal terminal;
    struct cli cli;
    struct doctor doctor;
    struct doctor_gateway gateway;
};

static struct stage_of_doctor *ask(void)
{
    struct stage_of_doctor *on = calloc(1, sizeof *on);
    on->terminal.now_ms = FAKE_NOW_MS;
    on->cli.terminal = &on->terminal;
    on->doctor = (struct doctor){
        .cli = &on->cli, .side = SIDE_GATEWAY, .openclaw = "openclaw --data-dir /d"};
    on->gateway.doctor = &on->doctor;
    strcpy(on->gateway.pid, "4711");
    doctor_ask_gateway(&on->gateway);
    return on;
}

static const struct finding *found(const struct stage_of_doctor *on, const char *check)
{
    for (size_t i = 0; i < on->doctor.findings.n; i++) {
        if (strcmp(on->doctor.findings.items[i].check, check) == 0) {
            return &on->doctor.findings.items[i];
        }
    }
    static const struct finding none;
    print_error("nothing of %s\n", check);
    fail();
    return &none;
}

static void leave(struct stage_of_doctor *on)
{
    findings_deinit(&on->doctor.findings);
    free(on);
}

static int reset(void **state)
{
    (void)state;
    fake_reset();
    fake.probe = (struct oc_probe){.stopped_at = OC_PROBE_DONE, .has_pin = true};
    return 0;
}

static void a_sound_gateway_gets_no_advice_but_to_decide(void **state)
{
    (void)state;
    struct stage_of_doctor *on = ask();
    assert_int_equal(on->doctor.findings.counts[FINDING_FAIL], 0);
    assert_int_equal(found(on, "serving")->result, FINDING_OK);
    assert_int_equal(found(on, "store")->result, FINDING_OK);
    assert_int_equal(found(on, "listener")->result, FINDING_OK);
    assert_int_equal(found(on, "stale_pairings")->result, FINDING_OK);
    assert_string_equal(found(on, "pending")->found, "3 await approval");
    leave(on);
}

static void certificates_that_end_are_told_with_the_command_that_renews_them(void **state)
{
    (void)state;
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    fake.status.admin_ca_ends_ms = FAKE_NOW_MS + 300 * day_ms;
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "certificates")->result, FINDING_OK);
    leave(on);
    fake.status.n_certificates_ending = 2;
    fake.status.certificate_ends_ms = FAKE_NOW_MS + 12 * day_ms;
    strcpy(fake.status.certificate_ending_name, "bob");
    on = ask();
    assert_int_equal(found(on, "certificates")->result, FINDING_WARN);
    assert_non_null(strstr(found(on, "certificates")->found, "2 administrators' end soon"));
    assert_non_null(strstr(found(on, "certificates")->fix, "pki renew bob"));
    leave(on);
    fake.status.n_certificates_ending = 0;
    fake.status.admin_ca_ends_ms = FAKE_NOW_MS + 20 * day_ms;
    on = ask();
    assert_int_equal(found(on, "certificates")->result, FINDING_WARN);
    assert_non_null(strstr(found(on, "certificates")->fix, "pki init --replace"));
    leave(on);
    fake.status.admin_ca_ends_ms = FAKE_NOW_MS - day_ms;
    on = ask();
    assert_int_equal(found(on, "certificates")->result, FINDING_FAIL);
    leave(on);
}

static void an_admin_door_that_is_shut_is_told_with_the_command_that_opens_it(void **state)
{
    (void)state;
    fake.status.is_admin_door_shut = true;
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "admin_door")->result, FINDING_WARN);
    assert_non_null(strstr(found(on, "admin_door")->fix, "pki init"));
    leave(on);
}

static void a_locked_gateway_is_told_with_the_way_out(void **state)
{
    (void)state;
    fake.is_locked = true;
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "serving")->result, FINDING_FAIL);
    assert_string_equal(found(on, "serving")->fix,
                        "openclaw --data-dir /d gateway unlock --accept-rollback");
    leave(on);
}

static void a_store_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    strcpy(fake.store_error, "no space left on device");
    strcpy(fake.store_cause, "disk_full");
    fake.n_quarantined = 2;
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "store")->result, FINDING_FAIL);
    assert_string_equal(found(on, "store")->cause, "no space left on device");
    assert_contains(found(on, "store")->advice, "make room");
    assert_int_equal(found(on, "records")->result, FINDING_FAIL);
    leave(on);
}

static void a_listener_that_is_another_program_is_told(void **state)
{
    (void)state;
    fake.probe = (struct oc_probe){.stopped_at = OC_PROBE_TRUST, .status = OC_UNAUTHENTICATED};
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "listener")->result, FINDING_FAIL);
    assert_contains(found(on, "listener")->cause, "another program");
    leave(on);
    fake.probe.stopped_at = OC_PROBE_CONNECT;
    on = ask();
    assert_contains(found(on, "listener")->cause, "says that it listens");
    leave(on);
}

static void long_waits_name_the_oldest(void **state)
{
    (void)state;
    fake.devices[1].requested_at_ms = FAKE_NOW_MS - INT64_C(3600) * 1000;
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "pending")->result, FINDING_WARN);
    assert_string_equal(found(on, "pending")->found, "3 await approval, the oldest for 60m");
    assert_string_equal(found(on, "pending")->fix,
                        "openclaw --data-dir /d devices approve " FAKE_SECOND_REQUEST);
    leave(on);
}

static void pairings_of_devices_that_are_gone_are_counted(void **state)
{
    (void)state;
    /* The one that is online is not stale however long ago it was seen. */
    for (size_t i = 2; i < 4; i++) {
        fake.devices[i].last_seen_at_ms = FAKE_NOW_MS - INT64_C(91) * 24 * 3600 * 1000;
        fake.devices[i].decided_at_ms = fake.devices[i].last_seen_at_ms - 1;
    }
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "stale_pairings")->result, FINDING_WARN);
    assert_contains(found(on, "stale_pairings")->found, "1 approved device not seen for 90 days");
    assert_string_equal(found(on, "stale_pairings")->fix,
                        "openclaw --data-dir /d devices remove " FAKE_HOSTILE_ID " --yes");
    leave(on);
}

static void a_key_that_was_replaced_under_it_is_told(void **state)
{
    (void)state;
    struct stage_of_doctor *on = ask();
    memset(on->gateway.pin, '7', sizeof on->gateway.pin - 1);
    doctor_ask_gateway(&on->gateway);
    assert_int_equal(found(on, "keys")->result, FINDING_FAIL);
    leave(on);
}

static void a_gateway_that_does_not_answer_is_a_failure(void **state)
{
    (void)state;
    fake.reads_fail_with = OC_DEADLINE_EXCEEDED;
    struct stage_of_doctor *on = ask();
    assert_int_equal(found(on, "serving")->result, FINDING_FAIL);
    assert_contains(found(on, "serving")->fix, "-p 4711");
    leave(on);
    fake.reads_fail_with = OC_PERMISSION_DENIED;
    on = ask();
    assert_int_equal(found(on, "serving")->result, FINDING_SKIPPED);
    leave(on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_texts_is_read_with_every_escape),
        cmocka_unit_test(anything_else_is_no_such_line),
        cmocka_unit_test_setup(a_sound_gateway_gets_no_advice_but_to_decide, reset),
        cmocka_unit_test_setup(certificates_that_end_are_told_with_the_command_that_renews_them,
                               reset),
        cmocka_unit_test_setup(an_admin_door_that_is_shut_is_told_with_the_command_that_opens_it,
                               reset),
        cmocka_unit_test_setup(a_locked_gateway_is_told_with_the_way_out, reset),
        cmocka_unit_test_setup(a_store_that_cannot_be_written_is_told, reset),
        cmocka_unit_test_setup(a_listener_that_is_another_program_is_told, reset),
        cmocka_unit_test_setup(long_waits_name_the_oldest, reset),
        cmocka_unit_test_setup(pairings_of_devices_that_are_gone_are_counted, reset),
        cmocka_unit_test_setup(a_key_that_was_replaced_under_it_is_told, reset),
        cmocka_unit_test_setup(a_gateway_that_does_not_answer_is_a_failure, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
