/*
 * Owns the memory of what was written lately. Invariant: every suppressed line is counted once,
 * in a slot or in n_unattributed, until a verdict tells it.
 */
#include "server/obs/log_limit.h"

#include <stddef.h>

enum {
    LINE_TOKENS = 1000, /* one line, in thousandths */
};

/* FNV-1a. Two that share a key share a limit: harmless, since the total is bounded anyway. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3U;
    }
    return (hash ^ 0xffU) * 0x100000001b3U;
}

static uint64_t key_of(const char *event, const char *subject)
{
    uint64_t key = hash_text(hash_text(0xcbf29ce484222325U, event), subject);
    return key ? key : 1;
}

static void refill(struct log_limiter *limiter, int64_t now_ms)
{
    int64_t full = (int64_t)LOG_LIMIT_BURST * LINE_TOKENS;
    if (!limiter->is_started) {
        limiter->is_started = true;
        limiter->tokens_thousandth = full;
        limiter->refilled_ms = now_ms;
        return;
    }
    int64_t elapsed_ms = now_ms - limiter->refilled_ms;
    int64_t room_ms = (full - limiter->tokens_thousandth) / LOG_LIMIT_PER_SECOND;
    limiter->refilled_ms = now_ms;
    limiter->tokens_thousandth =
        elapsed_ms > room_ms ? full
                             : limiter->tokens_thousandth + elapsed_ms * LOG_LIMIT_PER_SECOND;
}

/* The slot of the key, or the stalest of its set, taken over. */
static struct log_limit_slot *slot_of(struct log_limiter *limiter, uint64_t key)
{
    size_t set = (size_t)(key >> 32) % (LOG_LIMIT_SLOTS / LOG_LIMIT_WAYS) * LOG_LIMIT_WAYS;
    struct log_limit_slot *oldest = &limiter->slots[set];
    for (size_t i = 0; i < LOG_LIMIT_WAYS; i++) {
        struct log_limit_slot *slot = &limiter->slots[set + i];
        if (slot->key == key) {
            return slot;
        }
        bool is_staler = !slot->key || slot->written_ms < oldest->written_ms;
        oldest = oldest->key && is_staler ? slot : oldest;
    }
    limiter->n_unattributed += oldest->n_suppressed;
    *oldest = (struct log_limit_slot){.key = 0};
    return oldest;
}

struct log_verdict log_limiter_ask(struct log_limiter *limiter, const char *event,
                                   const char *subject, int64_t now_ms)
{
    refill(limiter, now_ms);
    uint64_t key = key_of(event, subject);
    struct log_limit_slot *slot = slot_of(limiter, key);
    bool is_known = slot->key == key;
    if (is_known && now_ms - slot->written_ms < LOG_LIMIT_INTERVAL_MS) {
        slot->n_suppressed++;
        return (struct log_verdict){.may_write = false};
    }
    if (limiter->tokens_thousandth < LINE_TOKENS) {
        limiter->n_unattributed++;
        return (struct log_verdict){.may_write = false};
    }
    limiter->tokens_thousandth -= LINE_TOKENS;
    struct log_verdict verdict = {.may_write = true,
                                  .n_suppressed = slot->n_suppressed,
                                  .n_unattributed = limiter->n_unattributed};
    limiter->n_unattributed = 0;
    *slot = (struct log_limit_slot){.key = key, .written_ms = now_ms};
    return verdict;
}
