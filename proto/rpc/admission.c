/*
 * See admission.h. Sources are found by their key in chains; one lives while a place of it is held,
 * those included that are being closed, as its lane may hold their steps.
 *
 * Invariant: a source has a turn exactly if somebody of it is in line and it has begun less than
 * its cap. So whoever is drawn may be called.
 */
#include "proto/rpc/admission.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_CHAINS = 64 };

struct oc_admission_source {
    struct oc_lane lane;
    uint8_t key[OC_SOURCE_ADDRESS_BYTES];
    bool has_no_cap; /* exempt, or local */
    unsigned n_places;
    unsigned n_arrivals; /* arrived or in line */
    unsigned n_lined_up;
    unsigned n_begun;
    unsigned n_giving_way;
    unsigned n_opened;                       /* while it was here */
    struct oc_admission_place *first, *last; /* in line */
    struct oc_source_slot turn;
    struct oc_admission_source *chained;
};

struct oc_admission {
    struct oc_admission_limits limits;
    uint64_t seed;
    struct oc_source_tree *arrivals; /* every place that arrived or is in line */
    struct oc_source_tree *turns;    /* every source that may be called, once */
    unsigned n_lined_up;
    unsigned n_begun;
    unsigned n_giving_way;
    size_t n_chains; /* a power of two */
    struct oc_admission_source **chains;
};

/* ---- sources ------------------------------------------------------------------------------- */

static size_t chain_of(const struct oc_admission *admission,
                       const uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    return (size_t)oc_source_hash(admission->seed, key) & (admission->n_chains - 1);
}

static struct oc_admission_source *obtain_source(struct oc_admission *admission,
                                                 const struct oc_source *source, bool is_exempt)
{
    uint8_t key[OC_SOURCE_ADDRESS_BYTES];
    oc_source_key(source->address, key);
    struct oc_admission_source **chain = &admission->chains[chain_of(admission, key)];
    struct oc_admission_source *found = *chain;
    while (found && memcmp(found->key, key, sizeof key) != 0) {
        found = found->chained;
    }
    if (!found) {
        found = calloc(1, sizeof *found);
        if (!found) {
            return NULL;
        }
        memcpy(found->key, key, sizeof key);
        found->chained = *chain;
        *chain = found;
    }
    found->has_no_cap = source->is_local || is_exempt;
    return found;
}

static void drop_unused(struct oc_admission *admission, struct oc_admission_source *source)
{
    if (source->n_places > 0) {
        return;
    }
    assert(!source->lane.first && !source->turn.node);
    struct oc_admission_source **link = &admission->chains[chain_of(admission, source->key)];
    while (*link != source) {
        link = &(*link)->chained;
    }
    *link = source->chained;
    free(source);
}

static bool is_at_cap(const struct oc_admission *admission,
                      const struct oc_admission_source *source)
{
    return !source->has_no_cap && source->n_begun >= admission->limits.max_begun_per_source;
}

/* After any change: see the invariant. Without memory for a turn it is tried again at the source's
 * next change; its places are given up at the latest when their peers are. */
static void settle_turn(struct oc_admission *admission, struct oc_admission_source *source)
{
    const bool may_be_called = source->first && !is_at_cap(admission, source);
    if (!may_be_called) {
        oc_source_tree_leave(admission->turns, &source->turn);
    } else if (!source->turn.node) {
        (void)oc_source_tree_enter(admission->turns, source->key, false, &source->turn);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

struct oc_admission *oc_admission_new(const struct oc_admission_limits *limits, uint64_t seed)
{
    struct oc_admission *admission = calloc(1, sizeof *admission);
    if (!admission) {
        return NULL;
    }
    const size_t n_wanted = (size_t)limits->max_arrivals + limits->max_begun;
    admission->n_chains = MIN_CHAINS;
    while (admission->n_chains < n_wanted) {
        admission->n_chains *= 2;
    }
    admission->limits = *limits;
    admission->seed = seed;
    admission->arrivals = oc_source_tree_new(seed, limits->max_arrivals);
    admission->turns = oc_source_tree_new(seed, limits->max_arrivals);
    admission->chains = calloc(admission->n_chains, sizeof(struct oc_admission_source *));
    if (!admission->arrivals || !admission->turns || !admission->chains) {
        oc_admission_free(admission);
        return NULL;
    }
    return admission;
}

void oc_admission_free(struct oc_admission *admission)
{
    if (admission) {
        oc_source_tree_free(admission->arrivals);
        oc_source_tree_free(admission->turns);
        free(admission->chains);
        free(admission);
    }
}

/* ---- arriving ------------------------------------------------------------------------------ */

static void leave_line(struct oc_admission *admission, struct oc_admission_place *place)
{
    struct oc_admission_source *source = place->source;
    *(place->previous ? &place->previous->next : &source->first) = place->next;
    *(place->next ? &place->next->previous : &source->last) = place->previous;
    place->previous = place->next = NULL;
    source->n_lined_up--;
    admission->n_lined_up--;
}

/* From among those that have not begun. */
static void leave_arrivals(struct oc_admission *admission, struct oc_admission_place *place)
{
    if (place->state == OC_ADMISSION_LINED_UP) {
        leave_line(admission, place);
    }
    oc_source_tree_leave(admission->arrivals, &place->arrival);
    place->source->n_arrivals--;
}

static struct oc_admission_place *place_of(struct oc_source_slot *slot)
{
    return (struct oc_admission_place *)(void *)((char *)slot -
                                                 offsetof(struct oc_admission_place, arrival));
}

/* The newcomer takes its chance like everybody else. */
static bool make_room(struct oc_admission *admission, struct oc_admission_place *newcomer,
                      struct oc_admission_place **loser)
{
    struct oc_admission_place *picked = place_of(oc_source_tree_pick(admission->arrivals));
    if (picked == newcomer) {
        oc_admission_leave(admission, newcomer, false);
        return false;
    }
    leave_arrivals(admission, picked);
    settle_turn(admission, picked->source);
    picked->state = OC_ADMISSION_SHED;
    *loser = picked;
    return true;
}

bool oc_admission_arrive(struct oc_admission *admission, const struct oc_source *source,
                         bool is_exempt, bool is_tight, struct oc_admission_place *place,
                         struct oc_admission_place **loser)
{
    const struct oc_admission_limits *limits = &admission->limits;
    *loser = NULL;
    struct oc_admission_source *its = obtain_source(admission, source, is_exempt);
    if (!its) {
        return false;
    }
    settle_turn(admission, its); /* its cap may have come or gone */
    const bool has_its_share =
        !its->has_no_cap && its->n_arrivals >= limits->max_arrivals_per_source;
    if (has_its_share ||
        !oc_source_tree_enter(admission->arrivals, source->address, is_exempt, &place->arrival)) {
        drop_unused(admission, its);
        return false;
    }
    its->n_places++;
    its->n_arrivals++;
    place->source = its;
    place->state = OC_ADMISSION_ARRIVED;
    const bool is_over = oc_source_tree_total(admission->arrivals) > limits->max_arrivals;
    return !(is_over || is_tight) || make_room(admission, place, loser);
}

/* ---- the line ------------------------------------------------------------------------------ */

void oc_admission_line_up(struct oc_admission *admission, struct oc_admission_place *place)
{
    struct oc_admission_source *source = place->source;
    if (place->state != OC_ADMISSION_ARRIVED) {
        return;
    }
    place->state = OC_ADMISSION_LINED_UP;
    place->previous = source->last;
    *(source->last ? &source->last->next : &source->first) = place;
    source->last = place;
    source->n_lined_up++;
    admission->n_lined_up++;
    settle_turn(admission, source);
}

static void begin(struct oc_admission *admission, struct oc_admission_place *place)
{
    struct oc_admission_source *source = place->source;
    leave_arrivals(admission, place);
    place->state = OC_ADMISSION_BEGUN;
    place->n_opened_then = source->n_opened;
    source->n_begun++;
    admission->n_begun++;
    settle_turn(admission, source);
}

bool oc_admission_begin(struct oc_admission *admission, struct oc_admission_place *place)
{
    if (place->state == OC_ADMISSION_ARRIVED && !place->source->first &&
        !is_at_cap(admission, place->source) && admission->n_begun < admission->limits.max_begun) {
        begin(admission, place);
    }
    return place->state == OC_ADMISSION_BEGUN;
}

struct oc_admission_place *oc_admission_call(struct oc_admission *admission)
{
    if (admission->n_begun >= admission->limits.max_begun) {
        return NULL;
    }
    struct oc_source_slot *turn = oc_source_tree_draw(admission->turns);
    if (!turn) {
        return NULL;
    }
    struct oc_admission_source *source =
        (struct oc_admission_source *)(void *)((char *)turn -
                                               offsetof(struct oc_admission_source, turn));
    struct oc_admission_place *place = source->first;
    begin(admission, place);
    return place;
}

bool oc_admission_gives_way(struct oc_admission *admission, struct oc_admission_place *place)
{
    struct oc_admission_source *source = place->source;
    if (place->state != OC_ADMISSION_BEGUN || place->gives_way ||
        place->n_opened_then != source->n_opened) {
        return false;
    }
    const bool is_full = admission->n_begun >= admission->limits.max_begun;
    const bool is_wanted =
        (is_full && admission->n_giving_way < admission->n_lined_up) ||
        (is_at_cap(admission, source) && source->n_giving_way < source->n_lined_up);
    if (is_wanted) {
        place->gives_way = true;
        source->n_giving_way++;
        admission->n_giving_way++;
    }
    return is_wanted;
}

void oc_admission_leave(struct oc_admission *admission, struct oc_admission_place *place,
                        bool has_opened)
{
    struct oc_admission_source *source = place->source;
    if (!source) {
        return;
    }
    if (place->state == OC_ADMISSION_BEGUN) {
        source->n_begun--;
        admission->n_begun--;
        source->n_giving_way -= place->gives_way;
        admission->n_giving_way -= place->gives_way;
    } else if (place->state != OC_ADMISSION_SHED) {
        leave_arrivals(admission, place);
    }
    source->n_opened += has_opened;
    *place = (struct oc_admission_place){.state = OC_ADMISSION_OUT};
    settle_turn(admission, source);
    source->n_places--;
    drop_unused(admission, source);
}

struct oc_lane *oc_admission_lane(const struct oc_admission_place *place)
{
    return &place->source->lane;
}

unsigned oc_admission_n_arrivals(const struct oc_admission *admission)
{
    return oc_source_tree_total(admission->arrivals);
}

unsigned oc_admission_n_begun(const struct oc_admission *admission)
{
    return admission->n_begun;
}
