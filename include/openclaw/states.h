/*
 * The words for states and refusals that every layer and every caller shares.
 *
 * Thread: any; every function here is pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* What was decided of a device and holds now, whatever it asks for. */
enum oc_standing {
    OC_STANDING_NONE, /* never approved, or unblocked */
    OC_STANDING_APPROVED,
    OC_STANDING_REVOKED, /* also when its term ended or its record was removed */
    OC_STANDING_BLOCKED,
    OC_STANDING_COUNT
};

/* The one word that lists show: blocked, else approved, else pending, else revoked, else
 * rejected, else none. */
enum oc_state {
    OC_STATE_NONE,
    OC_STATE_PENDING,
    OC_STATE_APPROVED,
    OC_STATE_REJECTED,
    OC_STATE_REVOKED,
    OC_STATE_BLOCKED,
    OC_STATE_COUNT
};

/* Why a device is asked to pair; the first that applies. Numbers as on the wire. */
enum oc_why {
    OC_WHY_NONE,
    OC_WHY_BLOCKED,
    OC_WHY_REJECTED, /* and its cool-down is not over, or it asks again */
    OC_WHY_REVOKED,
    OC_WHY_ACCESS_WIDENED, /* approved, but asks for more than that */
    OC_WHY_RECORDS_RESET,  /* it was approved, in records that this gateway has no more */
    OC_WHY_REMOVED,
    OC_WHY_IDENTITY_CHANGED,    /* claims to be an approved device, under another key */
    OC_WHY_ADDITIONAL_INSTANCE, /* another device of its host is paired */
    OC_WHY_NEW_DEVICE,
    OC_WHY_COUNT
};

/* How Connect was refused. Numbers as on the wire. */
enum oc_refusal_kind {
    OC_REFUSAL_NONE,
    OC_REFUSAL_PAIRING_REQUIRED, /* a request waits for an administrator */
    OC_REFUSAL_REJECTED,
    OC_REFUSAL_REVOKED,
    OC_REFUSAL_BLOCKED,
    OC_REFUSAL_BUSY,   /* a cap, or too soon: retry_after_ms */
    OC_REFUSAL_LOCKED, /* the gateway serves nobody until it is unlocked */
    OC_REFUSAL_COUNT
};

/* The word as in JSON: "approved", "access_widened"; "unknown" for a value that is not in the
 * table. Never NULL; the text is constant. */
const char *oc_standing_name(enum oc_standing standing);
const char *oc_state_name(enum oc_state state);
const char *oc_why_name(enum oc_why why);
const char *oc_refusal_name(enum oc_refusal_kind kind);

/* A sentence for people: "new device: this gateway has never seen this key"; "" for NONE and for
 * a value that is not in the table. Never NULL; the text is constant. */
const char *oc_why_text(enum oc_why why);

/* The HTTP status that goes with a refusal: 401, 403, 429 or 503; 0 for NONE and for a value that
 * is not in the table. */
uint32_t oc_refusal_http_status(enum oc_refusal_kind kind);

/* Reads a word as oc_state_name gives it. False, *out as it was, if it is none of the table. */
bool oc_state_parse(const char *text, enum oc_state *out);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
