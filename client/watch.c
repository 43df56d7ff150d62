/*
 * What a watch tells, and when; see openclaw/watch.h and watch_internal.h.
 *
 * Invariant: `cursor` is that of the last item told. Changes are told only if they follow it
 * without a gap, in the records that it counts; else there is a snapshot, and it says so.
 */
#include <errno.h>
#include <openclaw/watch.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/host.h"
#include "client/process.h"
#include "client/unknown_field.h"
#include "client/watch_internal.h"

enum {
    FIRST_PAUSE_MS = 100, /* doubled with every failure ... */
    LAST_PAUSE_MS = 2000,
    LONGEST_ADVISED_MS = 30 * 1000, /* ... unless the gateway says when */
    /* After an answer with nothing that came too soon: the gateway stops, or many watch it. */
    IDLE_PAUSE_MS = 250,
};

/* ---- waking ------------------------------------------------------------------------------ */

static void drain(const struct oc_watch *watch)
{
    uint64_t n;
    while (read(watch->fd, &n, sizeof n) < 0 && errno == EINTR) {
    }
}

static void on_pause_over(void *user)
{
    oc_watch_signal(user);
}

static void drop_timer(struct oc_watch *watch)
{
    if (watch->timer) {
        oc_timer_cancel(watch->timer);
        watch->timer = NULL;
    }
}

/* Without memory for a timer, fd tells nothing; a thread that waits in oc_watch_next goes on. */
static void pause_for(struct oc_watch *watch, uint32_t ms)
{
    drop_timer(watch);
    watch->pause_until_ms = oc_monotonic_ms() + ms;
    watch->timer = oc_timer_start(watch->client->transport, ms, on_pause_over, watch);
}

/* ---- what an answer means ---------------------------------------------------------------- */

static bool is_same_database(const struct oc_cursor *a, const struct oc_cursor *b)
{
    return memcmp(a->database_id, b->database_id, sizeof a->database_id) == 0;
}

static bool is_known(const struct oc_cursor *cursor)
{
    static const uint8_t none[sizeof cursor->database_id];
    return memcmp(cursor->database_id, none, sizeof none) != 0;
}

static void begin_snapshot(struct oc_watch *watch, enum oc_resync_why why)
{
    watch->n = 0;
    watch->at = 0;
    watch->why = why;
    watch->tells_resync = false; /* when it is known which records there are */
    watch->tells_synced = false;
    watch->has_pages = false;
    watch->page_cursor[0] = '\0';
    watch->phase = OC_WATCH_ASKS_STATUS;
}

static bool are_others(const struct oc_cursor *cursor, const struct oc_cursor *answered)
{
    return is_known(cursor) && is_known(answered) &&
           (!is_same_database(cursor, answered) || cursor->epoch != answered->epoch);
}

static void take_status(struct oc_watch *watch)
{
    watch->snapshot = watch->answered;
    watch->is_checked = true;
    if (watch->why != OC_RESYNC_NONE) {
        if (are_others(&watch->cursor, &watch->answered)) {
            watch->why = OC_RESYNC_OTHER_RECORDS;
        }
        watch->tells_resync = true;
        watch->phase = OC_WATCH_ASKS_PAGE;
    } else {
        watch->tells_synced = true;
        watch->phase = OC_WATCH_ASKS_CHANGES;
    }
}

static void take_page(struct oc_watch *watch)
{
    if (!watch->has_pages) {
        watch->snapshot.seq = watch->answered.seq; /* later pages may show more, never less */
    }
    watch->has_pages = true;
    if (watch->page_cursor[0] == '\0') {
        watch->tells_synced = true;
        watch->phase = OC_WATCH_ASKS_CHANGES;
    }
}

/* Whether the changes continue what was told; those that were told already are dropped. */
static bool keep_new_changes(struct oc_watch *watch)
{
    uint64_t last = watch->cursor.seq;
    size_t n = 0;
    for (size_t i = 0; i < watch->n; i++) {
        if (watch->events[i].seq <= last) {
            continue;
        }
        if (watch->events[i].seq != last + 1) {
            return false;
        }
        last++;
        if (n != i) {
            watch->events[n] = watch->events[i];
        }
        n++;
    }
    watch->n = n;
    return true;
}

static void take_changes(struct oc_watch *watch)
{
    struct oc_cursor *cursor = &watch->cursor;
    if (are_others(cursor, &watch->answered) || !keep_new_changes(watch)) {
        begin_snapshot(watch, OC_RESYNC_OTHER_RECORDS);
        return;
    }
    if (is_known(&watch->answered)) {
        memcpy(cursor->database_id, watch->answered.database_id, sizeof cursor->database_id);
        cursor->epoch = watch->answered.epoch;
    }
    bool is_early = oc_monotonic_ms() - watch->sent_ms < watch->asked_ms / 2;
    if (watch->n == 0 && watch->is_checked && is_early) {
        pause_for(watch, IDLE_PAUSE_MS);
    }
    watch->is_checked = true;
}

/* Spread, so that many who watch do not come back all at once. */
static uint32_t next_pause(struct oc_watch *watch)
{
    uint32_t ms = FIRST_PAUSE_MS;
    uint8_t spread = 0;
    for (unsigned i = 0; i < watch->n_failures && ms < LAST_PAUSE_MS; i++) {
        ms *= 2;
    }
    ms = ms < LAST_PAUSE_MS ? ms : LAST_PAUSE_MS;
    if (watch->lost_error.retry_after_ms > ms) {
        ms = watch->lost_error.retry_after_ms < LONGEST_ADVISED_MS
                 ? watch->lost_error.retry_after_ms
                 : LONGEST_ADVISED_MS;
    }
    oc_random_fill(&spread, sizeof spread);
    watch->n_failures++;
    return ms + ms * spread / 1024;
}

static enum oc_status take_failure(struct oc_watch *watch, struct oc_error *err)
{
    enum oc_status status = watch->status;
    if (status == OC_OUT_OF_RANGE && watch->phase == OC_WATCH_ASKS_CHANGES) {
        begin_snapshot(watch, OC_RESYNC_OUT_OF_RANGE);
        return OC_OK;
    }
    if (status == OC_INVALID_ARGUMENT && watch->phase == OC_WATCH_ASKS_PAGE && watch->has_pages) {
        begin_snapshot(watch, watch->why); /* the place in the list is not known any more */
        return OC_OK;
    }
    if (!oc_status_is_retryable(status)) {
        if (err) {
            *err = watch->proxy.error;
        }
        return status;
    }
    watch->lost_error = watch->proxy.error;
    watch->tells_lost = !watch->is_lost;
    watch->is_lost = true;
    watch->is_checked = false;
    pause_for(watch, next_pause(watch));
    return OC_OK;
}

static enum oc_status take_answer(struct oc_watch *watch, struct oc_error *err)
{
    if (watch->status) {
        return take_failure(watch, err);
    }
    watch->n = watch->n_answered;
    watch->n_failures = 0;
    watch->tells_back = watch->is_lost;
    watch->is_lost = false;
    switch (watch->phase) {
    case OC_WATCH_ASKS_STATUS:
        take_status(watch);
        break;
    case OC_WATCH_ASKS_PAGE:
        take_page(watch);
        break;
    case OC_WATCH_ASKS_CHANGES:
        take_changes(watch);
        break;
    }
    return OC_OK;
}

/* ---- telling ----------------------------------------------------------------------------- */

static bool is_told(bool *tells)
{
    bool does = *tells;
    *tells = false;
    return does;
}

static bool tell(struct oc_watch *watch, struct oc_watch_item *out)
{
    *out = (struct oc_watch_item){.kind = OC_WATCH_NOTHING};
    if (is_told(&watch->tells_lost)) {
        out->kind = OC_WATCH_LOST;
        out->error = watch->lost_error;
    } else if (is_told(&watch->tells_back)) {
        out->kind = OC_WATCH_BACK;
    } else if (is_told(&watch->tells_resync)) {
        out->kind = OC_WATCH_RESYNC;
        out->why = watch->why;
    } else if (watch->at < watch->n) {
        out->event = watch->events[watch->at++];
        out->kind = out->event.seq ? OC_WATCH_CHANGE : OC_WATCH_DEVICE;
        watch->cursor.seq = out->event.seq ? out->event.seq : watch->cursor.seq;
    } else if (is_told(&watch->tells_synced)) {
        out->kind = OC_WATCH_SYNCED;
        watch->cursor = watch->snapshot;
        watch->why = OC_RESYNC_NONE;
    }
    out->cursor = watch->cursor;
    return out->kind != OC_WATCH_NOTHING;
}

/* Goes as far as it can without waiting. Fills *out: with NOTHING when it has to wait. */
static enum oc_status advance(struct oc_watch *watch, struct oc_watch_item *out,
                              struct oc_error *err)
{
    while (!tell(watch, out)) {
        (void)pthread_mutex_lock(&watch->lock);
        bool is_in_flight = watch->is_in_flight;
        bool is_answered = is_told(&watch->is_answered);
        (void)pthread_mutex_unlock(&watch->lock);
        if (is_answered) {
            enum oc_status st = take_answer(watch, err);
            if (st) {
                return st;
            }
        } else if (is_in_flight || oc_monotonic_ms() < watch->pause_until_ms) {
            return OC_OK;
        } else {
            oc_watch_send(watch);
        }
    }
    return OC_OK;
}

static void wait_until(const struct oc_watch *watch, uint64_t until_ms)
{
    struct pollfd fd = {.fd = watch->fd, .events = POLLIN};
    uint64_t now_ms = oc_monotonic_ms();
    if (watch->pause_until_ms > now_ms && watch->pause_until_ms < until_ms) {
        until_ms = watch->pause_until_ms;
    }
    uint64_t ms = until_ms > now_ms ? until_ms - now_ms : 0;
    (void)poll(&fd, 1, ms < INT32_MAX ? (int)ms : -1);
}

enum oc_status oc_watch_next(struct oc_watch *watch, uint32_t wait_ms, struct oc_watch_item *out,
                             struct oc_error *err)
{
    if (oc_process_is_forked()) {
        return oc_process_fail_forked(err);
    }
    uint64_t until_ms = wait_ms == UINT32_MAX ? UINT64_MAX : oc_monotonic_ms() + wait_ms;
    for (;;) {
        drain(watch);
        if (atomic_load(&watch->is_stopped)) {
            oc_watch_signal(watch);
            return oc_fail(err, OC_CANCELLED, "the watch was stopped");
        }
        struct oc_watch_item item;
        enum oc_status st = advance(watch, &item, err);
        if (st) {
            return st;
        }
        if (item.kind != OC_WATCH_NOTHING) {
            oc_watch_signal(watch); /* there may be more */
        }
        if (item.kind != OC_WATCH_NOTHING || oc_monotonic_ms() >= until_ms) {
            *out = item;
            return OC_OK;
        }
        wait_until(watch, until_ms);
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static void begin(struct oc_watch *watch)
{
    watch->phase = OC_WATCH_ASKS_STATUS;
    if (watch->options.start == OC_WATCH_FROM_SNAPSHOT) {
        begin_snapshot(watch, OC_RESYNC_ASKED);
    } else if (watch->options.start == OC_WATCH_FROM_CURSOR) {
        watch->cursor = watch->options.cursor;
        watch->phase = OC_WATCH_ASKS_CHANGES;
    }
    oc_watch_signal(watch);
}

enum oc_status oc_watch_open(struct oc_client *client, const struct oc_watch_options *options,
                             struct oc_watch **out, struct oc_error *err)
{
    enum oc_status st = oc_refuse_unknown_field(options->reserved, sizeof options->reserved,
                                                "oc_watch_options", err);
    if (st) {
        return st;
    }
    if ((unsigned)options->start > OC_WATCH_FROM_CURSOR) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "watch: no such start (%u)",
                       (unsigned)options->start);
    }
    if (oc_process_is_forked()) {
        return oc_process_fail_forked(err);
    }
    struct oc_watch *watch = calloc(1, sizeof *watch);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!watch || fd < 0) {
        free(watch);
        if (fd >= 0) {
            (void)close(fd);
        }
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "watch: out of memory or descriptors");
    }
    watch->client = client;
    watch->options = *options;
    watch->fd = fd;
    atomic_init(&watch->is_stopped, false);
    (void)pthread_mutex_init(&watch->lock, NULL);
    begin(watch);
    *out = watch;
    return OC_OK;
}

int oc_watch_fd(const struct oc_watch *watch)
{
    return watch->fd;
}

void oc_watch_stop(struct oc_watch *watch)
{
    atomic_store(&watch->is_stopped, true);
    oc_watch_signal(watch);
}

void oc_watch_free(struct oc_watch *watch)
{
    if (!watch || oc_process_is_forked()) {
        return;
    }
    drop_timer(watch);
    (void)pthread_mutex_lock(&watch->lock);
    bool is_in_flight = watch->is_in_flight;
    watch->is_freed = is_in_flight;
    (void)pthread_mutex_unlock(&watch->lock);
    if (!is_in_flight) {
        oc_watch_destroy(watch);
    }
}
