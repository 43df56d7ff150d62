/* See checkpoints.h. They are signed on the writer's thread, where what is committed is known: a
 * signature takes it some 30 microseconds. */
#include "server/service/checkpoints.h"

#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/writer.h"

static bool is_current(const struct oc_audit_checkpoint *checkpoint,
                       const struct store_identity *identity, const struct store_audit_end *end)
{
    return checkpoint->n_signature > 0 && checkpoint->seq == end->seq &&
           checkpoint->epoch == identity->epoch &&
           memcmp(checkpoint->database_id, identity->database_id, STORE_ID_BYTES) == 0;
}

/* Brings service->checkpoint up to what is committed. */
static enum oc_status refresh(struct service *service, struct oc_error *err)
{
    struct store *store = writer_store(service);
    if (service_is_locked(service) || !store) {
        return oc_fail(err, OC_UNAVAILABLE, "the database is locked or cannot be read");
    }
    if (!service->options.gateway_identity) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "this gateway has no key to sign with");
    }
    const struct store_identity identity = store_identity(store);
    const struct store_audit_end end = store_audit_end(store);
    if (is_current(&service->checkpoint, &identity, &end)) {
        return OC_OK;
    }
    struct oc_audit_checkpoint checkpoint = {.epoch = identity.epoch,
                                             .seq = end.seq,
                                             .hash = end.hash,
                                             .at_ms = service_now_ms(service)};
    memcpy(checkpoint.gateway_id, identity.gateway_id, sizeof checkpoint.gateway_id);
    memcpy(checkpoint.database_id, identity.database_id, sizeof checkpoint.database_id);
    enum oc_status st = oc_checkpoint_sign(service->options.gateway_identity, &checkpoint, err);
    if (!st) {
        const struct checkpoint_sink *sink = &service->options.checkpoints;
        service->checkpoint = checkpoint;
        service->checkpoint_ms = service_monotonic_ms(service);
        if (sink->keep) {
            sink->keep(sink->user, &checkpoint);
        }
    }
    return st;
}

/* ---- by itself ------------------------------------------------------------------------------ */

static bool is_due(struct service *service)
{
    const struct oc_audit_checkpoint *last = &service->checkpoint;
    const struct store *store = writer_store(service);
    if (!store || service_is_locked(service)) {
        return false;
    }
    const uint64_t seq = store_audit_end(store).seq;
    return last->n_signature == 0 || last->epoch != store_identity(store).epoch ||
           seq >= last->seq + CHECKPOINT_EVERY_ROWS ||
           (seq > last->seq && service_monotonic_ms(service) - service->checkpoint_ms >=
                                   service->options.checkpoints.every_ms);
}

static void make_one(struct service *service)
{
    struct oc_error err;
    if (service->options.checkpoints.keep && refresh(service, &err)) {
        const struct log_about about = {.event = "checkpoint.unsigned"};
        log_limited(LOG_LEVEL_ERROR, &about, "error=%s", err.text);
    }
}

void checkpoints_tick(struct service *service)
{
    if (is_due(service)) {
        make_one(service);
    }
}

void checkpoints_finish(struct service *service)
{
    if (writer_store(service) && !service_is_locked(service)) {
        make_one(service);
    }
}

/* ---- on request ----------------------------------------------------------------------------- */

struct checkpoint_change {
    struct change change; /* first */
    struct checkpoint_call call;
    struct checkpoint_result result;
};

static void run(struct service *service, struct change *change)
{
    struct checkpoint_result *result = &((struct checkpoint_change *)(void *)change)->result;
    result->status = refresh(service, &result->error);
    result->checkpoint = service->checkpoint;
}

static void deliver(struct delivery *delivery)
{
    struct checkpoint_change *change =
        (struct checkpoint_change *)(void *)((char *)delivery -
                                             offsetof(struct checkpoint_change, change.delivery));
    change->call.done(change->call.user, &change->result);
    free(change);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    (void)failed;
    notifier_post_one(service->notifier, &change->delivery);
}

void admin_checkpoint(struct service *service, const struct checkpoint_call *call)
{
    static const struct change_ops ops = {.run = run, .finish = finish};
    struct checkpoint_change *change = calloc(1, sizeof *change);
    if (change) {
        change->change.ops = &ops;
        change->change.delivery.deliver = deliver;
        change->call = *call;
    }
    if (!change || !writer_push(service, &change->change)) {
        struct checkpoint_result result = {.status = OC_RESOURCE_EXHAUSTED};
        (void)oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "too many jobs are waiting");
        free(change);
        call->done(call->user, &result);
    }
}
