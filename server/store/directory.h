/* Making the names of files as durable as their bytes. */
#pragma once

#include <openclaw/error.h>

/*
 * fsyncs the directory that `path` names an entry of, so that a created or renamed entry
 * survives a power cut.
 *
 * Fails: UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status directory_sync_of(const char *path, struct oc_error *err);
