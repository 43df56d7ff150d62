/*
 * The notifier: one thread that runs what must be said to connections, in the order in which it
 * was posted, with no lock held. The one arrow that points back towards the doors.
 *
 * Bounded by construction: a delivery is embedded in what it tells of (a queued change, a parked
 * call, a peer), so posting never allocates and never fails.
 */
#pragma once

#include <openclaw/error.h>

#include "proto/base/cleanup.h"

struct notifier;

struct delivery {
    struct delivery *next;
    /* Runs once; may free what holds the delivery. */
    void (*deliver)(struct delivery *delivery);
};

/* Deliveries collected under a lock, to be posted after it. */
struct delivery_list {
    struct delivery *first;
    struct delivery **end; /* NULL: empty */
};
void delivery_list_add(struct delivery_list *list, struct delivery *delivery);

/* Fails: RESOURCE_EXHAUSTED. Owns: notifier_free. */
OC_MUST_CHECK enum oc_status notifier_new(struct notifier **out, struct oc_error *err);
/* Any thread, no shard locked; empties the list. */
void notifier_post(struct notifier *notifier, struct delivery_list *list);
void notifier_post_one(struct notifier *notifier, struct delivery *delivery);
/* Runs what was posted, then stops. Accepts NULL. */
void notifier_free(struct notifier *notifier);
