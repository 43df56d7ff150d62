/* What an approval's audit row keeps of the claims that were approved, and in how many bytes. */
#include <ctype.h>
#include <stdio.h>

#include "support.h"

static struct sighting seen(const char *source, const char *platform)
{
    struct sighting sighting = {.seen_ms = T0};
    memcpy(sighting.source, source, strlen(source));
    memcpy(sighting.platform, platform, strlen(platform));
    return sighting;
}

/* The audit row of the approval of this ask. */
static struct audit_event approval_of(const struct ask *ask, const struct sighting *sighting)
{
    struct pairing pairing = stranger();
    struct pairing_event event = connect(&pairing, "chat");
    event.ask = *ask;
    event.ask_digest = digest_of(&pairing.id, ask);
    event.request_id = request_id_of(&pairing, &event.ask_digest);
    expect_outcome(&pairing, &event, T0, PAIRING_PENDING);
    event = decision(&pairing, PAIRING_EV_APPROVE);
    event.sighting = *sighting;
    return expect_outcome(&pairing, &event, T0, PAIRING_DONE).audit;
}

static struct ask largest_ask(char byte)
{
    struct ask most = ask("chat");
    memset(most.name, byte, OC_MAX_NAME_BYTES);
    memset(most.purpose, byte, OC_MAX_PURPOSE_BYTES);
    most.labels.n = OC_MAX_LABELS;
    for (size_t i = 0; i < OC_MAX_LABELS; i++) {
        memset(most.labels.items[i].key, byte, OC_MAX_LABEL_KEY_BYTES);
        most.labels.items[i].key[0] = (char)('a' + i); /* sorted */
        memset(most.labels.items[i].value, byte, OC_MAX_LABEL_VALUE_BYTES);
    }
    return most;
}

static void an_approval_keeps_what_was_claimed(void **state)
{
    (void)state;
    const struct sighting sighting = seen("2001:db8::7", "linux x86_64");
    struct ask asked = ask("chat,tools");
    asked.labels = label("a:b", "c,d/e");
    asked.labels.n = 2;
    memcpy(asked.labels.items[1].key, "site", sizeof "site");
    memcpy(asked.labels.items[1].value, "berlin", sizeof "berlin");
    memcpy(asked.name,
           "w\xd0\xb5"
           "b 1=\"\\%",
           10);
    const struct audit_event row = approval_of(&asked, &sighting);
    assert_string_equal(row.detail, "role=agent scopes=chat,tools source=2001:db8::7 "
                                    "name=w%D0%B5b%201%3D%22%5C%25 platform=linux%20x86_64 "
                                    "labels=a%3Ab:c%2Cd%2Fe,site:berlin purpose=testing");
}

static void an_empty_claim_is_an_empty_word_and_an_unseen_one_is_none(void **state)
{
    (void)state;
    const struct sighting never = {.source = "203.0.113.9", .platform = "linux"};
    const struct sighting empty = {.seen_ms = T0};
    struct ask silent = ask("chat");
    memset(silent.name, 0, sizeof silent.name);
    memset(silent.purpose, 0, sizeof silent.purpose);
    struct audit_event row = approval_of(&silent, &empty);
    assert_string_equal(row.detail,
                        "role=agent scopes=chat source= name= platform= labels= purpose=");
    row = approval_of(&silent, &never);
    assert_string_equal(row.detail, "role=agent scopes=chat name= labels= purpose=");
}

static void an_announcement_keeps_what_came_with_the_device(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    struct pairing_event event = decision(&pairing, PAIRING_EV_EXPECT);
    event.approves = true;
    event.grant = grant("chat");
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    event = connect(&pairing, "chat");
    event.sighting = seen("203.0.113.9", "linux");
    const struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_SESSION);
    assert_string_equal(made.audit.detail, "role=agent scopes=chat source=203.0.113.9 name=web-1 "
                                           "platform=linux labels= purpose=testing");
}

static void only_an_approval_keeps_claims(void **state)
{
    (void)state;
    static const enum pairing_event_kind kinds[] = {PAIRING_EV_REJECT, PAIRING_EV_DISMISS,
                                                    PAIRING_EV_BLOCK, PAIRING_EV_REMOVE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct pairing pairing = pending("chat");
        const struct pairing_decision made = decides(&pairing, kinds[i], T0, PAIRING_DONE);
        assert_null(strstr(made.audit.detail, "name="));
    }
}

/* Whatever bytes a device sends, the row has the words that it should have, and no other. */
static void no_claim_ends_its_word_or_begins_another(void **state)
{
    (void)state;
    const struct sighting sighting = seen("203.0.113.9", "x role=admin more=1");
    for (unsigned byte = 1; byte < 256; byte++) {
        struct ask hostile = ask("chat");
        memset(hostile.name, 0, sizeof hostile.name);
        memset(hostile.purpose, 0, sizeof hostile.purpose);
        hostile.labels = label("k", "v");
        hostile.name[0] = hostile.purpose[0] = (char)byte;
        hostile.labels.items[0].key[0] = hostile.labels.items[0].value[0] = (char)byte;
        const struct audit_event row = approval_of(&hostile, &sighting);
        size_t n_spaces = 0;
        size_t n_equals = 0;
        for (const char *at = row.detail; *at != '\0'; at++) {
            n_spaces += *at == ' ';
            n_equals += *at == '=';
            assert_true(isalnum((unsigned char)*at) || strchr(" =,:/%-._~", *at));
        }
        assert_int_equal(n_spaces, 6);
        assert_int_equal(n_equals, 7);
        assert_null(strstr(row.detail, "role=admin"));
        const char *labels = strstr(row.detail, " labels=");
        assert_non_null(labels);
        assert_int_equal(strcspn(labels, ","), strlen(labels));
    }
}

/* Of every length of a claim: within the row, whole or not at all, and told if not. */
static void a_word_that_does_not_fit_is_left_out_whole_and_that_is_said(void **state)
{
    (void)state;
    const struct sighting sighting = seen("203.0.113.9", "linux");
    size_t n_whole = 0;
    for (size_t length = 0; length <= OC_MAX_PURPOSE_BYTES; length++) {
        struct ask asked = ask("chat");
        char wanted[3 * OC_MAX_PURPOSE_BYTES + 16] = " purpose=";
        memset(asked.purpose, 0, sizeof asked.purpose);
        memset(asked.purpose, ' ', length);
        for (size_t i = 0; i < length; i++) {
            strcat(wanted, "%20");
        }
        const struct audit_event row = approval_of(&asked, &sighting);
        const size_t n = strnlen(row.detail, sizeof row.detail);
        assert_true(n < sizeof row.detail);
        const char *purpose = strstr(row.detail, " purpose=");
        const char *more = strstr(row.detail, " more=1");
        assert_true(!purpose == (more != NULL));
        assert_string_equal(purpose ? purpose : more, purpose ? wanted : " more=1");
        n_whole += purpose ? 1 : 0;
    }
    /* 255 less "role=agent ... labels=" (77), room for " more=1" (7) and " purpose=" (9), by 3. */
    assert_int_equal(n_whole, (255 - 77 - 7 - 9) / 3 + 1);
}

static void a_long_claim_pushes_out_itself_and_no_other(void **state)
{
    (void)state;
    const struct sighting sighting = seen("203.0.113.9", "linux");
    struct ask asked = largest_ask('\x80');
    struct audit_event row = approval_of(&asked, &sighting);
    char name[3 * OC_MAX_NAME_BYTES + 1] = "";
    for (size_t i = 0; i < OC_MAX_NAME_BYTES; i++) {
        strcat(name, "%80");
    }
    char wanted[sizeof row.detail];
    (void)snprintf(wanted, sizeof wanted,
                   "role=agent scopes=chat source=203.0.113.9 name=%s more=1", name);
    assert_string_equal(row.detail, wanted);
    memcpy(asked.name, "web-1", sizeof "web-1");
    memcpy(asked.purpose, "x", sizeof "x");
    row = approval_of(&asked, &sighting);
    assert_string_equal(row.detail, "role=agent scopes=chat source=203.0.113.9 name=web-1 "
                                    "platform=linux purpose=x more=1");
}

/* The grant's words are those that a device without any claim gets, of any number of scopes. */
static void no_claim_pushes_out_a_word_of_the_grant(void **state)
{
    (void)state;
    struct sighting sighting = {.seen_ms = T0};
    memset(sighting.source, 's', OC_MAX_SOURCE_BYTES);
    memset(sighting.platform, '\xff', OC_MAX_PLATFORM_BYTES);
    for (size_t n = 0; n <= OC_MAX_SCOPES; n++) {
        struct ask asked = largest_ask('\xff');
        memset(asked.grant.role, 'r', OC_MAX_ROLE_BYTES);
        for (size_t i = 0; i < n; i++) {
            memset(asked.grant.scopes[i], 'a' + (int)i, OC_MAX_SCOPE_BYTES);
        }
        asked.grant.n_scopes = (uint8_t)n;
        const struct audit_event row = approval_of(&asked, &sighting);
        char grant[256] = "role=";
        strncat(grant, asked.grant.role, sizeof grant - strlen(grant) - 1);
        strcat(grant, " scopes=");
        for (size_t i = 0; i < n && i < 6; i++) {
            strcat(grant, i == 0 ? "" : ",");
            strncat(grant, asked.grant.scopes[i], sizeof grant - strlen(grant) - 1);
        }
        assert_memory_equal(row.detail, grant, strlen(grant));
        assert_true(strnlen(row.detail, sizeof row.detail) < sizeof row.detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_approval_keeps_what_was_claimed),
        cmocka_unit_test(an_empty_claim_is_an_empty_word_and_an_unseen_one_is_none),
        cmocka_unit_test(an_announcement_keeps_what_came_with_the_device),
        cmocka_unit_test(only_an_approval_keeps_claims),
        cmocka_unit_test(no_claim_ends_its_word_or_begins_another),
        cmocka_unit_test(a_word_that_does_not_fit_is_left_out_whole_and_that_is_said),
        cmocka_unit_test(a_long_claim_pushes_out_itself_and_no_other),
        cmocka_unit_test(no_claim_pushes_out_a_word_of_the_grant),
    };
    return cmocka_run_group_tests_name("claim_words", tests, NULL, NULL);
}
