/* What the process gave up, asked of the kernel in a child. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/host/sandbox.h"

/* 0, or the number of the line that is not as it should be. */
static int inside(void)
{
    struct oc_error err;
    struct rlimit core;
    if (sandbox_enter(&err)) {
        return __LINE__;
    }
    if (umask(077) != 077) {
        return __LINE__;
    }
    if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur != 0 || core.rlim_max != 0) {
        return __LINE__;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return __LINE__;
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return __LINE__;
    }
#endif
    return 0;
}

static void nothing_is_dumped_inherited_or_shared(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        _exit(inside());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_limit_of_open_files_rises_to_the_hard_one(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit lowered = {.rlim_cur = 64, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    assert_int_equal(sandbox_raise_open_files(), limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &lowered), 0);
    assert_int_equal(lowered.rlim_cur, limit.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_dumped_inherited_or_shared),
        cmocka_unit_test(the_limit_of_open_files_rises_to_the_hard_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
