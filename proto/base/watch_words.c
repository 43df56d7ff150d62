/* Cursors and words as text: openclaw/watch.h and wait.h. */
#include <inttypes.h>
#include <openclaw/wait.h>
#include <openclaw/watch.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"

void oc_cursor_format(const struct oc_cursor *cursor, char out[OC_CURSOR_TEXT_BYTES])
{
    static const uint8_t none[sizeof cursor->database_id];
    int n = snprintf(out, OC_CURSOR_TEXT_BYTES, "%" PRIu64, cursor->seq);
    if (memcmp(cursor->database_id, none, sizeof none) != 0) {
        n += snprintf(out + n, OC_CURSOR_TEXT_BYTES - (size_t)n, "-%" PRIu64 "-", cursor->epoch);
        oc_hex_format(cursor->database_id, sizeof cursor->database_id, out + n);
    }
}

/* Digits and nothing else, up to `end`; false if they are none or too many. */
static bool read_number(const char **text, char end, uint64_t *out)
{
    uint64_t number = 0;
    const char *c = *text;
    for (; *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    bool is_number = c > *text && *c == end;
    *text = c;
    *out = number;
    return is_number;
}

bool oc_cursor_parse(const char *text, struct oc_cursor *out)
{
    struct oc_cursor cursor = {.seq = 0};
    const char *at = text;
    if (!read_number(&at, '-', &cursor.seq)) {
        at = text;
        bool is_number = read_number(&at, '\0', &cursor.seq);
        *out = is_number ? cursor : *out;
        return is_number;
    }
    at++;
    if (!read_number(&at, '-', &cursor.epoch) ||
        !oc_hex_parse(at + 1, sizeof cursor.database_id, cursor.database_id)) {
        return false;
    }
    *out = cursor;
    return true;
}

const char *oc_resync_why_name(enum oc_resync_why why)
{
    static const char *const names[] = {
        [OC_RESYNC_NONE] = "none",
        [OC_RESYNC_ASKED] = "asked",
        [OC_RESYNC_OUT_OF_RANGE] = "out_of_range",
        [OC_RESYNC_OTHER_RECORDS] = "other_records",
    };
    return (unsigned)why < OC_ARRAY_LENGTH(names) ? names[why] : "unknown";
}

static const char *const wait_names[] = {
    [OC_WAIT_APPROVED] = "approved", [OC_WAIT_CONNECTED] = "connected",
    [OC_WAIT_OFFLINE] = "offline",   [OC_WAIT_PENDING] = "pending",
    [OC_WAIT_REJECTED] = "rejected", [OC_WAIT_REVOKED] = "revoked",
    [OC_WAIT_BLOCKED] = "blocked",
};

const char *oc_wait_for_name(enum oc_wait_for wanted)
{
    return (unsigned)wanted < OC_ARRAY_LENGTH(wait_names) ? wait_names[wanted] : "unknown";
}

bool oc_wait_for_parse(const char *text, enum oc_wait_for *out)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(wait_names); i++) {
        if (strcmp(wait_names[i], text) == 0) {
            *out = (enum oc_wait_for)i;
            return true;
        }
    }
    return false;
}
