/*
 * The machine against the naive model: devices, administrators with stale lists, time, group
 * commits and crashes in any order. Every answer and every record must be the model's, and what
 * the gateway promises must hold after every step.
 *
 * A run is its seed: a failure prints it, OC_SEED=n repeats it, OC_STEPS=n makes it longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "world.h"

/* A connect that changes nothing durable is answered from the index; others go to the writer. */
static void connect_device(struct world *world)
{
    unsigned device = world_roll(world, N_DEVICES);
    struct model_event event = {
        .kind = PAIRING_EV_CONNECT,
        .want = world_roll(world, 3) == 0 ? world_roll(world, ASK_COUNT) : 3,
        .is_over_cap = world_roll(world, 8) == 0,
        .pairs_everyone = world_roll(world, 16) == 0,
        .grant = EVERYONE,
    };
    struct twin trial = world->index[device];
    struct pairing_decision made = world_decide_twin(world, &trial, &event);
    if (made.changed || world->is_changed[device] || world->is_denied[device]) {
        made = world_write_twin(world, device, &event);
        bool rests_on_approval = made.next.standing == OC_STANDING_APPROVED;
        world->waits_for_session[device] = made.outcome == PAIRING_SESSION && rests_on_approval;
        return;
    }
    world->index[device] = world->overlay[device] = trial;
    if (made.outcome == PAIRING_SESSION && made.next.standing == OC_STANDING_APPROVED) {
        CHECK(world, pairing_may_serve(&trial.record, world->now_ms));
        world->is_online[device] = true;
    }
}

static void look(struct world *world)
{
    struct view *view = &world->views[world_roll(world, N_ADMINS)];
    unsigned device = world_roll(world, N_DEVICES);
    const struct twin *twin = &world->index[device];
    if (twin->model.is_waiting) {
        *view = (struct view){
            .device = device,
            .request = twin->model.request,
            .id = twin->record.request.id,
            .digest = twin->record.request.digest,
        };
    }
}

/* By what was seen; whatever stands now, no more than what was seen may be given. */
static void decide_request(struct world *world)
{
    static const enum pairing_event_kind kinds[] = {PAIRING_EV_APPROVE, PAIRING_EV_APPROVE,
                                                    PAIRING_EV_REJECT, PAIRING_EV_DISMISS};
    const struct view *view = &world->views[world_roll(world, N_ADMINS)];
    struct model_event event = {
        .kind = kinds[world_roll(world, 4)],
        .named = view->request,
        .named_want = world_roll(world, 8) == 0 ? world_roll(world, ASK_COUNT) : view->request.want,
        .code = world_roll(world, 3) == 0 ? (enum code_check)world_roll(world, 4) : CODE_NOT_USED,
        .narrows = world_roll(world, 3) == 0,
        .grant = world_roll(world, ASK_COUNT),
        .term_ms = world_roll(world, 3) == 0 ? 1 + world_roll(world, 24) * (int64_t)HOUR : 0,
        .alias = world_roll(world, 4) == 0 ? 1 + (int)world_roll(world, 3) : 0,
    };
    bool is_guessing = world_roll(world, 16) == 0;
    for (int i = 0; is_guessing && i < PAIRING_MAX_CODE_FAILURES + 1; i++) {
        event.code = CODE_WRONG;
        world_write_twin(world, view->device, &event);
    }
    struct pairing_decision made = world_write_twin(world, view->device, &event);
    if (event.kind == PAIRING_EV_APPROVE && made.outcome == PAIRING_DONE) {
        struct oc_grant seen = world_grant_of(view->request.want);
        CHECK(world, event.named_want == view->request.want);
        CHECK(world, oc_grant_is_within(&made.next.granted, &seen));
        CHECK(world, oc_grant_equal(&made.next.asked, &seen));
    }
}

static void decide_device(struct world *world)
{
    static const enum pairing_event_kind kinds[] = {
        PAIRING_EV_REVOKE,  PAIRING_EV_REVOKE, PAIRING_EV_BLOCK,  PAIRING_EV_UNBLOCK,
        PAIRING_EV_UNBLOCK, PAIRING_EV_REMOVE, PAIRING_EV_EXPECT, PAIRING_EV_RENAME};
    struct model_event event = {
        .kind = kinds[world_roll(world, 8)],
        .approves = world_roll(world, 2) == 0,
        .grant = world_roll(world, ASK_COUNT),
        .term_ms = world_roll(world, 2) == 0 ? HOUR : 0,
        .alias = (int)world_roll(world, 3),
    };
    world_write_twin(world, world_roll(world, N_DEVICES), &event);
}

/* Raises what is due, or (rarely) something that is not, or sheds. */
static void raise_due(struct world *world)
{
    static const enum pairing_event_kind any[] = {PAIRING_EV_EXPIRE, PAIRING_EV_TERM_END,
                                                  PAIRING_EV_EXPECT_END, PAIRING_EV_SHED,
                                                  PAIRING_EV_FORGET};
    if (world_roll(world, 4) == 0) {
        struct model_event event = {.kind = any[world_roll(world, 5)]};
        world_write_twin(world, world_roll(world, N_DEVICES), &event);
        return;
    }
    for (unsigned i = 0; i < N_DEVICES; i++) {
        struct model_event event = {.kind = PAIRING_EV_COUNT};
        int64_t due_ms = pairing_next_due(&world->overlay[i].record, &hourly, &event.kind);
        if (due_ms != 0 && due_ms <= world->now_ms) {
            CHECK(world, world_write_twin(world, i, &event).changed);
        }
    }
}

static void let_time_pass(struct world *world)
{
    static const int64_t spans[] = {1, SECOND, 9 * SECOND, MINUTE, 20 * MINUTE, HOUR, 10 * DAY};
    int64_t most_ms = spans[world_roll(world, world_roll(world, 4) == 0 ? 7 : 5)];
    world->now_ms += 1 + (int64_t)world_roll(world, (unsigned)most_ms);
}

static void check_promises(struct world *world)
{
    for (unsigned i = 0; i < N_DEVICES; i++) {
        const struct model *known = &world->index[i].model;
        if (world->is_online[i]) {
            CHECK(world, known->stand == IN && !known->is_distrusted && !world->is_denied[i]);
        }
        if (pairing_may_serve(&world->index[i].record, world->now_ms)) {
            CHECK(world, known->stand == IN && !known->is_distrusted);
            CHECK(world, known->ends_ms == 0 || world->now_ms < known->ends_ms);
            CHECK(world, pairing_may_serve(&world->disk[i].record, world->now_ms));
        }
    }
}

static void take_a_step(struct world *world)
{
    unsigned chance = world_roll(world, 100);
    if (chance < 40) {
        connect_device(world);
    } else if (chance < 52) {
        look(world);
    } else if (chance < 66) {
        decide_request(world);
    } else if (chance < 71) {
        decide_device(world);
    } else if (chance < 83) {
        let_time_pass(world);
    } else if (chance < 88) {
        raise_due(world);
    } else if (chance < 99) {
        world_commit(world);
    } else {
        world_crash(world);
    }
    check_promises(world);
}

static void check_coverage(const struct world *world)
{
    static const enum pairing_outcome of_approve[] = {
        PAIRING_DONE,       PAIRING_NO_REQUEST, PAIRING_REPLACED,         PAIRING_CHANGED,
        PAIRING_TOO_WIDE,   PAIRING_CODE_WRONG, PAIRING_CODE_UNAVAILABLE, PAIRING_IS_BLOCKED,
        PAIRING_CODE_CLOSED};
    static const enum pairing_outcome of_connect[] = {
        PAIRING_SESSION,         PAIRING_PENDING,         PAIRING_REFUSED_REJECTED,
        PAIRING_REFUSED_REVOKED, PAIRING_REFUSED_BLOCKED, PAIRING_REFUSED_BUSY};
    for (size_t i = 0; i < sizeof of_approve / sizeof of_approve[0]; i++) {
        CHECK(world, world->n_outcomes[PAIRING_EV_APPROVE][of_approve[i]] > 0);
    }
    for (size_t i = 0; i < sizeof of_connect / sizeof of_connect[0]; i++) {
        CHECK(world, world->n_outcomes[PAIRING_EV_CONNECT][of_connect[i]] > 0);
    }
    for (int kind = 1; kind < PAIRING_EV_COUNT; kind++) {
        CHECK(world, world->n_outcomes[kind][PAIRING_DONE] > 0);
    }
}

static void run(uint64_t seed, long steps)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->seed = seed;
    world->random = seed * 2654435769U + 88172645463325252U;
    world->now_ms = T0;
    for (unsigned i = 0; i < N_DEVICES; i++) {
        struct oc_device_id id = device(i);
        world->disk[i].record = pairing_of_stranger(&id);
        world->index[i] = world->overlay[i] = world->disk[i];
    }
    for (world->step = 0; world->step < steps; world->step++) {
        take_a_step(world);
    }
    if (steps >= 100000) {
        check_coverage(world);
    }
    free(world);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void machine_does_what_the_model_does_in_any_interleaving(void **state)
{
    (void)state;
    long steps = (long)number_from("OC_STEPS", 100000);
    uint64_t seed = number_from("OC_SEED", 0);
    if (seed != 0) {
        run(seed, steps);
        return;
    }
    for (seed = 1; seed <= 8; seed++) {
        run(seed, steps);
    }
    run((uint64_t)time(NULL), steps); /* and one that nobody ran before */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_does_what_the_model_does_in_any_interleaving),
    };
    return cmocka_run_group_tests_name("pairing_model", tests, NULL, NULL);
}
