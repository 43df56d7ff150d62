/* See caller.h. */
#include "server/rpc/caller.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"

enum {
    FIRST_WORDS = 4,
};

/* Ten Connects at once, one a second from then on. */
static const struct quota_rate unapproved_rate = {.per_second = 4, .burst = 40};

static const char *const door_names[RPC_DOOR_COUNT] = {
    [RPC_DOOR_DEVICES] = "devices",
    [RPC_DOOR_LOCAL] = "local",
    [RPC_DOOR_ADMIN] = "admin",
};

static const char *const role_names[RPC_ROLE_COUNT] = {
    [RPC_ROLE_NOBODY] = "nobody",     [RPC_ROLE_DEVICE] = "device", [RPC_ROLE_VIEWER] = "viewer",
    [RPC_ROLE_APPROVER] = "approver", [RPC_ROLE_ADMIN] = "admin",
};

const char *rpc_door_name(enum rpc_door door)
{
    return (size_t)door < OC_ARRAY_LENGTH(door_names) ? door_names[door] : "unknown";
}

const char *rpc_role_name(enum rpc_role role)
{
    return (size_t)role < OC_ARRAY_LENGTH(role_names) ? role_names[role] : "unknown";
}

enum rpc_role rpc_role_of_administrator(enum administrator_role role)
{
    switch (role) {
    case ADMINISTRATOR_VIEWER:
        return RPC_ROLE_VIEWER;
    case ADMINISTRATOR_APPROVER:
        return RPC_ROLE_APPROVER;
    case ADMINISTRATOR_ADMIN:
        return RPC_ROLE_ADMIN;
    case ADMINISTRATOR_NOBODY:
    case ADMINISTRATOR_ROLE_COUNT:
        break;
    }
    return RPC_ROLE_NOBODY;
}

struct caller *caller_new(enum rpc_door door, enum rpc_role role)
{
    struct caller *caller = calloc(1, sizeof *caller);
    if (!caller) {
        return NULL;
    }
    caller->door = door;
    caller->role = role;
    caller->quota = quota_full(&unapproved_rate, 0);
    atomic_init(&caller->n_references, 1);
    if (pthread_mutex_init(&caller->lock, NULL) != 0) {
        free(caller);
        return NULL;
    }
    return caller;
}

void caller_audit_actor(const struct caller *caller, struct audit_actor *out)
{
    const struct caller_certificate *certificate = caller->certificate;
    char digits[2 * OC_DIGEST_BYTES + 1];
    *out = caller->actor;
    if (certificate) {
        oc_hex_format(certificate->sha256.bytes, sizeof certificate->sha256.bytes, digits);
        (void)snprintf(out->source, sizeof out->source, "%.45s cert:%.12s", caller->actor.source,
                       digits);
    }
}

void caller_hold(struct caller *caller)
{
    atomic_fetch_add(&caller->n_references, 1);
}

void caller_release(struct caller *caller)
{
    if (caller && atomic_fetch_sub(&caller->n_references, 1) == 1) {
        pthread_mutex_destroy(&caller->lock);
        free(caller->words);
        free(caller->certificate);
        free(caller);
    }
}

/* The word's place, or n_words. Under the lock. */
static unsigned find_word(const struct caller *caller, uint32_t word)
{
    unsigned i = 0;
    while (i < caller->n_words && caller->words[i] != word) {
        i++;
    }
    return i;
}

bool caller_is_new(struct caller *caller, uint32_t word, unsigned *n_in_flight)
{
    pthread_mutex_lock(&caller->lock);
    const bool is_new = find_word(caller, word) == caller->n_words;
    *n_in_flight = caller->n_words;
    pthread_mutex_unlock(&caller->lock);
    return is_new;
}

/* Under the lock. */
static bool has_room(struct caller *caller)
{
    if (caller->n_words < caller->cap_words) {
        return true;
    }
    const unsigned cap = caller->cap_words != 0 ? 2 * caller->cap_words : FIRST_WORDS;
    uint32_t *words = realloc(caller->words, cap * sizeof *words);
    if (!words) {
        return false;
    }
    caller->words = words;
    caller->cap_words = cap;
    return true;
}

bool caller_begin(struct caller *caller, uint32_t word)
{
    pthread_mutex_lock(&caller->lock);
    const bool may_begin = has_room(caller);
    if (may_begin) {
        caller->words[caller->n_words++] = word;
    }
    pthread_mutex_unlock(&caller->lock);
    return may_begin;
}

void caller_end(struct caller *caller, uint32_t word)
{
    pthread_mutex_lock(&caller->lock);
    const unsigned i = find_word(caller, word);
    assert(i < caller->n_words);
    caller->words[i] = caller->words[--caller->n_words];
    pthread_mutex_unlock(&caller->lock);
}

uint32_t caller_take_tokens(struct caller *caller, unsigned cost, uint64_t now_ms)
{
    const int64_t now = (int64_t)now_ms;
    if (quota_take(&caller->quota, &unapproved_rate, cost, now)) {
        return 0;
    }
    return (uint32_t)quota_wait_ms(&caller->quota, &unapproved_rate, cost, now);
}
