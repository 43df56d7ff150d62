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
#include "server/obs/log_limit.h"

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
    int fd;                 /* where lines go; 2 is stderr */
    bool is_journal;        /* the journal reads fd: each line tells its priority, and no text
                               line the time, which the journal adds */
    struct clock clock;     /* copied; now_ms NULL: lines carry no time */
    struct clock monotonic; /* copied; for limits; now_ms NULL: the machine's */
};

/* Sets how the process logs. Until then: text at info to stderr, without a time.
 * Thread: before the threads that log. */
void log_configure(const struct log_options *options);

/* Changes the two while the process logs. Any thread. */
void log_set(enum log_level level, enum log_format format);
enum log_format log_format_now(void);

/* Whether the journal of systemd reads what is written to fd. */
bool log_is_journal(int fd);

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

/* The same for what peers can cause at will, within the limits of log_limit.h. */
void log_limited(enum log_level level, const struct log_about *about, const char *pairs, ...)
    LOG_PRINTF_(3, 4);

/* Tells in `log.suppressed` lines what limits left out, once the window is over: to be called now
 * and then. At the end: whatever is still untold. Any thread. */
void log_tell_suppressed(void);
void log_tell_suppressed_at_end(void);
