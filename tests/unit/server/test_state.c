#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/state.h"

enum {
    PATH_BYTES = 256,
    NOW_MS = 1000000,
};

static char directory[PATH_BYTES];
static struct random_source source;

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int enter(void **state)
{
    (void)state;
    source = random_system();
    strcpy(directory, "/tmp/openclaw-state-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void path_of(const char *name, char out[PATH_BYTES + 32])
{
    (void)snprintf(out, PATH_BYTES + 32, "%s/%s", directory, name);
}

static enum oc_status open_state(struct state *state, struct oc_error *err)
{
    *state = (struct state){.dir = NULL};
    return state_open(directory, &source, NOW_MS, state, err);
}

/* Opens, expects success, and closes; tells what the database was. */
static struct store_identity visit(enum store_lock lock)
{
    struct state state;
    struct oc_error err;
    struct store_identity identity = {.seq = 0};
    assert_int_equal(open_state(&state, &err), OC_OK);
    assert_int_equal(state.lock, lock);
    if (state.store) {
        identity = store_identity(state.store);
    }
    state_close(&state);
    return identity;
}

static void overwrite(const char *name, const char *text)
{
    char path[PATH_BYTES + 32];
    path_of(name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void take_away(const char *name)
{
    char path[PATH_BYTES + 32];
    path_of(name, path);
    assert_int_equal(unlink(path), 0);
}

static void assert_private(const char *name)
{
    char path[PATH_BYTES + 32];
    struct stat info;
    path_of(name, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_first_start_makes_what_later_starts_find(void **unused)
{
    (void)unused;
    struct state state;
    struct oc_error err;
    assert_int_equal(open_state(&state, &err), OC_OK);
    assert_true(state.is_first_start);
    assert_non_null(state.store);
    const struct store_identity first = store_identity(state.store);
    const struct oc_digest pin = oc_identity_spki_sha256(state.identity);
    const struct oc_key secret = state.secret;
    const struct oc_key row_key = state.row_key;
    assert_memory_not_equal(secret.bytes, row_key.bytes, sizeof secret.bytes);
    state_close(&state);
    assert_private("gateway.key");
    assert_private("secret.key");
    assert_private("marker");
    assert_private("gateway.db");

    assert_int_equal(open_state(&state, &err), OC_OK);
    assert_false(state.is_first_start);
    assert_int_equal(state.lock, STORE_LOCK_NONE);
    const struct store_identity second = store_identity(state.store);
    const struct oc_digest again = oc_identity_spki_sha256(state.identity);
    assert_memory_equal(&first, &second, sizeof first);
    assert_memory_equal(pin.bytes, again.bytes, sizeof pin.bytes);
    assert_memory_equal(secret.bytes, state.secret.bytes, sizeof secret.bytes);
    state_close(&state);
}

static void a_lost_database_locks_and_is_not_made_anew(void **unused)
{
    (void)unused;
    char path[PATH_BYTES + 32];
    (void)visit(STORE_LOCK_NONE);
    take_away("gateway.db");
    for (int start = 0; start < 2; start++) {
        (void)visit(STORE_LOCK_MISSING);
        path_of("gateway.db", path);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void a_damaged_database_locks(void **unused)
{
    (void)unused;
    (void)visit(STORE_LOCK_NONE);
    overwrite("gateway.db", "this is no database, and it is long enough to be looked at as one");
    (void)visit(STORE_LOCK_CORRUPT);
}

static void another_gateway_s_database_locks(void **unused)
{
    (void)unused;
    struct oc_error err;
    char path[PATH_BYTES + 32];
    struct store_identity mine = visit(STORE_LOCK_NONE);
    mine.database_id[0] ^= 1;
    path_of("marker", path);
    assert_int_equal(marker_write(path, &mine, &err), OC_OK);
    (void)visit(STORE_LOCK_FOREIGN);
}

static void a_database_behind_the_marker_locks(void **unused)
{
    (void)unused;
    struct oc_error err;
    char path[PATH_BYTES + 32];
    struct store_identity ahead = visit(STORE_LOCK_NONE);
    ahead.seq += 5;
    path_of("marker", path);
    assert_int_equal(marker_write(path, &ahead, &err), OC_OK);
    (void)visit(STORE_LOCK_BEHIND);
}

static void a_damaged_marker_locks(void **unused)
{
    (void)unused;
    (void)visit(STORE_LOCK_NONE);
    overwrite("marker", "openclaw gateway marker 1\n");
    (void)visit(STORE_LOCK_NO_MARKER);
}

static void a_lost_key_is_named_and_not_replaced(void **unused)
{
    (void)unused;
    static const char *const keys[] = {"gateway.key", "secret.key"};
    (void)visit(STORE_LOCK_NONE);
    for (size_t i = 0; i < 2; i++) {
        struct state state;
        struct oc_error err;
        char path[PATH_BYTES + 32];
        char aside[PATH_BYTES + 32];
        path_of(keys[i], path);
        path_of("aside", aside);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(open_state(&state, &err), OC_FAILED_PRECONDITION);
        assert_non_null(strstr(err.text, keys[i]));
        state_close(&state);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(rename(aside, path), 0);
    }
}

static void keys_that_are_none_are_refused(void **unused)
{
    (void)unused;
    struct state state;
    struct oc_error err;
    (void)visit(STORE_LOCK_NONE);
    overwrite("secret.key", "short");
    assert_int_equal(open_state(&state, &err), OC_INVALID_ARGUMENT);
    state_close(&state);
    overwrite("gateway.key", "no key");
    assert_int_equal(open_state(&state, &err), OC_INVALID_ARGUMENT);
    state_close(&state);
}

static void a_readable_key_is_refused_with_the_fix(void **unused)
{
    (void)unused;
    struct state state;
    struct oc_error err;
    char path[PATH_BYTES + 32];
    (void)visit(STORE_LOCK_NONE);
    path_of("gateway.key", path);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(open_state(&state, &err), OC_PERMISSION_DENIED);
    assert_non_null(strstr(err.text, "gateway.key"));
    state_close(&state);
}

static void init_keeps_the_gateway_s_id_and_the_old_file(void **unused)
{
    (void)unused;
    struct state state;
    struct oc_error err;
    char path[PATH_BYTES + 64];
    const struct store_identity before = visit(STORE_LOCK_NONE);
    overwrite("gateway.db", "this is no database, and it is long enough to be looked at as one");
    assert_int_equal(open_state(&state, &err), OC_OK);
    assert_null(state.store);
    struct store *store = NULL;
    assert_int_equal(state_make_store(&state, NOW_MS, &store, &err), OC_OK);
    const struct store_identity after = store_identity(store);
    assert_memory_equal(before.gateway_id, after.gateway_id, STORE_ID_BYTES);
    assert_memory_not_equal(before.database_id, after.database_id, STORE_ID_BYTES);
    path_of("gateway.db.replaced-1000000", path);
    assert_int_equal(access(path, F_OK), 0);
    store_close(store);
    state_close(&state);
}

static void a_second_gateway_is_refused(void **unused)
{
    (void)unused;
    struct state first;
    struct state second;
    struct oc_error err;
    assert_int_equal(open_state(&first, &err), OC_OK);
    assert_int_equal(open_state(&second, &err), OC_ALREADY_EXISTS);
    state_close(&second);
    state_close(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_first_start_makes_what_later_starts_find, enter, leave),
        cmocka_unit_test_setup_teardown(a_lost_database_locks_and_is_not_made_anew, enter, leave),
        cmocka_unit_test_setup_teardown(a_damaged_database_locks, enter, leave),
        cmocka_unit_test_setup_teardown(another_gateway_s_database_locks, enter, leave),
        cmocka_unit_test_setup_teardown(a_database_behind_the_marker_locks, enter, leave),
        cmocka_unit_test_setup_teardown(a_damaged_marker_locks, enter, leave),
        cmocka_unit_test_setup_teardown(a_lost_key_is_named_and_not_replaced, enter, leave),
        cmocka_unit_test_setup_teardown(keys_that_are_none_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(a_readable_key_is_refused_with_the_fix, enter, leave),
        cmocka_unit_test_setup_teardown(init_keeps_the_gateway_s_id_and_the_old_file, enter, leave),
        cmocka_unit_test_setup_teardown(a_second_gateway_is_refused, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
