/*
 * How often events that others cause may be written. Pure: time is given, memory is fixed.
 *
 * What a stranger causes is written once per subject and detail, and not again for an hour; one
 * source gets a few lines a window, all together a few a second. What an approved device causes is
 * bounded per device only. What is left out is counted by event and source; when the window ends,
 * the counts are told, those of the busiest sources apart and the others' in one.
 */
#pragma once

#include <openclaw/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOG_LIMIT_WINDOW_MS = 60 * 1000,     /* between two tellings of what was left out */
    LOG_LIMIT_AGAIN_MS = 60 * 60 * 1000, /* until a line may be repeated */
    LOG_LIMIT_PER_SOURCE = 30,           /* lines a window, of one event and source */
    LOG_LIMIT_PER_SUBJECT = 10,          /* lines a window, of one subject that may repeat */
    LOG_LIMIT_PER_SECOND = 20,           /* of all strangers' lines */
    LOG_LIMIT_BURST = 100,
    LOG_LIMIT_SUBJECTS = 4096, /* remembered */
    LOG_LIMIT_WAYS = 4,
    LOG_LIMIT_SOURCES = 256, /* events and sources counted apart in a window */
    LOG_LIMIT_SOURCES_TOLD = 20,
    LOG_LIMIT_SUBJECT_BYTES = 64, /* a device id */
};

/* What a line is about. Borrowed for the call, but for `event`, which is a constant. */
struct log_about {
    const char *event;   /* "device.refused" */
    const char *subject; /* who or what repeats: a device id */
    const char *detail;  /* what makes it another line of the same subject; NULL: nothing */
    const char *source;  /* "203.0.113.9"; "" when there is none */
    bool may_repeat;     /* a peer's that is approved */
};

struct log_limit_subject {
    uint64_t key;       /* 0: free */
    int64_t written_ms; /* the first of its window, if it may repeat */
    uint32_t n_in_window;
};

/* What was left out of one event and source. */
struct log_left_out {
    const char *event; /* NULL: of several */
    unsigned level;    /* the smallest, which is the most severe */
    uint64_t count;
    char source[OC_MAX_SOURCE_BYTES + 1];
    char subject[LOG_LIMIT_SUBJECT_BYTES + 1]; /* "": of several */
};

struct log_limit_source {
    uint64_t key; /* 0: free */
    uint32_t n_lines;
    struct log_left_out left_out;
};

struct log_limiter {
    struct log_limit_subject subjects[LOG_LIMIT_SUBJECTS];
    struct log_limit_source sources[LOG_LIMIT_SOURCES];
    struct log_left_out others; /* whose source found no place */
    int64_t window_ends_ms;     /* 0: none has begun */
    int64_t refilled_ms;
    int64_t tokens_thousandth;
    bool is_started;
};

/*
 * Whether the line may be written now; counts it as left out otherwise.
 *
 * Units:  monotonic milliseconds; `level` only for the telling.
 * Thread: one at a time.
 */
bool log_limiter_ask(struct log_limiter *limiter, const struct log_about *about, unsigned level,
                     int64_t now_ms);

/*
 * What was left out, if the window is over (or `is_last`), most first; the last may stand for all
 * others. Each is told once. Returns how many of *out are filled, 0 to
 * LOG_LIMIT_SOURCES_TOLD + 1.
 *
 * Thread: one at a time.
 */
size_t log_limiter_take_left_out(struct log_limiter *limiter, int64_t now_ms, bool is_last,
                                 struct log_left_out out[LOG_LIMIT_SOURCES_TOLD + 1]);
