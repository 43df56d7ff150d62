/* Making the names of files as durable as their bytes. */
#pragma once

#include <openclaw/error.h>
#include <stdint.h>

/*
 * fsyncs the directory that `path` names an entry of, so that a created or renamed entry
 * survives a power cut.
 *
 * Fails: UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status directory_sync_of(const char *path, struct oc_error *err);

/*
 * Whether `bytes` more can be had beside `path`, by having them for a moment: counts quotas, too.
 * Where the file system cannot tell, there is room.
 *
 * Fails: RESOURCE_EXHAUSTED with STORE_CAUSE_DISK_FULL.
 */
OC_MUST_CHECK enum oc_status directory_check_room(const char *path, int64_t bytes,
                                                  struct oc_error *err);
