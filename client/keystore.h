/*
 * The device key and what is remembered of gateways, on disk under the data directory:
 *
 *     identity/device.key      PKCS#8 PEM
 *     identity/instance        16 random bytes in hex: tells copies of a directory apart
 *     gateways/HOST_PORT-*.yaml   pins, receipt, count of sessions
 *     gateways/HOST_PORT-*.last   how the last attempt went; see outcome.h
 *
 * Invariant: a key is never deleted or replaced here; two first starts end with one key.
 * `data_dir` NULL is the default one everywhere. Thread: any; may block on disk.
 */
#pragma once

#include <openclaw/pairing.h>

#include "client/gateway_record.h"
#include "client/private_dir.h"
#include "proto/crypto/identity.h"

/* Opens a subdirectory of the data directory, both made if they may be. Owns and fails: as
 * oc_private_dir_open; FAILED_PRECONDITION (no data directory is named). */
OC_MUST_CHECK enum oc_status oc_keystore_open_subdir(const char *data_dir, const char *name,
                                                     bool may_create, struct oc_private_dir *out,
                                                     struct oc_error *err);

/* Owns: *out, oc_identity_free. `info` may be NULL. Fails: as oc_identity_info. */
OC_MUST_CHECK enum oc_status oc_keystore_load_identity(const char *data_dir, bool may_create,
                                                       struct oc_identity **out,
                                                       struct oc_identity_info *info,
                                                       struct oc_error *err);

/* Reads the instance id, or makes it. Fails: FAILED_PRECONDITION, DATA_LOSS, INTERNAL. */
OC_MUST_CHECK enum oc_status oc_keystore_load_instance(const char *data_dir,
                                                       uint8_t out[OC_INSTANCE_BYTES],
                                                       struct oc_error *err);

/* Fails: NOT_FOUND (nothing remembered); FAILED_PRECONDITION; DATA_LOSS; INTERNAL. */
OC_MUST_CHECK enum oc_status oc_keystore_load_gateway(const char *data_dir,
                                                      const struct oc_gateway_address *address,
                                                      struct oc_gateway_record *out,
                                                      struct oc_error *err);

/*
 * Changes what is remembered, under a lock that holds off every other process and thread:
 * `change` gets the record as it stands (blank if there is none) and edits it in place.
 * Fails: as load, but for NOT_FOUND.
 */
OC_MUST_CHECK enum oc_status
oc_keystore_update_gateway(const char *data_dir, const struct oc_gateway_address *address,
                           void (*change)(void *user, struct oc_gateway_record *record), void *user,
                           struct oc_error *err);
