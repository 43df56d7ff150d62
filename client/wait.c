/*
 * Waiting for what devices come to: openclaw/wait.h. A watch says when to look; what counts is what
 * the gateway then says of the device, and of the request.
 */
#include <openclaw/admin.h>
#include <openclaw/wait.h>
#include <openclaw/watch.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/unknown_field.h"

enum {
    /* Sessions are in no change log: how often they are looked for, and how much later for each. */
    LOOK_MS = 250,
    LOOK_EACH_MS = 2,
};

struct waiting {
    struct oc_client *client;
    struct oc_wait *waits;
    size_t n, n_open;
    oc_wait_fn settled;
    void *user;
    struct oc_matches *found;
    struct oc_watch_item *item;
    bool has_looked; /* at all of them, with a gateway there */
    struct oc_error lost;
};

/* ---- judging ----------------------------------------------------------------------------- */

static bool is_reached(const struct oc_device *device, enum oc_wait_for wanted)
{
    switch (wanted) {
    case OC_WAIT_APPROVED:
        return device->state == OC_STATE_APPROVED;
    case OC_WAIT_CONNECTED:
        return device->state == OC_STATE_APPROVED && device->is_online;
    case OC_WAIT_OFFLINE:
        return !device->is_online;
    case OC_WAIT_PENDING:
        return device->request_id.text[0] != '\0';
    case OC_WAIT_REJECTED:
        return device->state == OC_STATE_REJECTED;
    case OC_WAIT_REVOKED:
        return device->state == OC_STATE_REVOKED;
    case OC_WAIT_BLOCKED:
        return device->state == OC_STATE_BLOCKED;
    }
    return false;
}

/* The states in which somebody has decided otherwise. What is revoked or rejected may ask again,
 * but until it does nothing leads from there to where it is wanted. */
static bool is_out_of_reach(const struct oc_device *device, enum oc_wait_for wanted)
{
    static const uint32_t ends[] = {
        [OC_WAIT_APPROVED] =
            1U << OC_STATE_REJECTED | 1U << OC_STATE_REVOKED | 1U << OC_STATE_BLOCKED,
        [OC_WAIT_CONNECTED] =
            1U << OC_STATE_REJECTED | 1U << OC_STATE_REVOKED | 1U << OC_STATE_BLOCKED,
        [OC_WAIT_PENDING] = 1U << OC_STATE_BLOCKED,
        [OC_WAIT_REJECTED] =
            1U << OC_STATE_APPROVED | 1U << OC_STATE_REVOKED | 1U << OC_STATE_BLOCKED,
        [OC_WAIT_REVOKED] = 1U << OC_STATE_REJECTED | 1U << OC_STATE_BLOCKED,
        [OC_WAIT_BLOCKED] = 0,
        [OC_WAIT_OFFLINE] = 0,
    };
    return (ends[wanted] & 1U << device->state) != 0;
}

static void settle(struct waiting *waiting, struct oc_wait *wait, enum oc_wait_outcome outcome,
                   const char *why)
{
    wait->outcome = outcome;
    if (outcome == OC_WAIT_OUT_OF_REACH) {
        (void)strncpy(wait->why, why, sizeof wait->why - 1);
    }
    waiting->n_open--;
    if (waiting->settled) {
        waiting->settled(waiting->user, wait);
    }
}

static void judge_device(struct waiting *waiting, struct oc_wait *wait)
{
    if (is_reached(&wait->device, wait->wanted)) {
        settle(waiting, wait, OC_WAIT_REACHED, "");
    } else if (is_out_of_reach(&wait->device, wait->wanted)) {
        settle(waiting, wait, OC_WAIT_OUT_OF_REACH, oc_state_name(wait->device.state));
    }
}

/* The one request that was named is over; `closed_as` says how, "" is not known any more. */
static void judge_request(struct waiting *waiting, struct oc_wait *wait, const char *closed_as)
{
    bool is_approved = strcmp(closed_as, "approved") == 0;
    bool is_of_request = wait->wanted == OC_WAIT_APPROVED || wait->wanted == OC_WAIT_REJECTED ||
                         wait->wanted == OC_WAIT_CONNECTED;
    if (waiting->found->replaced_by.text[0] != '\0') {
        wait->replaced_by = waiting->found->replaced_by;
        settle(waiting, wait, OC_WAIT_OUT_OF_REACH, "replaced");
    } else if (!is_of_request || closed_as[0] == '\0' || strcmp(closed_as, "withdrawn") == 0 ||
               (is_approved && wait->wanted == OC_WAIT_CONNECTED)) {
        judge_device(waiting, wait);
    } else if (strcmp(closed_as, oc_wait_for_name(wait->wanted)) == 0) {
        settle(waiting, wait, OC_WAIT_REACHED, "");
    } else {
        settle(waiting, wait, OC_WAIT_OUT_OF_REACH, closed_as);
    }
}

/* ---- looking ----------------------------------------------------------------------------- */

static enum oc_status look_at(struct waiting *waiting, struct oc_wait *wait, struct oc_error *err)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&wait->device_id, id);
    enum oc_status st = oc_admin_resolve(waiting->client, id, false, waiting->found, err);
    if (st) {
        return st;
    }
    if (waiting->found->n != 1) {
        settle(waiting, wait, OC_WAIT_NOT_FOUND, "");
        return OC_OK;
    }
    wait->device = waiting->found->items[0];
    if (wait->request_id.text[0] == '\0') {
        judge_device(waiting, wait);
        return OC_OK;
    }
    if (oc_request_id_equal(&wait->device.request_id, &wait->request_id)) {
        return OC_OK; /* it is open still, whatever was granted before */
    }
    st = oc_admin_resolve(waiting->client, wait->request_id.text, false, waiting->found, err);
    if (st == OC_OK && waiting->found->n == 0) {
        judge_request(waiting, wait, waiting->found->closed_as);
    }
    return st;
}

static bool is_of_session(const struct oc_wait *wait)
{
    return wait->wanted == OC_WAIT_CONNECTED || wait->wanted == OC_WAIT_OFFLINE;
}

/* At each that is open; `id` and `sessions_only` leave others out. */
static enum oc_status look(struct waiting *waiting, const struct oc_device_id *id,
                           bool sessions_only, struct oc_error *err)
{
    for (size_t i = 0; i < waiting->n; i++) {
        struct oc_wait *wait = &waiting->waits[i];
        bool is_meant = wait->outcome == OC_WAIT_NOT_YET &&
                        (!id || oc_device_id_equal(id, &wait->device_id)) &&
                        (!sessions_only || is_of_session(wait));
        enum oc_status st = is_meant ? look_at(waiting, wait, err) : OC_OK;
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

/* ---- following --------------------------------------------------------------------------- */

static uint32_t next_slice(const struct waiting *waiting, uint64_t until_ms)
{
    uint64_t now_ms = oc_monotonic_ms();
    uint64_t slice_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    for (size_t i = 0; i < waiting->n && waiting->has_looked; i++) {
        const uint64_t look_ms = LOOK_MS + LOOK_EACH_MS * (uint64_t)waiting->n_open;
        if (waiting->waits[i].outcome == OC_WAIT_NOT_YET && is_of_session(&waiting->waits[i]) &&
            slice_ms > look_ms) {
            slice_ms = look_ms;
        }
    }
    return (uint32_t)slice_ms;
}

static enum oc_status heed(struct waiting *waiting, struct oc_error *err)
{
    const struct oc_watch_item *item = waiting->item;
    switch (item->kind) {
    case OC_WATCH_SYNCED:
    case OC_WATCH_BACK:
        waiting->has_looked = waiting->has_looked || item->kind == OC_WATCH_SYNCED;
        return look(waiting, NULL, false, err);
    case OC_WATCH_CHANGE:
        return look(waiting, &item->event.device.id, false, err);
    case OC_WATCH_NOTHING:
        return waiting->has_looked ? look(waiting, NULL, true, err) : OC_OK;
    case OC_WATCH_LOST:
        waiting->lost = item->error;
        return OC_OK;
    case OC_WATCH_RESYNC:
    case OC_WATCH_DEVICE:
        break;
    }
    return OC_OK;
}

static enum oc_status run_out(const struct waiting *waiting, struct oc_error *err)
{
    if (!waiting->has_looked && waiting->lost.status) {
        if (err) {
            *err = waiting->lost;
        }
        return waiting->lost.status;
    }
    return oc_fail(err, OC_DEADLINE_EXCEEDED, "not in time: %zu of %zu", waiting->n_open,
                   waiting->n);
}

static enum oc_status follow(struct waiting *waiting, struct oc_watch *watch, uint64_t until_ms,
                             struct oc_error *err)
{
    while (waiting->n_open > 0) {
        enum oc_status st = oc_watch_next(watch, next_slice(waiting, until_ms), waiting->item, err);
        if (st) {
            return st;
        }
        st = heed(waiting, err);
        if (st && !oc_status_is_retryable(st)) {
            return st; /* else the watch finds out, and says when the gateway is back */
        }
        if (waiting->n_open > 0 && oc_monotonic_ms() >= until_ms) {
            return run_out(waiting, err);
        }
    }
    return OC_OK;
}

static enum oc_status run(struct waiting *waiting, uint32_t timeout_ms, struct oc_error *err)
{
    if (timeout_ms == 0) {
        enum oc_status st = look(waiting, NULL, false, err);
        waiting->has_looked = true;
        return st || waiting->n_open == 0 ? st : run_out(waiting, err);
    }
    const struct oc_watch_options options = {.start = OC_WATCH_FROM_NOW};
    struct oc_watch *watch = NULL;
    enum oc_status st = oc_watch_open(waiting->client, &options, &watch, err);
    if (st == OC_OK) {
        st = follow(waiting, watch, oc_monotonic_ms() + timeout_ms, err);
    }
    oc_watch_free(watch);
    return st;
}

static enum oc_status check(const struct oc_wait *waits, size_t n, struct oc_error *err)
{
    for (size_t i = 0; i < n; i++) {
        enum oc_status st =
            oc_refuse_unknown_field(waits[i].reserved, sizeof waits[i].reserved, "oc_wait", err);
        if (st) {
            return st;
        }
        if ((unsigned)waits[i].wanted > OC_WAIT_BLOCKED) {
            return oc_fail(err, OC_INVALID_ARGUMENT, "wait: nothing such to wait for (%u)",
                           (unsigned)waits[i].wanted);
        }
    }
    return OC_OK;
}

enum oc_status oc_admin_wait(struct oc_client *client, struct oc_wait *waits, size_t n,
                             uint32_t timeout_ms, oc_wait_fn settled, void *user,
                             struct oc_error *err)
{
    enum oc_status st = check(waits, n, err);
    if (st) {
        return st;
    }
    struct waiting waiting = {
        .client = client, .waits = waits, .n = n, .settled = settled, .user = user};
    for (size_t i = 0; i < n; i++) {
        waits[i].outcome = OC_WAIT_NOT_YET;
    }
    waiting.n_open = n;
    waiting.found = malloc(sizeof *waiting.found);
    waiting.item = malloc(sizeof *waiting.item);
    if (!waiting.found || !waiting.item) {
        st = oc_fail(err, OC_RESOURCE_EXHAUSTED, "wait: out of memory");
    } else {
        st = run(&waiting, timeout_ms, err);
    }
    free(waiting.found);
    free(waiting.item);
    return st;
}
