/* See whole_check.h. */
#include "server/store/whole_check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/store/reading_vfs.h"

struct whole_check {
    const struct database_path *path;
    const char *vfs;
    pthread_t thread;
    enum oc_status status; /* read after the thread's end */
    struct oc_error error;
    atomic_bool has_failed;
};

static void *run(void *user)
{
    struct whole_check *check = user;
    check->status = database_check_beside(check->path, check->vfs, &check->error);
    atomic_store(&check->has_failed, check->status != OC_OK);
    return NULL;
}

struct whole_check *whole_check_start(const struct database_path *path)
{
    struct whole_check *check = sqlite3_threadsafe() ? calloc(1, sizeof *check) : NULL;
    if (!check) {
        return NULL;
    }
    check->path = path;
    atomic_init(&check->has_failed, false);
    check->vfs = reading_vfs();
    if (!check->vfs || pthread_create(&check->thread, NULL, run, check) != 0) {
        free(check);
        return NULL;
    }
    return check;
}

bool whole_check_has_failed(const struct whole_check *check)
{
    return atomic_load(&check->has_failed);
}

enum oc_status whole_check_end(struct whole_check *check, struct oc_error *err)
{
    (void)pthread_join(check->thread, NULL);
    const enum oc_status status = check->status;
    if (status && err) {
        *err = check->error;
    }
    free(check);
    return status;
}
