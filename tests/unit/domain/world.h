/*
 * The gateway around the machine, in miniature: an index in memory, the writer's overlay, group
 * commit, crashes; every record beside what the model thinks of it.
 */
#pragma once

#include "model.h"
#include "support.h"

enum { N_DEVICES = 6, N_ADMINS = 3, N_SCOPES = 4, EVERYONE = 1, ASK_COUNT = 1 << N_SCOPES };

/* A record and what the model thinks of it; copied together, so they crash together. */
struct twin {
    struct pairing record;
    struct model model;
};

/* What an administrator saw, perhaps long ago. */
struct view {
    unsigned device;
    struct model_request request;
    struct oc_request_id id;
    struct oc_digest digest;
};

struct world {
    uint64_t seed, random;
    long step;
    int64_t now_ms;
    struct twin disk[N_DEVICES];
    struct twin index[N_DEVICES];   /* what memory shows: committed, never more permissive */
    struct twin overlay[N_DEVICES]; /* with what the next commit writes */
    bool is_changed[N_DEVICES];     /* overlay differs durably */
    bool is_denied[N_DEVICES];      /* withdrawn, not yet committed */
    bool is_forgotten[N_DEVICES];   /* since the last commit */
    bool is_online[N_DEVICES];      /* in a session that rests on an approval */
    bool waits_for_session[N_DEVICES];
    uint64_t acknowledged[N_DEVICES]; /* generation of the last acknowledged decision */
    struct view views[N_ADMINS];
    long n_outcomes[PAIRING_EV_COUNT][PAIRING_OUTCOME_COUNT];
};

#define CHECK(world, condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("OC_SEED=%llu, line %d, step %ld: %s", (unsigned long long)(world)->seed,     \
                     __LINE__, (world)->step, #condition);                                         \
        }                                                                                          \
    } while (0)

/* 0 .. sides - 1. */
unsigned world_roll(struct world *world, unsigned sides);
/* "agent" with a scope for each bit. */
struct oc_grant world_grant_of(unsigned scopes);
/* Both decide; both must say the same. */
struct pairing_decision world_decide_twin(struct world *world, struct twin *twin,
                                          const struct model_event *from);
/* The same on the overlay, as the writer does: what withdraws denies and cuts at once. */
struct pairing_decision world_write_twin(struct world *world, unsigned device,
                                         const struct model_event *event);
/* What the overlay holds reaches disk, then memory; who waited is answered. */
void world_commit(struct world *world);
/* What was not committed is forgotten. Sometimes a commit got through and nobody was told;
 * sometimes a row comes back that fails authentication. */
void world_crash(struct world *world);
