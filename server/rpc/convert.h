/*
 * Requests as they were decoded -> domain values, with all validation of input: length, then
 * range, then meaning (UTF-8 and NULs were checked on the wire). Nothing behind this file checks
 * again what it checked.
 *
 * All functions: *out is a plain value, untouched on failure. Fails: INVALID_ARGUMENT with
 * err->field. Thread: any; pure.
 */
#pragma once

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "server/service/admin_service.h"

enum {
    CONVERT_MAX_SELECTOR_BYTES = 128,
    CONVERT_DEFAULT_PAGE = 100,
    CONVERT_MAX_PAGE = 500,
};
/* A term: at least a second, at most a hundred years. */
#define CONVERT_MIN_TERM_MS INT64_C(1000)
#define CONVERT_MAX_TERM_MS (INT64_C(100) * 366 * 24 * 3600 * 1000)

OC_MUST_CHECK enum oc_status convert_connect(const Openclaw__V1__ConnectRequest *in,
                                             struct connect_facts *out, struct oc_error *err);

struct await_facts {
    struct oc_request_id request_id;
    uint8_t device_nonce[OC_NONCE_BYTES];
};
OC_MUST_CHECK enum oc_status convert_await(const Openclaw__V1__AwaitDecisionRequest *in,
                                           struct await_facts *out, struct oc_error *err);

OC_MUST_CHECK enum oc_status convert_list(const Openclaw__V1__ListDevicesRequest *in,
                                          struct list_query *out, struct oc_error *err);

OC_MUST_CHECK enum oc_status convert_selector(const Openclaw__V1__ResolveRequest *in,
                                              char out[CONVERT_MAX_SELECTOR_BYTES + 1],
                                              struct oc_error *err);

OC_MUST_CHECK enum oc_status convert_approve(const Openclaw__V1__ApproveRequest *in,
                                             struct decide_command *out, struct oc_error *err);

/* REJECT, DISMISS. */
OC_MUST_CHECK enum oc_status convert_request_decision(const Openclaw__V1__RequestDecision *in,
                                                      enum pairing_event_kind kind,
                                                      struct decide_command *out,
                                                      struct oc_error *err);

/* REVOKE, BLOCK, UNBLOCK, REMOVE. */
OC_MUST_CHECK enum oc_status convert_device_decision(const Openclaw__V1__DeviceDecision *in,
                                                     enum pairing_event_kind kind,
                                                     struct decide_command *out,
                                                     struct oc_error *err);

OC_MUST_CHECK enum oc_status convert_rename(const Openclaw__V1__RenameRequest *in,
                                            struct decide_command *out, struct oc_error *err);

OC_MUST_CHECK enum oc_status convert_expect(const Openclaw__V1__ExpectRequest *in,
                                            struct decide_command *out, struct oc_error *err);

struct audit_filter;
OC_MUST_CHECK enum oc_status convert_audit_filter(const Openclaw__V1__ListAuditRequest *in,
                                                  struct audit_filter *out, struct oc_error *err);
OC_MUST_CHECK enum oc_status convert_audit(const Openclaw__V1__ListAuditRequest *in,
                                           struct store_audit_query *out, struct oc_error *err);

/* Exactly one of the two must be said. */
OC_MUST_CHECK enum oc_status convert_unlock(const Openclaw__V1__UnlockRequest *in,
                                            struct oc_error *err);
