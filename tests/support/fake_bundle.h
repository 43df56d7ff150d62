/*
 * The bundles of the double of libopenclaw: one line in a file, "fake NAME ROLE URL END".
 */
#pragma once

#include <openclaw/bundle.h>

#define FAKE_ADMIN_URL "tls+tcp://gw.example:18790"

/* Writes a bundle of this administrator for FAKE_ADMIN_URL, which ends at that time. */
void fake_bundle_write(const char *path, const char *name, const char *role, int64_t ends_ms);

/* Makes a draft whole, for 90 days; url NULL: FAKE_ADMIN_URL. */
void fake_bundle_complete(struct oc_bundle *bundle, enum oc_administrator_role role,
                          const char *url);
