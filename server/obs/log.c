/*
 * Owns the process's log: where it goes, its level, its form and its limits. Invariant: one call
 * is at most one line, written whole (log.suppressed lines aside).
 */
#include "server/obs/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/obs/log_escape.h"
#include "server/obs/metrics.h"

enum {
    TAIL_BYTES = 32,    /* kept free for the end of a line that was cut */
    NUMBER_BYTES = 24,  /* the longest formatted integer */
    TIME_BYTES = 32,    /* 2026-01-31T23:59:59.999Z */
    MAX_KEY_BYTES = 48, /* of a pair */
};

/* Guards options. Not held while anything is written, as that may take long. */
static pthread_mutex_t options_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_options options = {
    .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_TEXT, .fd = STDERR_FILENO};
/* What of the options may change while others log. */
static _Atomic int level_now = LOG_LEVEL_INFO;
static _Atomic int format_now = LOG_FORMAT_TEXT;

/* Guards the log against interleaved lines. */
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

/* Guards limiter. */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_limiter limiter;

static _Thread_local char line_text[LOG_MAX_LINE_BYTES];
static _Thread_local enum log_format line_format; /* of the line under construction */

static const char *const level_names[LOG_LEVEL_COUNT] = {"error", "warn", "info", "debug"};
static const char *const format_names[LOG_FORMAT_COUNT] = {"text", "json"};

void log_configure(const struct log_options *wanted)
{
    pthread_mutex_lock(&options_lock);
    options = *wanted;
    pthread_mutex_unlock(&options_lock);
    log_set(wanted->level, wanted->format);
}

static struct log_options options_now(void)
{
    pthread_mutex_lock(&options_lock);
    struct log_options now = options;
    pthread_mutex_unlock(&options_lock);
    return now;
}

void log_set(enum log_level level, enum log_format format)
{
    atomic_store(&level_now, (int)level);
    atomic_store(&format_now, (int)format);
}

enum log_format log_format_now(void)
{
    return (enum log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
}

/* systemd names the stream that it gave: JOURNAL_STREAM=DEVICE:INODE. */
bool log_is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char wanted[64];
    struct stat facts;
    if (!stream || fstat(fd, &facts) != 0) {
        return false;
    }
    (void)snprintf(wanted, sizeof wanted, "%ju:%ju", (uintmax_t)facts.st_dev,
                   (uintmax_t)facts.st_ino);
    return strcmp(stream, wanted) == 0;
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

static bool parse_name(const char *const *names, int n, const char *text, int *out)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(names[i], text)) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool log_level_parse(const char *text, enum log_level *out)
{
    int found = 0;
    bool is_known = parse_name(level_names, LOG_LEVEL_COUNT, text, &found);
    *out = is_known ? (enum log_level)found : *out;
    return is_known;
}

bool log_format_parse(const char *text, enum log_format *out)
{
    int found = 0;
    bool is_known = parse_name(format_names, LOG_FORMAT_COUNT, text, &found);
    *out = is_known ? (enum log_format)found : *out;
    return is_known;
}

/* ---- one value ---------------------------------------------------------------------------- */

/* A value as formatted, before escaping. */
struct value {
    char text[LOG_MAX_VALUE_BYTES + 4];
    size_t n;
    bool is_cut;
    bool is_number; /* nothing but one integer */
};

static void value_append(struct value *value, const char *text, size_t n)
{
    size_t room = LOG_MAX_VALUE_BYTES - value->n;
    size_t taken = n < room ? n : room;
    memcpy(value->text + value->n, text, taken);
    value->n += taken;
    value->is_cut = value->is_cut || taken < n;
}

/* One conversion of the format: %[.precision][length]type. */
struct conversion {
    int precision; /* -1: none */
    bool has_star;
    int n_longs;  /* l 1, ll 2 */
    bool is_size; /* z */
    bool is_max;  /* j */
    char type;
};

static const char *parse_precision(const char *next, struct conversion *out)
{
    if (*next != '.') {
        return next;
    }
    next++;
    if (*next == '*') {
        out->has_star = true;
        return next + 1;
    }
    out->precision = 0;
    for (; *next >= '0' && *next <= '9'; next++) {
        out->precision = out->precision * 10 + (*next - '0');
    }
    return next;
}

/* `next` stands behind the %; returns where the conversion ends. */
static const char *parse_conversion(const char *next, struct conversion *out)
{
    *out = (struct conversion){.precision = -1};
    next = parse_precision(next, out);
    for (; strchr("hlzj", *next) && *next; next++) {
        out->n_longs += *next == 'l';
        out->is_size = out->is_size || *next == 'z';
        out->is_max = out->is_max || *next == 'j';
    }
    out->type = *next;
    return next + 1;
}

/* Takes the next argument of the list: va_list goes by pointer, since it moves. */
struct arguments {
    va_list list;
};

static intmax_t take_signed(const struct conversion *conversion, struct arguments *arguments)
{
    if (conversion->is_max) {
        return va_arg(arguments->list, intmax_t);
    }
    if (conversion->is_size) {
        return va_arg(arguments->list, ssize_t);
    }
    if (conversion->n_longs == 2) {
        return va_arg(arguments->list, long long);
    }
    return conversion->n_longs == 1 ? va_arg(arguments->list, long) : va_arg(arguments->list, int);
}

static uintmax_t take_unsigned(const struct conversion *conversion, struct arguments *arguments)
{
    if (conversion->is_max) {
        return va_arg(arguments->list, uintmax_t);
    }
    if (conversion->is_size) {
        return va_arg(arguments->list, size_t);
    }
    if (conversion->n_longs == 2) {
        return va_arg(arguments->list, unsigned long long);
    }
    return conversion->n_longs == 1 ? va_arg(arguments->list, unsigned long)
                                    : va_arg(arguments->list, unsigned);
}

static void append_string(struct value *value, const struct conversion *conversion,
                          struct arguments *arguments)
{
    int precision = conversion->has_star ? va_arg(arguments->list, int) : conversion->precision;
    const char *text = va_arg(arguments->list, const char *);
    if (!text) {
        text = "";
        precision = 0;
    }
    /* One more than fits is enough to know that it was cut. */
    size_t limit = precision >= 0 && precision <= LOG_MAX_VALUE_BYTES ? (size_t)precision
                                                                      : LOG_MAX_VALUE_BYTES + 1;
    value_append(value, text, strnlen(text, limit));
}

static void append_conversion(struct value *value, const struct conversion *conversion,
                              struct arguments *arguments)
{
    char number[NUMBER_BYTES];
    int n = 0;
    switch (conversion->type) {
    case 's':
        append_string(value, conversion, arguments);
        return;
    case 'c':
        number[0] = (char)va_arg(arguments->list, int);
        n = 1;
        break;
    case 'd':
    case 'i':
        n = snprintf(number, sizeof number, "%jd", take_signed(conversion, arguments));
        break;
    case 'u':
        n = snprintf(number, sizeof number, "%ju", take_unsigned(conversion, arguments));
        break;
    case 'x':
        n = snprintf(number, sizeof number, "%jx", take_unsigned(conversion, arguments));
        break;
    case '%':
        number[0] = '%';
        n = 1;
        break;
    default:
        assert(conversion->type == 0); /* one that log.h does not list */
    }
    value_append(value, number, (size_t)n);
}

/* Formats the value that starts at `next`; returns the blank or the end behind it. */
static const char *format_value(const char *next, struct value *value, struct arguments *arguments)
{
    value->n = 0;
    value->is_cut = false;
    int n_literals = 0;
    int n_integers = 0;
    while (*next && *next != ' ') {
        if (*next != '%') {
            value_append(value, next, 1);
            n_literals++;
            next++;
            continue;
        }
        struct conversion conversion;
        next = parse_conversion(next + 1, &conversion);
        append_conversion(value, &conversion, arguments);
        bool is_integer = conversion.type && strchr("diu", conversion.type);
        n_integers += is_integer;
        n_literals += !is_integer;
    }
    value->is_number = n_integers == 1 && n_literals == 0;
    if (value->is_cut) {
        memcpy(value->text + value->n, "...", 3);
        value->n += 3;
    }
    return next;
}

/* ---- one line ----------------------------------------------------------------------------- */

static bool is_json(void)
{
    return line_format == LOG_FORMAT_JSON;
}

static void append_text(struct log_line *line, const char *text)
{
    log_line_append(line, text, strlen(text));
}

static void append_pair(struct log_line *line, const char *key, size_t n_key,
                        const struct value *value)
{
    size_t before = line->n;
    if (is_json()) {
        append_text(line, ",");
        log_line_append_json_value(line, key, n_key);
        append_text(line, ":");
        if (value->is_number) {
            log_line_append(line, value->text, value->n);
        } else {
            log_line_append_json_value(line, value->text, value->n);
        }
    } else {
        append_text(line, " ");
        log_line_append(line, key, n_key);
        append_text(line, "=");
        log_line_append_text_value(line, value->text, value->n);
    }
    if (line->is_full) {
        line->n = before;
    }
}

static void append_pairs(struct log_line *line, const char *pairs, struct arguments *arguments)
{
    struct value value;
    const char *next = pairs;
    while (*next) {
        const char *equals = strchr(next, '=');
        assert(equals && equals > next && equals - next <= MAX_KEY_BYTES);
        const char *end = format_value(equals + 1, &value, arguments);
        append_pair(line, next, (size_t)(equals - next), &value);
        next = *end ? end + 1 : end;
    }
}

static void format_time(const struct clock *clock, char out[TIME_BYTES])
{
    out[0] = '\0';
    if (!clock->now_ms) {
        return;
    }
    int64_t now_ms = clock_now_ms(clock);
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts)) {
        return;
    }
    size_t n = strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + n, TIME_BYTES - n, ".%03dZ", (int)(now_ms % 1000));
}

static void begin_line(struct log_line *line, enum log_level level, const char *event)
{
    /* Of syslog: err, warning, info, debug. */
    static const char *const priorities[LOG_LEVEL_COUNT] = {"<3>", "<4>", "<6>", "<7>"};
    const struct log_options now = options_now();
    char time_text[TIME_BYTES];
    format_time(&now.clock, time_text);
    if (now.is_journal) {
        append_text(line, priorities[level]);
    }
    if (is_json()) {
        append_text(line, "{\"time\":");
        log_line_append_json_value(line, time_text, strlen(time_text));
        append_text(line, ",\"level\":\"");
        append_text(line, level_names[level]);
        append_text(line, "\",\"event\":");
        log_line_append_json_value(line, event, strlen(event));
        return;
    }
    if (time_text[0] && !now.is_journal) {
        append_text(line, time_text);
        append_text(line, " ");
    }
    append_text(line, level_names[level]);
    append_text(line, " ");
    log_line_append_text_value(line, event, strlen(event));
}

static void end_line(struct log_line *line)
{
    bool is_cut = line->is_full;
    line->is_full = false;
    line->cap = LOG_MAX_LINE_BYTES;
    if (is_cut) {
        append_text(line, is_json() ? ",\"cut\":true" : " cut=true");
    }
    append_text(line, is_json() ? "}\n" : "\n");
}

/* A log that cannot be written has nowhere to say so: the line is lost. */
static void write_line(const struct log_line *line)
{
    const int fd = options_now().fd;
    metric_add(METRIC_LOG_LINES_TOTAL, 1);
    pthread_mutex_lock(&write_lock);
    size_t done = 0;
    while (done < line->n) {
        ssize_t wrote = write(fd, line->text + done, line->n - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            break;
        }
        done += (size_t)wrote;
    }
    pthread_mutex_unlock(&write_lock);
}

static bool is_wanted(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

static void write_event(enum log_level level, const char *event, const char *pairs,
                        struct arguments *arguments)
{
    int saved_errno = errno;
    struct log_line line = {.text = line_text, .cap = LOG_MAX_LINE_BYTES - TAIL_BYTES};
    line_format = log_format_now();
    begin_line(&line, level, event);
    append_pairs(&line, pairs, arguments);
    end_line(&line);
    write_line(&line);
    errno = saved_errno;
}

#define WRITE_ARGUMENTS(level, event)                                                              \
    do {                                                                                           \
        struct arguments arguments;                                                                \
        va_start(arguments.list, pairs);                                                           \
        write_event(level, event, pairs, &arguments);                                              \
        va_end(arguments.list);                                                                    \
    } while (0)

void log_error(const char *event, const char *pairs, ...)
{
    WRITE_ARGUMENTS(LOG_LEVEL_ERROR, event);
}

void log_warn(const char *event, const char *pairs, ...)
{
    if (is_wanted(LOG_LEVEL_WARN)) {
        WRITE_ARGUMENTS(LOG_LEVEL_WARN, event);
    }
}

void log_info(const char *event, const char *pairs, ...)
{
    if (is_wanted(LOG_LEVEL_INFO)) {
        WRITE_ARGUMENTS(LOG_LEVEL_INFO, event);
    }
}

void log_debug(const char *event, const char *pairs, ...)
{
    if (is_wanted(LOG_LEVEL_DEBUG)) {
        WRITE_ARGUMENTS(LOG_LEVEL_DEBUG, event);
    }
}

static int64_t monotonic_ms(void)
{
    const struct log_options now = options_now();
    return now.monotonic.now_ms ? clock_now_ms(&now.monotonic) : clock_monotonic_ms();
}

void log_limited(enum log_level level, const struct log_about *about, const char *pairs, ...)
{
    if (!is_wanted(level)) {
        return;
    }
    pthread_mutex_lock(&limit_lock);
    bool may_write = log_limiter_ask(&limiter, about, (unsigned)level, monotonic_ms());
    pthread_mutex_unlock(&limit_lock);
    if (!may_write) {
        metric_add(METRIC_LOG_LINES_SUPPRESSED_TOTAL, 1);
        return;
    }
    WRITE_ARGUMENTS(level, about->event);
}

static void write_pairs(enum log_level level, const char *event, const char *pairs, ...)
    LOG_PRINTF_(3, 4);
static void write_pairs(enum log_level level, const char *event, const char *pairs, ...)
{
    WRITE_ARGUMENTS(level, event);
}

static void tell_suppressed(bool is_last)
{
    struct log_left_out left_out[LOG_LIMIT_SOURCES_TOLD + 1];
    pthread_mutex_lock(&limit_lock);
    size_t n = log_limiter_take_left_out(&limiter, monotonic_ms(), is_last, left_out);
    pthread_mutex_unlock(&limit_lock);
    for (size_t i = 0; i < n; i++) {
        const struct log_left_out *one = &left_out[i];
        const bool has_source = one->event != NULL;
        write_pairs((enum log_level)one->level, "log.suppressed",
                    "count=%ju of=%s source=%s subject=%s", (uintmax_t)one->count,
                    has_source ? one->event : "several", has_source ? one->source : "several",
                    one->subject[0] ? one->subject : "several");
    }
}

void log_tell_suppressed(void)
{
    tell_suppressed(false);
}

void log_tell_suppressed_at_end(void)
{
    tell_suppressed(true);
}
