/*
 * How many unfinished connections each source has, those included that are being closed, and each
 * source's lane in the handshake queue. Room for every entry is taken at the start.
 *
 * A source is an IPv4 address, the first 64 bits of an IPv6 address, or the local door.
 * Thread: the listener's lock serialises.
 */
#pragma once

#include "proto/rpc/connection.h"
#include "proto/rpc/step_queue.h"

struct oc_source_table;

/* NULL when out of memory. Owns: oc_source_table_free. */
struct oc_source_table *oc_source_table_new(unsigned max_total, unsigned max_per_source);
void oc_source_table_free(struct oc_source_table *table);

/* Counts one more and gives its source's lane; NULL over a cap. An exempt source has none of its
 * own. */
struct oc_lane *oc_source_table_enter(struct oc_source_table *table, const struct oc_source *source,
                                      bool is_exempt);
/* Counts one less. The lane must hold no step of the one that leaves. */
void oc_source_table_leave(struct oc_source_table *table, struct oc_lane *lane);

unsigned oc_source_table_total(const struct oc_source_table *table);
