#include "tests/support/held_store.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "server/store/store_backend.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool holds;
static bool is_holding;
static bool is_full;
static unsigned n_commits;
static const struct store_ops *memory_ops;
static struct store_ops held_ops;

static enum oc_status apply(struct store *store, const struct store_write *write,
                            struct oc_error *err)
{
    pthread_mutex_lock(&lock);
    bool fails = is_full;
    pthread_mutex_unlock(&lock);
    return fails ? oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: the disk is full")
                 : memory_ops->apply(store, write, err);
}

static enum oc_status commit(struct store *store, struct oc_error *err)
{
    pthread_mutex_lock(&lock);
    is_holding = holds;
    pthread_cond_broadcast(&changed);
    while (holds) {
        pthread_cond_wait(&changed, &lock);
    }
    is_holding = false;
    n_commits++;
    pthread_mutex_unlock(&lock);
    return memory_ops->commit(store, err);
}

void held_store_take(struct store *store)
{
    pthread_mutex_lock(&lock);
    holds = is_holding = is_full = false;
    n_commits = 0;
    memory_ops = store->ops;
    held_ops = *memory_ops;
    held_ops.apply = apply;
    held_ops.commit = commit;
    store->ops = &held_ops;
    pthread_mutex_unlock(&lock);
}

void held_store_hold(void)
{
    pthread_mutex_lock(&lock);
    holds = true;
    pthread_mutex_unlock(&lock);
}

bool held_store_wait(void)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&lock);
    while (!is_holding && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&changed, &lock, &until);
    }
    bool is = is_holding;
    pthread_mutex_unlock(&lock);
    return is;
}

void held_store_release(void)
{
    pthread_mutex_lock(&lock);
    holds = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void held_store_set_full(bool full)
{
    pthread_mutex_lock(&lock);
    is_full = full;
    pthread_mutex_unlock(&lock);
}

unsigned held_store_n_commits(void)
{
    pthread_mutex_lock(&lock);
    unsigned n = n_commits;
    pthread_mutex_unlock(&lock);
    return n;
}
