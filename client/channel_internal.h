/* The parts of a channel, shared by channel.c (life, connections) and channel_calls.c (calls). */
#pragma once

#include <pthread.h>

#include "client/channel.h"

enum {
    OC_SLOT_BITS = 10,
    OC_N_SLOTS = 1 << OC_SLOT_BITS,
};
_Static_assert((int)OC_N_SLOTS == (int)OC_MAX_CALLS_IN_FLIGHT, "a slot per call in flight");

/* One connection of a channel, from dial to closed(). */
struct oc_link {
    struct oc_channel *channel;
    struct oc_connection *connection; /* held */
    bool is_open;
};

/* One call. It stands in a slot until it is detached; who detached it completes it. */
struct oc_pending {
    uint32_t word;        /* top bit, serial, slot */
    struct oc_link *link; /* it was sent on, or waits for */
    bool is_sent;         /* on that link */
    bool was_ever_sent;
    bool was_moved; /* to another link, once */
    const struct oc_method *method;
    struct oc_call call; /* its payload is the front of `memory` */
    uint8_t *memory;
    uint8_t *packed; /* behind the payload: what is sent */
    size_t packed_cap;
    uint64_t due_ms;
    uint32_t grace_ms;
    oc_channel_fn done;
    void *user;
    struct oc_pending *next; /* in a list of detached ones, with the reason below */
    struct oc_reply reply;
};

struct oc_channel {
    struct oc_transport *transport;
    struct oc_channel_options options; /* without url and tls */
    pthread_mutex_t lock;              /* guards all below */
    const struct oc_tls_context *tls;  /* held */
    char *url;
    pthread_cond_t quiet; /* a link ended, or a thread left */
    bool is_closing;
    struct oc_link *link; /* the one new calls go to; NULL: none */
    unsigned n_links;
    unsigned n_busy; /* threads inside that close must wait for */
    struct oc_pending *slots[OC_N_SLOTS];
    unsigned n_in_flight;
    unsigned next_slot;
    uint32_t serial;
    struct oc_timer *timer; /* for the earliest deadline; may have fired */
    uint64_t timer_due_ms;
};

/* All but complete_all are called with the lock held. */

/* Makes a call's entry in the table. NULL: no slot or no memory. */
struct oc_pending *oc_pending_new(struct oc_channel *channel, const struct oc_channel_call *call);
/* Sends on the call's link, if that is open. */
void oc_pending_transmit(struct oc_pending *pending);
/* Takes it out of the table and puts it on the list, to end with this error. */
void oc_pending_fail(struct oc_channel *channel, struct oc_pending *pending,
                     struct oc_pending **list, enum oc_status status, const char *text);
/* The call that a word names on a link, or NULL. */
struct oc_pending *oc_pending_find(struct oc_channel *channel, const struct oc_link *link,
                                   uint32_t word);
/* Takes it out and frees it, without done(). */
void oc_pending_discard(struct oc_channel *channel, struct oc_pending *pending);
void oc_pending_detach(struct oc_channel *channel, struct oc_pending *pending);

/* Calls each done() and frees. Without the lock. */
void oc_pending_complete_all(struct oc_pending *list);

/* Ends what n_busy++ began. Without the lock; the channel may be gone afterwards. */
void oc_channel_leave(struct oc_channel *channel);

/* Starts the timer for the earliest deadline. Gives the timer that it replaces (or NULL), to be
 * cancelled by the caller once the lock is released. */
OC_MUST_CHECK struct oc_timer *oc_channel_arm(struct oc_channel *channel);
