#include "server/app_checkpoints.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/store/verify.h"

static void keep(void *user, const struct oc_audit_checkpoint *checkpoint)
{
    checkpoint_keeper_put(user, checkpoint);
}

static void read_kept(void *user, struct checkpoint_kept *out)
{
    struct checkpoint_keeper_state state;
    checkpoint_keeper_read(user, &state);
    *out = (struct checkpoint_kept){.seq = state.kept_seq, .at_ms = state.kept_at_ms};
    memcpy(out->error, state.error, sizeof out->error);
}

struct checkpoint_sink app_checkpoint_sink(struct checkpoint_keeper *keeper, int64_t every_ms)
{
    return (struct checkpoint_sink){
        .every_ms = every_ms, .keep = keep, .read = read_kept, .user = keeper};
}

/* ---- what the last one says of the database -------------------------------------------------- */

static bool is_of(const struct oc_audit_checkpoint *checkpoint,
                  const struct store_identity *identity)
{
    return memcmp(checkpoint->gateway_id, identity->gateway_id, STORE_ID_BYTES) == 0 &&
           memcmp(checkpoint->database_id, identity->database_id, STORE_ID_BYTES) == 0;
}

static int64_t time_of_last(struct store *store)
{
    const struct store_audit_query query = {.newest_first = true, .limit = 1};
    struct store_audit_row row;
    struct oc_error err;
    size_t n = 0;
    return store_list_audit(store, &query, &row, &n, &err) == OC_OK && n == 1 ? row.event.at_ms : 0;
}

/* Whether the database holds what the checkpoint was made of. */
static bool holds(struct store *store, const struct oc_audit_checkpoint *checkpoint)
{
    struct oc_digest hash;
    struct oc_error err;
    return checkpoint->seq <= store_audit_end(store).seq &&
           store_audit_hash(store, checkpoint->seq, &hash, &err) == OC_OK &&
           memcmp(&hash, &checkpoint->hash, sizeof hash) == 0;
}

static void lock_for(struct state *state, const char *path,
                     const struct oc_audit_checkpoint *checkpoint, struct audit_missing *out)
{
    const uint64_t last = store_audit_end(state->store).seq;
    if (checkpoint->seq > last) {
        *out = (struct audit_missing){last + 1, checkpoint->seq, time_of_last(state->store),
                                      checkpoint->at_ms};
    }
    if (state->lock == STORE_LOCK_NONE) {
        state->lock = STORE_LOCK_BEHIND;
    }
    log_error("checkpoint.ahead",
              "path=%s reason=%s checkpoint_seq=%" PRIu64 " checkpoint_epoch=%" PRIu64
              " audit_seq=%" PRIu64,
              path,
              checkpoint->seq > last ? "audit records are missing from the database"
                                     : "audit records in the database are not those that were "
                                       "there",
              checkpoint->seq, checkpoint->epoch, last);
}

void app_check_checkpoint(struct state *state, const char *path, struct audit_missing *out)
{
    const struct oc_digest spki = oc_identity_spki_sha256(state->identity);
    struct oc_audit_checkpoint checkpoint;
    struct oc_error err;
    if (!state->store) {
        return;
    }
    const struct store_identity identity = store_identity(state->store);
    const enum oc_status st = checkpoint_file_newest(path, &spki, &checkpoint, &err);
    if (st) {
        if (st != OC_NOT_FOUND) {
            log_warn("checkpoint.unread", "error=%s", err.text);
        }
        return;
    }
    if (is_of(&checkpoint, &identity) && checkpoint.epoch >= identity.epoch &&
        !holds(state->store, &checkpoint)) {
        lock_for(state, path, &checkpoint, out);
    }
}
