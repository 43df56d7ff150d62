/* RFC 3339 times, ages and durations; see moment.h. */
#include "cli/moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
};
static const int64_t longest_ms = 36525LL * DAY_MS;

void moment_format(int64_t at_ms, char out[MOMENT_BYTES])
{
    int64_t ms = at_ms % 1000;
    time_t seconds = (time_t)(at_ms / 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm parts;
    if (!gmtime_r(&seconds, &parts)) {
        (void)snprintf(out, MOMENT_BYTES, "?");
        return;
    }
    char whole[MOMENT_BYTES - 8];
    if (strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        whole[0] = '\0';
    }
    (void)snprintf(out, MOMENT_BYTES, "%s.%03dZ", whole, (int)ms);
}

/* Reads exactly `digits` digits; advances *text. */
static bool take_digits(const char **text, int digits, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = **text;
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
        (*text)++;
    }
    *out = value;
    return true;
}

static bool take_char(const char **text, const char *any_of)
{
    if (**text == '\0' || !strchr(any_of, **text)) {
        return false;
    }
    (*text)++;
    return true;
}

static bool take_date(const char **text, struct tm *parts)
{
    int year = 0;
    int month = 0;
    int day = 0;
    if (!take_digits(text, 4, &year) || !take_char(text, "-") || !take_digits(text, 2, &month) ||
        !take_char(text, "-") || !take_digits(text, 2, &day)) {
        return false;
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    parts->tm_year = year - 1900;
    parts->tm_mon = month - 1;
    parts->tm_mday = day;
    return true;
}

static bool take_time(const char **text, struct tm *parts, int *ms)
{
    if (!take_digits(text, 2, &parts->tm_hour) || !take_char(text, ":") ||
        !take_digits(text, 2, &parts->tm_min) || !take_char(text, ":") ||
        !take_digits(text, 2, &parts->tm_sec)) {
        return false;
    }
    if (parts->tm_hour > 23 || parts->tm_min > 59 || parts->tm_sec > 59) {
        return false;
    }
    if (take_char(text, ".")) {
        int weight = 100;
        int digit = 0;
        if (!take_digits(text, 1, &digit)) {
            return false;
        }
        do {
            *ms += digit * weight;
            weight /= 10;
        } while (take_digits(text, 1, &digit));
    }
    return true;
}

static bool take_offset(const char **text, int64_t *offset_ms)
{
    *offset_ms = 0;
    if (take_char(text, "Zz")) {
        return true;
    }
    int sign = **text == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (!take_char(text, "+-") || !take_digits(text, 2, &hours) || !take_char(text, ":") ||
        !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_ms = (int64_t)sign * (hours * (int64_t)HOUR_MS + minutes * (int64_t)MINUTE_MS);
    return true;
}

bool moment_parse(const char *text, int64_t *out)
{
    struct tm parts = {0};
    int ms = 0;
    int64_t offset_ms = 0;
    if (!take_date(&text, &parts)) {
        return false;
    }
    if (*text != '\0' && (!take_char(&text, "Tt ") || !take_time(&text, &parts, &ms) ||
                          !take_offset(&text, &offset_ms))) {
        return false;
    }
    struct tm normal = parts;
    time_t seconds = timegm(&normal);
    /* timegm turns 31 February into March: not what was written. */
    if (*text != '\0' || normal.tm_mday != parts.tm_mday || normal.tm_mon != parts.tm_mon) {
        return false;
    }
    *out = (int64_t)seconds * 1000 + ms - offset_ms;
    return true;
}

void moment_format_age(int64_t at_ms, int64_t now_ms, char out[MOMENT_BYTES])
{
    bool is_future = at_ms > now_ms;
    int64_t age_ms = is_future ? at_ms - now_ms : now_ms - at_ms;
    int64_t unit_ms = SECOND_MS;
    char unit = 's';
    if (age_ms >= 2 * (int64_t)DAY_MS) {
        unit_ms = DAY_MS;
        unit = 'd';
    } else if (age_ms >= 2 * (int64_t)HOUR_MS) {
        unit_ms = HOUR_MS;
        unit = 'h';
    } else if (age_ms >= 2 * (int64_t)MINUTE_MS) {
        unit_ms = MINUTE_MS;
        unit = 'm';
    }
    (void)snprintf(out, MOMENT_BYTES, "%s%lld%c", is_future ? "in " : "",
                   (long long)(age_ms / unit_ms), unit);
}

bool duration_parse(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {
        {"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS},
    };
    int64_t value = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9'; n++) {
        value = value * 10 + (text[n] - '0');
        if (value > longest_ms) {
            return false;
        }
    }
    for (size_t i = 0; n > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + n, units[i].name) == 0) {
            if (value == 0 || value > longest_ms / units[i].ms) {
                return false;
            }
            *out_ms = value * units[i].ms;
            return true;
        }
    }
    return false;
}
