/* Digests and days of certificates; see certificate_view.h. */
#include "cli/certificate_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/moment.h"

enum {
    FEW_DAYS = 30,
};

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

/* ---- digests --------------------------------------------------------------------------------- */

static void format_hex(const uint8_t *bytes, size_t n, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

void pin_format(const struct oc_digest *digest, char out[PIN_TEXT_BYTES])
{
    memcpy(out, "sha256:", 8);
    format_hex(digest->bytes, sizeof digest->bytes, out + 7);
}

bool pin_parse(const char *text, struct oc_digest *out)
{
    struct oc_device_id id; /* the same digits */
    if (strncmp(text, "sha256:", 7) == 0) {
        text += 7;
    }
    if (!oc_device_id_parse(text, &id)) {
        return false;
    }
    memcpy(out->bytes, id.bytes, sizeof out->bytes);
    return true;
}

/* ---- days ------------------------------------------------------------------------------------ */

static int64_t days_left(int64_t ends_ms, int64_t now_ms)
{
    return ends_ms > now_ms ? (ends_ms - now_ms) / DAY_MS : 0;
}

bool days_are_few(int64_t ends_ms, int64_t now_ms)
{
    return ends_ms - now_ms < FEW_DAYS * DAY_MS;
}

static void format_days(int64_t ends_ms, int64_t now_ms, char *out, size_t cap)
{
    const int64_t days = days_left(ends_ms, now_ms);
    if (ends_ms <= now_ms) {
        (void)snprintf(out, cap, "ended");
    } else if (days == 0) {
        (void)snprintf(out, cap, "ends today");
    } else {
        (void)snprintf(out, cap, "%" PRId64 " day%s", days, days == 1 ? "" : "s");
    }
}

void days_fill(int64_t ends_ms, int64_t now_ms, struct cell *cell)
{
    format_days(ends_ms, now_ms, cell->text, sizeof cell->text);
    cell->colour = ends_ms <= now_ms               ? COLOUR_BAD
                   : days_are_few(ends_ms, now_ms) ? COLOUR_WAITING
                                                   : COLOUR_NONE;
}

void days_warn(const struct terminal *terminal, const char *whose, int64_t ends_ms, const char *fix,
               ...)
{
    char cure[256];
    char at[MOMENT_BYTES];
    char left[32];
    va_list arguments;
    va_start(arguments, fix);
    (void)vsnprintf(cure, sizeof cure, fix, arguments);
    va_end(arguments);
    moment_format(ends_ms, at);
    format_days(ends_ms, terminal->now_ms, left, sizeof left);
    terminal_say(terminal, "openclaw: warning: the certificate of %s %s %s (%s); %s", whose,
                 ends_ms <= terminal->now_ms ? "ended" : "ends", at, left, cure);
}
