#include "server/service/receipts.h"

#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/writer.h"

enum {
    PAGES_LOOKED_AT = 400, /* of the audit, newest first, for the last unlock */
};

static bool is_held(struct service *service, const struct held_receipt *held, uint64_t seq)
{
    return held && held->seq == seq && held->issued_at_ms > atomic_load(&service->rollback_ms);
}

void receipts_sign(struct service *service, const struct oc_device_id *id,
                   const struct held_receipt *held, struct session_facts *facts)
{
    struct store_identity identity = service_identity(service);
    bool is_known = facts->approval_seq != 0 && facts->approval_seq <= identity.seq;
    struct oc_receipt receipt = {
        /* Approved before the number was kept: the newest commit, which is not before it. */
        .seq = is_known ? facts->approval_seq : identity.seq,
        .device_id = *id,
        .issued_at_ms = service_now_ms(service),
    };
    struct oc_error err;
    if (!service->options.gateway_identity || is_held(service, held, receipt.seq)) {
        return;
    }
    memcpy(receipt.gateway_id, identity.gateway_id, sizeof receipt.gateway_id);
    memcpy(receipt.database_id, identity.database_id, sizeof receipt.database_id);
    if (oc_receipt_sign(service->options.gateway_identity, &receipt, &err)) {
        log_error("receipt.unsigned", "error=%s", err.text);
        return; /* the session goes on without */
    }
    facts->receipt = receipt;
}

static bool is_from_us(const struct peer *peer, const struct oc_receipt *receipt,
                       const struct store_identity *identity)
{
    return memcmp(receipt->gateway_id, identity->gateway_id, sizeof receipt->gateway_id) == 0 &&
           oc_device_id_equal(&receipt->device_id, &peer->id);
}

static bool is_of_database(const struct oc_receipt *receipt, const struct store_identity *identity)
{
    return memcmp(receipt->database_id, identity->database_id, sizeof receipt->database_id) == 0;
}

struct held_receipt receipts_note_held(const struct peer *peer, const struct oc_receipt *receipt)
{
    const struct store_identity identity = service_identity(peer->service);
    if (receipt->n_signature == 0 || !is_from_us(peer, receipt, &identity) ||
        !is_of_database(receipt, &identity)) {
        return (struct held_receipt){0};
    }
    return (struct held_receipt){.seq = receipt->seq, .issued_at_ms = receipt->issued_at_ms};
}

/* ---- locking --------------------------------------------------------------------------------- */

struct raise_change {
    struct change change; /* first */
    uint64_t seq;
};

static void run_raise(struct service *service, struct change *change)
{
    const struct raise_change *raise = (const struct raise_change *)(const void *)change;
    struct store_identity identity = service_identity(service);
    struct oc_error err;
    if (!service_is_locked(service) || raise->seq <= identity.seq) {
        return;
    }
    identity.seq = raise->seq;
    if (marker_write(service->options.marker_path, &identity, &err) &&
        err.status != OC_FAILED_PRECONDITION) {
        log_error("marker.failing", "error=%s", err.text);
    }
    missing_set_marker(&service->missing, &identity);
}

static void finish_raise(struct service *service, struct change *change,
                         const struct oc_error *failed)
{
    (void)service;
    (void)failed;
    free(change);
}

/* Makes the lock outlast this process: until the device came back, a next start would serve whom
 * the missing decisions had shut out. */
static void raise_marker(struct service *service, uint64_t seq)
{
    static const struct change_ops ops = {.run = run_raise, .finish = finish_raise};
    struct raise_change *raise = service->options.marker_path ? calloc(1, sizeof *raise) : NULL;
    if (raise) {
        raise->change.ops = &ops;
        raise->change.job.is_reserved = true;
        raise->seq = seq;
    }
    if (raise && !writer_push(service, &raise->change)) {
        free(raise); /* it stops: the device shows its receipt to the next one */
    }
}

static void lock_for(const struct peer *peer, const struct oc_receipt *receipt, uint64_t seq)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&peer->id, id);
    log_error("gateway.locked", "reason=%s fix=%s device=%s receipt_seq=%llu seq=%llu",
              store_lock_text(STORE_LOCK_RECEIPT), store_lock_fix(STORE_LOCK_RECEIPT), id,
              (unsigned long long)receipt->seq, (unsigned long long)seq);
    service_lock(peer->service, STORE_LOCK_RECEIPT);
    missing_add(peer->service, receipt);
    raise_marker(peer->service, receipt->seq);
}

bool receipts_tell_of_reset(const struct peer *peer, const struct oc_receipt *receipt)
{
    struct service *service = peer->service;
    struct store_identity identity = service_identity(service);
    if (!service->options.gateway_identity || !is_from_us(peer, receipt, &identity)) {
        return false;
    }
    bool is_present = is_of_database(receipt, &identity);
    bool is_accepted =
        receipt->seq <= identity.seq || receipt->issued_at_ms <= atomic_load(&service->rollback_ms);
    if (is_present && is_accepted) {
        return false; /* the ordinary case costs no signature check */
    }
    if (!oc_receipt_verify(service->options.gateway_identity, receipt)) {
        return false;
    }
    if (is_present) {
        lock_for(peer, receipt, identity.seq);
    }
    return !is_present;
}

/* The time of the last unlock among the rows; else that of the oldest row, beyond which nobody
 * looked. */
static bool find_unlock(const struct store_audit_row *rows, size_t n, int64_t *at_ms)
{
    for (size_t i = 0; i < n; i++) {
        *at_ms = rows[i].event.at_ms;
        if (strcmp(rows[i].event.action, "unlock") == 0) {
            return true;
        }
    }
    return false;
}

void receipts_load(struct service *service, struct store *store)
{
    struct store_audit_query query = {.newest_first = true, .limit = STORE_MAX_PAGE};
    struct store_audit_row *rows = calloc(STORE_MAX_PAGE, sizeof *rows);
    struct oc_error err;
    int64_t at_ms = 0;
    size_t n = STORE_MAX_PAGE;
    bool is_found = store_identity(store).epoch <= 1; /* nothing was ever accepted */
    for (int page = 0; rows && !is_found && n == STORE_MAX_PAGE && page < PAGES_LOOKED_AT; page++) {
        if (store_list_audit(store, &query, rows, &n, &err)) {
            log_error("receipts.unlock_unknown", "error=%s", err.text);
            break;
        }
        is_found = find_unlock(rows, n, &at_ms);
        query.after_seq = n > 0 ? rows[n - 1].seq : 0;
    }
    free(rows);
    atomic_store(&service->rollback_ms, at_ms);
}
