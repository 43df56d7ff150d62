/* The parts of a watch, shared by watch.c (what is told, and when) and watch_calls.c (calls and
 * their answers).
 */
#pragma once

#include <openclaw/admin.h>
#include <openclaw/watch.h>

#include "client/client_internal.h"

enum {
    OC_WATCH_ROOM = 64, /* the most that a gateway gives at once */
};

/* What is asked for next. */
enum oc_watch_phase {
    OC_WATCH_ASKS_STATUS, /* where the change log is */
    OC_WATCH_ASKS_PAGE,   /* of a snapshot */
    OC_WATCH_ASKS_CHANGES,
};

/*
 * At most one call is in flight, and while it is, its answer alone touches `proxy` and what stands
 * below it; else the thread in oc_watch_next does. `lock` hands these over.
 */
struct oc_watch {
    struct oc_client *client;
    struct oc_watch_options options;
    int fd; /* an eventfd */
    atomic_bool is_stopped;

    pthread_mutex_t lock; /* guards the next three */
    bool is_in_flight;
    bool is_answered; /* and not looked at yet */
    bool is_freed;    /* the answer frees the watch */

    enum oc_watch_phase phase;
    struct oc_cursor cursor;   /* of what was told */
    struct oc_cursor snapshot; /* to go on from, once a snapshot is told */
    enum oc_resync_why why;
    bool has_pages;  /* a page of the snapshot came */
    bool is_checked; /* the gateway said which records it serves, since it was lost */
    bool is_lost;
    bool tells_lost, tells_back, tells_resync, tells_synced; /* to be told, in this order */
    size_t n, at; /* of the events that were looked at: how many, and how many of them were told */
    unsigned n_failures;
    struct oc_error lost_error;
    uint32_t asked_ms; /* how long the call in flight may wait, and since when it does */
    uint64_t sent_ms;
    uint64_t pause_until_ms;
    struct oc_timer *timer; /* makes fd readable when the pause is over */

    struct oc_service_proxy proxy;
    enum oc_status status;             /* of the answer; its error stands in proxy */
    struct oc_cursor answered;         /* the records it speaks of, and the seq it reflects */
    char page_cursor[OC_CURSOR_BYTES]; /* of the page to ask for; "" the first, or no more */
    size_t n_answered;                 /* events */
    struct oc_event events[OC_WATCH_ROOM];
};

/* Sends the call of the phase; its answer comes at once if it cannot be sent. */
void oc_watch_send(struct oc_watch *watch);

/* Makes fd readable. */
void oc_watch_signal(struct oc_watch *watch);
/* Frees it, when nothing is in flight. */
void oc_watch_destroy(struct oc_watch *watch);
