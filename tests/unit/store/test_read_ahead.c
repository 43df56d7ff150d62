/* Records read ahead are visited as if they had not been. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/read_ahead.h"

enum {
    MANY = 1003, /* more than are kept apart, and no whole number of batches */
};

struct source {
    uint64_t n;         /* records there are */
    uint64_t breaks_at; /* the read fails there; 0: nowhere */
    uint64_t n_emitted;
    pthread_t reader;
    bool is_over;
};

struct visitor {
    uint64_t n;
    uint64_t stops_at; /* 0: nowhere */
};

static enum oc_status read_numbers(void *from, store_visit_fn emit, void *user,
                                   struct oc_error *err)
{
    struct source *source = from;
    struct pairing pairing = {.generation = 0};
    struct sighting sighting = {.seen_ms = 0};
    enum oc_status st = OC_OK;
    source->reader = pthread_self();
    while (!st && source->n_emitted < source->n) {
        pairing.generation = ++source->n_emitted;
        sighting.seen_ms = -(int64_t)source->n_emitted;
        st = source->n_emitted == source->breaks_at ? oc_fail(err, OC_DATA_LOSS, "broken at %llu",
                                                              (unsigned long long)source->breaks_at)
                                                    : emit(user, &pairing, &sighting);
    }
    source->is_over = true;
    return st;
}

static enum oc_status visit(void *user, const struct pairing *pairing,
                            const struct sighting *sighting)
{
    struct visitor *visitor = user;
    assert_int_equal(pairing->generation, ++visitor->n);
    assert_int_equal(sighting->seen_ms, -(int64_t)visitor->n);
    return visitor->n == visitor->stops_at ? OC_RESOURCE_EXHAUSTED : OC_OK;
}

static void every_record_is_visited_once_and_in_order(void **state)
{
    (void)state;
    for (uint64_t n = 0; n <= MANY; n = n < 100 ? n + 1 : n + 301) {
        struct source source = {.n = n};
        struct visitor visitor = {.n = 0};
        struct oc_error err;
        assert_int_equal(read_ahead(read_numbers, &source, visit, &visitor, &err), OC_OK);
        assert_int_equal(visitor.n, n);
    }
}

static void the_reader_has_a_thread_of_its_own(void **state)
{
    (void)state;
    struct source source = {.n = MANY};
    struct visitor visitor = {.n = 0};
    assert_int_equal(read_ahead(read_numbers, &source, visit, &visitor, NULL), OC_OK);
    assert_false(pthread_equal(source.reader, pthread_self()));
}

static void what_was_read_before_a_failure_is_visited_and_the_failure_told(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= MANY; at += at < 100 ? 1 : 301) {
        struct source source = {.n = MANY, .breaks_at = at};
        struct visitor visitor = {.n = 0};
        struct oc_error err = {0};
        char text[32];
        (void)snprintf(text, sizeof text, "broken at %llu", (unsigned long long)at);
        assert_int_equal(read_ahead(read_numbers, &source, visit, &visitor, &err), OC_DATA_LOSS);
        assert_int_equal(visitor.n, at - 1);
        assert_int_equal(err.status, OC_DATA_LOSS);
        assert_string_equal(err.text, text);
    }
}

static void a_visitor_that_stops_ends_the_read(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= MANY; at += at < 100 ? 1 : 301) {
        struct source source = {.n = UINT64_MAX};
        struct visitor visitor = {.n = 0, .stops_at = at};
        assert_int_equal(read_ahead(read_numbers, &source, visit, &visitor, NULL),
                         OC_RESOURCE_EXHAUSTED);
        assert_int_equal(visitor.n, at);
        assert_true(source.is_over);
        assert_in_range(source.n_emitted, at, at + MANY); /* it did not run away */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_visited_once_and_in_order),
        cmocka_unit_test(the_reader_has_a_thread_of_its_own),
        cmocka_unit_test(what_was_read_before_a_failure_is_visited_and_the_failure_told),
        cmocka_unit_test(a_visitor_that_stops_ends_the_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
