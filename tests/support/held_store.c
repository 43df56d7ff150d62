#include "tests/support/held_store.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "server/store/store_backend.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool holds;
static bool is_holding;
static bool is_full;
static bool has_no_room;
static bool is_other;
static struct store_identity other;
static unsigned n_commits;
static unsigned n_applies;
static unsigned n_reopens;
static unsigned n_loads;
static const struct store_ops *memory_ops;
static struct store_ops held_ops;

static enum oc_status fail_full(struct oc_error *err)
{
    (void)oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: the disk is full");
    if (err) {
        memcpy(err->cause, STORE_CAUSE_DISK_FULL, sizeof STORE_CAUSE_DISK_FULL);
    }
    return OC_RESOURCE_EXHAUSTED;
}

static enum oc_status apply(struct store *store, const struct store_write *write,
                            struct oc_error *err)
{
    pthread_mutex_lock(&lock);
    bool fails = is_full;
    n_applies++;
    pthread_mutex_unlock(&lock);
    return fails ? fail_full(err) : memory_ops->apply(store, write, err);
}

static enum oc_status check_room(struct store *store, struct oc_error *err)
{
    (void)store;
    pthread_mutex_lock(&lock);
    bool fails = is_full || has_no_room;
    pthread_mutex_unlock(&lock);
    return fails ? fail_full(err) : OC_OK;
}

static enum oc_status commit(struct store *store, bool *rolled_back, struct oc_error *err)
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
    return memory_ops->commit(store, rolled_back, err);
}

static enum oc_status reopen(struct store *store, struct oc_error *err)
{
    pthread_mutex_lock(&lock);
    n_reopens++;
    const bool finds_other = is_other;
    const struct store_identity found = other;
    pthread_mutex_unlock(&lock);
    enum oc_status st = memory_ops->reopen(store, err);
    if (!st && finds_other) {
        memcpy(store->gateway_id, found.gateway_id, STORE_ID_BYTES);
        memcpy(store->database_id, found.database_id, STORE_ID_BYTES);
        store->committed.epoch = found.epoch;
        store->committed.seq = found.seq;
    }
    return st;
}

static enum oc_status load_all(struct store *store, store_visit_fn visit, void *user,
                               struct oc_error *err)
{
    pthread_mutex_lock(&lock);
    n_loads++;
    pthread_mutex_unlock(&lock);
    return memory_ops->load_all(store, visit, user, err);
}

void held_store_take(struct store *store)
{
    pthread_mutex_lock(&lock);
    holds = is_holding = is_full = has_no_room = is_other = false;
    n_commits = n_applies = n_reopens = n_loads = 0;
    memory_ops = store->ops;
    held_ops = *memory_ops;
    held_ops.apply = apply;
    held_ops.commit = commit;
    held_ops.check_room = check_room;
    held_ops.reopen = reopen;
    held_ops.load_all = load_all;
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

void held_store_reopen_as(const struct store_identity *identity)
{
    pthread_mutex_lock(&lock);
    is_other = identity != NULL;
    if (identity) {
        other = *identity;
    }
    pthread_mutex_unlock(&lock);
}

void held_store_set_full(bool full)
{
    pthread_mutex_lock(&lock);
    is_full = full;
    pthread_mutex_unlock(&lock);
}

void held_store_set_no_room(bool none)
{
    pthread_mutex_lock(&lock);
    has_no_room = none;
    pthread_mutex_unlock(&lock);
}

static unsigned read_count(const unsigned *count)
{
    pthread_mutex_lock(&lock);
    unsigned n = *count;
    pthread_mutex_unlock(&lock);
    return n;
}

unsigned held_store_n_commits(void)
{
    return read_count(&n_commits);
}

unsigned held_store_n_applies(void)
{
    return read_count(&n_applies);
}

unsigned held_store_n_reopens(void)
{
    return read_count(&n_reopens);
}

unsigned held_store_n_loads(void)
{
    return read_count(&n_loads);
}
