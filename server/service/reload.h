/*
 * Reading the configuration again, on the word of an administrator or a signal: on the writer's
 * thread, one at a time, and into the audit. What it means is options.reload's.
 */
#pragma once

#include "server/service/admin_service.h"

enum {
    RELOAD_MAX_KEYS = 32,
    RELOAD_PATH_BYTES = 1280,
};

struct reload_report {
    char path[RELOAD_PATH_BYTES]; /* of the file; "": there is none, so the defaults hold */
    bool is_refused;
    char problem[OC_ERROR_TEXT_BYTES]; /* is_refused: "FILE:LINE:COLUMN: ..."; nothing changed */
    /* Names of keys, which are constants: in force now; in force after a restart. */
    size_t n_changed;
    const char *changed[RELOAD_MAX_KEYS];
    size_t n_waiting;
    const char *waiting[RELOAD_MAX_KEYS];
    bool is_audited; /* filled by admin_reload */
};

struct reload_result {
    enum oc_status status; /* other than OK: `error`, and nothing was read */
    struct oc_error error;
    struct reload_report report;
};
struct reload_call {
    void (*done)(void *user, const struct reload_result *result);
    void *user;
};

/* "log.level,admin.localUids"; names that find no room are left out. */
void reload_join(const char *const *names, size_t n, char *out, size_t cap);

/*
 * Reads and takes over. `done` comes exactly once, on the notifier's thread (or on the caller's
 * when it could not be queued). Works while the gateway is locked, too, and is then only logged.
 * Statuses: RESOURCE_EXHAUSTED; FAILED_PRECONDITION (this service has nothing to reload).
 */
void admin_reload(struct service *service, const struct audit_actor *actor,
                  const struct reload_call *call);
