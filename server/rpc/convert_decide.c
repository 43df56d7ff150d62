/* What administrators decide: the other half of convert.h. */
#include <string.h>

#include "proto/crypto/pairing_code.h"
#include "server/rpc/convert_fields.h"

/* ---- administrators: deciding -------------------------------------------------------------- */

/* What Approve and Expect give a device. */
struct terms {
    const Openclaw__V1__Grant *grant;
    Openclaw__V1__Label *const *labels;
    size_t n_labels;
    int64_t term_ms;
    const char *alias;
    const char *reason;
};

static enum oc_status take_terms(const struct terms *in, struct decide_command *command,
                                 struct oc_error *err)
{
    enum oc_status status = in->grant ? field_take_grant(in->grant, &command->grant, err) : OC_OK;
    if (!status) {
        status = field_take_labels(in->labels, in->n_labels, &command->labels, err);
    }
    if (!status) {
        status = field_take_term(in->term_ms, &command->term_ms, err);
    }
    if (!status) {
        status = field_take_alias(in->alias, command->alias, err);
    }
    if (!status) {
        status = field_take_text("reason", in->reason, OC_MAX_REASON_BYTES, command->reason, err);
    }
    return status;
}

static enum oc_status take_code(const char *in, char out[OC_CODE_DIGITS + 1], struct oc_error *err)
{
    if (in[0] == '\0') {
        out[0] = '\0';
        return OC_OK;
    }
    return oc_pairing_code_parse(in, out) ? OC_OK
                                          : field_refuse(err, "code", "must be eight digits");
}

enum oc_status convert_approve(const Openclaw__V1__ApproveRequest *in, struct decide_command *out,
                               struct oc_error *err)
{
    struct decide_command command = {.kind = PAIRING_EV_APPROVE, .narrows = in->grant != NULL};
    const struct terms terms = {in->grant,   in->labels, in->n_labels,
                                in->term_ms, in->alias,  in->reason};
    enum oc_status status = field_take_request_id(in->request_id, &command.request_id, err);
    if (!status) {
        status = field_take_bytes("ask_digest", in->ask_digest, OC_DIGEST_BYTES,
                                  command.ask_digest.bytes, err);
    }
    if (!status) {
        status = take_terms(&terms, &command, err);
    }
    if (!status) {
        status = take_code(in->code, command.code, err);
    }
    if (!status && in->break_glass && in->reason[0] == '\0') {
        status = field_refuse(err, "reason", "needed with break_glass");
    }
    if (!status) {
        command.breaks_glass = in->break_glass != 0;
        *out = command;
    }
    oc_wipe(command.code, sizeof command.code);
    return status;
}

enum oc_status convert_request_decision(const Openclaw__V1__RequestDecision *in,
                                        enum pairing_event_kind kind, struct decide_command *out,
                                        struct oc_error *err)
{
    struct decide_command command = {.kind = kind};
    enum oc_status status = field_take_request_id(in->request_id, &command.request_id, err);
    if (!status) {
        status = field_take_text("reason", in->reason, OC_MAX_REASON_BYTES, command.reason, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_device_decision(const Openclaw__V1__DeviceDecision *in,
                                       enum pairing_event_kind kind, struct decide_command *out,
                                       struct oc_error *err)
{
    struct decide_command command = {.kind = kind};
    enum oc_status status = field_take_device_id(in->device_id, &command.device_id, err);
    if (!status) {
        status = field_take_text("reason", in->reason, OC_MAX_REASON_BYTES, command.reason, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_rename(const Openclaw__V1__RenameRequest *in, struct decide_command *out,
                              struct oc_error *err)
{
    struct decide_command command = {.kind = PAIRING_EV_RENAME};
    enum oc_status status = field_take_device_id(in->device_id, &command.device_id, err);
    if (!status) {
        status = field_take_alias(in->alias, command.alias, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_expect(const Openclaw__V1__ExpectRequest *in, struct decide_command *out,
                              struct oc_error *err)
{
    struct decide_command command = {.kind = PAIRING_EV_EXPECT, .approves = in->approve != 0};
    const struct terms terms = {in->grant,   in->labels, in->n_labels,
                                in->term_ms, in->alias,  in->reason};
    if (command.approves && !in->grant) {
        return field_refuse(err, "grant", "needed with approve");
    }
    enum oc_status status = field_take_device_id(in->device_id, &command.device_id, err);
    if (!status) {
        status = take_terms(&terms, &command, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_unlock(const Openclaw__V1__UnlockRequest *in, struct oc_error *err)
{
    return (in->accept_rollback != 0) != (in->init != 0)
               ? OC_OK
               : field_refuse(err, "accept_rollback", "exactly one of accept_rollback and init");
}
