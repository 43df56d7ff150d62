/*
 * The vocabulary that every layer and every caller shares: ids, grants and labels; with states.h,
 * the words for states.
 *
 * All types are plain values of fixed size without pointers: `=` copies them, nothing is released.
 * Text is NUL-terminated UTF-8; the bounds are the protocol's, in bytes, without the NUL, and so
 * these types never change their size.
 *
 * Thread: any; every function here is pure.
 */
#pragma once

#include <openclaw/states.h>
#include <openclaw/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* The protocol's sizes and bounds. */
enum {
    OC_DEVICE_ID_BYTES = 32,
    OC_DEVICE_ID_DIGITS = 64,
    OC_REQUEST_ID_CHARS = 10,
    OC_DIGEST_BYTES = 32,
    OC_NONCE_BYTES = 32,
    OC_INSTANCE_BYTES = 16,
    OC_CODE_DIGITS = 8,

    OC_MAX_ROLE_BYTES = 32,
    OC_MAX_SCOPE_BYTES = 32,
    OC_MAX_SCOPES = 16,
    OC_MAX_LABELS = 8,
    OC_MAX_LABEL_KEY_BYTES = 32,
    OC_MAX_LABEL_VALUE_BYTES = 64,
    OC_MAX_NAME_BYTES = 64,
    OC_MAX_PURPOSE_BYTES = 128,
    OC_MAX_PLATFORM_BYTES = 32,
    OC_MAX_VERSION_BYTES = 32,
    OC_MAX_REASON_BYTES = 256,
    OC_MAX_ACTOR_BYTES = 80,
    OC_MAX_SOURCE_BYTES = 63,
};

/* SHA-256 of the 32 raw bytes of the device's Ed25519 public key. */
struct oc_device_id {
    uint8_t bytes[OC_DEVICE_ID_BYTES];
};

/* Ten characters of Crockford base32 (upper case, no I L O U), made by the gateway. "" is none. */
struct oc_request_id {
    char text[OC_REQUEST_ID_CHARS + 1];
};

/* A SHA-256: of a gateway's key (a pin), of an ask, of an audit record. */
struct oc_digest {
    uint8_t bytes[OC_DIGEST_BYTES];
};

/* A role and scopes; scopes are sorted bytewise and hold no doubles. role "" is no grant. */
struct oc_grant {
    char role[OC_MAX_ROLE_BYTES + 1];
    uint8_t n_scopes;
    char scopes[OC_MAX_SCOPES][OC_MAX_SCOPE_BYTES + 1];
};

/* One word about a device: "site" is "berlin". */
struct oc_label {
    char key[OC_MAX_LABEL_KEY_BYTES + 1];
    char value[OC_MAX_LABEL_VALUE_BYTES + 1];
};

/* Sorted by key, no key twice. */
struct oc_labels {
    uint8_t n;
    struct oc_label items[OC_MAX_LABELS];
};

/* Writes the id as people see it: 64 lower-case hex digits and a NUL. */
void oc_device_id_format(const struct oc_device_id *id, char out[OC_DEVICE_ID_DIGITS + 1]);
/* Reads exactly 64 hex digits of either case; false otherwise, *out as it was. */
bool oc_device_id_parse(const char *text, struct oc_device_id *out);
/* Whether both are the same device. */
bool oc_device_id_equal(const struct oc_device_id *a, const struct oc_device_id *b);

/* Reads exactly 10 Crockford characters of either case, I and L as 1, O as 0 (Crockford's own rule
 * for what people type); writes the canonical upper case. False otherwise, *out as it was. */
bool oc_request_id_parse(const char *text, struct oc_request_id *out);
/* Whether both are the same request; two times "" are. */
bool oc_request_id_equal(const struct oc_request_id *a, const struct oc_request_id *b);

/* Whether every right of `inner` is in `outer`: the same role and a subset of its scopes.
 * Scopes compare as whole strings. Both normalised. */
bool oc_grant_is_within(const struct oc_grant *inner, const struct oc_grant *outer);
/* Whether both give the same rights. Both normalised. */
bool oc_grant_equal(const struct oc_grant *a, const struct oc_grant *b);
/* Sorts the scopes and drops doubles, in place. n_scopes must be within its bound. */
void oc_grant_normalise(struct oc_grant *grant);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
