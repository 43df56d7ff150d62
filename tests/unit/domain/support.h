/*
 * What the domain's tests share: devices, asks and events in one line, and the stand-ins for what
 * the service computes (digests and request ids), deterministic and without a library.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/pairing.h"

enum {
    T0 = 1000 * 1000, /* when the tests begin */
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
};

extern const struct policy hourly; /* requests expire an hour after the last attempt */

struct oc_device_id device(unsigned number);
/* "agent" with the comma-separated scopes, sorted. */
struct oc_grant grant(const char *scopes);
struct ask ask(const char *scopes);
struct oc_labels label(const char *key, const char *value);

struct oc_digest hash_of(const void *bytes, size_t n);
struct oc_digest digest_of(const struct oc_device_id *id, const struct ask *ask);
/* What the ask's request is called at this generation. */
struct oc_request_id request_id_of(const struct pairing *pairing, const struct oc_digest *digest);

/* Connect with this ask, everything computed as a service would for this record. */
struct pairing_event connect(const struct pairing *pairing, const char *scopes);
/* By "uid:0" at the local door; request events name the open request and its digest. */
struct pairing_event decision(const struct pairing *pairing, enum pairing_event_kind kind);

/* Decides, checks what holds of every decision, and makes *pairing what comes of it. */
struct pairing_decision decide_at(struct pairing *pairing, const struct pairing_event *event,
                                  int64_t now_ms);
/* The same, and the outcome is this one. */
struct pairing_decision expect_outcome(struct pairing *pairing, const struct pairing_event *event,
                                       int64_t now_ms, enum pairing_outcome outcome);
/* Connect and decision with an expected outcome, in one line. */
struct pairing_decision connects(struct pairing *pairing, const char *scopes, int64_t now_ms,
                                 enum pairing_outcome outcome);
struct pairing_decision decides(struct pairing *pairing, enum pairing_event_kind kind,
                                int64_t now_ms, enum pairing_outcome outcome);

/* Records brought about by moves, at T0. */
struct pairing stranger(void);
struct pairing pending(const char *scopes);
struct pairing approved(const char *scopes);
struct pairing revoked(const char *scopes); /* its cool-down ends at T0 + MINUTE */
struct pairing blocked(void);

/* Field by field, padding and unused tails aside; attempted_ms does not count. */
bool is_same_record(const struct pairing *a, const struct pairing *b);
