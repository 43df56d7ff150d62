/*
 * Requests: the first byte chooses the method, the rest is its payload. What passes the checks of
 * the wire decodes within the arena; what is converted holds the promises of convert.h: text that
 * would be accepted again unchanged, sorted scopes and labels, bounded numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/envelope.h"
#include "proto/rpc/method.h"
#include "server/rpc/convert.h"
#include "server/rpc/text.h"
#include "tests/fuzz/fuzz_target.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_text(const char *text, size_t max_bytes)
{
    char again[512];
    require(text_accept_printable(text, max_bytes, again));
    require(strcmp(text, again) == 0);
}

static void check_grant(const struct oc_grant *grant)
{
    require(grant->n_scopes <= OC_MAX_SCOPES);
    require(grant->role[0] == '\0' || text_is_role(grant->role));
    for (size_t i = 0; i < grant->n_scopes; i++) {
        require(text_is_scope(grant->scopes[i]));
        require(i == 0 || strcmp(grant->scopes[i - 1], grant->scopes[i]) < 0);
    }
}

static void check_labels(const struct oc_labels *labels)
{
    require(labels->n <= OC_MAX_LABELS);
    for (size_t i = 0; i < labels->n; i++) {
        require(text_is_label_key(labels->items[i].key));
        check_text(labels->items[i].value, OC_MAX_LABEL_VALUE_BYTES);
        require(i == 0 || strcmp(labels->items[i - 1].key, labels->items[i].key) < 0);
    }
}

static void check_connect(const ProtobufCMessage *message)
{
    struct connect_facts facts;
    if (convert_connect((const Openclaw__V1__ConnectRequest *)message, &facts, NULL)) {
        return;
    }
    check_text(facts.ask.name, OC_MAX_NAME_BYTES);
    check_text(facts.ask.purpose, OC_MAX_PURPOSE_BYTES);
    check_text(facts.sighting.platform, OC_MAX_PLATFORM_BYTES);
    check_text(facts.sighting.version, OC_MAX_VERSION_BYTES);
    check_grant(&facts.ask.grant);
    check_labels(&facts.ask.labels);
    require(!facts.has_receipt || facts.receipt.n_signature > 0);
}

static void check_command(enum oc_status status, const struct decide_command *command)
{
    if (status) {
        return;
    }
    check_text(command->alias, OC_MAX_NAME_BYTES);
    check_text(command->reason, OC_MAX_REASON_BYTES);
    check_grant(&command->grant);
    check_labels(&command->labels);
    require(command->term_ms >= 0 && command->term_ms <= CONVERT_MAX_TERM_MS);
    require(strlen(command->code) == 0 || strlen(command->code) == OC_CODE_DIGITS);
}

static void check_reading(const ProtobufCMessage *message)
{
    struct list_query list;
    struct store_audit_query audit;
    char selector[CONVERT_MAX_SELECTOR_BYTES + 1];
    if (message->descriptor == &openclaw__v1__list_devices_request__descriptor &&
        !convert_list((const Openclaw__V1__ListDevicesRequest *)message, &list, NULL)) {
        require(list.limit >= 1 && list.limit <= CONVERT_MAX_PAGE);
        require(list.states < 1U << OC_STATE_COUNT);
    }
    if (message->descriptor == &openclaw__v1__list_audit_request__descriptor &&
        !convert_audit((const Openclaw__V1__ListAuditRequest *)message, &audit, NULL)) {
        require(audit.limit >= 1 && audit.limit <= STORE_MAX_PAGE);
    }
    if (message->descriptor == &openclaw__v1__resolve_request__descriptor &&
        !convert_selector((const Openclaw__V1__ResolveRequest *)message, selector, NULL)) {
        check_text(selector, CONVERT_MAX_SELECTOR_BYTES);
    }
}

static void check_deciding(const ProtobufCMessage *message)
{
    struct decide_command command = {.kind = PAIRING_EV_APPROVE};
    const ProtobufCMessageDescriptor *kind = message->descriptor;
    if (kind == &openclaw__v1__approve_request__descriptor) {
        check_command(
            convert_approve((const Openclaw__V1__ApproveRequest *)message, &command, NULL),
            &command);
    } else if (kind == &openclaw__v1__request_decision__descriptor) {
        check_command(convert_request_decision((const Openclaw__V1__RequestDecision *)message,
                                               PAIRING_EV_REJECT, &command, NULL),
                      &command);
    } else if (kind == &openclaw__v1__device_decision__descriptor) {
        check_command(convert_device_decision((const Openclaw__V1__DeviceDecision *)message,
                                              PAIRING_EV_REVOKE, &command, NULL),
                      &command);
    } else if (kind == &openclaw__v1__rename_request__descriptor) {
        check_command(convert_rename((const Openclaw__V1__RenameRequest *)message, &command, NULL),
                      &command);
    } else if (kind == &openclaw__v1__expect_request__descriptor) {
        check_command(convert_expect((const Openclaw__V1__ExpectRequest *)message, &command, NULL),
                      &command);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    unsigned n_methods = 0;
    const struct oc_method *methods = oc_method_table(&n_methods);
    if (n == 0 || n > OC_MAX_FRAME_BYTES) {
        return 0;
    }
    const struct oc_method *method = &methods[bytes[0] % n_methods];
    struct oc_arena *arena = oc_arena_new(OC_ARENA_BYTES);
    ProtobufCMessage *message = NULL;
    struct oc_error err;
    require(arena != NULL);
    if (!oc_payload_unpack(oc_method_input(method), bytes + 1, n - 1, method->changes, arena,
                           &message, &err)) {
        if (message->descriptor == &openclaw__v1__connect_request__descriptor) {
            check_connect(message);
        }
        check_reading(message);
        check_deciding(message);
    }
    oc_arena_free(arena);
    return 0;
}
