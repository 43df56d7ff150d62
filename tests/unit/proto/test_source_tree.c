/* Who gives way: against a naive telling, over many comings and goings, and how ties are spread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/source_tree.h"

struct address {
    uint8_t bytes[OC_SOURCE_ADDRESS_BYTES];
};

static struct address v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct address){.bytes = {[10] = 0xff, [11] = 0xff, a, b, c, d}};
}

static struct address v6(uint8_t wide, uint8_t network, uint8_t subnet, uint8_t host)
{
    return (struct address){.bytes = {0x20, 1, 0xd, 0xb8, 0, wide, network, subnet, [15] = host}};
}

static struct oc_source_tree *tree_new(unsigned max)
{
    struct oc_source_tree *tree = oc_source_tree_new(0x1234, max);
    assert_non_null(tree);
    return tree;
}

static void enter(struct oc_source_tree *tree, struct address address, struct oc_source_slot *slot)
{
    *slot = (struct oc_source_slot){.node = NULL};
    assert_true(oc_source_tree_enter(tree, address.bytes, false, slot));
}

static void the_fullest_source_gives_its_newest_slot(void **state)
{
    (void)state;
    OC_CLEANUP(oc_source_tree_freep) struct oc_source_tree *tree = tree_new(0);
    struct oc_source_slot slots[6];
    assert_null(oc_source_tree_pick(tree));
    enter(tree, v4(10, 0, 0, 1), &slots[0]);
    enter(tree, v4(10, 0, 0, 2), &slots[1]);
    enter(tree, v4(10, 0, 0, 2), &slots[2]);
    enter(tree, v4(11, 0, 0, 3), &slots[3]);
    assert_ptr_equal(oc_source_tree_pick(tree), &slots[2]);
    assert_true(oc_source_tree_is_fullest(tree, &slots[1]));
    assert_false(oc_source_tree_is_fullest(tree, &slots[0]));
    oc_source_tree_leave(tree, &slots[2]);
    oc_source_tree_leave(tree, &slots[2]); /* harmless */
    assert_int_equal(oc_source_tree_total(tree), 3);
    assert_int_equal(oc_source_tree_count(tree, v4(10, 0, 0, 2).bytes), 1);
    assert_int_equal(oc_source_tree_count(tree, v4(10, 0, 0, 9).bytes), 0);
}

static void of_equal_sources_the_one_in_the_fuller_network_gives_way(void **state)
{
    (void)state;
    OC_CLEANUP(oc_source_tree_freep) struct oc_source_tree *tree = tree_new(0);
    struct oc_source_slot lone, other, pair[2], wide[2];
    enter(tree, v4(192, 0, 2, 1), &lone);
    enter(tree, v4(198, 51, 100, 1), &pair[0]);
    enter(tree, v4(198, 51, 100, 2), &pair[1]);
    for (int i = 0; i < 50; i++) {
        const struct oc_source_slot *slot = oc_source_tree_pick(tree);
        assert_true(slot == &pair[0] || slot == &pair[1]);
    }
    oc_source_tree_leave(tree, &pair[1]);
    enter(tree, v4(203, 0, 1, 1), &wide[0]); /* two /24 of one /16 */
    enter(tree, v4(203, 0, 2, 1), &wide[1]);
    for (int i = 0; i < 50; i++) {
        const struct oc_source_slot *slot = oc_source_tree_pick(tree);
        assert_true(slot == &wide[0] || slot == &wide[1]);
    }
    assert_false(oc_source_tree_is_fullest(tree, &wide[0]));
    enter(tree, v4(192, 0, 2, 1), &other); /* the fuller source comes before every network */
    assert_ptr_equal(oc_source_tree_pick(tree), &other);
}

/* What takes the place of a source that is gone may be fuller than what stands above that place. */
static void a_source_that_goes_hides_no_fuller_one(void **state)
{
    (void)state;
    static const int counts[] = {9, 1, 8, 1, 1, 1, 7};
    OC_CLEANUP(oc_source_tree_freep) struct oc_source_tree *tree = tree_new(0);
    struct oc_source_slot slots[7][9];
    for (int i = 0; i < 9; i++) {
        for (uint8_t source = 0; source < 7; source++) {
            if (i < counts[source]) {
                enter(tree, v4(10, 0, 0, source), &slots[source][i]);
            }
        }
    }
    oc_source_tree_leave(tree, &slots[3][0]);
    for (int source = 0; source <= 2; source += 2) {
        for (int i = 0; i < counts[source]; i++) {
            oc_source_tree_leave(tree, &slots[source][i]);
        }
    }
    assert_ptr_equal(oc_source_tree_pick(tree), &slots[6][6]);
}

static void an_ipv6_subnet_is_one_source(void **state)
{
    (void)state;
    OC_CLEANUP(oc_source_tree_freep) struct oc_source_tree *tree = tree_new(0);
    struct oc_source_slot slots[4];
    enter(tree, v6(1, 1, 1, 1), &slots[0]);
    enter(tree, v6(1, 1, 1, 2), &slots[1]);
    enter(tree, v6(1, 1, 2, 1), &slots[2]);
    enter(tree, v6(2, 1, 1, 1), &slots[3]);
    assert_int_equal(oc_source_tree_count(tree, v6(1, 1, 1, 9).bytes), 2);
    assert_ptr_equal(oc_source_tree_pick(tree), &slots[1]);
    oc_source_tree_leave(tree, &slots[1]);
    const struct oc_source_slot *slot = oc_source_tree_pick(tree); /* its /56 is the fuller */
    assert_true(slot == &slots[0] || slot == &slots[2]);
}

static void a_known_nat_counts_as_many_sources(void **state)
{
    (void)state;
    OC_CLEANUP(oc_source_tree_freep) struct oc_source_tree *tree = tree_new(0);
    struct oc_source_slot nat[OC_SOURCE_EXEMPT_SHARE + 1], flood[2];
    memset(nat, 0, sizeof nat);
    for (int i = 0; i < OC_SOURCE_EXEMPT_SHARE; i++) {
        assert_true(oc_source_tree_enter(tree, v4(10, 0, 0, 1).bytes, true, &nat[i]));
    }
    enter(tree, v4(11, 0, 0, 1), &flood[0]);
    enter(tree, v4(11, 0, 0, 1), &flood[1]);
    assert_ptr_equal(oc_source_tree_pick(tree), &flood[1]);
    oc_source_tree_leave(tree, &flood[1]);
    assert_true(
        oc_source_tree_enter(tree, v4(10, 0, 0, 1).bytes, true, &nat[OC_SOURCE_EXEMPT_SHARE]));
    assert_ptr_equal(oc_source_tree_pick(tree), &nat[OC_SOURCE_EXEMPT_SHARE]);
}

/* One stands alone in its region, one alone in its network, the others in crowds. */
static struct address uneven(unsigned i)
{
    return v4(i == 0 ? 11 : 10, i == 1 ? 1 : 0, (uint8_t)(i % 8), (uint8_t)i);
}

/* Everybody alike, the newcomer too: over many throws nobody is spared and nobody singled out. */
static void ties_fall_on_everybody_alike(void **state)
{
    (void)state;
    enum { N_SOURCES = 200, N_THROWS = 20000, FAIR = N_THROWS / N_SOURCES };
    OC_CLEANUP(oc_source_tree_freep)
    struct oc_source_tree *tree = tree_new(N_SOURCES * OC_SOURCE_NETWORK_PART);
    static struct oc_source_slot slots[N_SOURCES];
    static unsigned n_hits[N_SOURCES];
    for (unsigned i = 0; i < N_SOURCES; i++) {
        enter(tree, uneven(i), &slots[i]);
    }
    for (int i = 0; i < N_THROWS; i++) {
        struct oc_source_slot *slot = oc_source_tree_pick(tree);
        const struct address address = uneven((unsigned)(slot - slots));
        n_hits[slot - slots]++;
        oc_source_tree_leave(tree, slot); /* and comes back, as a flood does */
        enter(tree, address, slot);
    }
    for (int i = 0; i < N_SOURCES; i++) {
        assert_in_range(n_hits[i], FAIR / 2, 2 * FAIR);
    }
}

/* ---- a flood against a few honest neighbours ----------------------------------------------------
 */

enum { N_PLACES = 1600, N_HONEST = 20 };

struct flood {
    struct oc_source_tree *tree;
    struct oc_source_slot honest[N_HONEST];
    struct oc_source_slot hostile[N_PLACES];
};

/* Fills all places but the honest ones; then newcomers knock, up to n of them or until an honest
 * one has to go. `where` gives each its address. */
static int left_after(struct address (*where)(unsigned i), unsigned n_newcomers)
{
    struct flood *flood = calloc(1, sizeof *flood);
    assert_non_null(flood);
    flood->tree = tree_new(N_PLACES);
    for (int i = 0; i < N_HONEST; i++) {
        enter(flood->tree, v4(192, 0, 2, (uint8_t)i), &flood->honest[i]);
    }
    unsigned i = 0;
    for (; i < N_PLACES - N_HONEST; i++) {
        enter(flood->tree, where(i), &flood->hostile[i]);
    }
    struct oc_source_slot *free_slot = &flood->hostile[i];
    bool is_honest = false;
    while (n_newcomers-- > 0 && !is_honest) {
        enter(flood->tree, where(i++), free_slot);
        free_slot = oc_source_tree_pick(flood->tree);
        is_honest = free_slot >= flood->honest && free_slot < flood->honest + N_HONEST;
        oc_source_tree_leave(flood->tree, free_slot);
    }
    int left = 0;
    for (int each = 0; each < N_HONEST; each++) {
        left += flood->honest[each].node != NULL;
        oc_source_tree_leave(flood->tree, &flood->honest[each]);
    }
    for (int each = 0; each < N_PLACES; each++) {
        oc_source_tree_leave(flood->tree, &flood->hostile[each]);
    }
    oc_source_tree_free(flood->tree);
    free(flood);
    return left;
}

static struct address one_of_each_48(unsigned i)
{
    return (struct address){.bytes = {0x20, 1, 0xd, 0xb8, (uint8_t)(i >> 8), (uint8_t)i, [15] = 1}};
}

static struct address one_of_each_56(unsigned i)
{
    return (struct address){
        .bytes = {0x20, 1, 0xd, 0xb8, 1, (uint8_t)(i >> 8), (uint8_t)i, [15] = 1}};
}

static struct address one_of_each_24(unsigned i)
{
    return v4(10, (uint8_t)(i >> 8), (uint8_t)i, 1);
}

static void spreading_over_a_network_does_not_push_out_neighbours(void **state)
{
    (void)state;
    assert_int_equal(left_after(one_of_each_48, 20 * N_PLACES), N_HONEST);
    assert_int_equal(left_after(one_of_each_56, 20 * N_PLACES), N_HONEST);
    assert_int_equal(left_after(one_of_each_24, 20 * N_PLACES), N_HONEST);
}

/* ---- against the naive telling --------------------------------------------------------------- */

enum { N_SLOTS = 300, N_STEPS = 20000, PREFIXES = 4 };

struct world {
    struct oc_source_tree *tree;
    unsigned tolerated;
    struct oc_source_slot slots[N_SLOTS];
    struct address addresses[N_SLOTS];
    uint64_t random;
};

static unsigned roll(struct world *world, unsigned sides)
{
    world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(world->random >> 33) % sides;
}

static struct address any_address(struct world *world)
{
    if (roll(world, 4) == 0) {
        return v6((uint8_t)roll(world, 3), (uint8_t)roll(world, 2), (uint8_t)roll(world, 2),
                  (uint8_t)roll(world, 9));
    }
    return v4((uint8_t)(10 + roll(world, 2)), (uint8_t)roll(world, 3), (uint8_t)roll(world, 2),
              (uint8_t)roll(world, 40));
}

/* Of the prefixes that make source, network, wider network, region: how many slots share them, of
 * a network beyond what is tolerated. */
static void weigh(const struct world *world, const struct address *address, unsigned out[PREFIXES])
{
    static const size_t v4_bytes[PREFIXES] = {16, 15, 14, 13}, v6_bytes[PREFIXES] = {8, 7, 6, 4};
    const size_t *bytes = address->bytes[10] == 0xff ? v4_bytes : v6_bytes;
    memset(out, 0, PREFIXES * sizeof *out);
    for (int i = 0; i < N_SLOTS; i++) {
        for (unsigned p = 0; p < PREFIXES; p++) {
            out[p] += world->slots[i].node &&
                      memcmp(world->addresses[i].bytes, address->bytes, bytes[p]) == 0;
        }
    }
    for (unsigned p = 1; p < PREFIXES; p++) {
        out[p] = out[p] > world->tolerated ? out[p] - world->tolerated : 0;
    }
}

static int compare_weights(const unsigned a[PREFIXES], const unsigned b[PREFIXES])
{
    for (int p = 0; p < PREFIXES; p++) {
        if (a[p] != b[p]) {
            return a[p] > b[p] ? 1 : -1;
        }
    }
    return 0;
}

static void check_pick(struct world *world)
{
    const struct oc_source_slot *slot = oc_source_tree_pick(world->tree);
    unsigned picked[PREFIXES], n_alike = 0;
    weigh(world, &world->addresses[slot - world->slots], picked);
    for (int i = 0; i < N_SLOTS; i++) {
        unsigned weight[PREFIXES];
        if (world->slots[i].node) {
            weigh(world, &world->addresses[i], weight);
            assert_true(compare_weights(picked, weight) >= 0);
            n_alike += compare_weights(picked, weight) == 0;
        }
    }
    assert_int_equal(oc_source_tree_is_fullest(world->tree, slot), n_alike == picked[0]);
    assert_int_equal(oc_source_tree_count(world->tree, world->addresses[slot - world->slots].bytes),
                     picked[0]);
}

static void live(unsigned max)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->tree = tree_new(max);
    world->tolerated = max / OC_SOURCE_NETWORK_PART;
    unsigned n_entered = 0;
    for (int step = 0; step < N_STEPS; step++) {
        const unsigned i = roll(world, N_SLOTS);
        if (world->slots[i].node) {
            oc_source_tree_leave(world->tree, &world->slots[i]);
            n_entered--;
        } else if (roll(world, 3) > 0 || step < N_STEPS / 2) {
            world->addresses[i] = any_address(world);
            enter(world->tree, world->addresses[i], &world->slots[i]);
            n_entered++;
        }
        assert_int_equal(oc_source_tree_total(world->tree), n_entered);
        if (n_entered > 0 && step % 8 == 0) {
            check_pick(world);
        }
    }
    for (int i = 0; i < N_SLOTS; i++) {
        oc_source_tree_leave(world->tree, &world->slots[i]);
    }
    assert_null(oc_source_tree_pick(world->tree));
    oc_source_tree_free(world->tree);
    free(world);
}

static void it_picks_as_somebody_would_who_counts_everything(void **state)
{
    (void)state;
    live(0);
    live(4 * OC_SOURCE_NETWORK_PART);
    live(N_SLOTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fullest_source_gives_its_newest_slot),
        cmocka_unit_test(of_equal_sources_the_one_in_the_fuller_network_gives_way),
        cmocka_unit_test(a_source_that_goes_hides_no_fuller_one),
        cmocka_unit_test(an_ipv6_subnet_is_one_source),
        cmocka_unit_test(a_known_nat_counts_as_many_sources),
        cmocka_unit_test(ties_fall_on_everybody_alike),
        cmocka_unit_test(spreading_over_a_network_does_not_push_out_neighbours),
        cmocka_unit_test(it_picks_as_somebody_would_who_counts_everything),
    };
    return cmocka_run_group_tests_name("source_tree", tests, NULL, NULL);
}
