#include <openclaw/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct oc_grant grant_of(const char *role, size_t n, const char *const *scopes)
{
    struct oc_grant grant;
    memset(&grant, 0, sizeof grant);
    strncpy(grant.role, role, OC_MAX_ROLE_BYTES);
    for (size_t i = 0; i < n; i++) {
        strncpy(grant.scopes[i], scopes[i], OC_MAX_SCOPE_BYTES);
    }
    grant.n_scopes = (uint8_t)n;
    oc_grant_normalise(&grant);
    return grant;
}

static void request_ids_forgive_what_crockford_forgives(void **state)
{
    (void)state;
    struct oc_request_id id;
    assert_true(oc_request_id_parse("7qk4m2toxi", &id));
    assert_string_equal(id.text, "7QK4M2T0X1");
    struct oc_request_id other;
    assert_true(oc_request_id_parse("7QK4M2T0XL", &other));
    assert_true(oc_request_id_equal(&id, &other));
}

static void request_ids_of_other_shapes_are_refused(void **state)
{
    (void)state;
    struct oc_request_id id = {.text = "UNTOUCHED"};
    const char *const bad[] = {"", "7QK4M2T9X", "7QK4M2T9XAA", "7QK4M2T9XU", "7QK4M2T9X-"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(oc_request_id_parse(bad[i], &id));
        assert_string_equal(id.text, "UNTOUCHED");
    }
}

static void device_ids_round_trip(void **state)
{
    (void)state;
    struct oc_device_id id;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        id.bytes[i] = (uint8_t)(i * 7);
    }
    char text[OC_DEVICE_ID_DIGITS + 1];
    struct oc_device_id back;
    oc_device_id_format(&id, text);
    assert_true(oc_device_id_parse(text, &back));
    assert_true(oc_device_id_equal(&id, &back));
    text[63] = '\0';
    assert_false(oc_device_id_parse(text, &back));
}

static void normalise_sorts_and_drops_doubles(void **state)
{
    (void)state;
    const char *const scopes[] = {"read", "chat", "read", "admin"};
    struct oc_grant grant = grant_of("agent", 4, scopes);
    assert_int_equal(grant.n_scopes, 3);
    assert_string_equal(grant.scopes[0], "admin");
    assert_string_equal(grant.scopes[1], "chat");
    assert_string_equal(grant.scopes[2], "read");
    assert_string_equal(grant.scopes[3], "");
}

static void a_grant_is_within_another_by_whole_scopes_and_role(void **state)
{
    (void)state;
    const char *const wide[] = {"chat", "read"};
    const char *const narrow[] = {"chat"};
    const char *const prefix[] = {"cha"};
    struct oc_grant outer = grant_of("agent", 2, wide);
    struct oc_grant inner = grant_of("agent", 1, narrow);
    struct oc_grant part = grant_of("agent", 1, prefix);
    struct oc_grant other = grant_of("node", 1, narrow);
    assert_true(oc_grant_is_within(&inner, &outer));
    assert_false(oc_grant_is_within(&outer, &inner));
    assert_false(oc_grant_is_within(&part, &outer));
    assert_false(oc_grant_is_within(&other, &outer));
    assert_true(oc_grant_equal(&outer, &outer));
    assert_false(oc_grant_equal(&outer, &inner));
}

static void every_word_has_a_name_and_none_is_null(void **state)
{
    (void)state;
    for (int i = 0; i < OC_STATE_COUNT; i++) {
        enum oc_state back = OC_STATE_COUNT;
        assert_true(oc_state_parse(oc_state_name((enum oc_state)i), &back));
        assert_int_equal(back, i);
    }
    assert_string_equal(oc_state_name(OC_STATE_COUNT), "unknown");
    assert_string_equal(oc_why_name(OC_WHY_ACCESS_WIDENED), "access_widened");
    assert_non_null(oc_why_text(OC_WHY_COUNT));
    assert_int_equal(oc_refusal_http_status(OC_REFUSAL_BLOCKED), 403);
    assert_int_equal(oc_refusal_http_status(OC_REFUSAL_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_ids_forgive_what_crockford_forgives),
        cmocka_unit_test(request_ids_of_other_shapes_are_refused),
        cmocka_unit_test(device_ids_round_trip),
        cmocka_unit_test(normalise_sorts_and_drops_doubles),
        cmocka_unit_test(a_grant_is_within_another_by_whole_scopes_and_role),
        cmocka_unit_test(every_word_has_a_name_and_none_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
