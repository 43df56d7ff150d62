#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/* The script: each a copy of a device of the double. */
static struct oc_watch_item *tell(enum oc_watch_kind kind, size_t device, uint64_t seq)
{
    struct oc_watch_item *item = &fake.watched[fake.n_watched++];
    *item = (struct oc_watch_item){.kind = kind, .cursor = {.seq = seq, .epoch = 2}};
    item->cursor.database_id[0] = 0xdb;
    if (kind == OC_WATCH_CHANGE) {
        item->event = (struct oc_event){.seq = seq, .at_ms = FAKE_NOW_MS, .action = "approve"};
    }
    if (kind == OC_WATCH_CHANGE || kind == OC_WATCH_DEVICE) {
        item->event.device = fake.devices[device];
    }
    return item;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

/* ---- events watch -------------------------------------------------------------------------- */

static void a_line_of_json_for_each_change_in_a_pipe(void **state)
{
    (void)state;
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    (void)tell(OC_WATCH_CHANGE, 2, 42);
    struct ran ran = RUN("events", "watch", "--limit", "1");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_int_equal(fake.watch_options.start, OC_WATCH_FROM_NOW);
    assert_golden("events_watch.ndjson", ran.out);
    ran_free(&ran);
}

static void rows_for_people_and_what_is_hostile_is_escaped(void **state)
{
    (void)state;
    (void)tell(OC_WATCH_CHANGE, 0, 42);
    (void)tell(OC_WATCH_CHANGE, 3, 43);
    struct ran ran = RUN("events", "watch", "-o", "wide", "--limit", "2");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_golden("events_watch.wide", ran.out);
    ran_free(&ran);
}

/* An administrator was given another role, say. */
static void tell_of_no_device(uint64_t seq)
{
    struct oc_watch_item *item = tell(OC_WATCH_CHANGE, 0, seq);
    (void)snprintf(item->event.action, sizeof item->event.action, "admin.role");
    item->event.device = (struct oc_device){.state = OC_STATE_NONE};
}

static void a_change_of_no_device_names_none(void **state)
{
    (void)state;
    tell_of_no_device(42);
    (void)tell(OC_WATCH_CHANGE, 0, 43);
    struct ran ran = RUN("events", "watch", "--limit", "1");
    assert_contains(ran.out, "\"seq\":42,");
    assert_contains(ran.out, "\"action\":\"admin.role\",");
    assert_contains(ran.out, "\"device\":null}\n");
    ran_free(&ran);
    ran = RUN("events", "watch", "--limit", "1", "-o", "wide");
    assert_contains(ran.out, "42      admin.role  -                 -             -         -"
                             "           -             -\n");
    ran_free(&ran);
    ran = RUN("events", "watch", "--limit", "1", "-o", "name");
    assert_string_equal(ran.out, FAKE_PENDING_ID "\n");
    ran_free(&ran);
}

static void a_change_of_no_device_is_not_in_a_list_of_devices(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "ndjson", "name"};
    static const size_t rows[] = {1 + 2, 1 + 2, 2}; /* the header; what ends the snapshot */
    tell(OC_WATCH_RESYNC, 0, 0)->why = OC_RESYNC_ASKED;
    (void)tell(OC_WATCH_DEVICE, 2, 0);
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    tell_of_no_device(42);
    (void)tell(OC_WATCH_CHANGE, 2, 43);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct ran ran = RUN("devices", "list", "--watch", "-o", formats[i]);
        assert_int_equal(count_lines(ran.out), rows[i]);
        assert_null(strstr(ran.out, "admin.role"));
        assert_contains(ran.out, FAKE_APPROVED_ID);
        ran_free(&ran);
    }
}

static void a_place_to_go_on_from_is_a_number_or_a_cursor(void **state)
{
    (void)state;
    (void)tell(OC_WATCH_CHANGE, 0, 121);
    struct ran ran = RUN("events", "watch", "--from", "120", "--limit", "1", "-o", "name");
    assert_string_equal(ran.out, FAKE_PENDING_ID "\n");
    assert_int_equal(fake.watch_options.start, OC_WATCH_FROM_CURSOR);
    assert_int_equal(fake.watch_options.cursor.seq, 120);
    ran_free(&ran);
    ran =
        RUN("events", "watch", "--limit", "1", "--from", "120-2-db000000000000000000000000000000");
    assert_int_equal(fake.watch_options.cursor.database_id[0], 0xdb);
    ran_free(&ran);
    ran = RUN("events", "watch", "--from", "yesterday");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "--from yesterday");
    ran_free(&ran);
}

static void a_snapshot_is_announced_told_and_ended(void **state)
{
    (void)state;
    tell(OC_WATCH_RESYNC, 0, 7)->why = OC_RESYNC_OUT_OF_RANGE;
    (void)tell(OC_WATCH_DEVICE, 4, 7);
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    (void)tell(OC_WATCH_CHANGE, 4, 42);
    struct ran ran = RUN("events", "watch", "--from", "7", "--limit", "1");
    assert_golden("events_resync.ndjson", ran.out);
    assert_contains(ran.err, "keeps no changes from there on");
    ran_free(&ran);
}

static void a_loss_and_a_return_are_told_beside_the_records(void **state)
{
    (void)state;
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    struct oc_watch_item *lost = tell(OC_WATCH_LOST, 0, 41);
    (void)oc_fail(&lost->error, OC_UNAVAILABLE, "Connection refused");
    (void)tell(OC_WATCH_BACK, 0, 41);
    (void)tell(OC_WATCH_CHANGE, 0, 42);
    struct ran ran = RUN("events", "watch", "--limit", "1");
    assert_int_equal(count_lines(ran.out), 1);
    assert_contains(ran.err, "openclaw: lost the gateway: Connection refused");
    assert_contains(ran.err, "openclaw: the gateway is back");
    ran_free(&ran);
}

static void a_gateway_that_was_never_there_is_a_failure(void **state)
{
    (void)state;
    struct oc_watch_item *lost = tell(OC_WATCH_LOST, 0, 0);
    (void)oc_fail(&lost->error, OC_UNAVAILABLE, "no gateway at ipc:///x");
    struct ran ran = RUN("events", "watch");
    assert_int_equal(ran.code, EXIT_UNAVAILABLE);
    ran_free(&ran);
}

static void what_has_no_end_is_no_document(void **state)
{
    (void)state;
    struct ran ran = RUN("events", "watch", "--json");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "-o ndjson");
    ran_free(&ran);
    ran = RUN("devices", "list", "--watch", "-o", "yaml");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
}

/* ---- list --watch -------------------------------------------------------------------------- */

static void a_list_goes_on_with_what_changes(void **state)
{
    (void)state;
    tell(OC_WATCH_RESYNC, 0, 0)->why = OC_RESYNC_ASKED;
    (void)tell(OC_WATCH_DEVICE, 0, 0);
    (void)tell(OC_WATCH_DEVICE, 2, 0);
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    (void)tell(OC_WATCH_CHANGE, 4, 42);
    struct ran ran = RUN("pairing", "list", "--watch", "-o", "table");
    assert_int_equal(fake.watch_options.start, OC_WATCH_FROM_SNAPSHOT);
    assert_int_equal(fake.watch_options.states, 1u << OC_STATE_PENDING | 1u << OC_STATE_APPROVED);
    assert_int_equal(count_lines(ran.out), 3); /* the blocked device never was in the list */
    ran_free(&ran);
    ran = RUN("devices", "list", "--watch");
    assert_int_equal(count_lines(ran.out), 4);
    assert_contains(ran.out, "{\"type\":\"synced\",\"seq\":41,");
    ran_free(&ran);
}

static void what_leaves_a_list_is_shown_leaving_it_once(void **state)
{
    (void)state;
    tell(OC_WATCH_RESYNC, 0, 0)->why = OC_RESYNC_ASKED;
    (void)tell(OC_WATCH_DEVICE, 0, 0);
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    for (uint64_t seq = 42; seq < 44; seq++) {
        struct oc_watch_item *gone = tell(OC_WATCH_CHANGE, 0, seq);
        gone->event.device.state = OC_STATE_REJECTED;
        gone->event.device.request_id.text[0] = '\0';
    }
    (void)tell(OC_WATCH_CHANGE, 0, 44);
    struct ran ran = RUN("devices", "list", "--watch", "--state", "pending", "-o", "name");
    assert_string_equal(ran.out, FAKE_PENDING_ID "\n" FAKE_PENDING_ID "\n" FAKE_PENDING_ID "\n");
    ran_free(&ran);
}

static void an_empty_list_says_so_and_goes_on(void **state)
{
    (void)state;
    tell(OC_WATCH_RESYNC, 0, 0)->why = OC_RESYNC_ASKED;
    (void)tell(OC_WATCH_SYNCED, 0, 41);
    struct ran ran = RUN("devices", "list", "-w", "-o", "table");
    assert_contains(ran.err, "No devices.");
    ran_free(&ran);
    ran = RUN("devices", "list", "--watch", "--limit", "3");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
    ran = RUN("pairing", "list", "--watch", "--approve");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
}

/* ---- wait ---------------------------------------------------------------------------------- */

static void every_outcome_of_a_wait_has_its_exit_code(void **state)
{
    (void)state;
    static const struct {
        enum oc_wait_outcome outcome;
        const char *why;
        enum exit_code code;
    } rows[] = {
        {OC_WAIT_REACHED, "", EXIT_DONE},
        {OC_WAIT_NOT_YET, "", EXIT_UNAVAILABLE},
        {OC_WAIT_NOT_FOUND, "", EXIT_NOT_FOUND},
        {OC_WAIT_OUT_OF_REACH, "rejected", EXIT_FORBIDDEN},
        {OC_WAIT_OUT_OF_REACH, "revoked", EXIT_FORBIDDEN},
        {OC_WAIT_OUT_OF_REACH, "blocked", EXIT_FORBIDDEN},
        {OC_WAIT_OUT_OF_REACH, "replaced", EXIT_CONFLICT},
        {OC_WAIT_OUT_OF_REACH, "dismissed", EXIT_CONFLICT},
        {OC_WAIT_OUT_OF_REACH, "expired", EXIT_CONFLICT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake.wait_result.outcome = rows[i].outcome;
        strcpy(fake.wait_result.why, rows[i].why);
        struct ran ran =
            RUN("devices", "wait", FAKE_PENDING_REQUEST, "--for=approved", "--timeout", "2h");
        assert_int_equal(ran.code, rows[i].code);
        ran_free(&ran);
    }
    assert_int_equal(fake.waited_ms, 0); /* the last one was settled at the first look */
}

static void a_wait_is_five_minutes_unless_it_is_told_otherwise(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "wait", FAKE_PENDING_ID, "--for", "connected");
    assert_int_equal(fake.waited_ms, 5 * 60 * 1000);
    ran_free(&ran);
    ran = RUN("devices", "wait", FAKE_PENDING_ID, "--for", "connected", "--timeout", "2h");
    assert_int_equal(fake.waited_ms, 2 * 3600 * 1000);
    assert_contains(ran.err, "is not connected in time: it is pending");
    ran_free(&ran);
    ran = RUN("devices", "wait", FAKE_PENDING_ID, "--for", "connected", "--timeout", "31d");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
    ran = RUN("devices", "list", "--timeout", "2h");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
}

static void waits_for_several_tell_of_each(void **state)
{
    (void)state;
    fake.wait_result.outcome = OC_WAIT_REACHED;
    struct ran ran = RUN("devices", "wait", FAKE_PENDING_ID, "nobody", FAKE_APPROVED_ALIAS,
                         FAKE_REPLACED_REQUEST, "--for=pending", "-o", "ndjson");
    assert_int_equal(ran.code, EXIT_SOME_FAILED);
    assert_int_equal(count_lines(ran.out), 4);
    assert_contains(ran.out, "{\"id\":\"nobody\",\"ok\":false,\"exit_code\":3,");
    assert_contains(ran.out, "{\"id\":\"0000000000\",\"ok\":false,\"exit_code\":6,");
    assert_contains(ran.err, "2 of 4 failed");
    ran_free(&ran);
}

static void a_request_that_ended_as_wanted_needs_no_waiting(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "wait", FAKE_CLOSED_REQUEST, "--for", "rejected");
    assert_int_equal(ran.code, EXIT_DONE);
    ran_free(&ran);
    ran = RUN("devices", "wait", FAKE_CLOSED_REQUEST, "--for", "approved");
    assert_int_equal(ran.code, EXIT_CONFLICT);
    ran_free(&ran);
    ran = RUN("devices", "wait", FAKE_PENDING_ID);
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
}

/* ---- revoke --wait ------------------------------------------------------------------------- */

static void a_revocation_that_waits_says_that_it_saw_the_device_offline(void **state)
{
    (void)state;
    fake.wait_result.outcome = OC_WAIT_REACHED;
    struct ran ran = RUN("devices", "revoke", FAKE_APPROVED_ALIAS, "--yes", "--wait", "--json");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.out, "\"offline\":true,\"took_ms\":");
    ran_free(&ran);
    fake_reset();
    fake.wait_result.outcome = OC_WAIT_REACHED;
    ran = RUN("devices", "revoke", FAKE_APPROVED_ALIAS, "--yes", "--json");
    assert_contains(ran.out, "\"offline\":null,\"took_ms\":null");
    ran_free(&ran);
}

static void a_device_that_stays_online_after_it_was_revoked_is_a_failure(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "revoke", FAKE_APPROVED_ALIAS, "--yes", "--wait");
    assert_int_equal(ran.code, EXIT_UNAVAILABLE);
    assert_contains(ran.err, "it is decided, but not seen offline");
    ran_free(&ran);
}

#define CASE(test) cmocka_unit_test_setup(test, set_up)

static void a_device_or_an_action_leaves_out_the_others(void **state)
{
    (void)state;
    (void)tell(OC_WATCH_CHANGE, 0, 42);
    (void)tell(OC_WATCH_CHANGE, 2, 43);
    struct oc_watch_item *revoked = tell(OC_WATCH_CHANGE, 2, 44);
    (void)snprintf(revoked->event.action, sizeof revoked->event.action, "revoke");
    (void)tell(OC_WATCH_CHANGE, 0, 45);
    struct ran device =
        RUN("events", "watch", "--device", FAKE_APPROVED_ALIAS, "--limit", "2", "-o", "name");
    assert_int_equal(device.code, EXIT_DONE);
    assert_string_equal(device.out, FAKE_APPROVED_ID "\n" FAKE_APPROVED_ID "\n");
    ran_free(&device);
    struct ran both =
        RUN("events", "watch", "--device", FAKE_APPROVED_ID, "--action", "revoke", "--limit", "1");
    assert_int_equal(both.code, EXIT_DONE);
    assert_int_equal(count_lines(both.out), 1);
    assert_contains(both.out, "\"seq\":44");
    ran_free(&both);
    struct ran nobody = RUN("events", "watch", "--device", "nobody-1");
    assert_int_equal(nobody.code, EXIT_NOT_FOUND);
    ran_free(&nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_device_or_an_action_leaves_out_the_others),
        CASE(a_line_of_json_for_each_change_in_a_pipe),
        CASE(rows_for_people_and_what_is_hostile_is_escaped),
        CASE(a_change_of_no_device_names_none),
        CASE(a_change_of_no_device_is_not_in_a_list_of_devices),
        CASE(a_place_to_go_on_from_is_a_number_or_a_cursor),
        CASE(a_snapshot_is_announced_told_and_ended),
        CASE(a_loss_and_a_return_are_told_beside_the_records),
        CASE(a_gateway_that_was_never_there_is_a_failure),
        CASE(what_has_no_end_is_no_document),
        CASE(a_list_goes_on_with_what_changes),
        CASE(what_leaves_a_list_is_shown_leaving_it_once),
        CASE(an_empty_list_says_so_and_goes_on),
        CASE(every_outcome_of_a_wait_has_its_exit_code),
        CASE(a_wait_is_five_minutes_unless_it_is_told_otherwise),
        CASE(waits_for_several_tell_of_each),
        CASE(a_request_that_ended_as_wanted_needs_no_waiting),
        CASE(a_revocation_that_waits_says_that_it_saw_the_device_offline),
        CASE(a_device_that_stays_online_after_it_was_revoked_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
