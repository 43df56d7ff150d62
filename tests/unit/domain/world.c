/* The gateway around the machine, in miniature: world.h. */
#include "world.h"

/* xorshift64*; Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
unsigned world_roll(struct world *world, unsigned sides)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return (unsigned)((world->random * 2685821657736338717U) >> 33) % sides;
}

struct oc_grant world_grant_of(unsigned scopes)
{
    struct oc_grant grant = {.role = "agent"};
    for (unsigned i = 0; i < N_SCOPES; i++) {
        if (scopes & (1U << i)) {
            grant.scopes[grant.n_scopes++][0] = (char)('a' + i);
        }
    }
    return grant;
}

static struct ask ask_of(unsigned scopes)
{
    return (struct ask){.grant = world_grant_of(scopes), .name = "n"};
}

static void name_alias(char *alias, int number)
{
    memset(alias, 0, OC_MAX_NAME_BYTES + 1);
    alias[0] = number > 0 ? (char)('A' + number) : '\0';
}

/* The id that a request of this ask has, opened after so many decisions. */
static struct oc_request_id id_of(const struct pairing *record, const struct model_request *request)
{
    struct pairing then = {.id = record->id, .generation = request->generation};
    struct ask ask = ask_of(request->want);
    struct oc_digest digest = digest_of(&record->id, &ask);
    return request->is_set ? request_id_of(&then, &digest) : (struct oc_request_id){.text = ""};
}

static void check_twin(struct world *world, const struct twin *twin)
{
    static const enum oc_standing standings[] = {OC_STANDING_NONE, OC_STANDING_APPROVED,
                                                 OC_STANDING_REVOKED, OC_STANDING_BLOCKED};
    const struct pairing *record = &twin->record;
    const struct model *model = &twin->model;
    struct oc_grant granted =
        model->stand == IN ? world_grant_of(model->granted) : (struct oc_grant){.role = ""};
    char alias[OC_MAX_NAME_BYTES + 1];
    name_alias(alias, model->alias);
    CHECK(world, pairing_is_consistent(record));
    CHECK(world, record->standing == standings[model->stand]);
    CHECK(world, record->generation == model->generation);
    CHECK(world, oc_grant_equal(&record->granted, &granted));
    CHECK(world, record->term_ends_ms == model->ends_ms);
    CHECK(world, record->request.is_open == model->is_waiting);
    CHECK(world, record->cool_down_until_ms == model->closed_until_ms);
    CHECK(world, record->expectation.is_set == model->is_announced);
    CHECK(world, record->is_removed == model->is_buried);
    CHECK(world, record->is_quarantined == model->is_distrusted);
    CHECK(world, strcmp(record->alias, alias) == 0);
    if (model->is_waiting) {
        struct oc_request_id id = id_of(record, &model->request);
        CHECK(world, oc_request_id_equal(&record->request.id, &id));
        CHECK(world, record->request.attempted_ms == model->tried_ms);
        CHECK(world, record->request.code_failures == model->wrong_codes);
    }
}

static struct pairing_event event_of(const struct pairing *record, const struct model_event *from)
{
    struct pairing_event event = {
        .kind = from->kind,
        .actor = {.name = "someone", .source = "somewhere"},
        .ask = ask_of(from->want),
        .is_over_cap = from->is_over_cap,
        .pairs_everyone = from->pairs_everyone,
        .named_request = id_of(record, &from->named),
        .code = from->code,
        .narrows = from->narrows,
        .approves = from->approves,
        .grant = world_grant_of(from->grant),
        .term_ms = from->term_ms,
    };
    struct ask named = ask_of(from->named_want);
    event.ask_digest = digest_of(&record->id, &event.ask);
    event.request_id = request_id_of(record, &event.ask_digest);
    event.named_digest = digest_of(&record->id, &named);
    name_alias(event.alias, from->alias);
    return event;
}

/* Only what no administrator cared for goes, and nothing else loses the count of its decisions. */
static void check_forgetting(struct world *world, const struct twin *was,
                             const struct pairing_decision *made)
{
    if (!made->forgets) {
        CHECK(world, made->next.generation >= was->record.generation);
        CHECK(world, made->next.generation <= was->record.generation + 1);
        return;
    }
    struct pairing nobody = pairing_of_stranger(&was->record.id);
    CHECK(world, made->changed && !made->is_audited);
    CHECK(world, is_same_record(&made->next, &nobody));
    CHECK(world, was->record.standing == OC_STANDING_NONE && !was->model.was_in);
    CHECK(world, !was->record.is_removed && !was->record.is_quarantined);
    CHECK(world, was->record.alias[0] == '\0');
}

/* Both decide; both must say the same. */
struct pairing_decision world_decide_twin(struct world *world, struct twin *twin,
                                          const struct model_event *from)
{
    struct pairing_event event = event_of(&twin->record, from);
    struct pairing_decision made = pairing_decide(&twin->record, &event, &hourly, world->now_ms);
    struct model_answer answer = model_decide(&twin->model, from, world->now_ms);
    if (made.outcome != answer.outcome) {
        fail_msg("OC_SEED=%llu, step %ld: %s came out %s, the model says %s",
                 (unsigned long long)world->seed, world->step, pairing_event_name(from->kind),
                 pairing_outcome_name(made.outcome), pairing_outcome_name(answer.outcome));
    }
    CHECK(world, made.changed == answer.has_changed);
    check_forgetting(world, twin, &made);
    if (made.outcome == PAIRING_SESSION) {
        struct oc_grant serves = world_grant_of(answer.serves);
        CHECK(world, oc_grant_equal(&made.grant, &serves));
    }
    world->n_outcomes[from->kind][made.outcome]++;
    if (made.changed || !twin->record.is_quarantined) {
        twin->record = made.next;
    } else {
        twin->record.request.attempted_ms = made.next.request.attempted_ms;
    }
    check_twin(world, twin);
    return made;
}

struct pairing_decision world_write_twin(struct world *world, unsigned device,
                                         const struct model_event *event)
{
    struct pairing_decision made = world_decide_twin(world, &world->overlay[device], event);
    world->is_changed[device] |= made.changed;
    world->is_forgotten[device] |= made.forgets;
    if (made.effects & PAIRING_WITHDRAWS) {
        world->is_denied[device] = true;
    }
    if (made.effects & PAIRING_CUTS_SESSION) {
        world->is_online[device] = false;
        world->waits_for_session[device] = false;
    }
    return made;
}

void world_commit(struct world *world)
{
    for (unsigned i = 0; i < N_DEVICES; i++) {
        if (world->is_changed[i]) {
            world->disk[i] = world->overlay[i];
            world->index[i] = world->overlay[i];
            world->acknowledged[i] = world->overlay[i].record.generation;
        }
        world->is_changed[i] = false;
        world->is_denied[i] = false;
        world->is_forgotten[i] = false;
        if (world->waits_for_session[i]) {
            world->waits_for_session[i] = false;
            world->is_online[i] = pairing_may_serve(&world->index[i].record, world->now_ms);
        }
    }
}

/* What was not committed is forgotten. Sometimes a commit got through and nobody was told;
 * sometimes a row comes back that fails authentication. */
void world_crash(struct world *world)
{
    bool got_through = world_roll(world, 3) == 0;
    for (unsigned i = 0; i < N_DEVICES; i++) {
        if (got_through && world->is_changed[i]) {
            world->disk[i] = world->overlay[i];
        }
        if (world_roll(world, 8) == 0) {
            world->disk[i].record.is_quarantined = true;
            world->disk[i].model.is_distrusted = true;
        }
        world->index[i] = world->overlay[i] = world->disk[i];
        world->is_changed[i] = world->is_denied[i] = false;
        world->is_online[i] = world->waits_for_session[i] = false;
        bool may_be_gone = got_through && world->is_forgotten[i];
        world->is_forgotten[i] = false;
        CHECK(world, may_be_gone || world->disk[i].record.generation >= world->acknowledged[i]);
        world->acknowledged[i] = world->disk[i].record.generation;
        check_twin(world, &world->disk[i]);
    }
}
