/* Checkpoints as they are kept in a file: durable, whole, and found again. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/checkpoint_keeper.h"

enum {
    LIMIT_MS = 10 * 1000,
    TEXT_BYTES = 64 * 1024,
};

struct fixture {
    char dir[64];
    char path[96];
    struct oc_identity *gateway, *other;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) {
        return 1;
    }
    (void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/openclaw-keeper-XXXXXX");
    if (!mkdtemp(fixture->dir) ||
        oc_identity_generate(OC_IDENTITY_GATEWAY, &fixture->gateway, NULL) ||
        oc_identity_generate(OC_IDENTITY_GATEWAY, &fixture->other, NULL)) {
        return 1;
    }
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/checkpoints.ndjson", fixture->dir);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char moved[128];
    (void)snprintf(moved, sizeof moved, "%s.1", fixture->path);
    (void)rmdir(fixture->path);
    (void)unlink(fixture->path);
    (void)unlink(moved);
    (void)rmdir(fixture->dir);
    oc_identity_free(fixture->gateway);
    oc_identity_free(fixture->other);
    free(fixture);
    return 0;
}

static struct oc_audit_checkpoint signed_by(const struct oc_identity *key, uint64_t seq)
{
    struct oc_audit_checkpoint checkpoint = {.epoch = 1, .seq = seq, .at_ms = (int64_t)seq};
    assert_int_equal(oc_checkpoint_sign(key, &checkpoint, NULL), OC_OK);
    return checkpoint;
}

static struct checkpoint_keeper *start(const struct fixture *fixture)
{
    struct checkpoint_keeper *keeper = NULL;
    assert_int_equal(checkpoint_keeper_start(fixture->path, false, &keeper, NULL), OC_OK);
    return keeper;
}

/* Puts one, and waits until it is kept or has failed. */
static struct checkpoint_keeper_state put(struct checkpoint_keeper *keeper,
                                          const struct fixture *fixture, uint64_t seq)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const struct oc_audit_checkpoint checkpoint = signed_by(fixture->gateway, seq);
    struct checkpoint_keeper_state state;
    checkpoint_keeper_put(keeper, &checkpoint);
    for (int waited_ms = 0; waited_ms < LIMIT_MS; waited_ms++) {
        checkpoint_keeper_read(keeper, &state);
        if (state.kept_seq == seq || state.error[0] != '\0') {
            return state;
        }
        (void)nanosleep(&pause, NULL);
    }
    fail();
    return state;
}

static void write_file(const struct fixture *fixture, const char *text, size_t n)
{
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static const char *read_file(const struct fixture *fixture)
{
    static char text[TEXT_BYTES];
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void assert_newest(const struct fixture *fixture, uint64_t seq)
{
    struct oc_audit_checkpoint found;
    const struct oc_digest spki = oc_identity_spki_sha256(fixture->gateway);
    assert_int_equal(checkpoint_file_newest(fixture->path, &spki, &found, NULL), OC_OK);
    assert_int_equal(found.seq, seq);
}

static void each_is_a_line_behind_the_last_and_ours_alone(void **state)
{
    const struct fixture *fixture = *state;
    char wanted[3 * OC_AUDIT_LINE_BYTES] = "";
    struct checkpoint_keeper *keeper = start(fixture);
    assert_int_equal(put(keeper, fixture, 1).error[0], '\0');
    assert_int_equal(put(keeper, fixture, 2).error[0], '\0');
    checkpoint_keeper_stop(keeper);
    const char *text = read_file(fixture);
    struct oc_audit_checkpoint checkpoint;
    const char *second = strchr(text, '\n') + 1;
    assert_true(oc_checkpoint_parse(text, (size_t)(second - text), &checkpoint));
    assert_int_equal(checkpoint.seq, 1);
    assert_true(oc_checkpoint_parse(second, strlen(second), &checkpoint));
    (void)oc_checkpoint_format(&checkpoint, wanted);
    assert_string_equal(second, wanted);
    struct stat facts;
    assert_int_equal(stat(fixture->path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_newest(fixture, 2);
}

static void what_a_crash_left_of_a_line_is_cut_off_before_the_next(void **state)
{
    const struct fixture *fixture = *state;
    char lines[2 * OC_AUDIT_LINE_BYTES];
    struct oc_audit_checkpoint checkpoint = signed_by(fixture->gateway, 1);
    const size_t n = oc_checkpoint_format(&checkpoint, lines);
    checkpoint = signed_by(fixture->gateway, 2);
    const size_t n_all = n + oc_checkpoint_format(&checkpoint, lines + n);
    for (size_t cut = 0; cut < n_all; cut += cut < n + 40 && cut > n - 2 ? 1 : 61) {
        write_file(fixture, lines, cut);
        if (cut > n) {
            assert_newest(fixture, cut == n_all - 1 ? 2 : 1);
        }
        struct checkpoint_keeper *keeper = start(fixture);
        assert_int_equal(put(keeper, fixture, 3).error[0], '\0');
        checkpoint_keeper_stop(keeper);
        const char *text = read_file(fixture);
        const size_t whole = cut < n ? 0 : n;
        assert_memory_equal(text, lines, whole);
        assert_true(oc_checkpoint_parse(text + whole, strlen(text + whole), &checkpoint));
        assert_int_equal(checkpoint.seq, 3);
    }
}

static void what_is_not_ours_is_not_cut_off(void **state)
{
    const struct fixture *fixture = *state;
    static const char other[] = "somebody else's last line";
    write_file(fixture, other, sizeof other - 1);
    struct checkpoint_keeper *keeper = start(fixture);
    assert_int_equal(put(keeper, fixture, 1).error[0], '\0');
    checkpoint_keeper_stop(keeper);
    assert_memory_equal(read_file(fixture), "somebody else's last line\n{", sizeof other + 1);
}

static void a_file_that_was_renamed_is_made_anew(void **state)
{
    const struct fixture *fixture = *state;
    char moved[128];
    (void)snprintf(moved, sizeof moved, "%s.1", fixture->path);
    struct checkpoint_keeper *keeper = start(fixture);
    (void)put(keeper, fixture, 1);
    assert_int_equal(rename(fixture->path, moved), 0);
    (void)put(keeper, fixture, 2);
    checkpoint_keeper_stop(keeper);
    assert_newest(fixture, 2);
    assert_int_equal(access(moved, F_OK), 0);
}

static void what_cannot_be_kept_is_told_and_kept_at_the_stop(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    struct checkpoint_keeper *keeper = start(fixture);
    assert_non_null(strstr(put(keeper, fixture, 1).error, fixture->path));
    assert_int_equal(rmdir(fixture->path), 0);
    checkpoint_keeper_stop(keeper);
    assert_newest(fixture, 1);
}

static void a_link_and_what_is_no_file_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    char moved[128];
    (void)snprintf(moved, sizeof moved, "%s.1", fixture->path);
    assert_int_equal(symlink(moved, fixture->path), 0);
    struct checkpoint_keeper *keeper = start(fixture);
    assert_int_not_equal(put(keeper, fixture, 1).error[0], '\0');
    checkpoint_keeper_stop(keeper);
    assert_int_not_equal(access(moved, F_OK), 0);
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    keeper = start(fixture);
    assert_non_null(strstr(put(keeper, fixture, 1).error, "not a regular file"));
    checkpoint_keeper_stop(keeper);
}

static void only_a_genuine_one_of_our_key_is_found_again(void **state)
{
    const struct fixture *fixture = *state;
    char lines[8 * OC_AUDIT_LINE_BYTES];
    const struct oc_digest spki = oc_identity_spki_sha256(fixture->gateway);
    struct oc_audit_checkpoint found = signed_by(fixture->other, 9);
    size_t n = oc_checkpoint_format(&found, lines);
    write_file(fixture, lines, n);
    assert_int_equal(checkpoint_file_newest(fixture->path, &spki, &found, NULL), OC_NOT_FOUND);
    found = signed_by(fixture->gateway, 4);
    n += oc_checkpoint_format(&found, lines + n);
    found.seq = 5; /* not what was signed */
    n += oc_checkpoint_format(&found, lines + n);
    found = signed_by(fixture->other, 10);
    n += oc_checkpoint_format(&found, lines + n);
    n += (size_t)sprintf(lines + n, "rubbish\n\n");
    write_file(fixture, lines, n);
    assert_newest(fixture, 4);
    write_file(fixture, "", 0);
    assert_int_equal(checkpoint_file_newest(fixture->path, &spki, &found, NULL), OC_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_is_a_line_behind_the_last_and_ours_alone),
        TEST(what_a_crash_left_of_a_line_is_cut_off_before_the_next),
        TEST(what_is_not_ours_is_not_cut_off),
        TEST(a_file_that_was_renamed_is_made_anew),
        TEST(what_cannot_be_kept_is_told_and_kept_at_the_stop),
        TEST(a_link_and_what_is_no_file_are_refused),
        TEST(only_a_genuine_one_of_our_key_is_found_again),
    };
    return cmocka_run_group_tests_name("checkpoint keeper", tests, NULL, NULL);
}
