/* See checkpoint_set.h. Invariant: while a history is walked, items are ordered by seq, and those
 * before `at` were compared or passed over. */
#include "proto/crypto/checkpoint_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/json_line.h"
#include "proto/crypto/checkpoint.h"

enum {
    FIRST_ROOM = 64,
    TIME_TEXT_BYTES = 64,
};

static const char line_start[] = "{\"openclaw\":\"audit checkpoint ";

static const char export_start[] = "{\"openclaw\":\"audit export ";

enum verdict {
    NOT_SEEN, /* no row of its number was there */
    HOLDS,
    DIFFERS,
};

struct item {
    uint8_t gateway_id[OC_DIGEST_BYTES / 2];
    uint8_t database_id[OC_DIGEST_BYTES / 2];
    struct oc_digest hash, pin;
    uint64_t epoch, seq, line;
    int64_t at_ms;
    enum verdict verdict;
};

struct oc_checkpoint_set {
    struct item *items;
    size_t n, room, at;
    uint64_t n_lines, n_cut_short;
    uint8_t gateway_id[16], database_id[16]; /* of the history that is walked */
};

struct oc_checkpoint_set *oc_checkpoint_set_new(void)
{
    return calloc(1, sizeof(struct oc_checkpoint_set));
}

void oc_checkpoint_set_free(struct oc_checkpoint_set *set)
{
    if (set) {
        free(set->items);
        free(set);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum oc_status grow(struct oc_checkpoint_set *set, struct oc_error *err)
{
    const size_t room = set->room ? 2 * set->room : FIRST_ROOM;
    struct item *items = realloc(set->items, room * sizeof *items);
    if (!items) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "checkpoints: out of memory");
    }
    set->items = items;
    set->room = room;
    return OC_OK;
}

static void keep(struct oc_checkpoint_set *set, const struct oc_audit_checkpoint *checkpoint)
{
    struct item *item = &set->items[set->n++];
    *item = (struct item){.hash = checkpoint->hash,
                          .pin = oc_checkpoint_pin(checkpoint->key),
                          .epoch = checkpoint->epoch,
                          .seq = checkpoint->seq,
                          .line = set->n_lines,
                          .at_ms = checkpoint->at_ms};
    memcpy(item->gateway_id, checkpoint->gateway_id, sizeof item->gateway_id);
    memcpy(item->database_id, checkpoint->database_id, sizeof item->database_id);
}

static bool starts_with(const char *line, size_t n, const char *start)
{
    return n >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

static enum oc_status add_line(struct oc_checkpoint_set *set, const char *line, size_t n,
                               bool is_whole, struct oc_error *err)
{
    struct oc_audit_checkpoint checkpoint;
    const char *start = memmem(line, n, line_start, sizeof line_start - 1);
    const size_t n_start = start ? (size_t)(line + n - start) : 0;
    if (!start || !oc_checkpoint_parse(start, n_start, &checkpoint)) {
        if (!is_whole) {
            set->n_cut_short++;
            return OC_OK;
        }
        return oc_fail(err, OC_DATA_LOSS,
                       "checkpoints, line %" PRIu64 ": not a checkpoint as a gateway writes it",
                       set->n_lines);
    }
    if (!oc_checkpoint_verify(&checkpoint)) {
        return oc_fail(err, OC_DATA_LOSS,
                       "checkpoints, line %" PRIu64
                       ": the signature is wrong, so it is not what the gateway's key signed",
                       set->n_lines);
    }
    enum oc_status st = set->n == set->room ? grow(set, err) : OC_OK;
    if (!st) {
        keep(set, &checkpoint);
    }
    return st;
}

/* Of an export that stands in the place of a checkpoint file: what is no checkpoint in it. */
static bool is_passed_over(const char *line, size_t n)
{
    return starts_with(line, n, export_start) || starts_with(line, n, "{\"seq\":");
}

enum oc_status oc_checkpoint_set_add(struct oc_checkpoint_set *set, const char *text, size_t n,
                                     struct oc_error *err)
{
    const char *end = text + n;
    const size_t before = set->n;
    const bool is_export = starts_with(text, n, export_start);
    enum oc_status st = OC_OK;
    while (text < end && !st) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        set->n_lines++;
        if (line_end > text && !(is_export && is_passed_over(text, (size_t)(line_end - text)))) {
            st = add_line(set, text, (size_t)(line_end - text), newline != NULL, err);
        }
        text = newline ? newline + 1 : end;
    }
    if (!st && set->n == before) {
        st = oc_fail(err, OC_INVALID_ARGUMENT, "checkpoints: there is none in the file");
    }
    return st;
}

/* ---- walking ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct item *one = a;
    const struct item *other = b;
    if (one->seq != other->seq) {
        return one->seq < other->seq ? -1 : 1;
    }
    return one->line < other->line ? -1 : one->line > other->line;
}

static bool is_of(const struct oc_checkpoint_set *set, const struct item *item)
{
    return memcmp(item->gateway_id, set->gateway_id, sizeof set->gateway_id) == 0 &&
           memcmp(item->database_id, set->database_id, sizeof set->database_id) == 0;
}

/* Past what is of other histories. */
static void pass_others(struct oc_checkpoint_set *set)
{
    while (set->at < set->n && !is_of(set, &set->items[set->at])) {
        set->at++;
    }
}

void oc_checkpoint_set_begin(struct oc_checkpoint_set *set, const uint8_t gateway_id[16],
                             const uint8_t database_id[16])
{
    memcpy(set->gateway_id, gateway_id, sizeof set->gateway_id);
    memcpy(set->database_id, database_id, sizeof set->database_id);
    if (set->n > 0) {
        qsort(set->items, set->n, sizeof set->items[0], compare);
    }
    for (size_t i = 0; i < set->n; i++) {
        set->items[i].verdict = NOT_SEEN;
    }
    set->at = 0;
    pass_others(set);
}

bool oc_checkpoint_set_next_seq(const struct oc_checkpoint_set *set, uint64_t *seq)
{
    if (set->at == set->n) {
        return false;
    }
    *seq = set->items[set->at].seq;
    return true;
}

void oc_checkpoint_set_row(struct oc_checkpoint_set *set, uint64_t seq,
                           const struct oc_digest *hash)
{
    while (set->at < set->n && set->items[set->at].seq <= seq) {
        struct item *item = &set->items[set->at++];
        if (item->seq == seq) {
            const bool is_same = memcmp(&item->hash, hash, sizeof *hash) == 0;
            item->verdict = is_same ? HOLDS : DIFFERS;
        }
        pass_others(set);
    }
}

/* ---- the end ------------------------------------------------------------------------------- */

static const char *time_text(int64_t at_ms, char out[TIME_TEXT_BYTES])
{
    struct oc_json_writer writer = {.out = out, .cap = TIME_TEXT_BYTES};
    oc_json_put_time(&writer, "", at_ms); /* "":"2026-..." */
    out[writer.n - 1] = '\0';
    return out + sizeof "\"\":";
}

static enum oc_status fail_conflict(const struct item *item, const struct oc_checkpoint_end *end,
                                    uint64_t held_seq, struct oc_error *err)
{
    char at[TIME_TEXT_BYTES];
    const char *when = time_text(item->at_ms, at);
    if (item->seq > end->last_seq) {
        return oc_fail(err, OC_DATA_LOSS,
                       "record %" PRIu64 " is missing, and all up to %" PRIu64
                       ": the checkpoint of %s (line %" PRIu64
                       ") was made of them; this is an older history, or its end was cut off",
                       end->last_seq + 1, item->seq, when, item->line);
    }
    return oc_fail(err, OC_DATA_LOSS,
                   "record %" PRIu64 " is not the one that the checkpoint of %s (line %" PRIu64
                   ") was made of: a record from %" PRIu64
                   " on was changed, and the hashes made anew",
                   item->seq, when, item->line, held_seq + 1);
}

static const struct item *newest_of_gateway(const struct oc_checkpoint_set *set)
{
    const struct item *newest = NULL;
    for (size_t i = 0; i < set->n; i++) {
        const struct item *item = &set->items[i];
        if (memcmp(item->gateway_id, set->gateway_id, sizeof set->gateway_id) == 0 &&
            (!newest || item->line > newest->line)) {
            newest = item;
        }
    }
    return newest;
}

/* Finds whose key it should be, if that is not known. */
static enum oc_status check_newest(const struct oc_checkpoint_set *set,
                                   const struct oc_checkpoint_end *end, struct oc_digest *pin,
                                   struct oc_error *err)
{
    char at[TIME_TEXT_BYTES];
    const struct item *newest = newest_of_gateway(set);
    if (!newest) {
        return oc_fail(err, OC_DATA_LOSS, "no checkpoint that was given is of this gateway");
    }
    if (!is_of(set, newest)) {
        return oc_fail(err, OC_DATA_LOSS,
                       "the newest checkpoint (line %" PRIu64
                       ", %s) is of another database of this gateway: this is not its history now",
                       newest->line, time_text(newest->at_ms, at));
    }
    *pin = end->pin ? *end->pin : newest->pin;
    return OC_OK;
}

/* Before any is believed: whoever may add a line could else have another one given up. */
static enum oc_status check_keys(const struct oc_checkpoint_set *set, const struct oc_digest *pin,
                                 struct oc_error *err)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct item *item = &set->items[i];
        if (is_of(set, item) && memcmp(pin, &item->pin, sizeof *pin) != 0) {
            return oc_fail(err, OC_DATA_LOSS,
                           "checkpoints, line %" PRIu64 ": signed by another key than the others",
                           item->line);
        }
    }
    return OC_OK;
}

static uint64_t highest_epoch(const struct oc_checkpoint_set *set, uint64_t epoch)
{
    for (size_t i = 0; i < set->n; i++) {
        if (is_of(set, &set->items[i]) && set->items[i].epoch > epoch) {
            epoch = set->items[i].epoch;
        }
    }
    return epoch;
}

static void count_held(const struct item *item, struct oc_audit_proof *proof)
{
    proof->n_held++;
    if (item->seq >= proof->held_seq) {
        proof->held_seq = item->seq;
        proof->held_at_ms = item->at_ms;
    }
}

static enum oc_status judge(const struct oc_checkpoint_set *set, const struct item *item,
                            const struct oc_checkpoint_end *end, uint64_t epoch,
                            struct oc_audit_proof *proof, struct oc_error *err)
{
    if (!is_of(set, item)) {
        proof->n_foreign++;
    } else if (item->verdict == HOLDS) {
        count_held(item, proof);
    } else if (item->verdict == NOT_SEEN && item->seq <= end->last_seq) {
        proof->n_not_covered++;
    } else if (item->epoch >= epoch) {
        return fail_conflict(item, end, proof->held_seq, err);
    } else {
        proof->n_given_up++;
        if (item->seq > proof->given_up_seq) {
            proof->given_up_seq = item->seq;
        }
    }
    return OC_OK;
}

enum oc_status oc_checkpoint_set_finish(struct oc_checkpoint_set *set,
                                        const struct oc_checkpoint_end *end,
                                        struct oc_audit_proof *proof, struct oc_error *err)
{
    struct oc_digest pin;
    const uint64_t epoch = highest_epoch(set, end->epoch);
    enum oc_status st = check_newest(set, end, &pin, err);
    if (!st) {
        st = check_keys(set, &pin, err);
    }
    for (size_t i = 0; i < set->n && !st; i++) {
        st = judge(set, &set->items[i], end, epoch, proof, err);
    }
    proof->n_cut_short = set->n_cut_short;
    return st;
}
