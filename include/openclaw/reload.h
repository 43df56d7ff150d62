/* Having a running gateway read its configuration again, for administrators. Fails as the calls of
 * admin.h do. */
#pragma once

#include <openclaw/client.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_MAX_RELOAD_KEYS = 32,
    OC_MAX_RELOAD_KEY_BYTES = 63,
};

struct oc_reload_keys {
    size_t n;
    char items[OC_MAX_RELOAD_KEYS][OC_MAX_RELOAD_KEY_BYTES + 1]; /* "log.level" */
};

struct oc_reload {
    char path[1280];                   /* of the file, on the gateway's machine; "": it has none */
    char problem[OC_ERROR_TEXT_BYTES]; /* "": the file is sound; else nothing changed, and this is
                                          why: "FILE:LINE:COLUMN: key: what is wrong; the fix" */
    struct oc_reload_keys changed;     /* in force now */
    struct oc_reload_keys needs_restart; /* the old values stay in force until then */
    bool is_audited; /* false: the gateway's database could not take the record */
    uint64_t reserved[8];
};

/*
 * Has the gateway read its configuration again, and says what came of it. A file that is refused
 * is an answer, not a failure: see `problem`.
 *
 * Owns:   *out is a plain value, and large: keep it on the heap.
 * Fails:  as every call of an administrator; RESOURCE_EXHAUSTED (too many changes are waiting).
 * Thread: any; blocks until the answer or the client's time-out.
 */
OC_MUST_CHECK enum oc_status oc_admin_reload(struct oc_client *client, struct oc_reload *out,
                                             struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
