/*
 * A live backup as a use case: one at a time, made by the writer's thread in small jobs between its
 * groups, for as long as somebody asks how far it got.
 */
#pragma once

#include "server/service/admin_service.h"
#include "server/store/backup.h"

struct backup_result {
    enum oc_status status; /* of the call: RESOURCE_EXHAUSTED (another is under way), NOT_FOUND (no
                              such backup), UNAVAILABLE (locked, no database, stopping) */
    struct oc_error error;
    uint64_t ticket; /* names the backup in the calls that follow */
    bool is_done;
    enum oc_status failed; /* of the backup: OK, or why it is over without one ... */
    char failed_text[OC_ERROR_TEXT_BYTES]; /* ... in words */
    struct store_backup_progress progress;
};

struct backup_call {
    void (*done)(void *user, const struct backup_result *result);
    void *user;
};

/*
 * `ticket` 0: begins a backup in the gateway's own directory, which is audited first. Else: asks
 * after the one that this names. Either is answered when the backup is over, and after a second,
 * or half of the caller's budget, at the latest. A backup that nobody asks after for
 * BACKUP_ABANDONED_MS is given up.
 *
 * `done` comes exactly once, as in admin_decide.
 */
enum {
    BACKUP_ANSWER_MS = 1000,
    BACKUP_ABANDONED_MS = 10 * 1000,
    BACKUP_MOST_MS = 10 * 60 * 1000, /* then it is given up, whoever asks */
};
void admin_backup(struct service *service, const struct admin_caller *caller, uint64_t ticket,
                  const struct backup_call *call);

/* ---- for service.c --------------------------------------------------------------------------- */

struct backup;
/* NULL when out of memory. */
struct backup *backup_create(struct service *service);
/* The executor has stopped, and with its last job what was under way. Accepts NULL. */
void backup_destroy(struct backup *backup);
