/*
 * Certificates of remote administrators: what one says, and whether it may come in.
 *
 * The rules, all of them, every time: signed by the CA itself and by nobody between; in force now;
 * made for clients (EKU clientAuth, present and named); no CA; of a P-256 or a sound Ed25519 key;
 * of at most 2 KiB; no critical extension that nobody here knows; and one name alone, the URI
 * openclaw:admin/NAME; of an external CA's: any URI of plain characters. What may follow from the
 * name is looked up at every call, never read here.
 *
 * Thread: any; everything here is a plain value or immutable. OpenSSL's error queue is empty after
 * every call.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <stdbool.h>

#include "proto/crypto/digest.h"

enum {
    OC_ADMIN_NAME_BYTES = 64,
    OC_ADMIN_SERIAL_BYTES = 20,
    OC_ADMIN_CERTIFICATE_BYTES = 2 * 1024,
    OC_ADMIN_MAX_CHAIN = 2, /* the certificate, and the CA's own beside it */
};

/* Whether n bytes are [a-z][a-z0-9._-]* of at most 64. */
bool oc_admin_name_is_sound_n(const char *text, size_t n);
bool oc_admin_name_is_sound(const char *text);
/* Whether n bytes may name the holder of an external CA's certificate: SCHEME:REST of letters,
 * digits and - . _ ~ : / ? # @ ! $ & ( ) + , ; = %, at most 64. No name of ours is such. */
bool oc_admin_uri_is_sound_n(const char *text, size_t n);
bool oc_admin_uri_is_sound(const char *text);

/* What a certificate says. */
struct oc_admin_certificate {
    char name[OC_ADMIN_NAME_BYTES + 1]; /* of an external CA's: the URI */
    struct oc_digest sha256;            /* of its DER */
    struct oc_digest spki_sha256;
    uint8_t serial[OC_ADMIN_SERIAL_BYTES];
    uint8_t n_serial;
    int64_t not_before_ms; /* Unix milliseconds */
    int64_t not_after_ms;
    struct oc_digest ca_sha256; /* of the CA that signed it */
};

/* Why one is refused; the first that applies. */
enum oc_admin_verdict {
    OC_ADMIN_ACCEPTED,
    OC_ADMIN_UNREADABLE, /* no X.509 v3, or longer than 2 KiB */
    OC_ADMIN_CHAIN_TOO_LONG,
    OC_ADMIN_UNKNOWN_RULE, /* a critical extension that is not known here, or a broken one */
    OC_ADMIN_OTHER_CA,     /* self-signed, another CA's, or not signed strongly enough */
    OC_ADMIN_IS_A_CA,
    OC_ADMIN_WEAK_KEY,      /* neither P-256 nor a sound Ed25519 key */
    OC_ADMIN_WRONG_PURPOSE, /* EKU without clientAuth, or none; a key usage without signing */
    OC_ADMIN_NO_NAME,       /* not exactly one name, openclaw:admin/NAME */
    OC_ADMIN_NO_URI,        /* of an external CA's: not exactly one name, a sound URI */
    OC_ADMIN_NOT_YET_VALID,
    OC_ADMIN_EXPIRED,
    OC_ADMIN_UNMAPPED, /* not the certificate's fault: nobody said what its name may do */
    OC_ADMIN_VERDICT_COUNT
};
/* A sentence for the log, and what helps. Never NULL. */
const char *oc_admin_verdict_text(enum oc_admin_verdict verdict);
const char *oc_admin_verdict_fix(enum oc_admin_verdict verdict);

struct oc_admin_ca; /* see admin_ca.h */

/* Judges what a peer sent, its own certificate first, in DER. *out is filled when accepted. */
enum oc_admin_verdict oc_admin_certificate_judge(const struct oc_admin_ca *ca,
                                                 const struct oc_bytes *sent, size_t n_sent,
                                                 int64_t now_ms, struct oc_admin_certificate *out);

/* For who holds one: what it says, with all rules but that it be in force now. Where an authority
 * of somebody else's made it (configured as admin.ca), it may have other names: "" then.
 * Fails: INVALID_ARGUMENT with err->field certificate. */
OC_MUST_CHECK enum oc_status oc_admin_certificate_inspect(const struct oc_admin_ca *ca,
                                                          struct oc_bytes der,
                                                          struct oc_admin_certificate *out,
                                                          struct oc_error *err);
