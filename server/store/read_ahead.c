/* A ring of batches between one reader and one visitor; see read_ahead.h. */
#include "server/store/read_ahead.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    BATCH = 8,   /* records handed over at once */
    BATCHES = 8, /* some 350 KiB in all, which stay in a core's cache */
    HALF = BATCHES / 2,
};

struct loaded {
    struct pairing pairing;
    struct sighting sighting;
};

struct batch {
    size_t n;
    struct loaded records[BATCH];
};

struct ring {
    read_ahead_fn read;
    void *source;
    struct batch *batches;
    pthread_t reader;
    enum oc_status status; /* what the reader ended with, and its error: read after its end */
    struct oc_error error;

    pthread_mutex_t mutex; /* guards the next, and who owns which batch */
    pthread_cond_t changed;
    size_t n_filled;  /* batches ever; the reader owns the one of this number ... */
    size_t n_emptied; /* ... and the visitor what is filled and not emptied */
    bool is_over;     /* nothing more will be filled */
    bool is_given_up; /* nothing more will be visited */
};

static struct batch *batch_at(struct ring *ring, size_t number)
{
    return &ring->batches[number % BATCHES];
}

/* ---- the reader's side ---------------------------------------------------------------------- */

/* Whoever has to wait sleeps until half of all is his: a record is soon read and soon visited, and
 * waking somebody takes as long as several. */

/* Hands over the batch that was filled; false: nobody wants more. */
static bool hand_over(struct ring *ring)
{
    pthread_mutex_lock(&ring->mutex);
    if (++ring->n_filled - ring->n_emptied >= HALF) {
        pthread_cond_signal(&ring->changed);
    }
    if (ring->n_filled - ring->n_emptied >= BATCHES) {
        while (ring->n_filled - ring->n_emptied > HALF && !ring->is_given_up) {
            pthread_cond_wait(&ring->changed, &ring->mutex);
        }
    }
    const bool is_wanted = !ring->is_given_up;
    pthread_mutex_unlock(&ring->mutex);
    return is_wanted;
}

/* n_filled changes on this thread alone. */
static enum oc_status emit(void *user, const struct pairing *pairing,
                           const struct sighting *sighting)
{
    struct ring *ring = user;
    struct batch *batch = batch_at(ring, ring->n_filled);
    struct loaded *record = &batch->records[batch->n++];
    record->pairing = *pairing;
    record->sighting = *sighting;
    if (batch->n < BATCH) {
        return OC_OK;
    }
    const bool is_wanted = hand_over(ring);
    batch_at(ring, ring->n_filled)->n = 0;
    return is_wanted ? OC_OK : OC_CANCELLED;
}

static void *run_reader(void *user)
{
    struct ring *ring = user;
    ring->status = ring->read(ring->source, emit, ring, &ring->error);
    pthread_mutex_lock(&ring->mutex);
    ring->n_filled++; /* the last batch, full or not */
    ring->is_over = true;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->mutex);
    return NULL;
}

/* ---- the visitor's side --------------------------------------------------------------------- */

/* The next batch; NULL at the end. */
static struct batch *take(struct ring *ring)
{
    pthread_mutex_lock(&ring->mutex);
    if (ring->n_filled == ring->n_emptied) {
        while (ring->n_filled - ring->n_emptied < HALF && !ring->is_over) {
            pthread_cond_wait(&ring->changed, &ring->mutex);
        }
    }
    struct batch *batch =
        ring->n_filled == ring->n_emptied ? NULL : batch_at(ring, ring->n_emptied);
    pthread_mutex_unlock(&ring->mutex);
    return batch;
}

static void give_back(struct ring *ring, bool gives_up)
{
    pthread_mutex_lock(&ring->mutex);
    ring->is_given_up = gives_up;
    if (ring->n_filled - ++ring->n_emptied <= HALF || gives_up) {
        pthread_cond_signal(&ring->changed);
    }
    pthread_mutex_unlock(&ring->mutex);
}

static enum oc_status visit_batch(const struct batch *batch, store_visit_fn visit, void *user)
{
    enum oc_status st = OC_OK;
    for (size_t i = 0; i < batch->n && !st; i++) {
        st = visit(user, &batch->records[i].pairing, &batch->records[i].sighting);
    }
    return st;
}

static enum oc_status visit_all(struct ring *ring, store_visit_fn visit, void *user)
{
    enum oc_status st = OC_OK;
    const struct batch *batch;
    while (!st && (batch = take(ring))) {
        st = visit_batch(batch, visit, user);
        give_back(ring, st != OC_OK);
    }
    return st;
}

static enum oc_status run_ring(struct ring *ring, store_visit_fn visit, void *user,
                               struct oc_error *err)
{
    enum oc_status st = visit_all(ring, visit, user);
    (void)pthread_join(ring->reader, NULL);
    if (!st && ring->status && err) {
        *err = ring->error;
    }
    return st ? st : ring->status;
}

enum oc_status read_ahead(read_ahead_fn read, void *source, store_visit_fn visit, void *user,
                          struct oc_error *err)
{
    struct ring ring = {.read = read, .source = source};
    ring.batches = calloc(BATCHES, sizeof *ring.batches);
    pthread_mutex_init(&ring.mutex, NULL);
    pthread_cond_init(&ring.changed, NULL);
    const bool has_reader =
        ring.batches && pthread_create(&ring.reader, NULL, run_reader, &ring) == 0;
    const enum oc_status st =
        has_reader ? run_ring(&ring, visit, user, err) : read(source, visit, user, err);
    pthread_cond_destroy(&ring.changed);
    pthread_mutex_destroy(&ring.mutex);
    free(ring.batches);
    return st;
}
