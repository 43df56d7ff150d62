#include "server/service/denied_limit.h"

#include <stdio.h>
#include <string.h>

/* A token a second, and a row costs as many as it takes seconds. */
static const struct quota_rate rate_of_one = {1, DENIED_BURST *DENIED_EVERY_S};
static const struct quota_rate rate_of_all = {1, DENIED_BURST_OF_ALL *DENIED_EVERY_S_OF_ALL};

void denied_limit_init(struct denied_limit *limit, int64_t monotonic_ms)
{
    *limit = (struct denied_limit){.all = quota_full(&rate_of_all, monotonic_ms)};
    for (size_t i = 0; i < DENIED_ACTORS; i++) {
        limit->actors[i].seen_ms = INT64_MIN; /* free places first */
    }
    pthread_mutex_init(&limit->mutex, NULL);
}

void denied_limit_deinit(struct denied_limit *limit)
{
    pthread_mutex_destroy(&limit->mutex);
}

/* Whoever is not known gets the place of the one that was not seen for longest. */
static struct quota *quota_of(struct denied_limit *limit, const char *actor, int64_t now_ms)
{
    size_t at = 0;
    for (size_t i = 0; i < DENIED_ACTORS; i++) {
        if (strcmp(limit->actors[i].name, actor) == 0) {
            limit->actors[i].seen_ms = now_ms;
            return &limit->actors[i].quota;
        }
        at = limit->actors[i].seen_ms < limit->actors[at].seen_ms ? i : at;
    }
    (void)snprintf(limit->actors[at].name, sizeof limit->actors[at].name, "%s", actor);
    limit->actors[at].seen_ms = now_ms;
    limit->actors[at].quota = quota_full(&rate_of_one, now_ms);
    return &limit->actors[at].quota;
}

bool denied_limit_take(struct denied_limit *limit, const char *actor, int64_t monotonic_ms,
                       uint64_t *n_left_out)
{
    pthread_mutex_lock(&limit->mutex);
    struct quota *quota = quota_of(limit, actor, monotonic_ms);
    const bool may = quota_take(quota, &rate_of_one, DENIED_EVERY_S, monotonic_ms) &&
                     quota_take(&limit->all, &rate_of_all, DENIED_EVERY_S_OF_ALL, monotonic_ms);
    if (may) {
        *n_left_out = limit->n_left_out;
        limit->n_left_out = 0;
    } else {
        limit->n_left_out++;
    }
    pthread_mutex_unlock(&limit->mutex);
    return may;
}

void denied_limit_give_back(struct denied_limit *limit, uint64_t n_left_out)
{
    pthread_mutex_lock(&limit->mutex);
    limit->n_left_out += n_left_out + 1;
    pthread_mutex_unlock(&limit->mutex);
}
