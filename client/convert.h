/*
 * Generated messages and the vocabulary of include/openclaw, both ways. What a gateway sent is
 * checked here and nowhere else: ids must be ids, enums must be known or become "none", text that
 * is too long for its place is cut at a character.
 */
#pragma once

#include <openclaw/admin.h>
#include <openclaw/pairing.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/crypto/receipt.h"

/* ---- from the wire: false when it is not what it must be ---------------------------------- */

/* Cuts at a character; `text` may be NULL. Writes at most cap bytes with the NUL. */
void oc_take_text(const char *text, char *out, size_t cap);
/* Exactly n bytes; or none, which gives zeros, if may_be_empty. */
bool oc_take_bytes(ProtobufCBinaryData bytes, bool may_be_empty, uint8_t *out, size_t n);
/* "" stays "". */
bool oc_take_request_id(const char *text, struct oc_request_id *out);
/* NULL: none. What comes out is made of the characters of types.proto only. */
bool oc_take_grant(const Openclaw__V1__Grant *grant, struct oc_grant *out);
bool oc_take_labels(Openclaw__V1__Label *const *labels, size_t n, struct oc_labels *out);
bool oc_take_device(const Openclaw__V1__Device *device, struct oc_device *out);
bool oc_take_event(const Openclaw__V1__Event *event, struct oc_event *out);
bool oc_take_audit_record(const Openclaw__V1__AuditRecord *record, struct oc_audit_record *out);
bool oc_take_status(const Openclaw__V1__GetStatusReply *reply, struct oc_gateway_status *out);
bool oc_take_session(const Openclaw__V1__Session *session, struct oc_session *out);
/* NULL or without signature: none. */
bool oc_take_receipt(const Openclaw__V1__Receipt *receipt, struct oc_receipt *out);
/* Unknown numbers become NONE. */
enum oc_why oc_take_why(Openclaw__V1__Why why);
enum oc_refusal_kind oc_take_refusal_kind(Openclaw__V1__RefusalKind kind);

/* ---- to the wire: messages that borrow from the values ------------------------------------ */

struct oc_grant_message {
    Openclaw__V1__Grant message;
    char *scopes[OC_MAX_SCOPES];
};
void oc_put_grant(const struct oc_grant *grant, struct oc_grant_message *out);

struct oc_labels_message {
    Openclaw__V1__Label items[OC_MAX_LABELS];
    Openclaw__V1__Label *list[OC_MAX_LABELS];
    size_t n;
};
void oc_put_labels(const struct oc_labels *labels, struct oc_labels_message *out);

ProtobufCBinaryData oc_put_bytes(const uint8_t *bytes, size_t n);
/* protobuf-c's strings are not const, yet packing does not write to them. */
char *oc_put_text(const char *text);
