/* What is said of devices that claim one host: beside tables, in documents, before an approval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

#define VOLUME "docker run -v /host/path/openclaw-data:/root/.openclaw your-openclaw-image"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/* The first two wait, the third is paired, and the gateway knows of 18 requests more. */
static void put_on_one_host(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fake.devices[i].host_group = 4711;
        fake.devices[i].n_same_host_devices = 21;
        fake.devices[i].n_same_host_requests = 20;
    }
}

static void many_requests_of_one_host_are_told_beside_the_table(void **state)
{
    (void)state;
    put_on_one_host(3);
    fake.devices[2].requested_at_ms--;
    fake.devices[1].requested_at_ms++;
    static const char *const words[] = {"pairing", "devices"};
    for (size_t i = 0; i < 2; i++) {
        struct ran ran = RUN(words[i], "list");
        assert_int_equal(ran.code, EXIT_DONE);
        assert_string_equal(ran.err, "note: these 20 requests probably come from one host: is the "
                                     "agent's data directory on a volume?\n"
                                     "  " VOLUME "\n"
                                     "  " FAKE_SECOND_REQUEST
                                     " is the newest of them; what nobody approves lapses by "
                                     "itself\n");
        ran_free(&ran);
    }
}

static void documents_hold_the_numbers_and_no_note(void **state)
{
    (void)state;
    put_on_one_host(1);
    struct ran ran = RUN("devices", "list", "--json");
    assert_string_equal(ran.err, "");
    assert_contains(ran.out,
                    "\"host_group\":4711,\"same_host_devices\":21,\"same_host_requests\":20,");
    assert_contains(ran.out, "\"host_group\":null,\"same_host_devices\":null,"
                             "\"same_host_requests\":null,");
    ran_free(&ran);
    fake.devices[0].host_group = 0; /* alone on a host that it claims */
    fake.devices[0].n_same_host_devices = 1;
    fake.devices[0].n_same_host_requests = 0;
    ran = RUN("devices", "list", "--json");
    assert_contains(ran.out,
                    "\"host_group\":null,\"same_host_devices\":1,\"same_host_requests\":0,");
    ran_free(&ran);
}

static void two_requests_of_a_host_are_not_many(void **state)
{
    (void)state;
    put_on_one_host(2);
    fake.devices[0].n_same_host_requests = fake.devices[1].n_same_host_requests = 2;
    struct ran ran = RUN("pairing", "list");
    assert_string_equal(ran.err, "");
    ran_free(&ran);
}

static void pairings_that_were_lost_one_by_one_are_told_too(void **state)
{
    (void)state;
    for (size_t i = 2; i < 6; i++) {
        fake.devices[i].state = OC_STATE_APPROVED;
        fake.devices[i].standing = OC_STANDING_APPROVED;
        fake.devices[i].request_id.text[0] = '\0';
        fake.devices[i].is_online = i == 2;
        fake.devices[i].host_group = 4711;
        fake.devices[i].n_same_host_devices = 4;
    }
    struct ran ran = RUN("devices", "list");
    assert_contains(ran.err, "note: 3 pairings that are offline probably are of one host");
    assert_contains(ran.err, VOLUME);
    assert_contains(ran.err, "openclaw devices remove DEVICE");
    ran_free(&ran);
}

static void who_approves_on_a_terminal_is_told_before_choosing_and_before_saying_yes(void **state)
{
    (void)state;
    put_on_one_host(2);
    struct ran ran = RUN_TYPING("1\nn\n", "devices", "approve");
    const char *note = strstr(ran.err, "note: these 20 requests probably come from one host");
    const char *question = strstr(ran.err, "Number or request id");
    const char *sheet = strstr(ran.err, "  host       probably that of 20 requests");
    const char *confirmation = strstr(ran.err, "Approve? [y/N]");
    assert_true(note && question && sheet && confirmation);
    assert_true(note < question && question < sheet && sheet < confirmation);
    ran_free(&ran);
}

static void a_reason_without_a_request_is_shown(void **state)
{
    (void)state;
    struct ran list = RUN("devices", "list", "-o", "wide");
    struct ran sheet = RUN("devices", "show", FAKE_BLOCKED_ID);
    assert_contains(list.out, "rejected");
    assert_contains(sheet.out, "why        blocked: an administrator blocked this device");
    ran_free(&list);
    ran_free(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(many_requests_of_one_host_are_told_beside_the_table, reset),
        cmocka_unit_test_setup(documents_hold_the_numbers_and_no_note, reset),
        cmocka_unit_test_setup(two_requests_of_a_host_are_not_many, reset),
        cmocka_unit_test_setup(pairings_that_were_lost_one_by_one_are_told_too, reset),
        cmocka_unit_test_setup(
            who_approves_on_a_terminal_is_told_before_choosing_and_before_saying_yes, reset),
        cmocka_unit_test_setup(a_reason_without_a_request_is_shown, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
