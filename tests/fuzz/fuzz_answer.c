/*
 * Answers of a gateway, as a client reads them: the first byte chooses the method, the rest is the
 * payload of its reply. What is converted holds the promises of client/convert.h.
 */
#include <stdlib.h>
#include <string.h>

#include "client/clean_text.h"
#include "client/convert.h"
#include "proto/rpc/envelope.h"
#include "proto/rpc/method.h"
#include "tests/fuzz/fuzz_target.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Whether cleaning would change nothing. */
static void check_clean(const char *text)
{
    char again[512];
    require(strlen(text) < sizeof again);
    strcpy(again, text);
    oc_clean_text(again);
    require(strcmp(again, text) == 0);
}

static void check_grant(const struct oc_grant *grant)
{
    require(grant->n_scopes <= OC_MAX_SCOPES);
    check_clean(grant->role);
    for (size_t i = 0; i < grant->n_scopes; i++) {
        check_clean(grant->scopes[i]);
        require(i == 0 || strcmp(grant->scopes[i - 1], grant->scopes[i]) < 0);
    }
}

static void check_device(const Openclaw__V1__Device *from)
{
    struct oc_device device;
    if (!oc_take_device(from, &device)) {
        return;
    }
    check_grant(&device.asked);
    check_grant(&device.granted);
    check_clean(device.request_id.text);
    require((unsigned)device.state < OC_STATE_COUNT && (unsigned)device.why < OC_WHY_COUNT);
    require(strlen(device.claimed_name) <= OC_MAX_NAME_BYTES);
    require(strlen(device.purpose) <= OC_MAX_PURPOSE_BYTES);
}

static void check_session(const Openclaw__V1__Session *from)
{
    struct oc_session session;
    struct oc_receipt receipt;
    if (!from) {
        return;
    }
    if (oc_take_session(from, &session)) {
        check_grant(&session.granted);
        check_clean(session.alias);
    }
    require(!oc_take_receipt(from->receipt, &receipt) ||
            receipt.n_signature <= OC_RECEIPT_MAX_SIGNATURE_BYTES);
}

static void check_refusal(const Openclaw__V1__Refusal *from)
{
    struct oc_request_id id;
    if (from && oc_take_request_id(from->request_id, &id)) {
        check_clean(id.text);
        require((unsigned)oc_take_refusal_kind(from->kind) < OC_REFUSAL_COUNT);
    }
}

static void check_lists(const ProtobufCMessage *message)
{
    if (message->descriptor == &openclaw__v1__list_devices_reply__descriptor) {
        const Openclaw__V1__ListDevicesReply *reply = (const void *)message;
        for (size_t i = 0; i < reply->n_items; i++) {
            check_device(reply->items[i]);
        }
    } else if (message->descriptor == &openclaw__v1__list_audit_reply__descriptor) {
        const Openclaw__V1__ListAuditReply *reply = (const void *)message;
        struct oc_audit_record record;
        for (size_t i = 0; i < reply->n_items; i++) {
            require(!oc_take_audit_record(reply->items[i], &record) ||
                    strlen(record.detail) < sizeof record.detail);
        }
    }
}

static void check_answer(const ProtobufCMessage *message)
{
    static struct oc_gateway_status status;
    check_lists(message);
    if (message->descriptor == &openclaw__v1__connect_reply__descriptor) {
        const Openclaw__V1__ConnectReply *reply = (const void *)message;
        bool is_session = reply->outcome_case == OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION;
        bool is_refusal = reply->outcome_case == OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL;
        check_session(is_session ? reply->session : NULL);
        check_refusal(is_refusal ? reply->refusal : NULL);
    } else if (message->descriptor == &openclaw__v1__await_notice_reply__descriptor) {
        check_session(((const Openclaw__V1__AwaitNoticeReply *)message)->session);
        check_refusal(((const Openclaw__V1__AwaitNoticeReply *)message)->refusal);
    } else if (message->descriptor == &openclaw__v1__decision_reply__descriptor) {
        check_device(((const Openclaw__V1__DecisionReply *)message)->device);
    } else if (message->descriptor == &openclaw__v1__get_status_reply__descriptor) {
        if (oc_take_status((const Openclaw__V1__GetStatusReply *)message, &status)) {
            require(status.n_counters <= 64 && status.n_listeners <= 16);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned n_methods = 0;
    const struct oc_method *methods = oc_method_table(&n_methods);
    if (size == 0) {
        return 0;
    }
    struct oc_arena *arena = oc_arena_new(OC_ARENA_BYTES);
    ProtobufCMessage *message = NULL;
    if (arena && oc_payload_unpack(oc_method_output(&methods[data[0] % n_methods]), data + 1,
                                   size - 1, false, arena, &message, NULL) == OC_OK) {
        check_answer(message);
    }
    oc_arena_free(arena);
    return 0;
}
