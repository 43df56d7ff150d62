/* The audit searched: what passes a filter, in pages that are bounded by what is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/audit_search.h"
#include "tests/support/service_fixture.h"

enum {
    LONG_MS = 10 * 1000,
    DEVICES = 1500, /* rows, more than one search looks at */
    STEP_MS = 1000,
};

static struct service_fixture fixture;
static int64_t began_ms;

static void decide(enum pairing_event_kind kind, unsigned n)
{
    struct decide_command command = {.kind = kind};
    command.device_id.bytes[0] = (uint8_t)(n >> 8);
    command.device_id.bytes[1] = (uint8_t)n;
    command.device_id.bytes[2] = 1;
    (void)admin_do(&fixture, &command);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture_start(&fixture);
    began_ms = atomic_load(&fixture.clock.now_ms);
    for (unsigned i = 1; i <= DEVICES; i++) {
        decide(i % 500 == 0 ? PAIRING_EV_UNBLOCK : PAIRING_EV_BLOCK, i); /* not blocked: refused */
        fake_clock_advance(&fixture.clock, STEP_MS);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

struct reading {
    struct pending_call pending;
    uint64_t seqs[8];
    size_t n;
    uint64_t next;
};

static void read_rows(void *user, const struct audit_result *result)
{
    struct reading *reading = user;
    pthread_mutex_lock(&reading->pending.lock);
    for (size_t i = 0; i < result->n && i < 8; i++) {
        reading->seqs[i] = result->rows[i].seq;
    }
    reading->n = result->n;
    reading->next = result->next_after_seq;
    reading->pending.is_done = true;
    pthread_cond_broadcast(&reading->pending.changed);
    pthread_mutex_unlock(&reading->pending.lock);
}

static struct reading search(const struct audit_filter *filter, bool newest_first,
                             uint64_t after_seq)
{
    static struct reading reading;
    const struct store_audit_query query = {
        .after_seq = after_seq, .newest_first = newest_first, .limit = 8};
    const struct audit_call call = {.done = read_rows, .user = &reading};
    pending_init(&reading.pending);
    admin_search_audit(fixture.service, &query, filter, &call);
    assert_true(pending_wait(&reading.pending, LONG_MS));
    return reading;
}

/* All pages: how many rows in all, and how many pages it took. */
static size_t count_all(const struct audit_filter *filter, bool newest_first, size_t *n_pages)
{
    size_t n = 0;
    uint64_t after = 0;
    *n_pages = 0;
    do {
        const struct reading reading = search(filter, newest_first, after);
        n += reading.n;
        after = reading.next;
        ++*n_pages;
    } while (after != 0);
    return n;
}

static void each_word_selects_and_pages_are_bounded(void **state)
{
    (void)state;
    size_t n_pages = 0;
    assert_int_equal(count_all(&(struct audit_filter){.action = "unblock"}, false, &n_pages), 3);
    assert_int_equal(n_pages, 2); /* 1,024 rows and the rest */
    assert_int_equal(count_all(&(struct audit_filter){.action = "unblock"}, true, &n_pages), 3);
    assert_int_equal(
        count_all(&(struct audit_filter){.action = "unblock", .outcome = "done"}, true, &n_pages),
        0);
    assert_int_equal(count_all(&(struct audit_filter){.actor = "uid:77"}, false, &n_pages), 0);
    assert_int_equal(
        count_all(&(struct audit_filter){.request_id = {"7QK4M2T9XA"}}, false, &n_pages), 0);
    const struct audit_filter none = {.since_ms = 0};
    assert_int_equal(count_all(&none, false, &n_pages), DEVICES);
}

static void a_range_of_numbers_or_times_is_exact_and_ends_the_search(void **state)
{
    (void)state;
    size_t n_pages = 0;
    struct audit_filter filter = {.last_seq = 5};
    struct reading reading = search(&filter, false, 2);
    assert_int_equal(reading.n, 3);
    assert_int_equal(reading.seqs[0], 3);
    assert_int_equal(reading.next, 0);
    filter = (struct audit_filter){.since_ms = began_ms + 9 * STEP_MS,
                                   .until_ms = began_ms + 12 * STEP_MS};
    reading = search(&filter, false, 0);
    assert_int_equal(reading.n, 3);
    assert_int_equal(reading.seqs[0], 10);
    assert_int_equal(reading.next, 0);
    filter = (struct audit_filter){.since_ms = began_ms + (DEVICES - 2) * STEP_MS};
    assert_int_equal(count_all(&filter, true, &n_pages), 2);
    assert_int_equal(n_pages, 1); /* what is older was not looked at */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_selects_and_pages_are_bounded),
        cmocka_unit_test(a_range_of_numbers_or_times_is_exact_and_ends_the_search),
    };
    return cmocka_run_group_tests_name("audit search", tests, set_up, tear_down);
}
