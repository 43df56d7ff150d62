/* What an export, or checkpoints, tell of records that a history lacks. */
#include <openclaw/rollback.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/audit_lines.h"
#include "proto/crypto/audit_chain.h"
#include "proto/crypto/checkpoint.h"

enum {
    RECORDS = 40,
    FORK = 25, /* the other history is the same up to here */
};

struct history {
    struct oc_audit_header header;
    struct oc_audit_record records[RECORDS];
};

struct scene {
    struct history ours, other;
    struct oc_audit_history compared; /* `ours` up to last_seq */
    char path[64];
    FILE *file;
    uint64_t told[RECORDS + 1];
    size_t n_told, n_asked;
    struct oc_audit_gap gap;
    struct oc_error err;
};

static struct oc_identity *gateway, *thief;

static void make_history(struct history *history, const char *actor_after_fork)
{
    struct oc_digest hash;
    memset(history->header.gateway_id, 0x11, sizeof history->header.gateway_id);
    memset(history->header.database_id, 0x22, sizeof history->header.database_id);
    hash = oc_audit_genesis(history->header.gateway_id, history->header.database_id);
    for (size_t i = 0; i < RECORDS; i++) {
        struct oc_audit_record *record = &history->records[i];
        record->seq = i + 1;
        record->at_ms = 1700000000000 + (int64_t)i;
        (void)snprintf(record->actor, sizeof record->actor, "%s",
                       i < FORK ? "uid:0" : actor_after_fork);
        (void)snprintf(record->action, sizeof record->action, "revoke");
        hash = record->hash = oc_audit_record_hash(&hash, record);
    }
}

static enum oc_status hash_of(void *user, uint64_t seq, struct oc_digest *out, struct oc_error *err)
{
    struct scene *scene = user;
    (void)err;
    assert_true(seq >= 1 && seq <= scene->compared.last_seq);
    scene->n_asked++;
    *out = scene->ours.records[seq - 1].hash;
    return OC_OK;
}

static void tell(void *user, const struct oc_audit_record *record)
{
    struct scene *scene = user;
    assert_true(scene->n_told < RECORDS + 1);
    scene->told[scene->n_told++] = record->seq;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    make_history(&scene->ours, "uid:7");
    make_history(&scene->other, "uid:9");
    (void)snprintf(scene->path, sizeof scene->path, "/tmp/openclaw-gap-XXXXXX");
    const int fd = mkstemp(scene->path);
    scene->file = fdopen(fd, "w");
    assert_non_null(scene->file);
    scene->compared = (struct oc_audit_history){
        .last_seq = RECORDS, .hash = hash_of, .missing = tell, .user = scene};
    memset(scene->compared.gateway_id, 0x11, 16);
    memset(scene->compared.database_id, 0x22, 16);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    (void)fclose(scene->file);
    (void)unlink(scene->path);
    free(scene);
    return 0;
}

static struct oc_audit_checkpoint checkpoint_at(const struct history *history, uint64_t seq)
{
    struct oc_audit_checkpoint checkpoint = {.epoch = 1, .seq = seq, .at_ms = 1700000000000};
    memcpy(checkpoint.gateway_id, history->header.gateway_id, sizeof checkpoint.gateway_id);
    memcpy(checkpoint.database_id, history->header.database_id, sizeof checkpoint.database_id);
    checkpoint.hash = history->records[seq - 1].hash;
    assert_int_equal(oc_checkpoint_sign(gateway, &checkpoint, NULL), OC_OK);
    return checkpoint;
}

static void put_checkpoint(struct scene *scene, const struct history *history, uint64_t seq)
{
    char line[OC_AUDIT_LINE_BYTES];
    const struct oc_audit_checkpoint checkpoint = checkpoint_at(history, seq);
    const size_t n = oc_audit_format_checkpoint(&checkpoint, line);
    (void)fwrite(line, 1, n, scene->file);
    (void)fflush(scene->file);
}

static void put_export(struct scene *scene, const struct history *history, uint64_t from,
                       uint64_t to)
{
    char line[OC_AUDIT_LINE_BYTES];
    const struct oc_audit_checkpoint checkpoint = checkpoint_at(history, to);
    struct oc_audit_header header = history->header;
    header.from_seq = from;
    memcpy(header.key, checkpoint.key, sizeof header.key);
    if (from > 1) {
        header.previous = history->records[from - 2].hash;
    }
    const size_t n_header = oc_audit_format_header(&header, line);
    (void)fwrite(line, 1, n_header, scene->file);
    for (uint64_t seq = from; seq <= to; seq++) {
        const size_t n = oc_audit_format_record(&history->records[seq - 1], line);
        (void)fwrite(line, 1, n, scene->file);
    }
    put_checkpoint(scene, history, to);
}

static enum oc_status compare(struct scene *scene, const struct oc_identity *pinned)
{
    const struct oc_digest pin = oc_identity_spki_sha256(pinned);
    return oc_audit_find_gap(scene->path, &pin, &scene->compared, &scene->gap, &scene->err);
}

static void assert_told(const struct scene *scene, uint64_t from, uint64_t to)
{
    assert_int_equal(scene->n_told, to + 1 - from);
    for (size_t i = 0; i < scene->n_told; i++) {
        assert_true(scene->told[i] == from + i);
    }
    assert_int_equal(scene->gap.n_told, scene->n_told);
}

static void the_records_behind_an_older_history_are_told_one_by_one(void **state)
{
    struct scene *scene = *state;
    put_export(scene, &scene->ours, 1, RECORDS);
    for (uint64_t last = 0; last < RECORDS; last++) {
        scene->compared.last_seq = last;
        scene->n_told = scene->n_asked = 0;
        assert_int_equal(compare(scene, gateway), OC_OK);
        assert_told(scene, last + 1, RECORDS);
        assert_true(scene->gap.common_seq == last && scene->gap.told_seq == RECORDS);
        assert_true(scene->gap.is_export && scene->gap.is_pinned);
        assert_false(scene->gap.is_unproved || scene->gap.has_other_records);
        assert_in_range(scene->n_asked, 0, 7); /* not one by one */
    }
}

static void nothing_is_missing_from_a_history_that_goes_on_behind_it(void **state)
{
    struct scene *scene = *state;
    put_export(scene, &scene->ours, 1, 30);
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_int_equal(scene->n_told, 0);
    assert_true(scene->gap.common_seq == 30 && scene->gap.told_seq == 30);
    assert_false(scene->gap.has_other_records || scene->gap.is_unproved);
}

static void where_two_histories_part_all_behind_it_is_missing(void **state)
{
    struct scene *scene = *state;
    put_export(scene, &scene->other, 1, RECORDS);
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_told(scene, FORK + 1, RECORDS);
    assert_true(scene->gap.common_seq == FORK && scene->gap.has_other_records);
}

static void an_export_that_begins_later_is_joined_by_the_hash_before_it(void **state)
{
    struct scene *scene = *state;
    put_export(scene, &scene->ours, 21, RECORDS);
    scene->compared.last_seq = 20;
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_told(scene, 21, RECORDS);
    assert_false(scene->gap.is_unproved);
    /* Behind the end of the history nothing joins them. */
    scene->compared.last_seq = 19;
    scene->n_told = 0;
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_told(scene, 21, RECORDS);
    assert_true(scene->gap.is_unproved);
}

static void of_another_database_everything_is_missing(void **state)
{
    struct scene *scene = *state;
    put_export(scene, &scene->ours, 1, RECORDS);
    memset(scene->compared.database_id, 0x33, 16);
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_told(scene, 1, RECORDS);
    assert_true(scene->gap.is_other_database && scene->n_asked == 0);
    /* One that is gone has no ids. */
    memset(scene->compared.gateway_id, 0, 16);
    scene->n_told = 0;
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_told(scene, 1, RECORDS);
    memset(scene->compared.gateway_id, 0x12, 16);
    assert_int_equal(compare(scene, gateway), OC_DATA_LOSS);
}

static void nothing_is_told_of_a_file_that_is_not_whole_or_not_signed(void **state)
{
    struct scene *scene = *state;
    put_export(scene, &scene->ours, 1, RECORDS);
    scene->compared.last_seq = 10;
    assert_int_equal(compare(scene, thief), OC_DATA_LOSS);
    const long end = ftell(scene->file);
    (void)fputc('\0', scene->file);
    (void)fputs("x", scene->file);
    (void)fflush(scene->file);
    assert_int_equal(compare(scene, gateway), OC_DATA_LOSS);
    assert_int_equal(ftruncate(fileno(scene->file), end - 1), 0);
    assert_int_equal(compare(scene, gateway), OC_DATA_LOSS);
    assert_int_equal(scene->n_told, 0);
    assert_int_equal(
        oc_audit_find_gap("/nonexistent/export", NULL, &scene->compared, &scene->gap, &scene->err),
        OC_NOT_FOUND);
}

static void the_newest_checkpoint_tells_how_many_are_missing(void **state)
{
    struct scene *scene = *state;
    (void)fputs("Nov 23 03:00:00 gw openclaw-gateway[7]: ", scene->file);
    put_checkpoint(scene, &scene->ours, 12);
    put_checkpoint(scene, &scene->ours, 33);
    put_checkpoint(scene, &scene->ours, 20);
    (void)fputs("{\"openclaw\":\"audit checkp", scene->file); /* as a crash leaves it */
    (void)fflush(scene->file);
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_true(scene->gap.common_seq == 33 && !scene->gap.is_export);
    scene->compared.last_seq = 30;
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_true(scene->gap.common_seq == 30 && scene->gap.told_seq == 33);
    assert_true(scene->gap.is_unproved && scene->n_told == 0);
    assert_int_equal(compare(scene, thief), OC_DATA_LOSS);
}

static void a_checkpoint_of_another_history_is_told_as_such(void **state)
{
    struct scene *scene = *state;
    put_checkpoint(scene, &scene->other, RECORDS);
    assert_int_equal(compare(scene, gateway), OC_OK);
    assert_true(scene->gap.has_other_records && scene->gap.common_seq == 0);
    assert_int_equal(ftruncate(fileno(scene->file), 0), 0);
    assert_int_equal(compare(scene, gateway), OC_INVALID_ARGUMENT);
}

static int make_keys(void **state)
{
    (void)state;
    return oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, NULL) ||
           oc_identity_generate(OC_IDENTITY_GATEWAY, &thief, NULL);
}

static int free_keys(void **state)
{
    (void)state;
    oc_identity_free(gateway);
    oc_identity_free(thief);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_records_behind_an_older_history_are_told_one_by_one),
        TEST(nothing_is_missing_from_a_history_that_goes_on_behind_it),
        TEST(where_two_histories_part_all_behind_it_is_missing),
        TEST(an_export_that_begins_later_is_joined_by_the_hash_before_it),
        TEST(of_another_database_everything_is_missing),
        TEST(nothing_is_told_of_a_file_that_is_not_whole_or_not_signed),
        TEST(the_newest_checkpoint_tells_how_many_are_missing),
        TEST(a_checkpoint_of_another_history_is_told_as_such),
    };
    return cmocka_run_group_tests_name("audit gap", tests, make_keys, free_keys);
}
