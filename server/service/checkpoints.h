/*
 * Signed checkpoints of the audit (proto/crypto/checkpoint.h): of what is committed, never of what
 * a locked gateway found.
 */
#pragma once

#include "proto/crypto/checkpoint.h"
#include "server/service/service.h"

struct checkpoint_result {
    enum oc_status status;
    struct oc_error error;
    struct oc_audit_checkpoint checkpoint;
};
struct checkpoint_call {
    void (*done)(void *user, const struct checkpoint_result *result);
    void *user;
};

enum {
    CHECKPOINT_EVERY_ROWS = 1000,
};

/* Signs one and gives it to options.checkpoints if it is time: at first, after so many rows or the
 * time that the options say if there is a new row, and in a new epoch. Thread: the writer's. */
void checkpoints_tick(struct service *service);
/* The last, if there is a new row. Thread: the writer's, or after it. */
void checkpoints_finish(struct service *service);

/*
 * One of the audit as it is: the newest, or a new one if rows were written since. `done` comes
 * exactly once, on the notifier's thread (or on the caller's when the queue is full).
 * Statuses: UNAVAILABLE (locked; the database cannot be read); FAILED_PRECONDITION (no key);
 * RESOURCE_EXHAUSTED (queue).
 */
void admin_checkpoint(struct service *service, const struct checkpoint_call *call);
