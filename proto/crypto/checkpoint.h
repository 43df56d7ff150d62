/*
 * Checkpoints: what the gateway's key signs of its audit, so that a copy that is kept elsewhere
 * shows what a chain without a key cannot: an end that was cut off, a history made anew, an older
 * one put in its place.
 *
 * Thread: any.
 */
#pragma once

#include <openclaw/audit.h>

#include "proto/crypto/identity.h"

/* Signs over: "openclaw audit checkpoint v1" NUL, gateway id, database id, epoch, seq (8 bytes
 * each, big-endian), hash (32), at_ms (8 bytes, big-endian). Fills in key and signature.
 * Fails: INTERNAL. */
OC_MUST_CHECK enum oc_status oc_checkpoint_sign(const struct oc_identity *gateway,
                                                struct oc_audit_checkpoint *checkpoint,
                                                struct oc_error *err);

/* Whether the signature is that of the key that the checkpoint names. Whose key that is, only its
 * pin tells. */
bool oc_checkpoint_verify(const struct oc_audit_checkpoint *checkpoint);
struct oc_digest oc_checkpoint_pin(const uint8_t key[OC_AUDIT_KEY_BYTES]);

/* As oc_audit_format_checkpoint and oc_audit_parse_checkpoint. */
size_t oc_checkpoint_format(const struct oc_audit_checkpoint *checkpoint,
                            char out[OC_AUDIT_LINE_BYTES]);
bool oc_checkpoint_parse(const char *line, size_t n, struct oc_audit_checkpoint *out);
