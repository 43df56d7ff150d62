#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/administrator.h"

enum {
    NOW = 1000000,
    LIFE = 1000,
};

static struct administrator_decision decision;

static struct administrator_event event_of(enum administrator_event_kind kind, unsigned char seed)
{
    struct administrator_event event = {
        .kind = kind,
        .actor = {.name = "uid:0", .source = "local"},
        .name = "alice",
        .role = ADMINISTRATOR_APPROVER,
        .certificate = {.n_serial = 4, .not_before_ms = NOW - LIFE, .not_after_ms = NOW + LIFE},
        .reason = "why not",
    };
    memset(event.certificate.sha256.bytes, seed, OC_DIGEST_BYTES);
    memset(event.certificate.spki_sha256.bytes, seed, OC_DIGEST_BYTES);
    memset(event.sha256.bytes, seed, OC_DIGEST_BYTES);
    return event;
}

static enum administrator_outcome decide_at(const struct administrator *was,
                                            const struct administrator_event *event, int64_t now_ms)
{
    const uint64_t generation = was->generation;
    const struct administrator before = *was;
    administrator_decide(&before, event, now_ms, &decision);
    assert_true(!decision.withdraws || decision.changed);
    assert_int_equal(decision.next.generation, generation + decision.changed);
    assert_true(!decision.changed || administrator_is_consistent(&decision.next));
    assert_string_equal(decision.audit.outcome, administrator_outcome_name(decision.outcome));
    assert_string_equal(decision.audit.reason, "why not");
    assert_non_null(strstr(decision.audit.detail, "administrator=alice"));
    return decision.outcome;
}

static enum administrator_outcome decide(const struct administrator *was,
                                         const struct administrator_event *event)
{
    return decide_at(was, event, NOW);
}

/* alice, approver, with certificate 1. */
static struct administrator alice(void)
{
    const struct administrator none = {.name = ""};
    const struct administrator_event event = event_of(ADMINISTRATOR_EV_ISSUE, 1);
    assert_int_equal(decide(&none, &event), ADMINISTRATOR_DONE);
    return decision.next;
}

static struct administrator renewed(const struct administrator *was, unsigned char with,
                                    unsigned char seed)
{
    struct administrator_event event = event_of(ADMINISTRATOR_EV_RENEW, seed);
    memset(event.certificate.renewed_with.bytes, with, OC_DIGEST_BYTES);
    assert_int_equal(decide(was, &event), ADMINISTRATOR_DONE);
    return decision.next;
}

static void who_is_issued_is_active_and_its_name_is_taken(void **state)
{
    (void)state;
    const struct administrator it = alice();
    assert_int_equal(administrator_state(&it, NOW), ADMINISTRATOR_ACTIVE);
    assert_int_equal(administrator_state(&it, NOW + LIFE + 1), ADMINISTRATOR_EXPIRED);
    assert_int_equal(it.role, ADMINISTRATOR_APPROVER);
    assert_string_equal(it.certificates[0].issued_by, "uid:0");
    assert_int_equal(it.certificates[0].issued_ms, NOW);
    assert_string_equal(decision.audit.action, "admin.issue");
    assert_string_equal(decision.audit.before, "none");
    assert_string_equal(decision.audit.after, "active");
    const struct administrator_event again = event_of(ADMINISTRATOR_EV_ISSUE, 2);
    assert_int_equal(decide(&it, &again), ADMINISTRATOR_EXISTS);
    assert_false(decision.changed);
}

static void who_has_expired_may_be_issued_anew(void **state)
{
    (void)state;
    const struct administrator it = alice();
    struct administrator_event again = event_of(ADMINISTRATOR_EV_ISSUE, 2);
    again.certificate.not_after_ms = NOW + 9 * LIFE;
    again.role = ADMINISTRATOR_VIEWER;
    assert_int_equal(decide_at(&it, &again, NOW + 2 * LIFE), ADMINISTRATOR_DONE);
    assert_int_equal(decision.next.role, ADMINISTRATOR_VIEWER);
    assert_int_equal(decision.next.created_ms, NOW);
}

static void a_revoked_administrator_holds_nothing_in_force(void **state)
{
    (void)state;
    const struct administrator first = alice();
    const struct administrator it = renewed(&first, 1, 2);
    const struct administrator_event revoke = event_of(ADMINISTRATOR_EV_REVOKE, 0);
    assert_int_equal(decide(&it, &revoke), ADMINISTRATOR_DONE);
    assert_true(decision.withdraws);
    const struct administrator gone = decision.next;
    assert_int_equal(administrator_state(&gone, NOW), ADMINISTRATOR_REVOKED);
    for (size_t i = 0; i < gone.n_certificates; i++) {
        assert_false(administrator_certificate_is_in_force(&gone.certificates[i], NOW));
        assert_string_equal(gone.certificates[i].revoked_by, "uid:0");
    }
    assert_int_equal(decide(&gone, &revoke), ADMINISTRATOR_DONE); /* it is so already */
    assert_false(decision.changed);
    const struct administrator_event renew = event_of(ADMINISTRATOR_EV_RENEW, 3);
    assert_int_equal(decide(&gone, &renew), ADMINISTRATOR_IS_REVOKED);
    const struct administrator_event role = event_of(ADMINISTRATOR_EV_SET_ROLE, 0);
    assert_int_equal(decide(&gone, &role), ADMINISTRATOR_IS_REVOKED);
    const struct administrator_event old = event_of(ADMINISTRATOR_EV_ISSUE, 1);
    assert_int_equal(decide(&gone, &old), ADMINISTRATOR_IS_REVOKED); /* the same certificate */
    const struct administrator_event anew = event_of(ADMINISTRATOR_EV_ISSUE, 4);
    assert_int_equal(decide(&gone, &anew), ADMINISTRATOR_DONE);
    assert_int_equal(administrator_state(&decision.next, NOW), ADMINISTRATOR_ACTIVE);
    assert_false(administrator_certificate_is_in_force(&decision.next.certificates[1], NOW));
}

static void what_was_renewed_with_a_revoked_certificate_goes_with_it(void **state)
{
    (void)state;
    struct administrator it = alice();
    it = renewed(&it, 1, 2);
    it = renewed(&it, 2, 3);
    it = renewed(&it, 3, 4);
    it = renewed(&it, 1, 5);
    const struct administrator_event revoke = event_of(ADMINISTRATOR_EV_REVOKE_CERTIFICATE, 2);
    assert_int_equal(decide(&it, &revoke), ADMINISTRATOR_DONE);
    static const bool in_force[] = {false, true, false, false, false, true};
    for (size_t i = 0; i < decision.next.n_certificates; i++) {
        const struct administrator_certificate *each = &decision.next.certificates[i];
        assert_int_equal(administrator_certificate_is_in_force(each, NOW),
                         in_force[each->sha256.bytes[0]]);
    }
    assert_int_equal(administrator_state(&decision.next, NOW), ADMINISTRATOR_ACTIVE);
    const struct administrator left = decision.next;
    struct administrator_event with_it = event_of(ADMINISTRATOR_EV_RENEW, 6);
    memset(with_it.certificate.renewed_with.bytes, 3, OC_DIGEST_BYTES);
    assert_int_equal(decide(&left, &with_it), ADMINISTRATOR_IS_REVOKED);
    const struct administrator_event other = event_of(ADMINISTRATOR_EV_REVOKE_CERTIFICATE, 9);
    assert_int_equal(decide(&left, &other), ADMINISTRATOR_NOT_KNOWN);
}

/* A thief renews with what was renewed, each for a minute, until the first link is dropped. */
static void no_chain_of_short_renewals_outlives_the_revocation_of_what_was_stolen(void **state)
{
    (void)state;
    const int64_t minute_ms = INT64_C(60) * 1000;
    const unsigned char n_links = 3 * ADMINISTRATOR_CERTIFICATES;
    struct administrator it = alice();
    it.certificates[0].not_after_ms = NOW + 100 * minute_ms;
    int64_t now_ms = NOW;
    for (unsigned char seed = 2; seed < n_links; seed++) {
        struct administrator_event event = event_of(ADMINISTRATOR_EV_RENEW, seed);
        memset(event.certificate.renewed_with.bytes, seed - 1, OC_DIGEST_BYTES);
        event.certificate.not_before_ms = now_ms;
        event.certificate.not_after_ms = now_ms + minute_ms;
        assert_int_equal(decide_at(&it, &event, now_ms), ADMINISTRATOR_DONE);
        it = decision.next;
        now_ms += minute_ms / 2;
    }
    assert_true(administrator_certificate_is_in_force(&it.certificates[0], now_ms));
    const struct administrator_event revoke = event_of(ADMINISTRATOR_EV_REVOKE_CERTIFICATE, 1);
    assert_int_equal(decide_at(&it, &revoke, now_ms), ADMINISTRATOR_DONE);
    for (size_t i = 0; i < decision.next.n_certificates; i++) {
        assert_false(administrator_certificate_is_in_force(&decision.next.certificates[i], now_ms));
    }
}

static void a_lower_role_withdraws_and_a_higher_one_does_not(void **state)
{
    (void)state;
    const struct administrator it = alice();
    struct administrator_event event = event_of(ADMINISTRATOR_EV_SET_ROLE, 0);
    assert_int_equal(decide(&it, &event), ADMINISTRATOR_DONE);
    assert_false(decision.changed);
    event.role = ADMINISTRATOR_ADMIN;
    assert_int_equal(decide(&it, &event), ADMINISTRATOR_DONE);
    assert_true(decision.changed);
    assert_false(decision.withdraws);
    event.role = ADMINISTRATOR_VIEWER;
    assert_int_equal(decide(&it, &event), ADMINISTRATOR_DONE);
    assert_true(decision.withdraws);
    assert_non_null(strstr(decision.audit.detail, "role=viewer was=approver"));
}

static void nobody_is_decided_on_but_by_issue(void **state)
{
    (void)state;
    const struct administrator none = {.name = ""};
    for (int kind = ADMINISTRATOR_EV_RENEW; kind < ADMINISTRATOR_EV_COUNT; kind++) {
        const struct administrator_event event = event_of((enum administrator_event_kind)kind, 1);
        assert_int_equal(decide(&none, &event), ADMINISTRATOR_NOT_KNOWN);
    }
}

static void only_what_has_ended_makes_room(void **state)
{
    (void)state;
    struct administrator it = alice();
    for (int i = 2; i <= ADMINISTRATOR_CERTIFICATES; i++) {
        it = renewed(&it, 0, (unsigned char)i);
    }
    const struct administrator_event more = event_of(ADMINISTRATOR_EV_RENEW, 20);
    assert_int_equal(decide(&it, &more), ADMINISTRATOR_TOO_MANY);
    struct administrator brought = it; /* revoked, but it might be brought again */
    brought.certificates[3].revoked_ms = NOW;
    assert_int_equal(decide(&brought, &more), ADMINISTRATOR_TOO_MANY);
    brought.certificates[3].n_der = 1; /* signed here, so nobody can */
    assert_int_equal(decide(&brought, &more), ADMINISTRATOR_DONE);
    assert_null(administrator_find_certificate(&decision.next, &brought.certificates[3].sha256));
    it.certificates[5].not_after_ms = NOW - 1;
    assert_int_equal(decide(&it, &more), ADMINISTRATOR_DONE);
    assert_null(administrator_find_certificate(&decision.next, &it.certificates[5].sha256));
    assert_int_equal(decision.next.certificates[0].sha256.bytes[0], 20);
}

static void a_quarantined_row_may_nothing_until_it_is_decided_anew(void **state)
{
    (void)state;
    struct administrator it = alice();
    it.is_quarantined = true;
    const struct administrator_event role = event_of(ADMINISTRATOR_EV_SET_ROLE, 0);
    assert_int_equal(decide(&it, &role), ADMINISTRATOR_IS_QUARANTINED);
    const struct administrator_event renew = event_of(ADMINISTRATOR_EV_RENEW, 3);
    assert_int_equal(decide(&it, &renew), ADMINISTRATOR_IS_QUARANTINED);
    const struct administrator_event issue = event_of(ADMINISTRATOR_EV_ISSUE, 3);
    assert_int_equal(decide(&it, &issue), ADMINISTRATOR_DONE);
    assert_int_equal(decision.next.n_certificates, 1); /* none of before */
    assert_false(decision.next.is_quarantined);
    const struct administrator_event revoke = event_of(ADMINISTRATOR_EV_REVOKE, 0);
    assert_int_equal(decide(&it, &revoke), ADMINISTRATOR_DONE);
    assert_true(decision.next.is_revoked);
    assert_int_equal(decision.next.n_certificates, 0);
    /* a CA that goes leaves no role that somebody else wrote, to be renewed on */
    const struct administrator_event gone = event_of(ADMINISTRATOR_EV_VOID, 0);
    assert_int_equal(decide(&it, &gone), ADMINISTRATOR_DONE);
    const struct administrator void_one = decision.next;
    assert_int_equal(decide(&void_one, &renew), ADMINISTRATOR_IS_REVOKED);
}

static void another_ca_voids_certificates_and_keeps_the_role(void **state)
{
    (void)state;
    const struct administrator it = alice();
    const struct administrator_event event = event_of(ADMINISTRATOR_EV_VOID, 0);
    assert_int_equal(decide(&it, &event), ADMINISTRATOR_DONE);
    assert_true(decision.withdraws);
    assert_false(decision.next.is_revoked);
    assert_int_equal(administrator_state(&decision.next, NOW), ADMINISTRATOR_REVOKED);
    const struct administrator was = decision.next;
    const struct administrator_event anew = event_of(ADMINISTRATOR_EV_RENEW, 7);
    assert_int_equal(decide(&was, &anew), ADMINISTRATOR_DONE);
    assert_int_equal(decision.next.role, ADMINISTRATOR_APPROVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_issued_is_active_and_its_name_is_taken),
        cmocka_unit_test(who_has_expired_may_be_issued_anew),
        cmocka_unit_test(a_revoked_administrator_holds_nothing_in_force),
        cmocka_unit_test(what_was_renewed_with_a_revoked_certificate_goes_with_it),
        cmocka_unit_test(no_chain_of_short_renewals_outlives_the_revocation_of_what_was_stolen),
        cmocka_unit_test(a_lower_role_withdraws_and_a_higher_one_does_not),
        cmocka_unit_test(nobody_is_decided_on_but_by_issue),
        cmocka_unit_test(only_what_has_ended_makes_room),
        cmocka_unit_test(a_quarantined_row_may_nothing_until_it_is_decided_anew),
        cmocka_unit_test(another_ca_voids_certificates_and_keeps_the_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
