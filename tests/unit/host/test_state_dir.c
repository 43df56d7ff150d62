/* The data directory, the gateway's directory and its lock, on a real file system. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/host/state_dir.h"

static char root[64];
static char state_path[96];
static struct oc_error err;

static int make_root(void **state)
{
    (void)state;
    (void)umask(022);
    (void)snprintf(root, sizeof root, "/tmp/oc_test_state_XXXXXX");
    if (!mkdtemp(root)) {
        return -1;
    }
    (void)snprintf(state_path, sizeof state_path, "%s/gateway", root);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command); /* NOLINT(cert-env33-c): a fixed command on a path of our own */
}

static const char *below(const char *name)
{
    static char paths[4][192];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", state_path, name);
    return path;
}

static struct state_dir *open_dir(void)
{
    struct state_dir *dir = NULL;
    if (state_dir_open(state_path, &dir, &err)) {
        fail_msg("%s", err.text);
    }
    return dir;
}

static void assert_error(const char *format, const char *path)
{
    char expected[512];
    char *next = expected;
    for (const char *f = format; *f; f++) {
        if (*f == '@') {
            memcpy(next, path, strlen(path));
            next += strlen(path);
        } else {
            *next++ = *f;
        }
    }
    *next = '\0';
    assert_string_equal(err.text, expected);
}

static void the_data_directory_is_the_option_or_the_environment_or_home(void **state)
{
    (void)state;
    char path[STATE_DIR_MAX_PATH_BYTES + 1];
    char expected[4200];
    char here[4096];
    assert_int_equal(setenv("HOME", "/home/claw", 1), 0);
    assert_int_equal(unsetenv("OPENCLAW_HOME"), 0);
    assert_int_equal(data_dir_choose(NULL, path, &err), OC_OK);
    assert_string_equal(path, "/home/claw/.openclaw");
    assert_int_equal(setenv("OPENCLAW_HOME", "/srv/claw", 1), 0);
    assert_int_equal(data_dir_choose(NULL, path, &err), OC_OK);
    assert_string_equal(path, "/srv/claw");
    assert_int_equal(data_dir_choose("relative/dir", path, &err), OC_OK);
    (void)snprintf(expected, sizeof expected, "%s/relative/dir", getcwd(here, sizeof here));
    assert_string_equal(path, expected);
    assert_int_equal(setenv("OPENCLAW_HOME", "", 1), 0);
    assert_int_equal(data_dir_choose(NULL, path, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.text, "OPENCLAW_HOME is empty; name a directory");
}

static void a_missing_data_directory_is_made_private(void **state)
{
    (void)state;
    char path[128];
    struct stat facts;
    (void)snprintf(path, sizeof path, "%s/a/b", root);
    assert_int_equal(data_dir_prepare(path, &err), OC_OK);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777U, 0700);
}

/* What lies in a directory that everybody may write can be swapped, unless it is sticky. */
static void a_directory_that_anybody_could_swap_is_refused(void **state)
{
    char inner[96];
    char link[96];
    struct state_dir *dir = NULL;
    (void)state;
    (void)snprintf(inner, sizeof inner, "%s/home", root);
    (void)snprintf(link, sizeof link, "%s/link", root);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(chmod(root, 0777), 0);
    assert_int_equal(data_dir_prepare(inner, &err), OC_PERMISSION_DENIED);
    assert_error("@: lies in a directory (mode 0777) in which every user may put another one in "
                 "its place; run: chmod o-w @/..",
                 inner);
    assert_int_equal(state_dir_open(inner, &dir, &err), OC_PERMISSION_DENIED);
    assert_int_equal(chmod(root, 01777), 0);
    assert_int_equal(data_dir_prepare(inner, &err), OC_OK);
    /* A link to a directory that is well, from one where it can be swapped. */
    char well[96];
    (void)snprintf(well, sizeof well, "%s/home/well", root);
    assert_int_equal(mkdir(well, 0700), 0);
    assert_int_equal(symlink(well, link), 0);
    assert_int_equal(data_dir_prepare(link, &err), OC_OK);
    assert_int_equal(chmod(root, 0777), 0);
    assert_int_equal(data_dir_prepare(well, &err), OC_OK);
    assert_int_equal(data_dir_prepare(link, &err), OC_PERMISSION_DENIED);
}

static void a_data_directory_that_others_may_write_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(root, 0755), 0);
    assert_int_equal(data_dir_prepare(root, &err), OC_OK);
    assert_int_equal(chmod(root, 0775), 0);
    assert_int_equal(data_dir_prepare(root, &err), OC_PERMISSION_DENIED);
    assert_error("@: has mode 0775, wanted 0755; run: chmod 755 @", root);
    assert_int_equal(chmod(root, 01777), 0);
    assert_int_equal(data_dir_prepare(root, &err), OC_PERMISSION_DENIED);
}

static void a_state_directory_open_to_others_is_refused_with_the_chmod(void **state)
{
    (void)state;
    struct state_dir *dir = NULL;
    assert_int_equal(mkdir(state_path, 0755), 0);
    assert_int_equal(state_dir_open(state_path, &dir, &err), OC_PERMISSION_DENIED);
    assert_error("@: has mode 0755, wanted 0700; run: chmod 700 @", state_path);
    assert_int_equal(chmod(state_path, 0710), 0);
    assert_int_equal(state_dir_open(state_path, &dir, &err), OC_PERMISSION_DENIED);
    assert_int_equal(chmod(state_path, 0700), 0);
    state_dir_close(open_dir());
}

static void a_directory_of_somebody_else_is_refused(void **state)
{
    (void)state;
    struct state_dir *dir = NULL;
    assert_int_equal(mkdir(state_path, 0700), 0);
    if (chown(state_path, 4242, 4242)) {
        skip(); /* only root can give a directory away */
    }
    assert_int_equal(state_dir_open(state_path, &dir, &err), OC_PERMISSION_DENIED);
    assert_error("@: belongs to uid 4242, wanted uid 0; run: chown 0 @", state_path);
}

static void a_link_or_a_file_in_the_directorys_place_is_refused(void **state)
{
    (void)state;
    struct state_dir *dir = NULL;
    assert_int_equal(symlink("/tmp", state_path), 0);
    assert_int_equal(state_dir_open(state_path, &dir, &err), OC_INVALID_ARGUMENT);
    assert_int_equal(unlink(state_path), 0);
    int fd = creat(state_path, 0600);
    assert_int_equal(close(fd), 0);
    assert_int_equal(state_dir_open(state_path, &dir, &err), OC_INVALID_ARGUMENT);
}

static void a_second_holder_is_refused_and_told_who_holds_it(void **state)
{
    (void)state;
    char expected[256];
    struct state_dir *second = NULL;
    struct state_dir *first = open_dir();
    assert_int_equal(state_dir_open(state_path, &second, &err), OC_ALREADY_EXISTS);
    (void)snprintf(expected, sizeof expected,
                   "@: is held by the gateway with pid %ld; stop that one first, or use another "
                   "--data-dir",
                   (long)getpid());
    assert_error(expected, below("lock"));
    state_dir_close(first);
    state_dir_close(open_dir());
}

static void the_lock_of_a_killed_holder_is_free_again(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct state_dir *held = NULL;
        bool is_held = !state_dir_open(state_path, &held, &err);
        (void)!write(ready[1], is_held ? "y" : "n", 1);
        (void)alarm(60); /* not to outlive a test that failed */
        (void)pause();
        _exit(0);
    }
    char answer = 0;
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    struct state_dir *dir = NULL;
    assert_int_equal(state_dir_open(state_path, &dir, &err), OC_ALREADY_EXISTS);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    state_dir_close(open_dir());
    close(ready[0]);
    close(ready[1]);
}

static void a_file_is_written_whole_private_and_read_back(void **state)
{
    (void)state;
    char text[32];
    size_t n = 0;
    struct stat facts;
    struct state_dir *dir = open_dir();
    assert_int_equal(state_dir_read_file(dir, "key", text, sizeof text, &n, &err), OC_NOT_FOUND);
    assert_int_equal(state_dir_write_file(dir, "key", "first", 5, &err), OC_OK);
    assert_int_equal(state_dir_write_file(dir, "key", "second", 6, &err), OC_OK);
    assert_int_equal(state_dir_read_file(dir, "key", text, sizeof text, &n, &err), OC_OK);
    assert_int_equal(n, 6);
    assert_memory_equal(text, "second", 6);
    assert_int_equal(state_dir_read_file(dir, "key", text, 6, &n, &err), OC_OK);
    assert_int_equal(state_dir_read_file(dir, "key", text, 5, &n, &err), OC_OUT_OF_RANGE);
    assert_int_equal(stat(below("key"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777U, 0600);
    assert_int_equal(access(below("key.new"), F_OK), -1);
    state_dir_close(dir);
}

static void a_file_that_others_may_touch_is_not_read(void **state)
{
    (void)state;
    char text[32];
    size_t n = 0;
    struct state_dir *dir = open_dir();
    assert_int_equal(state_dir_write_file(dir, "key", "secret", 6, &err), OC_OK);
    assert_int_equal(chmod(below("key"), 0640), 0);
    assert_int_equal(state_dir_read_file(dir, "key", text, sizeof text, &n, &err),
                     OC_PERMISSION_DENIED);
    assert_error("@: has mode 0640, wanted 0600; run: chmod 600 @", below("key"));
    assert_int_equal(chmod(below("key"), 0400), 0);
    assert_int_equal(state_dir_check_file(dir, "key", &err), OC_OK);
    assert_int_equal(link(below("key"), below("twin")), 0);
    assert_int_equal(state_dir_check_file(dir, "key", &err), OC_PERMISSION_DENIED);
    assert_error("@: has 2 names (hard links), wanted 1; remove the others", below("key"));
    assert_int_equal(symlink("key", below("link")), 0);
    assert_int_equal(state_dir_check_file(dir, "link", &err), OC_INVALID_ARGUMENT);
    assert_int_equal(mkfifo(below("fifo"), 0600), 0);
    assert_int_equal(state_dir_check_file(dir, "fifo", &err), OC_INVALID_ARGUMENT);
    state_dir_close(dir);
}

static void leftovers_of_a_crash_do_not_stop_a_write(void **state)
{
    (void)state;
    struct state_dir *dir = open_dir();
    assert_int_equal(symlink("/nowhere/at/all", below("key.new")), 0);
    assert_int_equal(state_dir_write_file(dir, "key", "x", 1, &err), OC_OK);
    assert_int_equal(state_dir_check_file(dir, "key", &err), OC_OK);
    state_dir_close(dir);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_directory_is_the_option_or_the_environment_or_home),
        WITH_ROOT(a_missing_data_directory_is_made_private),
        WITH_ROOT(a_directory_that_anybody_could_swap_is_refused),
        WITH_ROOT(a_data_directory_that_others_may_write_is_refused),
        WITH_ROOT(a_state_directory_open_to_others_is_refused_with_the_chmod),
        WITH_ROOT(a_directory_of_somebody_else_is_refused),
        WITH_ROOT(a_link_or_a_file_in_the_directorys_place_is_refused),
        WITH_ROOT(a_second_holder_is_refused_and_told_who_holds_it),
        WITH_ROOT(the_lock_of_a_killed_holder_is_free_again),
        WITH_ROOT(a_file_is_written_whole_private_and_read_back),
        WITH_ROOT(a_file_that_others_may_touch_is_not_read),
        WITH_ROOT(leftovers_of_a_crash_do_not_stop_a_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
