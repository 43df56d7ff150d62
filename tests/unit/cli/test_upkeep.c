/* `openclaw gateway backup`: what it prints, and where it puts the copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/backup_file.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

struct scene {
    char directory[64];
    char backups[80]; /* the gateway's */
    char made[128];   /* by the gateway */
    char wanted[96];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(found, sizeof found, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(found, text);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    fake_reset();
    (void)snprintf(scene->directory, sizeof scene->directory, "/tmp/openclaw-upkeep-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->backups, sizeof scene->backups, "%s/backups", scene->directory);
    assert_int_equal(mkdir(scene->backups, 0700), 0);
    (void)snprintf(scene->made, sizeof scene->made, "%s/gateway-20261122T120000.000Z.db",
                   scene->backups);
    (void)snprintf(scene->wanted, sizeof scene->wanted, "%s/wanted.db", scene->directory);
    write_file(scene->made, "all records");
    fake.backup_path = scene->made;
    fake.backup_uid = geteuid();
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    (void)unlink(scene->made);
    (void)unlink(scene->wanted);
    assert_int_equal(rmdir(scene->backups), 0);
    assert_int_equal(rmdir(scene->directory), 0); /* nothing else was left */
    free(scene);
    return 0;
}

static void every_format_is_as_agreed(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "json", "yaml", "ndjson", "name"};
    fake.backup_path = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char golden[64];
        (void)snprintf(golden, sizeof golden, "gateway_backup.%s", formats[i]);
        struct ran ran = RUN("gateway", "backup", "-o", formats[i]);
        assert_int_equal(ran.code, EXIT_DONE);
        assert_golden(golden, ran.out);
        ran_free(&ran);
    }
}

static void the_copy_is_taken_to_where_it_was_asked_for(void **state)
{
    struct scene *scene = *state;
    struct stat facts;
    char line[128];
    const mode_t before = umask(0);
    struct ran ran = RUN("gateway", "backup", scene->wanted);
    (void)umask(before);
    assert_int_equal(ran.code, EXIT_DONE);
    (void)snprintf(line, sizeof line, "%s\n", scene->wanted);
    assert_string_equal(ran.out, line);
    assert_contains(ran.err, "gateway.key, secret.key and admin-ca.pem must be kept apart");
    ran_free(&ran);
    assert_content(scene->wanted, "all records");
    assert_int_equal(stat(scene->wanted, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_int_equal(access(scene->made, F_OK), -1);
}

static void nothing_is_ever_written_over(void **state)
{
    struct scene *scene = *state;
    write_file(scene->wanted, "mine");
    struct ran ran = RUN("gateway", "backup", scene->wanted);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "never written over");
    ran_free(&ran);
    assert_content(scene->wanted, "mine");
    /* One that appears after the look: the name is taken at the very end only. */
    struct failure failure;
    assert_int_not_equal(backup_file_take(scene->made, geteuid(), scene->wanted, &failure),
                         EXIT_DONE);
    assert_content(scene->wanted, "mine");
    assert_content(scene->made, "all records");
    assert_int_equal(unlink(scene->wanted), 0);
    assert_int_equal(symlink("/tmp/openclaw-nowhere", scene->wanted), 0);
    ran = RUN("gateway", "backup", scene->wanted);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    ran_free(&ran);
    assert_int_not_equal(backup_file_take(scene->made, geteuid(), scene->wanted, &failure),
                         EXIT_DONE);
    assert_int_equal(access("/tmp/openclaw-nowhere", F_OK), -1);
}

static void a_place_where_others_could_swap_it_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(chmod(scene->directory, 0777), 0);
    struct ran ran = RUN("gateway", "backup", scene->wanted);
    assert_int_equal(ran.code, EXIT_FORBIDDEN);
    assert_contains(ran.err, "chmod go-w");
    ran_free(&ran);
    assert_int_equal(access(scene->wanted, F_OK), -1);
    /* With the sticky bit, as /tmp has it, they cannot. */
    assert_int_equal(chmod(scene->directory, 01777), 0);
    ran = RUN("gateway", "backup", scene->wanted);
    assert_int_equal(ran.code, EXIT_DONE);
    ran_free(&ran);
}

static void what_cannot_be_taken_is_told_with_where_it_is(void **state)
{
    struct scene *scene = *state;
    fake.backup_path = "/nowhere/gateway-20261122T120000.000Z.db";
    struct ran ran = RUN("gateway", "backup", scene->wanted);
    assert_int_equal(ran.code, EXIT_NOT_FOUND);
    assert_contains(ran.err, "lies on the gateway's machine:  /nowhere/gateway-");
    ran_free(&ran);
    assert_int_equal(access(scene->wanted, F_OK), -1);
}

static void assert_refused(const struct scene *scene)
{
    struct ran ran = RUN("gateway", "backup", scene->wanted);
    assert_int_equal(ran.code, EXIT_FORBIDDEN);
    assert_contains(ran.err, "neither read nor removed");
    assert_null(strstr(ran.err, "take it from there")); /* nobody is told to do it by hand */
    ran_free(&ran);
    assert_int_equal(access(scene->wanted, F_OK), -1);
}

static void a_path_that_is_no_backups_is_neither_read_nor_removed(void **state)
{
    struct scene *scene = *state;
    static const char *const names[] = {"shadow", "gateway-20261122T120000.000Z.db.old",
                                        "gateway-2026112xT120000.000Z.db",
                                        "gateway-20261122T120000.000Z.d", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s/%s", scene->backups, names[i]);
        if (names[i][0]) {
            write_file(path, "secret");
        }
        fake.backup_path = path;
        assert_refused(scene);
        if (names[i][0]) {
            assert_content(path, "secret");
            assert_int_equal(unlink(path), 0);
        }
    }
    fake.backup_path = "gateway-20261122T120000.000Z.db"; /* of any directory */
    assert_refused(scene);
    fake.backup_path = "";
    assert_refused(scene);
}

static void what_is_not_the_gateways_is_neither_read_nor_removed(void **state)
{
    struct scene *scene = *state;
    fake.backup_uid = geteuid() + 1;
    assert_refused(scene);
    fake.backup_uid = UINT32_MAX; /* the kernel did not say */
    assert_refused(scene);
    fake.backup_uid = geteuid();
    assert_int_equal(chmod(scene->backups, 0770), 0);
    assert_refused(scene);
    assert_int_equal(chmod(scene->backups, 0700), 0);
    if (geteuid() == 0) { /* its directory, but another's file */
        fake.backup_uid = 65534;
        assert_int_equal(chown(scene->backups, 65534, (gid_t)-1), 0);
        assert_refused(scene);
        assert_int_equal(chown(scene->made, 65534, (gid_t)-1), 0);
        assert_int_equal(chown(scene->backups, 0, (gid_t)-1), 0); /* and the other way */
        assert_refused(scene);
    }
    assert_content(scene->made, "all records");
}

static void links_and_pipes_are_neither_read_nor_removed(void **state)
{
    struct scene *scene = *state;
    char aside[128];
    (void)snprintf(aside, sizeof aside, "%s/aside", scene->directory);
    assert_int_equal(link(scene->made, aside), 0);
    assert_refused(scene);
    assert_int_equal(unlink(scene->made), 0);
    assert_int_equal(symlink(aside, scene->made), 0);
    assert_refused(scene);
    assert_int_equal(unlink(scene->made), 0);
    assert_int_equal(mkfifo(scene->made, 0600), 0);
    assert_refused(scene); /* and nobody waits for a writer */
    assert_int_equal(unlink(scene->made), 0);
    /* The directory is another one by a link. */
    char moved[128];
    (void)snprintf(moved, sizeof moved, "%s/moved", scene->directory);
    assert_int_equal(rename(scene->backups, moved), 0);
    assert_int_equal(symlink(moved, scene->backups), 0);
    assert_int_equal(rename(aside, scene->made), 0);
    assert_refused(scene);
    assert_content(scene->made, "all records");
    assert_int_equal(unlink(scene->backups), 0);
    assert_int_equal(rename(moved, scene->backups), 0);
}

static void a_backup_that_fails_says_why(void **state)
{
    (void)state;
    fake.decisions_fail_with = OC_RESOURCE_EXHAUSTED;
    struct ran ran = RUN("gateway", "backup");
    assert_int_equal(ran.code, EXIT_UNAVAILABLE);
    assert_contains(ran.err, "cannot back up: no backup today");
    assert_string_equal(ran.out, "");
    ran_free(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(every_format_is_as_agreed),
        CASE(the_copy_is_taken_to_where_it_was_asked_for),
        CASE(nothing_is_ever_written_over),
        CASE(a_place_where_others_could_swap_it_is_refused),
        CASE(what_cannot_be_taken_is_told_with_where_it_is),
        CASE(a_path_that_is_no_backups_is_neither_read_nor_removed),
        CASE(what_is_not_the_gateways_is_neither_read_nor_removed),
        CASE(links_and_pipes_are_neither_read_nor_removed),
        CASE(a_backup_that_fails_says_why),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
