/* What a person sees of a device before deciding: the gateway's words apart from the device's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

#define CLAIMS_BEGIN "It says of itself, and nobody has checked:\n"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

#define SET(field, text) (void)snprintf((field), sizeof(field), "%s", (text))

static void add_look_alike(const char *id, const char *alias, const char *claimed,
                           enum oc_resemblance resemblance)
{
    struct oc_look_alike *other = &fake.review.look_alikes[fake.review.n_look_alikes++];
    (void)oc_device_id_parse(id, &other->id);
    SET(other->alias, alias);
    SET(other->claimed_name, claimed);
    other->resemblance = resemblance;
    other->decided_at_ms = FAKE_NOW_MS - INT64_C(86400) * 1000;
}

static void look_alikes_are_shown_with_their_full_ids_before_the_question(void **state)
{
    (void)state;
    add_look_alike(FAKE_APPROVED_ID, "web-1", "web-1", OC_RESEMBLES_EXACTLY);
    add_look_alike(FAKE_HOSTILE_ID, "",
                   "w\xd0\xb5"
                   "b-1\x1b[2J",
                   OC_RESEMBLES_CONFUSABLY);
    fake.review.look_alikes[0].is_online = true;
    fake.review.look_alikes[0].is_same_host = true;
    fake.review.has_more_look_alikes = true;
    struct ran ran = RUN_TYPING("n\n", "devices", "approve", FAKE_PENDING_REQUEST);
    const char *flagged = strstr(ran.err, "Careful: its name is that of another approved device");
    assert_non_null(flagged);
    assert_contains(flagged, "  approved   " FAKE_APPROVED_ID "\n"
                             "             web-1, claims \"web-1\"\n"
                             "             the same name, claims the same host, online now\n");
    assert_contains(flagged, "  approved   " FAKE_HOSTILE_ID "\n");
    assert_contains(flagged, "easily confused, offline\n             and more of them\n");
    assert_contains(flagged, "Approve? [y/N] ");
    assert_null(strstr(ran.err, "\x1b[2J"));
    ran_free(&ran);
}

static void look_alikes_are_fields_of_the_document(void **state)
{
    (void)state;
    struct ran none = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_contains(none.out, "\"look_alikes\":[],\"has_more_look_alikes\":false");
    ran_free(&none);
    add_look_alike(FAKE_APPROVED_ID, "", "web-1", OC_RESEMBLES_CONFUSABLY);
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_contains(ran.out, "\"look_alikes\":[{\"device_id\":\"" FAKE_APPROVED_ID
                             "\",\"name\":null,\"claimed_name\":\"web-1\",\"resemblance\":"
                             "\"confusable\",\"same_host\":false,\"online\":false,\"decided_at\":"
                             "\"2026-11-21T12:00:00.000Z\"}]");
    assert_contains(ran.out, "\"claimed_labels\":{\"site\":\"berlin\"}");
    assert_contains(ran.out, "\"code_tries_left\":5");
    ran_free(&ran);
}

static void an_older_gateway_tells_less_and_that_is_null(void **state)
{
    (void)state;
    fake.is_too_old_to_review = true;
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.out, "\"claimed_labels\":null");
    assert_contains(ran.out, "\"look_alikes\":null,\"has_more_look_alikes\":null");
    ran_free(&ran);
    ran = RUN_TYPING("y\n", "devices", "approve", FAKE_PENDING_REQUEST);
    assert_int_equal(ran.code, EXIT_DONE);
    ran_free(&ran);
}

static void what_a_device_says_stands_apart_and_in_quotes(void **state)
{
    (void)state;
    struct oc_device *device = &fake.devices[0];
    SET(device->claimed_name, "approved by root");
    SET(device->platform, "linux  state approved");
    SET(device->labels.items[0].value, "x  decided by uid:0");
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    const char *claims = strstr(ran.out, CLAIMS_BEGIN);
    assert_non_null(claims);
    assert_contains(claims, "  claims     \"approved by root\"\n");
    assert_contains(claims, "  labels     \"site=x  decided by uid:0\"\n");
    assert_contains(claims, "  platform   \"linux  state approved\" 1.2\n");
    static const char *const theirs[] = {"root", "uid:0", "linux"};
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        assert_true(strstr(ran.out, theirs[i]) > claims);
    }
    ran_free(&ran);
    struct ran list = RUN("devices", "list", "-o", "wide");
    assert_contains(list.out, "\"site=x  decided by uid:0\"");
    assert_contains(list.out, "\"linux  state approved\" 1.2");
    ran_free(&list);
}

static void a_name_in_other_letters_is_spelled_out(void **state)
{
    (void)state;
    SET(fake.devices[0].claimed_name, "w\xd0\xb5"
                                      "b-1");
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(ran.out, "  spelled    \"w\\u{0435}b-1\"\n");
    ran_free(&ran);
    SET(fake.devices[0].claimed_name, "web-1");
    ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_null(strstr(ran.out, "spelled"));
    ran_free(&ran);
}

static void a_name_that_is_written_like_an_id_is_said_to_select_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {FAKE_APPROVED_ID, FAKE_SECOND_REQUEST, "1111111111111111"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        SET(fake.devices[0].claimed_name, names[i]);
        struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
        assert_contains(ran.out, "written like an id");
        ran_free(&ran);
    }
}

static void the_code_is_advised_where_a_person_would_do_without(void **state)
{
    (void)state;
    const char *const advice = "openclaw devices approve " FAKE_PENDING_REQUEST " --code CODE";
    struct ran asked = RUN_TYPING("n\n", "devices", "approve", FAKE_PENDING_REQUEST);
    struct ran shown = RUN_TYPING("", "devices", "show", FAKE_PENDING_REQUEST);
    struct ran inexact = RUN("devices", "approve", FAKE_PENDING_ID);
    assert_contains(asked.err, advice);
    assert_contains(shown.err, advice);
    assert_contains(inexact.err, advice);
    ran_free(&asked);
    ran_free(&shown);
    ran_free(&inexact);
    struct ran piped = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_string_equal(piped.err, "");
    ran_free(&piped);
}

static void lists_advise_the_code_to_people_who_see_who_waits(void **state)
{
    (void)state;
    struct ran list = RUN_TYPING("", "pairing", "list");
    assert_contains(list.err, "openclaw devices approve REQUEST --code CODE");
    ran_free(&list);
    struct ran piped = RUN("pairing", "list");
    assert_null(strstr(piped.err, "--code"));
    ran_free(&piped);
    struct ran approved = RUN_TYPING("", "devices", "list", "--state", "blocked");
    assert_null(strstr(approved.err, "--code"));
    ran_free(&approved);
}

static void without_an_agent_or_tries_the_device_id_is_what_is_left(void **state)
{
    (void)state;
    struct ran offline = RUN_TYPING("n\n", "devices", "approve", FAKE_SECOND_REQUEST);
    assert_contains(offline.err, "No agent is connected that could show a code.");
    assert_null(strstr(offline.err, "--code"));
    ran_free(&offline);
    fake.review.code_tries_left = 0;
    struct ran closed = RUN_TYPING("n\n", "devices", "approve", FAKE_PENDING_REQUEST);
    assert_contains(closed.err, "Its code is closed: somebody typed five wrong ones.");
    assert_null(strstr(closed.err, "--code"));
    ran_free(&closed);
}

static void a_replaced_request_is_exit_6_and_the_difference_is_shown(void **state)
{
    (void)state;
    fake.replaces_on_decision = true;
    struct oc_device *now = &fake.devices[1];
    SET(now->asked.scopes[1], "admin");
    SET(now->source, "198.51.100.7");
    struct ran ran = RUN_TYPING("y\n", "devices", "approve", FAKE_PENDING_REQUEST);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err,
                    "Request " FAKE_SECOND_REQUEST " asks differently from what was shown:\n"
                    "  changes    - scope tools\n"
                    "             + scope admin\n"
                    "             - name \"web-1\"\n"
                    "             + name \"web-2\"\n");
    assert_contains(ran.err, "- source \"203.0.113.9\"\n             + source \"198.51.100.7\"\n");
    assert_contains(ran.err, "- label \"site=berlin\"");
    assert_contains(ran.err, "openclaw devices approve " FAKE_SECOND_REQUEST);
    ran_free(&ran);
}

static void what_changed_since_the_last_approval_is_shown(void **state)
{
    (void)state;
    struct ran upgrade = RUN_TYPING("n\n", "devices", "approve", FAKE_UPGRADE_REQUEST);
    assert_contains(upgrade.err, "It was approved before:\n"
                                 "  approved   2026-11-22T11:59:59.000Z  (1s ago), by uid:0\n"
                                 "  changes    + scope tools\n"
                                 "             (not recorded, so not compared: name, purpose, "
                                 "platform, source, labels)\n");
    assert_string_equal(fake.audit_filter.outcome, "done");
    assert_true(fake.audit_filter.has_device_id);
    ran_free(&upgrade);
    /* Revoked since: what it was approved for is what counts. */
    struct oc_device *device = &fake.devices[0];
    device->standing = OC_STANDING_REVOKED;
    fake.review.approved_ask = device->asked;
    SET(fake.review.approved_ask.scopes[0], "admin");
    struct ran again = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_contains(again.out,
                    "\"previous\":{\"at\":\"2026-11-22T11:59:59.000Z\",\"by\":\"uid:0\"");
    assert_contains(again.out, "\"scopes\":{\"added\":[\"chat\"],\"removed\":[\"admin\"]}");
    ran_free(&again);
    fake.review.approved_ask = device->asked;
    struct ran same = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(same.out, "  changes    none: it asks for the access that it had\n");
    ran_free(&same);
}

/* A device that was revoked and asks for the access that it had. */
static void come_back(const char *detail)
{
    struct oc_device *device = &fake.devices[0];
    device->standing = OC_STANDING_REVOKED;
    fake.review.approved_ask = device->asked;
    fake.approve_detail = detail;
}

static void what_it_claims_otherwise_than_at_its_approval_is_shown(void **state)
{
    (void)state;
    come_back(
        "role=agent scopes=chat,tools source=2001:db8::7 name=w%D0%B5b%1B%5B2J platform=linux "
        "labels=site:oslo,a%20b:%3D purpose=");
    struct ran ran = RUN_TYPING("n\n", "devices", "approve", FAKE_PENDING_REQUEST);
    assert_contains(ran.err, "  changes    - name \"w\xd0\xb5"
                             "b\\x1B[2J\"\n"
                             "             + name \"web-1\"\n"
                             "             + purpose \"answers the \\\"shop\\\" channel\"\n"
                             "             - source \"2001:db8::7\"\n"
                             "             + source \"203.0.113.9\"\n"
                             "             - label \"site=oslo\"\n"
                             "             - label \"a b==\"\n"
                             "             + label \"site=berlin\"\n");
    assert_null(strstr(ran.err, "not recorded"));
    assert_null(strstr(ran.err, "platform \""));
    ran_free(&ran);
    struct ran json = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_contains(json.out, "\"changes\":{\"role\":null,\"name\":{\"was\":\"w\xd0\xb5"
                              "b\\u001b[2J\",\"is\":\"web-1\"},\"purpose\":{\"was\":null,\"is\":");
    assert_contains(json.out, "\"platform\":null,\"version\":null,\"source\":{\"was\":"
                              "\"2001:db8::7\",\"is\":\"203.0.113.9\"}");
    assert_contains(json.out, "\"labels\":{\"added\":{\"site\":\"berlin\"},\"removed\":{\"site\":"
                              "\"oslo\",\"a b\":\"=\"}}},\"not_compared\":[]");
    ran_free(&json);
}

static void who_comes_back_as_it_was_has_changed_nothing(void **state)
{
    (void)state;
    come_back("role=agent scopes=chat,tools source=203.0.113.9 name=web-1 platform=linux "
              "labels=site:berlin purpose=answers%20the%20%22shop%22%20channel");
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(
        ran.out,
        "  changes    none: the same access, name, purpose, labels, platform and source\n");
    assert_null(strstr(ran.out, "not recorded"));
    ran_free(&ran);
}

static void what_the_row_had_no_room_for_is_named_and_never_guessed(void **state)
{
    (void)state;
    come_back("role=agent scopes=chat,tools source=203.0.113.9 name=web-1 platform=linux more=1");
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(ran.out, "  changes    none: it asks for the access that it had\n"
                             "             (not recorded, so not compared: purpose, labels)\n");
    ran_free(&ran);
    struct ran json = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_contains(json.out, "\"not_compared\":[\"purpose\",\"labels\"]");
    ran_free(&json);
    fake.devices[0].last_seen_at_ms = 0; /* nor does the gateway know how it comes now */
    fake.devices[0].source[0] = fake.devices[0].platform[0] = '\0';
    ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(ran.out, "not compared: purpose, platform, source, labels)\n");
    assert_null(strstr(ran.out, "- source"));
    ran_free(&ran);
}

static void an_approval_that_broke_the_glass_counts_as_one(void **state)
{
    (void)state;
    come_back("role=agent scopes=chat,tools name=db-7");
    fake.approve_action = "break_glass";
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(ran.out, "  approved   2026-11-22T11:59:59.000Z  (1s ago), by uid:0\n"
                             "  changes    - name \"db-7\"\n");
    ran_free(&ran);
    fake.approve_action = "vote";
    ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_null(strstr(ran.out, "db-7"));
    ran_free(&ran);
}

static void of_a_newcomer_nothing_is_said_to_have_changed(void **state)
{
    (void)state;
    struct ran table = RUN("devices", "show", FAKE_PENDING_REQUEST);
    struct ran json = RUN("devices", "show", FAKE_PENDING_REQUEST, "--json");
    assert_null(strstr(table.out, "approved before"));
    assert_contains(json.out, "\"previous\":null,\"changes\":null,\"not_compared\":null");
    ran_free(&table);
    ran_free(&json);
}

/* On a narrow terminal a long claim must not begin a line of the screen: there our words stand. */
static void a_long_claim_never_stands_at_the_margin(void **state)
{
    (void)state;
    const char *const words[] = {"devices", "approve", FAKE_PENDING_REQUEST, NULL};
    struct stage stage = {
        .input = "n\n", .is_interactive = true, .out_is_terminal = true, .columns = 40};
    struct oc_device *device = &fake.devices[0];
    SET(device->claimed_name, "aaaaaaaaaaaaaaaaaaaaaaaaaa  state      approved by uid:0");
    SET(device->purpose, "bbbbbbbbbbbbbbbbbbbbbbbbbb  state      approved by uid:0, and so on");
    SET(device->labels.items[0].value, "cccccccccccccccccccc  state      approved by uid:0");
    SET(device->platform, "ddddddddddddddddddddddddd appro");
    add_look_alike(FAKE_APPROVED_ID, "", device->claimed_name, OC_RESEMBLES_EXACTLY);
    struct ran ran = run_on(&stage, words);
    const char *line = strstr(ran.err, CLAIMS_BEGIN);
    assert_non_null(line);
    for (line += strlen(CLAIMS_BEGIN); strncmp(line, "Careful", 7) != 0;
         line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 40);
        assert_int_equal(strspn(line, " ") >= 13 || (strspn(line, " ") == 2 && line[12] == ' '), 1);
    }
    assert_contains(
        ran.err, "\n  claims     \"aaaaaaaaaaaaaaaaaaaaaaaaaa\n               state      approved");
    ran_free(&ran);
}

static void a_request_that_changes_while_it_is_looked_at_is_not_asked_about(void **state)
{
    (void)state;
    fake.review_of = FAKE_SECOND_REQUEST;
    struct ran ran = RUN_TYPING("y\n", "devices", "approve", FAKE_PENDING_REQUEST);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, FAKE_PENDING_REQUEST " was replaced by " FAKE_SECOND_REQUEST
                                                  " while it was looked at");
    assert_null(strstr(ran.err, "Approve?"));
    ran_free(&ran);
    fake.review_of = "";
    ran = RUN_TYPING("y\n", "devices", "approve", FAKE_PENDING_REQUEST);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "ended while it was looked at");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&ran);
}

static void a_wrong_code_says_how_many_tries_are_left(void **state)
{
    (void)state;
    const char *const words[] = {"devices", "approve", "7QK4", "--code", "0000-0000", NULL};
    const struct stage stage = {.input = NULL};
    fake.review.code_tries_left = 3;
    struct ran ran = run_on(&stage, words);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "3 of 5 tries are left");
    ran_free(&ran);
    fake.review.code_tries_left = 0;
    ran = run_on(&stage, words);
    assert_contains(ran.err, "that was the last try: this request's code is closed");
    ran_free(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(look_alikes_are_shown_with_their_full_ids_before_the_question,
                               reset),
        cmocka_unit_test_setup(look_alikes_are_fields_of_the_document, reset),
        cmocka_unit_test_setup(an_older_gateway_tells_less_and_that_is_null, reset),
        cmocka_unit_test_setup(what_a_device_says_stands_apart_and_in_quotes, reset),
        cmocka_unit_test_setup(a_name_in_other_letters_is_spelled_out, reset),
        cmocka_unit_test_setup(a_name_that_is_written_like_an_id_is_said_to_select_nothing, reset),
        cmocka_unit_test_setup(the_code_is_advised_where_a_person_would_do_without, reset),
        cmocka_unit_test_setup(lists_advise_the_code_to_people_who_see_who_waits, reset),
        cmocka_unit_test_setup(without_an_agent_or_tries_the_device_id_is_what_is_left, reset),
        cmocka_unit_test_setup(a_request_that_changes_while_it_is_looked_at_is_not_asked_about,
                               reset),
        cmocka_unit_test_setup(what_changed_since_the_last_approval_is_shown, reset),
        cmocka_unit_test_setup(what_it_claims_otherwise_than_at_its_approval_is_shown, reset),
        cmocka_unit_test_setup(who_comes_back_as_it_was_has_changed_nothing, reset),
        cmocka_unit_test_setup(what_the_row_had_no_room_for_is_named_and_never_guessed, reset),
        cmocka_unit_test_setup(an_approval_that_broke_the_glass_counts_as_one, reset),
        cmocka_unit_test_setup(of_a_newcomer_nothing_is_said_to_have_changed, reset),
        cmocka_unit_test_setup(a_long_claim_never_stands_at_the_margin, reset),
        cmocka_unit_test_setup(a_wrong_code_says_how_many_tries_are_left, reset),
        cmocka_unit_test_setup(a_replaced_request_is_exit_6_and_the_difference_is_shown, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
