/*
 * The log: one line per event, an event name and pairs.
 *
 *     log_info("pairing.approved", "id=%s rule=%s", id, rule);
 *
 * The format is pairs `key=value` with one space between; a value is text and conversions of
 * printf, of which s (with a precision), c, d, i, u and x with the lengths hh h l ll z j are known.
 * Each value is escaped as a whole after it is formatted, so that nothing a peer sent can end a
 * line, forge a pair or steer a terminal: control bytes, what is not UTF-8 and invisible or
 * direction-changing characters appear as escapes, and values are cut at LOG_MAX_VALUE_BYTES.
 *
 * Levels: error, an operator must act; warn, degraded; info, a state changed; debug, ours.
 */
#pragma once

#include <stdbool.h>

#include "server/base/clock.h"

enum {
    LOG_MAX_VALUE_BYTES = 512, /* of what was given, before escaping */
    LOG_MAX_LINE_BYTES = 4096, /* of what is written; what does not fit is marked as cut */
};

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_COUNT
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_COUNT };

struct log_options {
    enum log_level level;
    enum log_format format;
    int fd;             /* where lines go; 2 is stderr */
    struct clock clock; /* copied; now_ms NULL: lines carry no time */
};

/* Sets how the process logs. Until then: text at info to stderr, without a time.
 * Thread: before the threads that log. */
void log_configure(const struct log_options *options);

/* "info". The word's value; false if it is none. */
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *text, enum log_level *out);
bool log_format_parse(const char *text, enum log_format *out);

#define LOG_PRINTF_(f, a) __attribute__((format(printf, f, a)))

/* Thread: any. Each line leaves in one write. */
void log_error(const char *event, const char *pairs, ...) LOG_PRINTF_(2, 3);
void log_warn(const char *event, const char *pairs, ...) LOG_PRINTF_(2, 3);
void log_info(const char *event, const char *pairs, ...) LOG_PRINTF_(2, 3);
void log_debug(const char *event, const char *pairs, ...) LOG_PRINTF_(2, 3);

/*
 * For events that a peer can cause at will: one line per event and subject in 10 s, with
 * `suppressed=N` for those left out since, and 20 such lines a second in all (100 at once); what
 * that leaves out is counted in a `log.suppressed` line.
 */
void log_limited(enum log_level level, const char *event, const char *subject, const char *pairs,
                 ...) LOG_PRINTF_(4, 5);
