/* What a device that waits is told, for every way in which its request can have ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/service/waiters.h"

static const struct oc_request_id mine = {"7QK4M2T9XA"};
static const struct oc_request_id other = {"ZZZZZZZZZZ"};
static const int64_t now = INT64_C(1700000000000);

static struct pairing closed(enum oc_standing standing, enum request_end end)
{
    struct pairing pairing = {.standing = standing, .last_end = end};
    if (standing == OC_STANDING_APPROVED) {
        pairing.asked = pairing.granted = (struct oc_grant){.role = "agent"};
        pairing.generation = 1;
    }
    return pairing;
}

static void an_open_request_is_not_decided_yet(void **state)
{
    struct pairing pairing = {.request = {.is_open = true, .id = mine}};
    (void)state;
    assert_int_equal(waiters_decide(&pairing, &mine, now).outcome, WAIT_NONE_YET);
}

static void another_open_request_replaces_it(void **state)
{
    struct pairing pairing = {.request = {.is_open = true, .id = other}};
    (void)state;
    struct wait_answer answer = waiters_decide(&pairing, &mine, now);
    assert_int_equal(answer.outcome, WAIT_REPLACED);
    assert_string_equal(answer.stands_now.text, other.text);
}

static void each_end_has_its_answer(void **state)
{
    static const struct {
        enum oc_standing standing;
        enum request_end end;
        enum wait_outcome outcome;
        enum oc_refusal_kind refusal;
    } cases[] = {
        {OC_STANDING_APPROVED, REQUEST_END_APPROVED, WAIT_APPROVED, OC_REFUSAL_NONE},
        {OC_STANDING_APPROVED, REQUEST_END_REJECTED, WAIT_REJECTED, OC_REFUSAL_REJECTED},
        {OC_STANDING_NONE, REQUEST_END_REJECTED, WAIT_REJECTED, OC_REFUSAL_REJECTED},
        {OC_STANDING_NONE, REQUEST_END_DISMISSED, WAIT_NOT_DECIDED, OC_REFUSAL_PAIRING_REQUIRED},
        {OC_STANDING_NONE, REQUEST_END_EXPIRED, WAIT_NOT_DECIDED, OC_REFUSAL_PAIRING_REQUIRED},
        {OC_STANDING_NONE, REQUEST_END_SHED, WAIT_NOT_DECIDED, OC_REFUSAL_PAIRING_REQUIRED},
        {OC_STANDING_NONE, REQUEST_END_NONE, WAIT_NOT_DECIDED, OC_REFUSAL_PAIRING_REQUIRED},
        {OC_STANDING_REVOKED, REQUEST_END_CLOSED, WAIT_REJECTED, OC_REFUSAL_REVOKED},
        {OC_STANDING_REVOKED, REQUEST_END_APPROVED, WAIT_NOT_DECIDED, OC_REFUSAL_PAIRING_REQUIRED},
        {OC_STANDING_BLOCKED, REQUEST_END_CLOSED, WAIT_BLOCKED, OC_REFUSAL_BLOCKED},
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct pairing pairing = closed(cases[i].standing, cases[i].end);
        struct wait_answer answer = waiters_decide(&pairing, &mine, now);
        assert_int_equal(answer.outcome, cases[i].outcome);
        assert_int_equal(answer.refusal.kind, cases[i].refusal);
    }
}

static void a_refusal_says_when_to_ask_again(void **state)
{
    struct pairing pairing = closed(OC_STANDING_NONE, REQUEST_END_REJECTED);
    (void)state;
    pairing.cool_down_until_ms = now + 60000;
    assert_int_equal(waiters_decide(&pairing, &mine, now).refusal.retry_after_ms, 60000);
    assert_int_equal(waiters_decide(&pairing, &mine, now + 70000).refusal.retry_after_ms, 0);
}

static void an_approval_whose_term_is_over_is_none(void **state)
{
    struct pairing pairing = closed(OC_STANDING_APPROVED, REQUEST_END_APPROVED);
    (void)state;
    pairing.term_ends_ms = now;
    assert_int_equal(waiters_decide(&pairing, &mine, now).outcome, WAIT_NOT_DECIDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_request_is_not_decided_yet),
        cmocka_unit_test(another_open_request_replaces_it),
        cmocka_unit_test(each_end_has_its_answer),
        cmocka_unit_test(a_refusal_says_when_to_ask_again),
        cmocka_unit_test(an_approval_whose_term_is_over_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
