/* See verify.h. */
#include "server/store/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/audit_chain.h"

static struct oc_digest genesis_of(const struct store *store)
{
    const struct store_identity identity = store_identity(store);
    return audit_chain_genesis(identity.gateway_id, identity.database_id);
}

/* ---- the audit ----------------------------------------------------------------------------- */

static enum oc_status verify_page(const struct store_audit_row *rows, size_t n,
                                  struct store_findings *out, struct oc_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t seq = out->n_audit + 1;
        if (rows[i].seq != seq) {
            return oc_fail(err, OC_DATA_LOSS, "audit row %" PRIu64 " is missing", seq);
        }
        const struct oc_digest hash = audit_chain_next(&out->head, seq, &rows[i].event);
        if (memcmp(hash.bytes, rows[i].hash.bytes, sizeof hash.bytes) != 0) {
            return oc_fail(err, OC_DATA_LOSS,
                           "audit row %" PRIu64
                           " is not what was written: it, or one before it, was changed",
                           seq);
        }
        out->head = hash;
        out->n_audit = seq;
        out->last_audit_ms = rows[i].event.at_ms;
    }
    return OC_OK;
}

static enum oc_status verify_audit(struct store *store, struct store_findings *out,
                                   struct oc_error *err)
{
    struct store_audit_row *rows = calloc(STORE_MAX_PAGE, sizeof *rows);
    enum oc_status st = rows ? OC_OK : oc_fail(err, OC_RESOURCE_EXHAUSTED, "verify: out of memory");
    size_t n = STORE_MAX_PAGE;
    while (!st && n == STORE_MAX_PAGE) {
        const struct store_audit_query query = {.after_seq = out->n_audit, .limit = STORE_MAX_PAGE};
        st = store_list_audit(store, &query, rows, &n, err);
        if (!st) {
            st = verify_page(rows, n, out, err);
        }
    }
    free(rows);
    return st;
}

/* ---- the records --------------------------------------------------------------------------- */

static enum oc_status count(void *user, const struct pairing *pairing,
                            const struct sighting *sighting)
{
    struct store_findings *out = user;
    (void)sighting;
    if (pairing->is_removed) {
        out->n_quarantined += pairing->is_quarantined;
        return OC_OK;
    }
    out->n_records++;
    out->n_quarantined += pairing->is_quarantined;
    out->n_approved += pairing->standing == OC_STANDING_APPROVED;
    out->n_revoked += pairing->standing == OC_STANDING_REVOKED;
    out->n_blocked += pairing->standing == OC_STANDING_BLOCKED;
    return OC_OK;
}

static enum oc_status count_administrator(void *user, const struct administrator *administrator)
{
    struct store_findings *out = user;
    out->n_quarantined += administrator->is_quarantined;
    return OC_OK;
}

enum oc_status store_verify(struct store *store, struct store_findings *out, struct oc_error *err)
{
    struct store_findings findings = {.head = genesis_of(store)};
    enum oc_status st = verify_audit(store, &findings, err);
    if (!st) {
        st = store_load_all(store, count, &findings, err);
    }
    if (!st) {
        st = store_load_administrators(store, count_administrator, &findings, err);
    }
    if (!st) {
        *out = findings;
    }
    return st;
}

enum oc_status store_audit_hash(struct store *store, uint64_t seq, struct oc_digest *out,
                                struct oc_error *err)
{
    const struct store_audit_query query = {.after_seq = seq - 1, .limit = 1};
    if (seq == 0) {
        *out = genesis_of(store);
        return OC_OK;
    }
    struct store_audit_row row;
    size_t n = 0;
    enum oc_status st = store_list_audit(store, &query, &row, &n, err);
    if (!st && (n == 0 || row.seq != seq)) {
        st = oc_fail(err, OC_DATA_LOSS, "audit row %" PRIu64 " is missing", seq);
    }
    if (!st) {
        *out = row.hash;
    }
    return st;
}
