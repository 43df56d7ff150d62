#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/rpc/convert.h"
#include "server/rpc/text.h"

enum {
    LONG_BYTES = 10 * 1024,
};

static char long_text[LONG_BYTES + 1];
static char longer_than_any[300];

/* What no text field takes, whatever its length bound. */
static const char *const bad_texts[] = {
    "\x01",        /* control byte */
    "a\nb",        /* line break */
    "a\tb",        /* tab */
    "\x1b[31mred", /* ANSI sequence */
    "\x7f",        /* delete */
    "\xc2\x9b"
    "31m",          /* C1 control: CSI */
    "\xc2\xad",     /* soft hyphen: invisible */
    "\xe2\x80\x8b", /* zero width space */
    "\xe2\x80\x8e", /* left-to-right mark */
    "\xe2\x80\xae"
    "x",                /* right-to-left override */
    "\xe2\x81\xa6",     /* isolate */
    "\xd8\x9c",         /* arabic letter mark */
    "\xd8\x80",         /* arabic number sign: a format character that shows */
    "\xe2\x80\xa8",     /* line separator */
    "\xe2\x80\xa9",     /* paragraph separator */
    "\xef\xbb\xbf",     /* byte order mark */
    "\xef\xbf\xbf",     /* noncharacter */
    "\xee\x80\x80",     /* private use */
    "\xe3\x85\xa4",     /* hangul filler: shows nothing */
    "\xf3\xa0\x80\xa0", /* tag space */
    "\xcd\xb8",         /* unassigned */
    "\xff",             /* not UTF-8, should the wire ever let it through */
    longer_than_any,
    long_text,
};
enum { N_BAD_TEXTS = sizeof bad_texts / sizeof bad_texts[0] };

static int fill_texts(void **state)
{
    (void)state;
    memset(long_text, 'a', LONG_BYTES);
    memset(longer_than_any, 'a', sizeof longer_than_any - 1);
    return 0;
}

static uint8_t some_bytes[64];

static ProtobufCBinaryData bytes_of(size_t n)
{
    return (ProtobufCBinaryData){.len = n, .data = some_bytes};
}

static char *text(const char *in)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = in};
    return pointer.out;
}

static Openclaw__V1__ConnectRequest good_connect(void)
{
    Openclaw__V1__ConnectRequest in = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    in.name = text("web-1");
    in.purpose = text("answers questions");
    in.platform = text("linux");
    in.version = text("1.2");
    in.nonce_commitment = bytes_of(32);
    in.instance_id = bytes_of(16);
    in.boot_id = bytes_of(16);
    in.host_hint = bytes_of(16);
    return in;
}

static Openclaw__V1__ApproveRequest good_approve(void)
{
    Openclaw__V1__ApproveRequest in = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    in.request_id = text("7QK4M2T9XA");
    in.ask_digest = bytes_of(32);
    return in;
}

static void assert_connect_refused(const Openclaw__V1__ConnectRequest *in, const char *field)
{
    struct connect_facts facts = {.has_ask = true};
    struct oc_error err;
    assert_int_equal(convert_connect(in, &facts, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.field, field);
    assert_true(facts.has_ask); /* untouched */
}

static void assert_approve_refused(const Openclaw__V1__ApproveRequest *in, const char *field)
{
    struct decide_command command;
    struct oc_error err;
    assert_int_equal(convert_approve(in, &command, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.field, field);
}

static void bad_text_is_refused_in_every_field_of_connect(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BAD_TEXTS; i++) {
        Openclaw__V1__ConnectRequest in = good_connect();
        in.name = text(bad_texts[i]);
        assert_connect_refused(&in, "name");
        in = good_connect();
        in.purpose = text(bad_texts[i]);
        assert_connect_refused(&in, "purpose");
        in = good_connect();
        in.platform = text(bad_texts[i]);
        assert_connect_refused(&in, "platform");
        in = good_connect();
        in.version = text(bad_texts[i]);
        assert_connect_refused(&in, "version");

        Openclaw__V1__Label label = OPENCLAW__V1__LABEL__INIT;
        Openclaw__V1__Label *labels[] = {&label};
        in = good_connect();
        in.labels = labels;
        in.n_labels = 1;
        label.key = text("site");
        label.value = text(bad_texts[i]);
        assert_connect_refused(&in, "value");
        label.key = text(bad_texts[i]);
        label.value = text("x");
        assert_connect_refused(&in, "key");

        Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
        char *scopes[] = {text(bad_texts[i])};
        in = good_connect();
        in.asked = &grant;
        grant.role = text(bad_texts[i]);
        assert_connect_refused(&in, "role");
        grant.role = text("agent");
        grant.scopes = scopes;
        grant.n_scopes = 1;
        assert_connect_refused(&in, "scopes");
    }
}

static void bad_text_is_refused_in_every_field_of_administrators(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BAD_TEXTS; i++) {
        struct decide_command command;
        struct oc_error err;
        Openclaw__V1__ApproveRequest approve = good_approve();
        approve.alias = text(bad_texts[i]);
        assert_approve_refused(&approve, "alias");
        approve = good_approve();
        approve.reason = text(bad_texts[i]);
        assert_approve_refused(&approve, "reason");
        approve = good_approve();
        approve.code = text(bad_texts[i]);
        assert_approve_refused(&approve, "code");
        approve = good_approve();
        approve.request_id = text(bad_texts[i]);
        assert_approve_refused(&approve, "request_id");

        Openclaw__V1__RequestDecision request = OPENCLAW__V1__REQUEST_DECISION__INIT;
        request.request_id = text("7QK4M2T9XA");
        request.reason = text(bad_texts[i]);
        assert_int_equal(convert_request_decision(&request, PAIRING_EV_REJECT, &command, &err),
                         OC_INVALID_ARGUMENT);
        Openclaw__V1__DeviceDecision device = OPENCLAW__V1__DEVICE_DECISION__INIT;
        device.device_id = bytes_of(32);
        device.reason = text(bad_texts[i]);
        assert_int_equal(convert_device_decision(&device, PAIRING_EV_BLOCK, &command, &err),
                         OC_INVALID_ARGUMENT);
        Openclaw__V1__RenameRequest rename = OPENCLAW__V1__RENAME_REQUEST__INIT;
        rename.device_id = bytes_of(32);
        rename.alias = text(bad_texts[i]);
        assert_int_equal(convert_rename(&rename, &command, &err), OC_INVALID_ARGUMENT);
        Openclaw__V1__ExpectRequest expect = OPENCLAW__V1__EXPECT_REQUEST__INIT;
        expect.device_id = bytes_of(32);
        expect.reason = text(bad_texts[i]);
        assert_int_equal(convert_expect(&expect, &command, &err), OC_INVALID_ARGUMENT);

        char selector[CONVERT_MAX_SELECTOR_BYTES + 1];
        Openclaw__V1__ResolveRequest resolve = OPENCLAW__V1__RESOLVE_REQUEST__INIT;
        resolve.selector = text(bad_texts[i]);
        assert_int_equal(convert_selector(&resolve, selector, &err), OC_INVALID_ARGUMENT);
        struct list_query query;
        Openclaw__V1__ListDevicesRequest list = OPENCLAW__V1__LIST_DEVICES_REQUEST__INIT;
        list.cursor = text(bad_texts[i]);
        assert_int_equal(convert_list(&list, &query, &err), OC_INVALID_ARGUMENT);
    }
}

static void bytes_of_another_length_are_refused(void **state)
{
    (void)state;
    Openclaw__V1__ConnectRequest in = good_connect();
    in.nonce_commitment = bytes_of(0);
    assert_connect_refused(&in, "nonce_commitment");
    in.nonce_commitment = bytes_of(33);
    assert_connect_refused(&in, "nonce_commitment");
    in = good_connect();
    in.instance_id = bytes_of(15);
    assert_connect_refused(&in, "instance_id");
    in = good_connect();
    in.boot_id = bytes_of(17);
    assert_connect_refused(&in, "boot_id");
    in = good_connect();
    in.host_hint = bytes_of(1);
    assert_connect_refused(&in, "host_hint");
    Openclaw__V1__ApproveRequest approve = good_approve();
    approve.ask_digest = bytes_of(31);
    assert_approve_refused(&approve, "ask_digest");
}

static void receipts_are_whole_or_refused(void **state)
{
    (void)state;
    Openclaw__V1__ConnectRequest in = good_connect();
    Openclaw__V1__Receipt receipt = OPENCLAW__V1__RECEIPT__INIT;
    struct connect_facts facts;
    in.receipt = &receipt;
    assert_connect_refused(&in, "gateway_id");
    receipt.gateway_id = bytes_of(16);
    assert_connect_refused(&in, "database_id");
    receipt.database_id = bytes_of(16);
    assert_connect_refused(&in, "device_id");
    receipt.device_id = bytes_of(32);
    assert_connect_refused(&in, "signature");
    uint8_t signature[OC_RECEIPT_MAX_SIGNATURE_BYTES + 1] = {0};
    receipt.signature = (ProtobufCBinaryData){sizeof signature, signature};
    assert_connect_refused(&in, "signature");
    receipt.signature.len--;
    receipt.issued_at_ms = -1;
    assert_connect_refused(&in, "issued_at_ms");
    receipt.issued_at_ms = 5;
    receipt.seq = 9;
    assert_int_equal(convert_connect(&in, &facts, NULL), OC_OK);
    assert_true(facts.has_receipt);
    assert_int_equal(facts.receipt.seq, 9);
    assert_int_equal(facts.receipt.n_signature, OC_RECEIPT_MAX_SIGNATURE_BYTES);
}

static void a_sound_connect_becomes_facts(void **state)
{
    (void)state;
    Openclaw__V1__ConnectRequest in = good_connect();
    struct connect_facts facts;
    in.name = text("Wu\xcc\x88rze"); /* u and a diaeresis: becomes one character */
    in.session_counter = 12;
    assert_int_equal(convert_connect(&in, &facts, NULL), OC_OK);
    assert_string_equal(facts.ask.name, "W\xc3\xbcrze");
    assert_string_equal(facts.ask.purpose, "answers questions");
    assert_string_equal(facts.sighting.platform, "linux");
    assert_string_equal(facts.sighting.version, "1.2");
    assert_int_equal(facts.sighting.session_counter, 12);
    assert_false(facts.has_ask);
    assert_false(facts.has_receipt);
}

static void scopes_and_labels_are_sorted_and_single(void **state)
{
    (void)state;
    Openclaw__V1__ConnectRequest in = good_connect();
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__Label items[3] = {OPENCLAW__V1__LABEL__INIT, OPENCLAW__V1__LABEL__INIT,
                                    OPENCLAW__V1__LABEL__INIT};
    Openclaw__V1__Label *labels[] = {&items[0], &items[1], &items[2]};
    char *scopes[] = {text("tools"), text("chat"), text("tools")};
    struct connect_facts facts;
    grant.role = text("agent");
    grant.scopes = scopes;
    grant.n_scopes = 3;
    in.asked = &grant;
    items[0].key = text("site");
    items[0].value = text("berlin");
    items[1].key = text("rack");
    items[1].value = text("4");
    items[2] = items[0];
    in.labels = labels;
    in.n_labels = 3;
    assert_int_equal(convert_connect(&in, &facts, NULL), OC_OK);
    assert_true(facts.has_ask);
    assert_int_equal(facts.ask.grant.n_scopes, 2);
    assert_string_equal(facts.ask.grant.scopes[0], "chat");
    assert_string_equal(facts.ask.grant.scopes[1], "tools");
    assert_int_equal(facts.ask.labels.n, 2);
    assert_string_equal(facts.ask.labels.items[0].key, "rack");
    assert_string_equal(facts.ask.labels.items[1].value, "berlin");
    items[2].value = text("paris");
    assert_connect_refused(&in, "labels");
}

static void counts_over_the_bound_are_refused(void **state)
{
    (void)state;
    Openclaw__V1__ConnectRequest in = good_connect();
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__Label label = OPENCLAW__V1__LABEL__INIT;
    Openclaw__V1__Label *labels[OC_MAX_LABELS + 1];
    char *scopes[OC_MAX_SCOPES + 1];
    for (size_t i = 0; i <= OC_MAX_SCOPES; i++) {
        scopes[i] = text("chat");
    }
    for (size_t i = 0; i <= OC_MAX_LABELS; i++) {
        labels[i] = &label;
    }
    grant.role = text("agent");
    grant.scopes = scopes;
    grant.n_scopes = OC_MAX_SCOPES + 1;
    in.asked = &grant;
    assert_connect_refused(&in, "scopes");
    in.asked = NULL;
    label.key = text("k");
    in.labels = labels;
    in.n_labels = OC_MAX_LABELS + 1;
    assert_connect_refused(&in, "labels");
}

static void words_keep_to_their_alphabets(void **state)
{
    (void)state;
    char word[34];
    memset(word, 'a', 33);
    word[33] = '\0';
    assert_true(text_is_role("agent-2.x_y"));
    assert_false(text_is_role(""));
    assert_false(text_is_role("2agent"));
    assert_false(text_is_role("Agent"));
    assert_false(text_is_role(word));
    assert_true(text_is_role(word + 1));
    assert_true(text_is_scope("files:/srv/*.txt-1_a"));
    assert_false(text_is_scope(""));
    assert_false(text_is_scope("a b"));
    assert_false(text_is_scope(word));
    assert_true(text_is_label_key("a/b.c_d-9"));
    assert_false(text_is_label_key("a:b"));
    assert_false(text_is_label_key(word));
}

static void terms_out_of_range_are_refused(void **state)
{
    (void)state;
    static const int64_t bad[] = {-1, 1, 999, INT64_MIN, INT64_MAX, CONVERT_MAX_TERM_MS + 1};
    Openclaw__V1__ApproveRequest in = good_approve();
    struct decide_command command;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        in.term_ms = bad[i];
        assert_approve_refused(&in, "term_ms");
    }
    in.term_ms = CONVERT_MAX_TERM_MS;
    assert_int_equal(convert_approve(&in, &command, NULL), OC_OK);
    assert_int_equal(command.term_ms, CONVERT_MAX_TERM_MS);
}

static void an_alias_that_reads_as_an_id_is_refused(void **state)
{
    (void)state;
    Openclaw__V1__ApproveRequest in = good_approve();
    in.alias = text("7qk4m2t9xa");
    assert_approve_refused(&in, "alias");
    in.alias = text("9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c");
    assert_approve_refused(&in, "alias");
}

static void an_approval_keeps_what_was_typed(void **state)
{
    (void)state;
    Openclaw__V1__ApproveRequest in = good_approve();
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    struct decide_command command;
    grant.role = text("agent");
    in.request_id = text("7qk4m2t9xa");
    in.grant = &grant;
    in.code = text("4821-7730");
    in.alias = text("front door");
    in.reason = text("seen on the bench");
    assert_int_equal(convert_approve(&in, &command, NULL), OC_OK);
    assert_int_equal(command.kind, PAIRING_EV_APPROVE);
    assert_true(command.narrows);
    assert_string_equal(command.request_id.text, "7QK4M2T9XA");
    assert_string_equal(command.code, "48217730");
    assert_string_equal(command.alias, "front door");
    assert_string_equal(command.reason, "seen on the bench");
}

static void expect_with_approve_needs_a_grant(void **state)
{
    (void)state;
    Openclaw__V1__ExpectRequest in = OPENCLAW__V1__EXPECT_REQUEST__INIT;
    struct decide_command command;
    struct oc_error err;
    in.device_id = bytes_of(32);
    assert_int_equal(convert_expect(&in, &command, NULL), OC_OK);
    assert_false(command.approves);
    in.approve = true;
    assert_int_equal(convert_expect(&in, &command, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.field, "grant");
}

static void pages_and_states_are_bounded(void **state)
{
    (void)state;
    Openclaw__V1__ListDevicesRequest in = OPENCLAW__V1__LIST_DEVICES_REQUEST__INIT;
    Openclaw__V1__State states[] = {OPENCLAW__V1__STATE__STATE_PENDING,
                                    OPENCLAW__V1__STATE__STATE_BLOCKED};
    struct list_query query;
    struct oc_error err;
    assert_int_equal(convert_list(&in, &query, &err), OC_OK);
    assert_int_equal(query.limit, CONVERT_DEFAULT_PAGE);
    assert_int_equal(query.states, 0);
    in.page_size = CONVERT_MAX_PAGE + 1;
    assert_int_equal(convert_list(&in, &query, &err), OC_INVALID_ARGUMENT);
    in.page_size = CONVERT_MAX_PAGE;
    in.states = states;
    in.n_states = 2;
    assert_int_equal(convert_list(&in, &query, &err), OC_OK);
    assert_int_equal(query.states, 1U << OC_STATE_PENDING | 1U << OC_STATE_BLOCKED);
    states[0] = (Openclaw__V1__State)6;
    assert_int_equal(convert_list(&in, &query, &err), OC_INVALID_ARGUMENT);
    states[0] = (Openclaw__V1__State)-1;
    assert_int_equal(convert_list(&in, &query, &err), OC_INVALID_ARGUMENT);
}

static void audit_pages_are_bounded(void **state)
{
    (void)state;
    Openclaw__V1__ListAuditRequest in = OPENCLAW__V1__LIST_AUDIT_REQUEST__INIT;
    struct store_audit_query query;
    struct oc_error err;
    assert_int_equal(convert_audit(&in, &query, &err), OC_OK);
    assert_false(query.has_device_id);
    in.page_size = STORE_MAX_PAGE + 1;
    assert_int_equal(convert_audit(&in, &query, &err), OC_INVALID_ARGUMENT);
    in.page_size = 1;
    in.device_id = bytes_of(31);
    assert_int_equal(convert_audit(&in, &query, &err), OC_INVALID_ARGUMENT);
    in.device_id = bytes_of(32);
    assert_int_equal(convert_audit(&in, &query, &err), OC_OK);
    assert_true(query.has_device_id);
}

static void unlock_wants_exactly_one_way(void **state)
{
    (void)state;
    Openclaw__V1__UnlockRequest in = OPENCLAW__V1__UNLOCK_REQUEST__INIT;
    assert_int_equal(convert_unlock(&in, NULL), OC_INVALID_ARGUMENT);
    in.init = true;
    assert_int_equal(convert_unlock(&in, NULL), OC_OK);
    in.accept_rollback = true;
    assert_int_equal(convert_unlock(&in, NULL), OC_INVALID_ARGUMENT);
}

static void awaiting_names_a_request_and_a_nonce(void **state)
{
    (void)state;
    Openclaw__V1__AwaitDecisionRequest in = OPENCLAW__V1__AWAIT_DECISION_REQUEST__INIT;
    struct await_facts facts;
    struct oc_error err;
    in.request_id = text("short");
    in.device_nonce = bytes_of(32);
    assert_int_equal(convert_await(&in, &facts, &err), OC_INVALID_ARGUMENT);
    in.request_id = text("7QK4M2T9XA");
    in.device_nonce = bytes_of(31);
    assert_int_equal(convert_await(&in, &facts, &err), OC_INVALID_ARGUMENT);
    in.device_nonce = bytes_of(32);
    assert_int_equal(convert_await(&in, &facts, &err), OC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_text_is_refused_in_every_field_of_connect),
        cmocka_unit_test(bad_text_is_refused_in_every_field_of_administrators),
        cmocka_unit_test(bytes_of_another_length_are_refused),
        cmocka_unit_test(receipts_are_whole_or_refused),
        cmocka_unit_test(a_sound_connect_becomes_facts),
        cmocka_unit_test(scopes_and_labels_are_sorted_and_single),
        cmocka_unit_test(counts_over_the_bound_are_refused),
        cmocka_unit_test(words_keep_to_their_alphabets),
        cmocka_unit_test(terms_out_of_range_are_refused),
        cmocka_unit_test(an_alias_that_reads_as_an_id_is_refused),
        cmocka_unit_test(an_approval_keeps_what_was_typed),
        cmocka_unit_test(expect_with_approve_needs_a_grant),
        cmocka_unit_test(pages_and_states_are_bounded),
        cmocka_unit_test(audit_pages_are_bounded),
        cmocka_unit_test(unlock_wants_exactly_one_way),
        cmocka_unit_test(awaiting_names_a_request_and_a_nonce),
    };
    return cmocka_run_group_tests(tests, fill_texts, NULL);
}
