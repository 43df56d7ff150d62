#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/administrators.h"
#include "client/convert.h"

static char *literal(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char out[6];
    oc_take_text("abcde", out, sizeof out);
    assert_string_equal(out, "abcde");
    oc_take_text("abcd\xe2\x82\xac", out, sizeof out);
    assert_string_equal(out, "abcd");
    oc_take_text("\xe2\x82\xac\xe2\x82\xac", out, sizeof out);
    assert_string_equal(out, "\xe2\x82\xac");
    oc_take_text(NULL, out, sizeof out);
    assert_string_equal(out, "");
}

static void bytes_have_their_length_or_are_refused(void **state)
{
    (void)state;
    uint8_t raw[33] = {1, 2, 3};
    uint8_t out[32] = {9};
    assert_false(oc_take_bytes((ProtobufCBinaryData){31, raw}, true, out, 32));
    assert_false(oc_take_bytes((ProtobufCBinaryData){33, raw}, true, out, 32));
    assert_false(oc_take_bytes((ProtobufCBinaryData){0, NULL}, false, out, 32));
    assert_int_equal(out[0], 9);
    assert_true(oc_take_bytes((ProtobufCBinaryData){32, raw}, false, out, 32));
    assert_memory_equal(out, raw, 32);
    assert_true(oc_take_bytes((ProtobufCBinaryData){0, NULL}, true, out, 32));
    assert_int_equal(out[0], 0);
}

static void a_grant_is_whole_and_sorted_or_refused(void **state)
{
    (void)state;
    char long_scope[OC_MAX_SCOPE_BYTES + 2];
    memset(long_scope, 'a', sizeof long_scope - 1);
    long_scope[sizeof long_scope - 1] = '\0';
    char *scopes[OC_MAX_SCOPES + 1];
    for (size_t i = 0; i < OC_MAX_SCOPES + 1; i++) {
        scopes[i] = literal(i % 2 == 0 ? "b" : "a");
    }
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    grant.role = literal("agent");
    grant.scopes = scopes;
    grant.n_scopes = OC_MAX_SCOPES;
    struct oc_grant out;
    assert_true(oc_take_grant(&grant, &out));
    assert_int_equal(out.n_scopes, 2);
    assert_string_equal(out.scopes[0], "a");
    grant.n_scopes = OC_MAX_SCOPES + 1;
    assert_false(oc_take_grant(&grant, &out));
    grant.n_scopes = 1;
    scopes[0] = long_scope; /* cut short, it would be another right */
    assert_false(oc_take_grant(&grant, &out));
    grant.n_scopes = 0;
    grant.role = long_scope;
    assert_false(oc_take_grant(&grant, &out));
    grant.role = literal("agent\x1b[2J");
    assert_false(oc_take_grant(&grant, &out));
    assert_true(oc_take_grant(NULL, &out));
    assert_string_equal(out.role, "");
}

static void too_many_labels_are_refused(void **state)
{
    (void)state;
    Openclaw__V1__Label label = OPENCLAW__V1__LABEL__INIT;
    Openclaw__V1__Label *labels[OC_MAX_LABELS + 1];
    for (size_t i = 0; i < OC_MAX_LABELS + 1; i++) {
        labels[i] = &label;
    }
    struct oc_labels out;
    assert_true(oc_take_labels(labels, OC_MAX_LABELS, &out));
    assert_int_equal(out.n, OC_MAX_LABELS);
    assert_false(oc_take_labels(labels, OC_MAX_LABELS + 1, &out));
}

static void a_receipt_longer_than_its_place_is_refused(void **state)
{
    (void)state;
    static uint8_t bytes[256];
    Openclaw__V1__Receipt receipt = OPENCLAW__V1__RECEIPT__INIT;
    receipt.gateway_id = (ProtobufCBinaryData){16, bytes};
    receipt.database_id = (ProtobufCBinaryData){16, bytes};
    receipt.device_id = (ProtobufCBinaryData){32, bytes};
    receipt.signature = (ProtobufCBinaryData){OC_RECEIPT_MAX_SIGNATURE_BYTES, bytes};
    struct oc_receipt out = {.n_signature = 0};
    assert_true(oc_take_receipt(&receipt, &out));
    assert_int_equal(out.n_signature, OC_RECEIPT_MAX_SIGNATURE_BYTES);
    receipt.signature.len = OC_RECEIPT_MAX_SIGNATURE_BYTES + 1;
    assert_false(oc_take_receipt(&receipt, &out));
    receipt.signature.len = 256; /* 0 in eight bits */
    assert_false(oc_take_receipt(&receipt, &out));
    receipt.signature.len = 70;
    receipt.issued_at_ms = -1;
    assert_false(oc_take_receipt(&receipt, &out));
    assert_true(oc_take_receipt(NULL, &out));
    assert_int_equal(out.n_signature, 0);
}

static void a_name_that_the_gateway_gave_may_be_printed(void **state)
{
    (void)state;
    Openclaw__V1__Session session = OPENCLAW__V1__SESSION__INIT;
    session.alias = literal("web\x1b[2J");
    struct oc_session out;
    assert_true(oc_take_session(&session, &out));
    assert_string_equal(out.alias, "web?[2J");
}

static void words_that_are_not_known_become_none(void **state)
{
    (void)state;
    assert_int_equal(oc_take_why((Openclaw__V1__Why)OC_WHY_COUNT), OC_WHY_NONE);
    assert_int_equal(oc_take_why((Openclaw__V1__Why)-1), OC_WHY_NONE);
    assert_int_equal(oc_take_refusal_kind((Openclaw__V1__RefusalKind)OC_REFUSAL_COUNT),
                     OC_REFUSAL_NONE);
    assert_int_equal(oc_take_refusal_kind(OPENCLAW__V1__REFUSAL_KIND__REFUSAL_LOCKED),
                     OC_REFUSAL_LOCKED);
}

static void a_device_s_host_is_counted_as_the_gateway_counts(void **state)
{
    (void)state;
    uint8_t id[OC_DEVICE_ID_BYTES] = {1};
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    device.device_id = (ProtobufCBinaryData){sizeof id, id};
    device.host_group = 4711;
    device.same_host_devices = 21;
    device.same_host_requests = 20;
    struct oc_device out;
    assert_true(oc_take_device(&device, &out));
    assert_true(out.host_group == 4711);
    assert_int_equal(out.n_same_host_devices, 21);
    assert_int_equal(out.n_same_host_requests, 20);
}

static void a_request_id_is_one_or_empty(void **state)
{
    (void)state;
    struct oc_request_id id;
    assert_true(oc_take_request_id("7QK4M2T9XA", &id));
    assert_true(oc_take_request_id("", &id));
    assert_string_equal(id.text, "");
    assert_false(oc_take_request_id("7QK4M2T9X", &id));
    assert_false(oc_take_request_id("7QK4M2T9X\x1b", &id));
}

static void an_administrator_has_a_name_of_ours_or_a_plain_uri(void **state)
{
    (void)state;
    static const char *const names[] = {"alice", "spiffe://corp.example/admins/a"};
    static const char *const others[] = {"", "Alice", "a\nb", "spiffe://corp\x1b[31m", "a b"};
    struct oc_administrator out;
    Openclaw__V1__Administrator in = OPENCLAW__V1__ADMINISTRATOR__INIT;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        in.name = literal(names[i]);
        assert_true(oc_take_administrator(&in, &out));
        assert_string_equal(out.name, names[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        in.name = literal(others[i]);
        assert_false(oc_take_administrator(&in, &out));
    }
    assert_false(oc_take_administrator(NULL, &out));
}

static void what_a_gateway_says_of_certificates_stays_within_bounds(void **state)
{
    (void)state;
    uint8_t bytes[OC_MAX_DER_BYTES + 1] = {1};
    struct oc_administrator out;
    struct oc_admin_pki pki;
    struct oc_der der;
    Openclaw__V1__Administrator in = OPENCLAW__V1__ADMINISTRATOR__INIT;
    Openclaw__V1__AdministratorCertificate certificate =
        OPENCLAW__V1__ADMINISTRATOR_CERTIFICATE__INIT;
    Openclaw__V1__AdministratorCertificate *list[OC_MAX_CERTIFICATES + 1];
    Openclaw__V1__AdminCa ca = OPENCLAW__V1__ADMIN_CA__INIT;
    for (size_t i = 0; i <= OC_MAX_CERTIFICATES; i++) {
        list[i] = &certificate;
    }
    in.name = literal("alice");
    in.certificates = list;
    in.n_certificates = OC_MAX_CERTIFICATES;
    assert_false(oc_take_administrator(&in, &out)); /* no fingerprint */
    certificate.sha256 = (ProtobufCBinaryData){32, bytes};
    certificate.serial = (ProtobufCBinaryData){OC_MAX_SERIAL_BYTES, bytes};
    certificate.issued_by = literal("admin:\x1b]0;x\x07");
    assert_true(oc_take_administrator(&in, &out));
    assert_int_equal(out.certificates[7].n_serial, OC_MAX_SERIAL_BYTES);
    assert_null(strchr(out.certificates[0].issued_by, '\x1b'));
    in.n_certificates = OC_MAX_CERTIFICATES + 1;
    assert_false(oc_take_administrator(&in, &out));
    in.n_certificates = 1;
    certificate.serial.len = OC_MAX_SERIAL_BYTES + 1;
    assert_false(oc_take_administrator(&in, &out));
    assert_true(oc_take_der((ProtobufCBinaryData){OC_MAX_DER_BYTES, bytes}, &der));
    assert_false(oc_take_der((ProtobufCBinaryData){OC_MAX_DER_BYTES + 1, bytes}, &der));
    ca.certificate = (ProtobufCBinaryData){sizeof bytes, bytes};
    ca.sha256 = (ProtobufCBinaryData){32, bytes};
    assert_false(oc_take_pki(&ca, "", &pki));
    assert_true(oc_take_pki(NULL, "tls+tcp://\x1b", &pki));
    assert_false(pki.is_there);
    assert_null(strchr(pki.admin_url, '\x1b'));
}

static void roles_and_states_of_a_newer_gateway_are_unknown(void **state)
{
    (void)state;
    struct oc_administrator out;
    Openclaw__V1__Administrator in = OPENCLAW__V1__ADMINISTRATOR__INIT;
    in.name = literal("alice");
    in.role = (Openclaw__V1__AdministratorRole)9;
    in.state = (Openclaw__V1__AdministratorState)-1;
    assert_true(oc_take_administrator(&in, &out));
    assert_int_equal(out.role, OC_ADMINISTRATOR_ROLE_UNKNOWN);
    assert_int_equal(out.state, OC_ADMINISTRATOR_STATE_UNKNOWN);
    assert_string_equal(oc_administrator_role_name((enum oc_administrator_role)9), "unknown");
    assert_string_equal(oc_administrator_state_name((enum oc_administrator_state)9), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(bytes_have_their_length_or_are_refused),
        cmocka_unit_test(a_grant_is_whole_and_sorted_or_refused),
        cmocka_unit_test(too_many_labels_are_refused),
        cmocka_unit_test(a_receipt_longer_than_its_place_is_refused),
        cmocka_unit_test(a_name_that_the_gateway_gave_may_be_printed),
        cmocka_unit_test(words_that_are_not_known_become_none),
        cmocka_unit_test(a_device_s_host_is_counted_as_the_gateway_counts),
        cmocka_unit_test(a_request_id_is_one_or_empty),
        cmocka_unit_test(an_administrator_has_a_name_of_ours_or_a_plain_uri),
        cmocka_unit_test(what_a_gateway_says_of_certificates_stays_within_bounds),
        cmocka_unit_test(roles_and_states_of_a_newer_gateway_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
