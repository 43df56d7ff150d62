/*
 * Owns the memory of what was written lately. Invariant: every line that was left out is counted
 * once, by its source or among the others, until it is told.
 */
#include "server/obs/log_limit.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"

enum {
    LINE_TOKENS = 1000, /* one line, in thousandths */
};

/* FNV-1a. Two that share a key share a limit: to make one's line vanish, a stranger would have to
 * find the 64 bits of another's device id. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3U;
    }
    return (hash ^ 0xffU) * 0x100000001b3U;
}

static uint64_t key_of(const char *event, const char *subject, const char *detail)
{
    uint64_t key = hash_text(hash_text(0xcbf29ce484222325U, event), subject);
    key = detail ? hash_text(key, detail) : key;
    return key ? key : 1;
}

/* ---- all strangers together ---------------------------------------------------------------- */

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

/* ---- one subject --------------------------------------------------------------------------- */

/* The place of the key, or the stalest of its set, emptied. */
static struct log_limit_subject *place_of(struct log_limiter *limiter, uint64_t key)
{
    size_t set = (size_t)(key >> 32) % (LOG_LIMIT_SUBJECTS / LOG_LIMIT_WAYS) * LOG_LIMIT_WAYS;
    struct log_limit_subject *oldest = &limiter->subjects[set];
    for (size_t i = 0; i < LOG_LIMIT_WAYS; i++) {
        struct log_limit_subject *place = &limiter->subjects[set + i];
        if (place->key == key) {
            return place;
        }
        bool is_staler = !place->key || place->written_ms < oldest->written_ms;
        oldest = oldest->key && is_staler ? place : oldest;
    }
    return oldest;
}

static bool is_repetition(const struct log_limit_subject *place, uint64_t key,
                          const struct log_about *about, int64_t now_ms)
{
    if (place->key != key) {
        return false;
    }
    int64_t elapsed_ms = now_ms - place->written_ms;
    if (about->may_repeat) {
        return elapsed_ms < LOG_LIMIT_WINDOW_MS && place->n_in_window >= LOG_LIMIT_PER_SUBJECT;
    }
    return elapsed_ms < LOG_LIMIT_AGAIN_MS;
}

static void note_written(struct log_limit_subject *place, uint64_t key, int64_t now_ms)
{
    bool is_in_window = place->key == key && now_ms - place->written_ms < LOG_LIMIT_WINDOW_MS;
    *place = (struct log_limit_subject){
        .key = key,
        .written_ms = is_in_window ? place->written_ms : now_ms,
        .n_in_window = is_in_window ? place->n_in_window + 1 : 1,
    };
}

/* ---- one source ---------------------------------------------------------------------------- */

/* NULL: every place is taken by others in this window. */
static struct log_limit_source *source_of(struct log_limiter *limiter,
                                          const struct log_about *about)
{
    uint64_t key = key_of(about->event, about->source, NULL);
    for (size_t probe = 0; probe < LOG_LIMIT_SOURCES; probe++) {
        struct log_limit_source *source =
            &limiter->sources[(size_t)(key + probe) % LOG_LIMIT_SOURCES];
        if (source->key == key) {
            return source;
        }
        if (!source->key) {
            source->key = key;
            source->left_out.event = about->event;
            (void)snprintf(source->left_out.source, sizeof source->left_out.source, "%s",
                           about->source);
            return source;
        }
    }
    return NULL;
}

static void count(struct log_left_out *left_out, unsigned level)
{
    bool is_first = left_out->count == 0;
    left_out->level = is_first || level < left_out->level ? level : left_out->level;
    left_out->count++;
}

static void leave_out(struct log_limiter *limiter, struct log_limit_source *source,
                      const struct log_about *about, unsigned level)
{
    if (!source) {
        count(&limiter->others, level);
        return;
    }
    struct log_left_out *left_out = &source->left_out;
    if (left_out->count == 0) {
        (void)snprintf(left_out->subject, sizeof left_out->subject, "%s", about->subject);
    } else if (strncmp(left_out->subject, about->subject, LOG_LIMIT_SUBJECT_BYTES) != 0) {
        left_out->subject[0] = '\0';
    }
    count(left_out, level);
}

static bool has_budget(const struct log_limiter *limiter, const struct log_limit_source *source,
                       const struct log_about *about)
{
    if (about->may_repeat) {
        return true;
    }
    return limiter->tokens_thousandth >= LINE_TOKENS &&
           (!source || source->n_lines < LOG_LIMIT_PER_SOURCE);
}

bool log_limiter_ask(struct log_limiter *limiter, const struct log_about *about, unsigned level,
                     int64_t now_ms)
{
    refill(limiter, now_ms);
    if (limiter->window_ends_ms == 0) {
        limiter->window_ends_ms = now_ms + LOG_LIMIT_WINDOW_MS;
    }
    uint64_t key = key_of(about->event, about->subject, about->detail);
    struct log_limit_subject *place = place_of(limiter, key);
    struct log_limit_source *source = source_of(limiter, about);
    if (is_repetition(place, key, about, now_ms) || !has_budget(limiter, source, about)) {
        leave_out(limiter, source, about, level);
        return false;
    }
    if (!about->may_repeat) {
        limiter->tokens_thousandth -= LINE_TOKENS;
        if (source) {
            source->n_lines++;
        }
    }
    note_written(place, key, now_ms);
    return true;
}

/* ---- telling ------------------------------------------------------------------------------- */

static void merge(struct log_left_out *into, const struct log_left_out *more)
{
    if (more->count == 0) {
        return;
    }
    into->level = into->count == 0 || more->level < into->level ? more->level : into->level;
    into->count += more->count;
}

/* Keeps `out` sorted, most first; what falls out of it joins the others. */
static size_t insert(struct log_left_out *out, size_t n, const struct log_left_out *one,
                     struct log_left_out *others)
{
    size_t at = n;
    while (at > 0 && out[at - 1].count < one->count) {
        at--;
    }
    if (at == LOG_LIMIT_SOURCES_TOLD) {
        merge(others, one);
        return n;
    }
    if (n == LOG_LIMIT_SOURCES_TOLD) {
        merge(others, &out[--n]);
    }
    memmove(&out[at + 1], &out[at], (n - at) * sizeof *out);
    out[at] = *one;
    return n + 1;
}

size_t log_limiter_take_left_out(struct log_limiter *limiter, int64_t now_ms, bool is_last,
                                 struct log_left_out out[LOG_LIMIT_SOURCES_TOLD + 1])
{
    if (limiter->window_ends_ms == 0 || (!is_last && now_ms < limiter->window_ends_ms)) {
        return 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < LOG_LIMIT_SOURCES; i++) {
        if (limiter->sources[i].left_out.count > 0) {
            n = insert(out, n, &limiter->sources[i].left_out, &limiter->others);
        }
    }
    if (limiter->others.count > 0) {
        out[n++] = limiter->others;
    }
    memset(limiter->sources, 0, sizeof limiter->sources);
    limiter->others = (struct log_left_out){.event = NULL};
    limiter->window_ends_ms = 0;
    return n;
}
