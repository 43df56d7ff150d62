/* The index and what it is made of: packed records, the growing table, the wheel of deadlines. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/pairing.h"
#include "server/service/directory.h"
#include "server/service/naming.h"

/* ---- packed records ------------------------------------------------------------------------- */

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void text(uint64_t *state, char *out, size_t max)
{
    size_t n = next(state) % 3 == 0 ? 0 : next(state) % (max + 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)('a' + next(state) % 26);
    }
}

static void bytes(uint64_t *state, uint8_t *out, size_t n)
{
    for (size_t i = 0; next(state) % 4 > 0 && i < n; i++) {
        out[i] = (uint8_t)next(state);
    }
}

static int64_t moment(uint64_t *state)
{
    static const int64_t odd[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(1700000000000)};
    uint64_t pick = next(state) % 8;
    return pick < 6 ? odd[pick] : INT64_C(1700000000000) + (int64_t)(next(state) % 100000000);
}

static void grant(uint64_t *state, struct oc_grant *out)
{
    text(state, out->role, OC_MAX_ROLE_BYTES);
    out->n_scopes = (uint8_t)(next(state) % (OC_MAX_SCOPES + 1));
    for (size_t i = 0; i < out->n_scopes; i++) {
        text(state, out->scopes[i], OC_MAX_SCOPE_BYTES);
    }
}

static void labels(uint64_t *state, struct oc_labels *out)
{
    out->n = (uint8_t)(next(state) % (OC_MAX_LABELS + 1));
    for (size_t i = 0; i < out->n; i++) {
        text(state, out->items[i].key, OC_MAX_LABEL_KEY_BYTES);
        text(state, out->items[i].value, OC_MAX_LABEL_VALUE_BYTES);
    }
}

static void request(uint64_t *state, struct pairing *pairing)
{
    struct pairing_request *out = &pairing->request;
    out->is_open = next(state) % 2;
    text(state, out->id.text, OC_REQUEST_ID_CHARS);
    bytes(state, out->digest.bytes, sizeof out->digest.bytes);
    if (next(state) % 2) {
        out->ask.grant = pairing->asked;
        memcpy(out->ask.name, pairing->claimed_name, sizeof out->ask.name);
    } else {
        grant(state, &out->ask.grant);
        text(state, out->ask.name, OC_MAX_NAME_BYTES);
    }
    labels(state, &out->ask.labels);
    text(state, out->ask.purpose, OC_MAX_PURPOSE_BYTES);
    out->why = (enum oc_why)(next(state) % OC_WHY_COUNT);
    out->opened_ms = moment(state);
    out->attempted_ms = moment(state);
    out->code_failures = (uint8_t)next(state);
    out->n_votes = (uint8_t)(next(state) % (PAIRING_VOTES_KEPT + 1));
    for (size_t i = 0; i < out->n_votes; i++) {
        text(state, out->votes[i].by, OC_MAX_ACTOR_BYTES);
        bytes(state, out->votes[i].effective.bytes, OC_DIGEST_BYTES);
        if (next(state) % 2) {
            bytes(state, out->votes[i].certificate.bytes, OC_DIGEST_BYTES);
        }
        out->votes[i].at_ms = moment(state);
    }
}

static void any_pairing(uint64_t *state, struct pairing *out)
{
    memset(out, 0, sizeof *out);
    bytes(state, out->id.bytes, sizeof out->id.bytes);
    out->standing = (enum oc_standing)(next(state) % OC_STANDING_COUNT);
    out->generation = next(state) >> (next(state) % 64);
    grant(state, &out->asked);
    if (next(state) % 2) {
        out->granted = out->asked;
    } else {
        grant(state, &out->granted);
    }
    out->term_ends_ms = moment(state);
    text(state, out->alias, OC_MAX_NAME_BYTES);
    labels(state, &out->labels);
    text(state, out->claimed_name, OC_MAX_NAME_BYTES);
    request(state, out);
    if (next(state) % 2) {
        out->expectation.is_set = true;
        out->expectation.approves = next(state) % 2;
        out->expectation.until_ms = moment(state);
        grant(state, &out->expectation.grant);
        labels(state, &out->expectation.labels);
        out->expectation.term_ms = moment(state);
    }
    out->last_end = (enum request_end)(next(state) % REQUEST_END_COUNT);
    for (size_t i = 0, n = next(state) % (PAIRING_REPLACED_KEPT + 1); i < n; i++) {
        memcpy(out->replaced[i].text, "7QK4M2T9XA", OC_REQUEST_ID_CHARS);
    }
    if (next(state) % 2) {
        memcpy(out->closed.text, "AAAAAAAAAA", OC_REQUEST_ID_CHARS);
        out->closed_end = (enum request_end)(next(state) % REQUEST_END_COUNT);
    }
    out->replaced_ms = moment(state);
    out->cool_down_until_ms = moment(state);
    out->cool_down_step = (uint8_t)next(state);
    bytes(state, out->refused_upgrade.bytes, sizeof out->refused_upgrade.bytes);
    out->refused_upgrade_until_ms = moment(state);
    out->approval_seq = next(state) >> (next(state) % 64);
    out->first_seen_ms = moment(state);
    out->requested_ms = moment(state);
    out->decided_ms = moment(state);
    text(state, out->decided_by, OC_MAX_ACTOR_BYTES);
    out->is_removed = next(state) % 2;
    out->is_quarantined = next(state) % 2;
}

static void every_field_of_a_record_survives_packing(void **state)
{
    uint64_t random = 7;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct pairing was, is;
        struct packed packed;
        struct oc_request_id id, closed;
        any_pairing(&random, &was);
        assert_true(packed_from_pairing(&was, &packed));
        packed_to_pairing(&packed, &was.id, &is);
        assert_memory_equal(&was, &is, sizeof was);
        assert_true(packed_generation(&packed) == was.generation);
        packed_request_ids(&packed, &id, &closed);
        assert_string_equal(id.text, was.request.id.text);
        assert_string_equal(closed.text, was.closed.text);
        packed_free(&packed);
    }
}

static void every_field_of_a_sighting_survives_packing(void **state)
{
    uint64_t random = 8;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct sighting was, is;
        struct packed packed;
        memset(&was, 0, sizeof was);
        was.seen_ms = moment(&random);
        text(&random, was.source, OC_MAX_SOURCE_BYTES);
        text(&random, was.platform, OC_MAX_PLATFORM_BYTES);
        text(&random, was.version, OC_MAX_VERSION_BYTES);
        bytes(&random, was.instance_id, OC_INSTANCE_BYTES);
        bytes(&random, was.boot_id, OC_INSTANCE_BYTES);
        bytes(&random, was.host_hint, OC_INSTANCE_BYTES);
        was.session_counter = next(&random) >> (next(&random) % 64);
        assert_true(packed_from_sighting(&was, &packed));
        packed_to_sighting(&packed, was.seen_ms, &is);
        assert_memory_equal(&was, &is, sizeof was);
        packed_free(&packed);
    }
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool is_it(const void *value, const void *wanted)
{
    return value == wanted;
}

static void a_table_keeps_what_is_in_it_while_it_grows_and_shrinks(void **state)
{
    enum { N = 4000 };
    struct table table;
    bool *is_in = calloc(N, sizeof *is_in);
    uint64_t random = 9;
    (void)state;
    table_init(&table, 12345);
    for (int step = 0; step < 100000; step++) {
        size_t i = next(&random) % N;
        uint64_t key = i / 3; /* some share a key */
        if (is_in[i]) {
            assert_true(table_remove(&table, key, &is_in[i]));
        } else {
            assert_true(table_reserve(&table, 1));
            table_insert(&table, key, &is_in[i]);
        }
        is_in[i] = !is_in[i];
        size_t probe = next(&random) % N;
        assert_ptr_equal(table_find(&table, probe / 3, is_it, &is_in[probe]),
                         is_in[probe] ? &is_in[probe] : NULL);
    }
    for (size_t i = 0; i < N; i++) {
        assert_ptr_equal(table_find(&table, i / 3, is_it, &is_in[i]), is_in[i] ? &is_in[i] : NULL);
    }
    assert_true(table_bytes(&table) <= 4 * N * sizeof(struct table_slot));
    table_deinit(&table);
    free(is_in);
}

static void room_that_was_reserved_is_there(void **state)
{
    struct table table;
    static char values[1000];
    (void)state;
    table_init(&table, 1);
    for (size_t n = 0; n < 1000; n += 100) {
        assert_true(table_reserve(&table, 100));
        for (size_t i = n; i < n + 100; i++) {
            table_insert(&table, i, &values[i]);
        }
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_ptr_equal(table_find(&table, i, is_it, &values[i]), &values[i]);
    }
    table_deinit(&table);
}

/* ---- the wheel ------------------------------------------------------------------------------ */

static void a_deadline_is_neither_early_nor_much_late(void **state)
{
    enum { N = 500 };
    static struct timer timers[N];
    struct timer_wheel wheel;
    uint64_t random = 10;
    size_t n_left = N;
    (void)state;
    timer_wheel_init(&wheel, 1000);
    for (size_t i = 0; i < N; i++) {
        timer_wheel_add(&wheel, &timers[i], 1000 + (int64_t)(next(&random) % 200000));
    }
    for (size_t i = 0; i < N; i += 5) {
        timer_wheel_remove(&timers[i]);
        timer_wheel_remove(&timers[i]);
        n_left--;
    }
    for (int64_t now = 1000; now < 202000; now += 50) {
        struct timer *due;
        while ((due = timer_wheel_take_due(&wheel, now))) {
            assert_true(due->due_ms <= now);
            assert_true(now - due->due_ms <= TIMER_SLOT_MS + 50);
            n_left--;
        }
    }
    assert_int_equal(n_left, 0);
}

static void after_a_long_sleep_everything_is_found(void **state)
{
    static struct timer timers[100];
    struct timer_wheel wheel;
    size_t n = 0;
    (void)state;
    timer_wheel_init(&wheel, 0);
    for (size_t i = 0; i < 100; i++) {
        timer_wheel_add(&wheel, &timers[i], (int64_t)i * 1000);
    }
    while (timer_wheel_take_due(&wheel, 100000000)) {
        n++;
    }
    assert_int_equal(n, 100);
}

/* ---- the index ------------------------------------------------------------------------------ */

static void typical(struct pairing *out, uint64_t *random)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof out->id.bytes; i++) {
        out->id.bytes[i] = (uint8_t)next(random);
    }
    out->standing = OC_STANDING_APPROVED;
    out->generation = 1;
    out->asked = (struct oc_grant){.role = "agent", .n_scopes = 2, .scopes = {"chat", "tools"}};
    out->granted = out->asked;
    memcpy(out->claimed_name, "web-frontend-0042", sizeof "web-frontend-0042");
    out->last_end = out->closed_end = REQUEST_END_APPROVED;
    memcpy(out->closed.text, "7QK4M2T9XA", sizeof "7QK4M2T9XA");
    out->approval_seq = 100000;
    out->first_seen_ms = INT64_C(1700000000000);
    out->requested_ms = out->first_seen_ms;
    out->decided_ms = out->first_seen_ms + 60000;
    memcpy(out->decided_by, "uid:1000", sizeof "uid:1000");
}

static void fill(struct index *index, struct directory *directory, size_t n)
{
    uint64_t random = 11;
    for (size_t i = 0; i < n; i++) {
        struct pairing pairing, stranger;
        struct packed packed;
        struct sighting sighting = {
            .seen_ms = 1, .source = "203.0.113.9", .platform = "linux", .version = "1.2.3"};
        typical(&pairing, &random);
        memcpy(sighting.instance_id, pairing.id.bytes, OC_INSTANCE_BYTES);
        memcpy(sighting.boot_id, pairing.id.bytes + 8, OC_INSTANCE_BYTES);
        memcpy(sighting.host_hint, pairing.id.bytes + 16, OC_INSTANCE_BYTES);
        struct shard *shard = index_shard(index, &pairing.id);
        shard_lock(shard);
        struct entry *entry = shard_obtain(shard, &pairing.id);
        shard_see(shard, entry, &sighting);
        shard_unlock(shard);
        assert_true(packed_from_pairing(&pairing, &packed));
        stranger = pairing_of_stranger(&pairing.id);
        assert_true(directory_reserve(directory, 1));
        directory_update(directory, entry, &stranger, &pairing, sighting.host_hint);
        shard_lock(shard);
        shard_publish(shard, entry, &packed, &pairing);
        shard_unlock(shard);
    }
}

static void a_stored_device_costs_at_most_400_bytes(void **state)
{
    enum { N = 100000 };
    struct index *index = malloc(sizeof *index);
    struct directory *directory = malloc(sizeof *directory);
    (void)state;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    index_init(index, 3, 0);
    directory_init(directory, 4);
    fill(index, directory, N);
    size_t each = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / N;
    print_message("%zu bytes a device\n", each);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(each <= 400);
#endif
    directory_deinit(directory);
    index_deinit(index);
    free(directory);
    free(index);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void a_request_id_depends_on_device_ask_and_generation_alone(void **state)
{
    struct naming naming;
    const struct oc_key secret = {.bytes = {1, 2, 3}};
    struct oc_device_id id = {.bytes = {9}};
    struct oc_digest digest = {.bytes = {8}};
    struct oc_request_id parsed;
    (void)state;
    naming_init(&naming, &secret);
    struct oc_request_id first = naming_request_id(&naming, &id, &digest, 0);
    struct oc_request_id again = naming_request_id(&naming, &id, &digest, 0);
    assert_string_equal(first.text, again.text);
    assert_true(oc_request_id_parse(first.text, &parsed));
    assert_string_equal(first.text, parsed.text);
    assert_string_not_equal(first.text, naming_request_id(&naming, &id, &digest, 1).text);
    digest.bytes[31] = 1;
    assert_string_not_equal(first.text, naming_request_id(&naming, &id, &digest, 0).text);
    naming_deinit(&naming);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_record_survives_packing),
        cmocka_unit_test(every_field_of_a_sighting_survives_packing),
        cmocka_unit_test(a_table_keeps_what_is_in_it_while_it_grows_and_shrinks),
        cmocka_unit_test(room_that_was_reserved_is_there),
        cmocka_unit_test(a_deadline_is_neither_early_nor_much_late),
        cmocka_unit_test(after_a_long_sleep_everything_is_found),
        cmocka_unit_test(a_stored_device_costs_at_most_400_bytes),
        cmocka_unit_test(a_request_id_depends_on_device_ask_and_generation_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
