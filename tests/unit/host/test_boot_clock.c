/* The time that is kept from one gateway of a boot to the next. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/host/boot_clock.h"

struct place {
    char root[64];
    char file[96];
    struct state_dir *dir;
};

static const struct boot_moment sample = {
    .boot_id = "0f0e0d0c-0b0a-4908-8706-050403020100",
    .boot_ms = 123456789,
    .unix_ms = 1700000000000,
};

static int set_up(void **state)
{
    struct oc_error err;
    struct place *place = calloc(1, sizeof *place);
    memcpy(place->root, "/tmp/oc_test_clock_XXXXXX", sizeof "/tmp/oc_test_clock_XXXXXX");
    assert_non_null(mkdtemp(place->root));
    (void)snprintf(place->file, sizeof place->file, "%s/clock", place->root);
    assert_int_equal(state_dir_open(place->root, &place->dir, &err), OC_OK);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char lock[96];
    state_dir_close(place->dir);
    (void)snprintf(lock, sizeof lock, "%s/lock", place->root);
    (void)unlink(lock);
    (void)unlink(place->file);
    (void)rmdir(place->root);
    free(place);
    return 0;
}

static void what_is_kept_is_read(void **state)
{
    struct place *place = *state;
    struct boot_moment found;
    struct oc_error err;
    assert_int_equal(boot_clock_read(place->dir, &found, &err), OC_NOT_FOUND);
    assert_int_equal(boot_clock_write(place->dir, &sample, &err), OC_OK);
    assert_int_equal(boot_clock_read(place->dir, &found, &err), OC_OK);
    assert_string_equal(found.boot_id, sample.boot_id);
    assert_true(found.boot_ms == sample.boot_ms && found.unix_ms == sample.unix_ms);
}

static void anything_else_is_not_believed(void **state)
{
    static const char *const texts[] = {
        "",
        "openclaw gateway clock 1\n",
        "openclaw gateway clock 2\nboot 0f0e0d0c-0b0a-4908-8706-050403020100\nboot_ms 1\nunix_ms "
        "2\n",
        "openclaw gateway clock 1\nboot 0f0e0d0c-0b0a-4908-8706-050403020100\nboot_ms 1x\nunix_ms "
        "2\n",
        "openclaw gateway clock 1\nboot 0f0e0d0c-0b0a-4908-8706-050403020100\nboot_ms 1\nunix_ms "
        "2\nmore\n",
        "openclaw gateway clock 1\nboot \nboot_ms 1\nunix_ms 99999999999999999999\n",
    };
    struct place *place = *state;
    struct boot_moment found;
    struct oc_error err;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(texts); i++) {
        int fd = open(place->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        (void)close(fd);
        assert_int_equal(boot_clock_read(place->dir, &found, &err), OC_DATA_LOSS);
    }
}

static void only_the_same_boot_tells_the_time(void **state)
{
    (void)state;
    int64_t unix_ms = 7;
    struct boot_moment here = sample;
    here.boot_ms += 5000;
    assert_true(boot_clock_tells(&sample, &here, &unix_ms));
    assert_true(unix_ms == sample.unix_ms + 5000);
    here.boot_id[0] = 'f';
    unix_ms = 7;
    assert_false(boot_clock_tells(&sample, &here, &unix_ms));
    here = sample;
    here.boot_ms -= 1;
    assert_false(boot_clock_tells(&sample, &here, &unix_ms));
    assert_true(unix_ms == 7);
}

static void the_kernel_tells_which_boot_this_is(void **state)
{
    (void)state;
    struct boot_moment first, again;
    struct oc_error err;
    assert_int_equal(boot_clock_identify(&first, &err), OC_OK);
    assert_int_equal(boot_clock_identify(&again, &err), OC_OK);
    assert_int_equal(strlen(first.boot_id), BOOT_ID_BYTES);
    assert_string_equal(first.boot_id, again.boot_id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anything_else_is_not_believed, set_up, tear_down),
        cmocka_unit_test(only_the_same_boot_tells_the_time),
        cmocka_unit_test(the_kernel_tells_which_boot_this_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
