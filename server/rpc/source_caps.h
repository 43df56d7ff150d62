/*
 * How many of something each source holds, with a cap for one source and one for all. A source is
 * an IPv4 address or an IPv6 /64: what one subscriber gets.
 *
 * Memory: one node per source that holds something, so never more nodes than the cap for all.
 * One thread at a time; the caller's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/connection.h"

struct source_caps;

struct source_caps_options {
    unsigned max;
    unsigned max_per_source;
    uint64_t seed; /* random: which sources share a chain must not be known outside */
};

/* Owns: source_caps_free. NULL when out of memory. */
struct source_caps *source_caps_new(const struct source_caps_options *options);
void source_caps_free(struct source_caps *caps);
OC_DEFINE_CLEANUP(source_caps_free, struct source_caps);

/* Counts one more for the source; false, and nothing counted, over a cap or out of memory. An
 * exempt source has no cap of its own. */
bool source_caps_take(struct source_caps *caps, const struct oc_source *source, bool is_exempt);
/* Counts one less. */
void source_caps_give(struct source_caps *caps, const struct oc_source *source);

unsigned source_caps_total(const struct source_caps *caps);
