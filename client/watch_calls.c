/* The calls of a watch, and their answers; see watch_internal.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/clean_text.h"
#include "client/convert.h"
#include "client/watch_internal.h"

enum {
    /* The first answer after a silence is wanted soon: it says that the gateway is there. */
    GREETING_MS = 100,
};

void oc_watch_signal(struct oc_watch *watch)
{
    const uint64_t one = 1;
    int before = errno; /* a signal handler may be here */
    while (write(watch->fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = before;
}

void oc_watch_destroy(struct oc_watch *watch)
{
    (void)pthread_mutex_destroy(&watch->lock);
    (void)close(watch->fd);
    free(watch);
}

/* The answer is in place. On a thread of the transport, or on the one that sends. */
static void finish(struct oc_watch *watch, bool has_reply, bool is_understood)
{
    enum oc_status status = watch->proxy.error.status ? watch->proxy.error.status : OC_INTERNAL;
    if (has_reply) {
        status = is_understood ? OC_OK
                               : oc_fail(&watch->proxy.error, OC_INTERNAL,
                                         "the gateway's answer is not understood");
    }
    (void)pthread_mutex_lock(&watch->lock);
    watch->status = status;
    watch->is_in_flight = false;
    watch->is_answered = true;
    bool is_freed = watch->is_freed;
    oc_watch_signal(watch);
    (void)pthread_mutex_unlock(&watch->lock);
    if (is_freed) {
        oc_watch_destroy(watch);
    }
}

static bool take_records(ProtobufCBinaryData database_id, uint64_t epoch, struct oc_cursor *out)
{
    out->epoch = epoch;
    return oc_take_bytes(database_id, true, out->database_id, sizeof out->database_id);
}

static void on_status(const Openclaw__V1__GetStatusReply *reply, void *user)
{
    struct oc_watch *watch = user;
    bool ok = reply && take_records(reply->database_id, reply->epoch, &watch->answered);
    bool is_locked = ok && reply->lock_reason[0] != '\0';
    if (ok) {
        watch->answered.seq = reply->seq;
    }
    if (is_locked) {
        (void)oc_fail(&watch->proxy.error, OC_UNAVAILABLE, "the gateway is locked: %.300s",
                      reply->lock_reason);
        oc_clean_text(watch->proxy.error.text);
    }
    finish(watch, reply && !is_locked, ok);
}

static void on_page(const Openclaw__V1__ListDevicesReply *reply, void *user)
{
    struct oc_watch *watch = user;
    bool ok = reply && reply->n_items <= OC_WATCH_ROOM;
    for (size_t i = 0; ok && i < reply->n_items; i++) {
        struct oc_event *event = &watch->events[i];
        *event = (struct oc_event){.seq = 0};
        ok = oc_take_device(reply->items[i], &event->device);
    }
    if (ok) {
        watch->n_answered = reply->n_items;
        watch->answered.seq = reply->revision;
        oc_take_text(reply->next_cursor, watch->page_cursor, sizeof watch->page_cursor);
    }
    finish(watch, reply != NULL, ok);
}

static void on_changes(const Openclaw__V1__WatchEventsReply *reply, void *user)
{
    struct oc_watch *watch = user;
    bool ok = reply && take_records(reply->database_id, reply->epoch, &watch->answered);
    size_t n = reply && reply->n_events < OC_WATCH_ROOM ? reply->n_events : OC_WATCH_ROOM;
    for (size_t i = 0; ok && i < n; i++) {
        ok = oc_take_event(reply->events[i], &watch->events[i]);
    }
    if (ok) {
        watch->n_answered = n; /* what did not fit is asked for again */
    }
    finish(watch, reply != NULL, ok);
}

static void ask_status(struct oc_watch *watch)
{
    const Openclaw__V1__GetStatusRequest request = OPENCLAW__V1__GET_STATUS_REQUEST__INIT;
    openclaw__v1__admin_service__get_status(&watch->proxy.base, &request, on_status, watch);
}

static void ask_page(struct oc_watch *watch)
{
    Openclaw__V1__State wanted[OC_STATE_COUNT];
    Openclaw__V1__ListDevicesRequest request = OPENCLAW__V1__LIST_DEVICES_REQUEST__INIT;
    request.page_size = OC_WATCH_ROOM;
    request.cursor = oc_put_text(watch->page_cursor);
    request.states = wanted;
    for (unsigned i = 0; i < OC_STATE_COUNT; i++) {
        if (watch->options.states & (1U << i)) {
            wanted[request.n_states++] = (Openclaw__V1__State)i;
        }
    }
    openclaw__v1__admin_service__list_devices(&watch->proxy.base, &request, on_page, watch);
}

static void ask_changes(struct oc_watch *watch)
{
    Openclaw__V1__WatchEventsRequest request = OPENCLAW__V1__WATCH_EVENTS_REQUEST__INIT;
    request.after_seq = watch->cursor.seq;
    watch->asked_ms = watch->is_checked ? OC_LONG_POLL_MS : GREETING_MS;
    watch->proxy.timeout_ms = watch->asked_ms;
    openclaw__v1__admin_service__watch_events(&watch->proxy.base, &request, on_changes, watch);
}

void oc_watch_send(struct oc_watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->is_in_flight = true;
    (void)pthread_mutex_unlock(&watch->lock);
    oc_service_proxy_init(&watch->proxy, watch->client->channel,
                          &openclaw__v1__admin_service__descriptor);
    watch->proxy.timeout_ms = watch->client->timeout_ms;
    watch->sent_ms = oc_monotonic_ms();
    watch->answered = (struct oc_cursor){.seq = 0};
    watch->n_answered = 0;
    watch->n = 0;
    watch->at = 0;
    switch (watch->phase) {
    case OC_WATCH_ASKS_STATUS:
        ask_status(watch);
        return;
    case OC_WATCH_ASKS_PAGE:
        ask_page(watch);
        return;
    case OC_WATCH_ASKS_CHANGES:
        ask_changes(watch);
        return;
    }
}
