/* See missing.h. */
#include "server/service/missing.h"

#include <stdlib.h>
#include <string.h>

#include "server/service/service_state.h"

void missing_init(struct missing *missing, const struct service_options *options)
{
    struct oc_error err;
    pthread_mutex_init(&missing->mutex, NULL);
    missing->has_marker = options->lock != STORE_LOCK_NONE && options->marker_path &&
                          marker_read(options->marker_path, &missing->marker, &err) == OC_OK;
}

void missing_deinit(struct missing *missing)
{
    free(missing->held);
    pthread_mutex_destroy(&missing->mutex);
}

void missing_set_marker(struct missing *missing, const struct store_identity *marker)
{
    pthread_mutex_lock(&missing->mutex);
    missing->has_marker = true;
    missing->marker = *marker;
    pthread_mutex_unlock(&missing->mutex);
}

void missing_forget(struct missing *missing)
{
    pthread_mutex_lock(&missing->mutex);
    free(missing->held);
    missing->held = NULL;
    missing->n_held = 0;
    missing->n_more = 0;
    missing->has_marker = false;
    pthread_mutex_unlock(&missing->mutex);
}

/* ---- receipts -------------------------------------------------------------------------------- */

static bool is_of(const struct oc_receipt *receipt, const struct store_identity *identity)
{
    return memcmp(receipt->gateway_id, identity->gateway_id, sizeof receipt->gateway_id) == 0 &&
           memcmp(receipt->database_id, identity->database_id, sizeof receipt->database_id) == 0;
}

/* Whether it is of a decision that is not in these records: of this database and beyond it, or of
 * the one that should be here. */
static bool is_beyond(struct service *service, const struct store_identity *identity,
                      const struct oc_receipt *receipt)
{
    const struct missing *missing = &service->missing;
    if (is_of(receipt, identity)) {
        return receipt->seq > identity->seq &&
               receipt->issued_at_ms > atomic_load(&service->rollback_ms);
    }
    return missing->has_marker && is_of(receipt, &missing->marker);
}

/* The place of a device; n_held: it has none yet. */
static size_t find(const struct missing *missing, const struct oc_device_id *id)
{
    size_t at = 0;
    while (at < missing->n_held && !oc_device_id_equal(&missing->held[at].device_id, id)) {
        at++;
    }
    return at;
}

static void put(struct missing *missing, const struct oc_receipt *receipt)
{
    const size_t at = find(missing, &receipt->device_id);
    if (!missing->held) {
        missing->held = calloc(MISSING_HELD, sizeof *missing->held);
    }
    if (!missing->held || at == MISSING_HELD) {
        missing->n_more++;
        return;
    }
    if (at < missing->n_held && missing->held[at].seq >= receipt->seq) {
        return;
    }
    missing->held[at] = (struct missing_approval){
        .device_id = receipt->device_id, .seq = receipt->seq, .at_ms = receipt->issued_at_ms};
    missing->n_held += at == missing->n_held ? 1 : 0;
}

void missing_add(struct service *service, const struct oc_receipt *receipt)
{
    struct missing *missing = &service->missing;
    pthread_mutex_lock(&missing->mutex);
    put(missing, receipt);
    pthread_mutex_unlock(&missing->mutex);
}

void missing_note(struct service *service, const struct oc_device_id *id,
                  const struct oc_receipt *receipt)
{
    struct missing *missing = &service->missing;
    const struct store_identity identity = service_identity(service);
    pthread_mutex_lock(&missing->mutex);
    bool may_tell =
        oc_device_id_equal(&receipt->device_id, id) && is_beyond(service, &identity, receipt);
    if (may_tell) {
        const size_t at = find(missing, id);
        may_tell = at == missing->n_held || missing->held[at].seq < receipt->seq;
    }
    pthread_mutex_unlock(&missing->mutex);
    if (may_tell && service->options.gateway_identity &&
        oc_receipt_verify(service->options.gateway_identity, receipt)) {
        missing_add(service, receipt);
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static int by_seq(const void *a, const void *b)
{
    const uint64_t one = ((const struct missing_approval *)a)->seq;
    const uint64_t other = ((const struct missing_approval *)b)->seq;
    return one < other ? -1 : one > other;
}

/* The latest, in their order. */
static void read_held(struct missing *missing, struct missing_facts *out)
{
    if (missing->n_held == 0) {
        return;
    }
    qsort(missing->held, missing->n_held, sizeof *missing->held, by_seq);
    out->n = missing->n_held < MISSING_TOLD ? missing->n_held : MISSING_TOLD;
    memcpy(out->approvals, missing->held + missing->n_held - out->n,
           out->n * sizeof *missing->held);
    out->n_in_all = missing->n_held;
    out->is_at_least = missing->n_more > 0;
}

void missing_read(struct service *service, struct missing_facts *out)
{
    struct missing *missing = &service->missing;
    *out = (struct missing_facts){.audit = service->options.missing};
    pthread_mutex_lock(&missing->mutex);
    out->has_marker = missing->has_marker;
    out->marker = missing->marker;
    read_held(missing, out);
    pthread_mutex_unlock(&missing->mutex);
}
