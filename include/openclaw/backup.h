/*
 * A copy of a running gateway's database, for administrators. Fails as the calls of admin.h do.
 *
 * Thread: any.
 */
#pragma once

#include <openclaw/client.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* How far a copy is, and what came of it. */
struct oc_backup {
    uint64_t pages, pages_left; /* how far it is */
    char path[1152];            /* of the file, on the gateway's machine */
    /* Once it is done: */
    uint64_t bytes;
    uint8_t gateway_id[16];
    uint8_t database_id[16];
    uint64_t epoch;
    uint64_t seq; /* the last change that is in it */
    /* Whom the process that answered runs under, by the kernel and not by its own word; UINT32_MAX:
     * not known. A file at `path` that belongs to anybody else was not made by it. */
    uint32_t gateway_uid;
    uint32_t reserved_uid;
    uint64_t reserved[7];
};

/* Told while it goes on; borrowed for the call. */
typedef void (*oc_backup_fn)(void *user, const struct oc_backup *so_far);

/*
 * Makes a copy of the database in use, in the gateway's own directory; it holds no secret. Blocks
 * until it is done (bounded: ten minutes); `progress`, unless NULL, is called about once a second,
 * on this thread. The gateway gives a backup up that nobody asks after any more.
 *
 * Fails:  RESOURCE_EXHAUSTED (another is under way, or no room), ALREADY_EXISTS, UNAVAILABLE,
 *         PERMISSION_DENIED (the caller, or the gateway in its directory).
 */
OC_MUST_CHECK enum oc_status oc_admin_backup(struct oc_client *client, oc_backup_fn progress,
                                             void *user, struct oc_backup *out,
                                             struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
