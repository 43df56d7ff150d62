/*
 * Domain values -> answers as they are packed. Each struct holds a message and the arrays that it
 * points into; the message also points into the value it was made of, and is good as long as both
 * stay where they are. Packing only reads.
 *
 * Thread: any; pure.
 */
#pragma once

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "server/service/admin_service.h"

/* protobuf-c's fields are not const although packing only reads them. */
char *convert_text_out(const char *text);
ProtobufCBinaryData convert_bytes_out(const uint8_t *bytes, size_t n);

struct grant_message {
    Openclaw__V1__Grant grant;
    char *scopes[OC_MAX_SCOPES];
};

/* NULL (absent) for no grant; else the message in *out. */
Openclaw__V1__Grant *convert_grant_out(const struct oc_grant *grant, struct grant_message *out);

struct device_message {
    Openclaw__V1__Device device;
    struct grant_message asked;
    struct grant_message granted;
    Openclaw__V1__Label labels[OC_MAX_LABELS];
    Openclaw__V1__Label *label_pointers[OC_MAX_LABELS];
    Openclaw__V1__Vote votes[PAIRING_VOTES_KEPT];
    Openclaw__V1__Vote *vote_pointers[PAIRING_VOTES_KEPT];
};
void convert_device_out(const struct device_view *view, struct device_message *out);

struct session_message {
    Openclaw__V1__Session session;
    struct grant_message granted;
    Openclaw__V1__Receipt receipt;
};
void convert_session_out(const struct session_facts *facts, struct session_message *out);

/* `text` is what the agent prints (refusal_text.h); borrowed like the facts. */
void convert_refusal_out(const struct refusal_facts *facts, const char *text,
                         Openclaw__V1__Refusal *out);

void convert_audit_out(const struct store_audit_row *row, Openclaw__V1__AuditRecord *out);
