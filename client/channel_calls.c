/* See channel_internal.h: the table of calls in flight, and deadlines. */
#include <stdlib.h>
#include <string.h>

#include "client/channel_internal.h"
#include "client/clean_text.h"
#include "proto/base/secret.h"

enum {
    SERIAL_MASK = (1 << (31 - OC_SLOT_BITS)) - 1,
};

#define TOP_BIT 0x80000000u

/* ---- the table --------------------------------------------------------------------------- */

/* All that a call will ever need, so that sending it again cannot fail for want of memory. */
static struct oc_pending *allocate(const struct oc_channel_call *call)
{
    struct oc_pending *pending = calloc(1, sizeof *pending);
    if (!pending) {
        return NULL;
    }
    pending->call.n_payload = call->n_payload;
    pending->packed_cap = oc_call_packed_bound(&pending->call);
    pending->memory = malloc(call->n_payload + pending->packed_cap);
    if (!pending->memory) {
        free(pending);
        return NULL;
    }
    if (call->n_payload > 0) {
        memcpy(pending->memory, call->payload, call->n_payload);
    }
    pending->call.payload = pending->memory;
    pending->packed = pending->memory + call->n_payload;
    return pending;
}

struct oc_pending *oc_pending_new(struct oc_channel *channel, const struct oc_channel_call *call)
{
    if (channel->n_in_flight == OC_N_SLOTS) {
        return NULL;
    }
    struct oc_pending *pending = allocate(call);
    if (!pending) {
        return NULL;
    }
    while (channel->slots[channel->next_slot]) {
        channel->next_slot = (channel->next_slot + 1) % OC_N_SLOTS;
    }
    /* The serial makes sure that a late answer does not meet the slot's next call. */
    channel->serial = (channel->serial + 1) & SERIAL_MASK;
    pending->word = TOP_BIT | channel->serial << OC_SLOT_BITS | channel->next_slot;
    pending->method = call->method;
    pending->call.method = call->method->number;
    if (call->idempotency_key) {
        pending->call.has_idempotency_key = true;
        memcpy(pending->call.idempotency_key, call->idempotency_key, OC_IDEMPOTENCY_KEY_BYTES);
    }
    pending->grace_ms = call->method->is_long_poll ? OC_CHANNEL_GRACE_MS : 0;
    pending->due_ms = oc_monotonic_ms() + call->timeout_ms + pending->grace_ms;
    pending->done = call->done;
    pending->user = call->user;
    channel->slots[channel->next_slot] = pending;
    channel->next_slot = (channel->next_slot + 1) % OC_N_SLOTS;
    channel->n_in_flight++;
    return pending;
}

struct oc_pending *oc_pending_find(struct oc_channel *channel, const struct oc_link *link,
                                   uint32_t word)
{
    struct oc_pending *pending = channel->slots[word % OC_N_SLOTS];
    bool is_it = pending && pending->word == word && pending->link == link && pending->is_sent;
    return is_it ? pending : NULL;
}

void oc_pending_detach(struct oc_channel *channel, struct oc_pending *pending)
{
    channel->slots[pending->word % OC_N_SLOTS] = NULL;
    channel->n_in_flight--;
}

void oc_pending_fail(struct oc_channel *channel, struct oc_pending *pending,
                     struct oc_pending **list, enum oc_status status, const char *text)
{
    oc_pending_detach(channel, pending);
    pending->reply = (struct oc_reply){.status = status};
    (void)oc_fail(&pending->reply.error, status, "%s", text);
    pending->reply.error.is_outcome_unknown = pending->method->changes && pending->was_ever_sent;
    pending->next = *list;
    *list = pending;
}

static void release(struct oc_pending *pending)
{
    /* Payloads carry codes and nonces. */
    oc_wipe(pending->memory, pending->call.n_payload + pending->packed_cap);
    free(pending->memory);
    free(pending);
}

void oc_pending_discard(struct oc_channel *channel, struct oc_pending *pending)
{
    oc_pending_detach(channel, pending);
    release(pending);
}

void oc_pending_complete_all(struct oc_pending *list)
{
    while (list) {
        struct oc_pending *pending = list;
        list = pending->next;
        oc_clean_error(&pending->reply.error);
        pending->done(pending->user, &pending->reply);
        release(pending);
    }
}

/* ---- sending ----------------------------------------------------------------------------- */

void oc_pending_transmit(struct oc_pending *pending)
{
    if (!pending->link->is_open) {
        return;
    }
    uint64_t spent_by_ms = oc_monotonic_ms() + pending->grace_ms;
    pending->call.budget_ms = pending->due_ms > spent_by_ms
                                  ? (uint32_t)(pending->due_ms - spent_by_ms)
                                  : OC_MIN_BUDGET_MS;
    size_t n = oc_call_pack(&pending->call, pending->packed, pending->packed_cap);
    /* What was not sent waits with its link: it goes to the next one, or its time runs out. */
    pending->is_sent =
        n > 0 && oc_connection_send(pending->link->connection, pending->word, pending->packed, n);
    pending->was_ever_sent = pending->was_ever_sent || pending->is_sent;
}

/* ---- deadlines --------------------------------------------------------------------------- */

static void on_deadline(void *user)
{
    struct oc_channel *channel = user;
    struct oc_pending *late = NULL;
    (void)pthread_mutex_lock(&channel->lock);
    uint64_t now_ms = oc_monotonic_ms();
    for (size_t i = 0; i < OC_N_SLOTS; i++) {
        struct oc_pending *pending = channel->slots[i];
        if (pending && pending->due_ms <= now_ms) {
            oc_pending_fail(channel, pending, &late, OC_DEADLINE_EXCEEDED,
                            pending->was_ever_sent ? "no answer from the gateway in time"
                                                   : "no connection to the gateway in time");
        }
    }
    channel->timer_due_ms = 0;
    struct oc_timer *old = oc_channel_arm(channel);
    channel->n_busy++;
    (void)pthread_mutex_unlock(&channel->lock);
    oc_pending_complete_all(late);
    oc_channel_leave(channel);
    if (old) {
        oc_timer_cancel(old);
    }
}

struct oc_timer *oc_channel_arm(struct oc_channel *channel)
{
    uint64_t due_ms = 0;
    for (size_t i = 0; i < OC_N_SLOTS; i++) {
        const struct oc_pending *pending = channel->slots[i];
        if (pending && (due_ms == 0 || pending->due_ms < due_ms)) {
            due_ms = pending->due_ms;
        }
    }
    bool is_early_enough = channel->timer_due_ms != 0 && channel->timer_due_ms <= due_ms;
    if (channel->is_closing || due_ms == 0 || is_early_enough) {
        return NULL;
    }
    uint64_t now_ms = oc_monotonic_ms();
    struct oc_timer *old = channel->timer;
    channel->timer = oc_timer_start(channel->transport, due_ms > now_ms ? due_ms - now_ms : 0,
                                    on_deadline, channel);
    channel->timer_due_ms = channel->timer ? due_ms : 0;
    return old;
}
