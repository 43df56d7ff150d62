/*
 * What an agent remembers of one gateway: pins, the receipt it gave, and how many sessions. This
 * file owns the text form, which is read back strictly. Pure: no files.
 */
#pragma once

#include <openclaw/pairing.h>

#include "client/gateway_address.h"
#include "proto/crypto/receipt.h"

struct oc_gateway_record {
    char
        url[OC_MAX_GATEWAY_URL_BYTES + 1]; /* canonical; guards against a file under a wrong name */
    struct oc_trust trust;
    uint64_t n_sessions;
    struct oc_receipt receipt; /* n_signature 0: none */
};

enum {
    OC_GATEWAY_RECORD_BYTES = 2048, /* of text, at most */
    OC_GATEWAY_FILE_NAME_BYTES = 128,
    OC_PIN_TEXT_BYTES = sizeof "sha256:" + 2 * OC_DIGEST_BYTES, /* with NUL */
};

/* "gw.example_18789-1f2e3d4c.yaml": readable, and distinct for distinct addresses. */
void oc_gateway_file_name(const struct oc_gateway_address *address,
                          char out[OC_GATEWAY_FILE_NAME_BYTES]);

/* Writes the text; returns its length, or 0 when it does not fit (a record never is that long). */
size_t oc_gateway_record_format(const struct oc_gateway_record *record,
                                char out[OC_GATEWAY_RECORD_BYTES]);

/* Fails: DATA_LOSS, naming the line. */
OC_MUST_CHECK enum oc_status oc_gateway_record_parse(const char *text, size_t n,
                                                     struct oc_gateway_record *out,
                                                     struct oc_error *err);

/* "sha256:" and 64 hex digits. */
void oc_pin_format(const struct oc_digest *pin, char out[OC_PIN_TEXT_BYTES]);
