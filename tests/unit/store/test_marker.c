/* The marker file and the reasons to start locked. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store/marker.h"

struct fixture {
    char directory[64];
    char path[96];
};

static const struct store_identity sample = {
    .gateway_id = {0xab, 1, 2},
    .database_id = {0xcd, 3, 4},
    .epoch = 3,
    .seq = UINT64_MAX,
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->directory, sizeof fixture->directory, "/tmp/openclaw-marker-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/marker", fixture->directory);
    *state = fixture;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

enum {
    FILE_BYTES = 4096 + 512,
    ROOM_BYTES = FILE_BYTES + 1024,
};

static size_t slurp(const char *path, char out[ROOM_BYTES])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(out, 1, ROOM_BYTES, file);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void spit(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void assert_same(const struct store_identity *a, const struct store_identity *b)
{
    assert_memory_equal(a->gateway_id, b->gateway_id, STORE_ID_BYTES);
    assert_memory_equal(a->database_id, b->database_id, STORE_ID_BYTES);
    assert_true(a->epoch == b->epoch);
    assert_true(a->seq == b->seq);
}

static void what_is_written_is_read(void **state)
{
    const struct fixture *fixture = *state;
    struct store_identity found;
    struct oc_error err;
    for (uint64_t seq = 0; seq < 3; seq++) {
        struct store_identity sent = sample;
        sent.seq -= 2 - seq;
        assert_int_equal(marker_write(fixture->path, &sent, &err), OC_OK);
        assert_int_equal(marker_read(fixture->path, &found, &err), OC_OK);
        assert_same(&sent, &found);
    }
}

static void a_marker_is_for_its_owner_alone_and_leaves_no_temporary(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    assert_int_equal(marker_write(fixture->path, &sample, &err), OC_OK);
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s.new", fixture->path);
    assert_int_equal(access(temporary, F_OK), -1);
}

static void a_missing_marker_is_not_found(void **state)
{
    const struct fixture *fixture = *state;
    struct store_identity found;
    struct oc_error err;
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_NOT_FOUND);
}

static struct store_identity read_well(const char *path)
{
    struct store_identity found;
    struct oc_error err = {0};
    assert_int_equal(marker_read(path, &found, &err), OC_OK);
    return found;
}

static void every_changed_byte_is_noticed(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    assert_int_equal(marker_write(fixture->path, &sample, &err), OC_OK);
    char text[ROOM_BYTES];
    const size_t n = slurp(fixture->path, text);
    assert_int_equal(n, FILE_BYTES);
    for (size_t i = 0; i < 512; i++) { /* the one slot that is written */
        for (unsigned bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ (1 << bit));
            spit(fixture->path, text, n);
            text[i] = (char)(text[i] ^ (1 << bit));
            struct store_identity found;
            assert_int_equal(marker_read(fixture->path, &found, &err), OC_DATA_LOSS);
        }
    }
}

/* However much of the last write reached the disk: what it said, or what the one before said. */
static void a_write_that_is_cut_short_leaves_the_one_before(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    char before[ROOM_BYTES];
    char after[ROOM_BYTES];
    struct store_identity old = sample;
    old.seq = 6;
    for (uint64_t seq = 7; seq < 11; seq++) {
        struct store_identity next = sample;
        next.seq = seq;
        assert_int_equal(marker_write(fixture->path, &old, &err), OC_OK);
        const size_t n = slurp(fixture->path, before);
        assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
        assert_int_equal(slurp(fixture->path, after), n);
        unsigned n_torn = 0;
        for (size_t torn = 0; torn < n; torn++) {
            char mixed[ROOM_BYTES];
            memcpy(mixed, before, n);
            memcpy(mixed, after, torn);
            spit(fixture->path, mixed, n);
            const struct store_identity found = read_well(fixture->path);
            const bool is_new = memcmp(mixed, after, n) == 0;
            assert_same(is_new ? &next : &old, &found);
            n_torn += is_new ? 0 : 1;
        }
        assert_true(n_torn > 100);
        spit(fixture->path, after, n);
        old = next;
    }
}

/* A torn slot is the one that the next write takes. */
static void after_a_torn_write_the_next_one_is_read(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    struct store_identity next = sample;
    char text[ROOM_BYTES];
    for (size_t at = 0; at < FILE_BYTES; at += 4096) {
        for (uint64_t seq = 1; seq < 4; seq++) {
            next.seq = 2 * at + seq;
            assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
        }
        const size_t n = slurp(fixture->path, text);
        text[at + 100] = 'x';
        spit(fixture->path, text, n);
        next.seq = 2 * at + 50;
        assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
        const struct store_identity found = read_well(fixture->path);
        assert_same(&next, &found);
    }
}

/* Written in place: the same file, of the same size, with the blocks that it has. */
static void a_write_needs_no_room(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    struct stat first, later;
    struct store_identity next = sample;
    next.seq = 0;
    assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
    assert_int_equal(stat(fixture->path, &first), 0);
    for (uint64_t seq = 1; seq < 5; seq++) {
        next.seq = seq;
        assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
    }
    assert_int_equal(stat(fixture->path, &later), 0);
    assert_int_equal(first.st_ino, later.st_ino);
    assert_int_equal(first.st_size, later.st_size);
    assert_int_equal(first.st_blocks, later.st_blocks);
    assert_int_equal(later.st_mode & 0777, 0600);
}

static void a_marker_of_the_first_version_is_read_and_replaced(void **state)
{
    static const char first[] =
        "openclaw gateway marker 1\n"
        "gateway 000102030405060708090a0b0c0d0e0f\n"
        "database f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n"
        "epoch 3\nseq 41\n"
        "sha256 f463b3393a5730413325b5643b201d5c36de780b058b6612e98fb3d0cbeceab1\n";
    const struct fixture *fixture = *state;
    struct oc_error err;
    spit(fixture->path, first, sizeof first - 1);
    struct store_identity found = read_well(fixture->path);
    assert_int_equal(found.gateway_id[15], 0x0f);
    assert_int_equal(found.database_id[0], 0xf0);
    assert_true(found.epoch == 3 && found.seq == 41);
    found.seq = 42;
    assert_int_equal(marker_write(fixture->path, &found, &err), OC_OK);
    const struct store_identity again = read_well(fixture->path);
    assert_same(&found, &again);
    char text[ROOM_BYTES];
    assert_int_equal(slurp(fixture->path, text), FILE_BYTES);
    for (size_t i = 0; i < sizeof first - 1; i++) {
        char damaged[sizeof first];
        memcpy(damaged, first, sizeof first);
        damaged[i] ^= 1;
        spit(fixture->path, damaged, sizeof first - 1);
        assert_int_equal(marker_read(fixture->path, &found, &err), OC_DATA_LOSS);
    }
}

static void every_cut_and_every_addition_is_noticed(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    struct store_identity found;
    assert_int_equal(marker_write(fixture->path, &sample, &err), OC_OK);
    char text[ROOM_BYTES];
    const size_t n = slurp(fixture->path, text);
    for (size_t cut = 0; cut < n; cut++) {
        spit(fixture->path, text, cut);
        assert_int_equal(marker_read(fixture->path, &found, &err), OC_DATA_LOSS);
    }
    text[n] = '\n';
    spit(fixture->path, text, n + 1);
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_DATA_LOSS);
    memset(text + n, 'x', sizeof text - n);
    spit(fixture->path, text, sizeof text);
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_DATA_LOSS);
}

static void a_write_that_fails_leaves_the_old_marker(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    assert_int_equal(marker_write(fixture->path, &sample, &err), OC_OK);
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s.new", fixture->path);
    assert_int_equal(mkdir(temporary, 0700), 0);
    char text[ROOM_BYTES];
    const size_t n = slurp(fixture->path, text);
    spit(fixture->path, text, n - 1); /* so that it must be made anew, under that name */
    struct store_identity next = sample;
    next.epoch++;
    assert_int_equal(marker_write(fixture->path, &next, &err), OC_UNAVAILABLE);
    char left[ROOM_BYTES];
    assert_int_equal(slurp(fixture->path, left), n - 1);
    assert_memory_equal(left, text, n - 1);
    spit(fixture->path, text, n);
    struct store_identity found;
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_OK);
    assert_same(&sample, &found);
}

static void it_is_never_taken_back_in_the_same_database(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    struct store_identity found;
    struct store_identity next = sample;
    assert_int_equal(marker_write(fixture->path, &sample, &err), OC_OK);
    next.seq--;
    assert_int_equal(marker_write(fixture->path, &next, &err), OC_FAILED_PRECONDITION);
    next.seq += 100;
    next.epoch--;
    assert_int_equal(marker_write(fixture->path, &next, &err), OC_FAILED_PRECONDITION);
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_OK);
    assert_same(&sample, &found);
    next.seq = 0; /* an accepted rollback */
    next.epoch = sample.epoch + 1;
    assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
    next.epoch = 1; /* another database */
    next.database_id[0] ^= 1;
    assert_int_equal(marker_write(fixture->path, &next, &err), OC_OK);
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_OK);
    assert_same(&next, &found);
}

static void a_link_in_the_place_of_the_marker_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    struct oc_error err;
    char other[128];
    (void)snprintf(other, sizeof other, "%s/other", fixture->directory);
    assert_int_equal(marker_write(other, &sample, &err), OC_OK);
    assert_int_equal(symlink(other, fixture->path), 0);
    struct store_identity found;
    assert_int_equal(marker_read(fixture->path, &found, &err), OC_UNAVAILABLE);
}

static void a_directory_that_is_not_there_is_unavailable(void **state)
{
    const struct fixture *fixture = *state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/none/marker", fixture->directory);
    struct oc_error err;
    assert_int_equal(marker_write(path, &sample, &err), OC_UNAVAILABLE);
}

static void the_reasons_to_start_locked_are_as_tabled(void **state)
{
    (void)state;
    const struct store_identity fresh = {.epoch = 1};
    const struct store_identity mine = {.epoch = 2, .seq = 50};
    struct store_identity other_gateway = mine;
    struct store_identity other_database = mine;
    other_gateway.gateway_id[0] = 1;
    other_database.database_id[15] = 1;
    const struct store_identity older = {.epoch = 2, .seq = 49};
    const struct store_identity newer = {.epoch = 2, .seq = 51};
    const struct store_identity lower_epoch = {.epoch = 1, .seq = 90};
    const struct store_identity higher_epoch = {.epoch = 3, .seq = 10};
    const struct store_identity raised = {.epoch = 2};
    const struct {
        const struct store_identity *database;
        const struct store_identity *marker;
        enum store_lock want;
    } rows[] = {
        {NULL, NULL, STORE_LOCK_NONE},
        {NULL, &mine, STORE_LOCK_MISSING},
        {&fresh, NULL, STORE_LOCK_NONE},
        {&mine, NULL, STORE_LOCK_NO_MARKER},
        {&raised, NULL, STORE_LOCK_NO_MARKER},
        {&mine, &mine, STORE_LOCK_NONE},
        {&newer, &mine, STORE_LOCK_NONE},
        {&older, &mine, STORE_LOCK_BEHIND},
        {&lower_epoch, &mine, STORE_LOCK_BEHIND},
        {&higher_epoch, &mine, STORE_LOCK_NONE},
        {&other_gateway, &mine, STORE_LOCK_FOREIGN},
        {&other_database, &mine, STORE_LOCK_FOREIGN},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        assert_int_equal(store_lock_reason(rows[i].database, rows[i].marker), rows[i].want);
    }
}

static void every_lock_tells_its_fix(void **state)
{
    (void)state;
    for (int lock = STORE_LOCK_NONE + 1; lock < STORE_LOCK_COUNT; lock++) {
        assert_non_null(strstr(store_lock_text((enum store_lock)lock), "openclaw gateway unlock"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(a_marker_is_for_its_owner_alone_and_leaves_no_temporary),
        TEST(a_missing_marker_is_not_found),
        TEST(every_changed_byte_is_noticed),
        TEST(every_cut_and_every_addition_is_noticed),
        TEST(a_write_that_is_cut_short_leaves_the_one_before),
        TEST(after_a_torn_write_the_next_one_is_read),
        TEST(a_write_needs_no_room),
        TEST(a_marker_of_the_first_version_is_read_and_replaced),
        TEST(a_write_that_fails_leaves_the_old_marker),
        TEST(it_is_never_taken_back_in_the_same_database),
        TEST(a_link_in_the_place_of_the_marker_is_refused),
        TEST(a_directory_that_is_not_there_is_unavailable),
        TEST(the_reasons_to_start_locked_are_as_tabled),
        TEST(every_lock_tells_its_fix),
    };
    return cmocka_run_group_tests_name("marker", tests, NULL, NULL);
}
