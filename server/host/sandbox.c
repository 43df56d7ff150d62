/* Owns what the process gives up. */
#include "server/host/sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The leak check of a sanitizer build traces its own process, which must stay dumpable for it. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_TRACED_BY_ITSELF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_TRACED_BY_ITSELF 1
#endif
#endif
#ifndef IS_TRACED_BY_ITSELF
#define IS_TRACED_BY_ITSELF 0
#endif

static enum oc_status fail_errno(const char *what, struct oc_error *err)
{
    return oc_fail(err, OC_INTERNAL, "sandbox: %s: %s", what, strerror(errno));
}

enum oc_status sandbox_enter(struct oc_error *err)
{
    (void)umask(077);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    if (setrlimit(RLIMIT_CORE, &none)) {
        return fail_errno("switching core files off", err);
    }
    if (!IS_TRACED_BY_ITSELF && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
        return fail_errno("forbidding dumps", err);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        return fail_errno("giving up new privileges", err);
    }
    return OC_OK;
}

size_t sandbox_raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        return 0;
    }
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) ? (size_t)limit.rlim_cur : (size_t)raised.rlim_cur;
}
