/* Hosts: any order of arrivals, decisions and departures against counting by looking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/pairing.h"
#include "server/service/directory.h"

enum {
    N_ENTRIES = 40,
    N_HOSTS = 4,
    N_STEPS = 100 * 1000,
};

struct scene {
    struct hosts hosts;
    struct entry entries[N_ENTRIES];
    struct pairing records[N_ENTRIES];
    uint32_t host_of[N_ENTRIES];
    uint64_t random;
};

static uint32_t draw(struct scene *scene, uint32_t below)
{
    scene->random = scene->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(scene->random >> 33) % below;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    hosts_init(&scene->hosts, 7);
    scene->random = 42;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    hosts_deinit(&scene->hosts);
    free(scene);
    return 0;
}

static void put(struct scene *scene, size_t i, uint32_t host, enum oc_standing standing,
                bool is_open)
{
    struct oc_device_id id = {.bytes = {(uint8_t)i}};
    scene->records[i] = pairing_of_stranger(&id);
    scene->records[i].standing = standing;
    scene->records[i].request.is_open = is_open;
    scene->host_of[i] = host;
    assert_true(hosts_reserve(&scene->hosts, 1));
    hosts_update(&scene->hosts, &scene->entries[i], host, &scene->records[i]);
}

static struct host_totals count_by_looking(const struct scene *scene, uint32_t host)
{
    struct host_totals totals = {.n_devices = 0};
    for (size_t i = 0; i < N_ENTRIES; i++) {
        if (scene->host_of[i] == host && entry_group_of(&scene->records[i]) != ENTRY_NOTHING) {
            totals.n_devices++;
            totals.n_requests += scene->records[i].request.is_open ? 1 : 0;
        }
    }
    return totals;
}

static bool visit(const void *value, const void *wanted)
{
    const struct entry *entry = value;
    struct scene *scene = *(struct scene *const *)wanted;
    size_t i = (size_t)(entry - scene->entries);
    assert_in_range(i, 0, N_ENTRIES - 1);
    assert_int_equal(scene->records[i].standing, OC_STANDING_APPROVED);
    return false;
}

static void counts_are_those_of_looking_at_every_device(void **state)
{
    struct scene *scene = *state;
    for (int step = 0; step < N_STEPS; step++) {
        put(scene, draw(scene, N_ENTRIES), draw(scene, N_HOSTS),
            (enum oc_standing)draw(scene, OC_STANDING_COUNT), draw(scene, 2) == 0);
        uint32_t host = 1 + draw(scene, N_HOSTS - 1);
        struct host_totals wanted = count_by_looking(scene, host);
        struct host_totals found = hosts_count(&scene->hosts, host);
        assert_int_equal(found.n_devices, wanted.n_devices);
        assert_int_equal(found.n_requests, wanted.n_requests);
        hosts_find(&scene->hosts, host, visit, (const void *)&scene);
    }
    for (size_t i = 0; i < N_ENTRIES; i++) {
        put(scene, i, 0, OC_STANDING_NONE, false);
    }
    assert_int_equal(scene->hosts.entries.n_values, 0);
    assert_int_equal(scene->hosts.crowds.n_values, 0);
}

/* Newcomers may claim any host: they must not hide the one that is approved. */
static void those_who_wait_never_take_the_place_of_one_that_is_approved(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 1; i < N_ENTRIES; i++) {
        put(scene, i, 1, OC_STANDING_NONE, true);
    }
    put(scene, 0, 1, OC_STANDING_APPROVED, false);
    assert_int_equal(scene->hosts.entries.n_values, 1);
    hosts_find(&scene->hosts, 1, visit, (const void *)&scene);
    assert_int_equal(hosts_count(&scene->hosts, 1).n_devices, N_ENTRIES);
    assert_int_equal(hosts_count(&scene->hosts, 1).n_requests, N_ENTRIES - 1);
}

static void only_eight_approved_ones_of_a_host_are_found(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < N_ENTRIES; i++) {
        put(scene, i, 1, OC_STANDING_APPROVED, false);
    }
    assert_int_equal(scene->hosts.entries.n_values, DIRECTORY_SAME_HOST);
    assert_int_equal(hosts_count(&scene->hosts, 1).n_devices, N_ENTRIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_are_those_of_looking_at_every_device, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(those_who_wait_never_take_the_place_of_one_that_is_approved,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_eight_approved_ones_of_a_host_are_found, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
