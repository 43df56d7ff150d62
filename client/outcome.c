/* See outcome.h. One `key: value` per line. */
#include "client/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clean_text.h"
#include "client/gateway_record.h"
#include "proto/base/cleanup.h"

static const char *const kinds[OC_OUTCOME_COUNT] = {
    [OC_OUTCOME_CONNECTED] = "connected",
    [OC_OUTCOME_REFUSED] = "refused",
    [OC_OUTCOME_FAILED] = "failed",
};

void oc_outcome_file_name(const struct oc_gateway_address *address, char *out, size_t cap)
{
    char name[OC_GATEWAY_FILE_NAME_BYTES];
    oc_gateway_file_name(address, name);
    (void)snprintf(out, cap, "%.*s.last", (int)(strlen(name) - strlen(".yaml")), name);
}

/* ---- writing ----------------------------------------------------------------------------- */

size_t oc_outcome_format(const char *gateway_url, const struct oc_outcome *outcome,
                         char out[OC_OUTCOME_BYTES])
{
    char device[OC_DEVICE_ID_DIGITS + 1];
    char text[sizeof outcome->text];
    oc_device_id_format(&outcome->device_id, device);
    (void)snprintf(text, sizeof text, "%s", outcome->text);
    oc_clean_text(text);
    /* All fields are bounded, and the bound above holds them all. */
    int n = snprintf(out, OC_OUTCOME_BYTES,
                     "# How the last attempt of this host's agent went; `openclaw doctor` tells it."
                     "\ngateway: %s\nat: %" PRId64 "\noutcome: %s\ndevice: %s\n"
                     "refusal: %s\nwhy: %s\nrequest: %s\nretry_after_ms: %" PRIu32
                     "\nstatus: %d\ntext: %s\n",
                     gateway_url, outcome->at_ms, kinds[outcome->kind], device,
                     oc_refusal_name(outcome->refusal), oc_why_name(outcome->why),
                     outcome->request_id.text, outcome->retry_after_ms, (int)outcome->status, text);
    return n > 0 && n < OC_OUTCOME_BYTES ? (size_t)n : 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

struct parsed {
    char *url;
    struct oc_outcome outcome;
};

static bool parse_url(const char *value, struct parsed *parsed)
{
    struct oc_gateway_address address;
    if (oc_gateway_address_parse(value, &address, NULL) || strcmp(address.url, value) != 0) {
        return false;
    }
    (void)snprintf(parsed->url, OC_GATEWAY_URL_BYTES, "%s", value);
    return true;
}

static bool parse_number(const char *value, int64_t most, int64_t *out)
{
    char *end = NULL;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || number < 0 || number > most) {
        return false;
    }
    *out = number;
    return true;
}

static bool parse_at(const char *value, struct parsed *parsed)
{
    return parse_number(value, INT64_MAX, &parsed->outcome.at_ms);
}

static bool parse_kind(const char *value, struct parsed *parsed)
{
    for (unsigned i = 0; i < OC_OUTCOME_COUNT; i++) {
        if (strcmp(value, kinds[i]) == 0) {
            parsed->outcome.kind = (enum oc_outcome_kind)i;
            return true;
        }
    }
    return false;
}

static bool parse_device(const char *value, struct parsed *parsed)
{
    return oc_device_id_parse(value, &parsed->outcome.device_id);
}

/* A word that a newer agent knows and we do not is none. */
static bool parse_refusal(const char *value, struct parsed *parsed)
{
    for (unsigned i = 0; i < OC_REFUSAL_COUNT; i++) {
        if (strcmp(value, oc_refusal_name((enum oc_refusal_kind)i)) == 0) {
            parsed->outcome.refusal = (enum oc_refusal_kind)i;
        }
    }
    return true;
}

static bool parse_why(const char *value, struct parsed *parsed)
{
    for (unsigned i = 0; i < OC_WHY_COUNT; i++) {
        if (strcmp(value, oc_why_name((enum oc_why)i)) == 0) {
            parsed->outcome.why = (enum oc_why)i;
        }
    }
    return true;
}

static bool parse_request(const char *value, struct parsed *parsed)
{
    return *value == '\0' || oc_request_id_parse(value, &parsed->outcome.request_id);
}

static bool parse_retry(const char *value, struct parsed *parsed)
{
    int64_t number = 0;
    bool ok = parse_number(value, UINT32_MAX, &number);
    parsed->outcome.retry_after_ms = (uint32_t)number;
    return ok;
}

static bool parse_status(const char *value, struct parsed *parsed)
{
    int64_t number = 0;
    bool ok = parse_number(value, OC_STATUS_COUNT - 1, &number);
    parsed->outcome.status = (enum oc_status)number;
    return ok;
}

static bool parse_text(const char *value, struct parsed *parsed)
{
    (void)snprintf(parsed->outcome.text, sizeof parsed->outcome.text, "%s", value);
    oc_clean_text(parsed->outcome.text); /* the file may have been edited */
    return true;
}

static const struct {
    const char *key;
    bool (*parse)(const char *value, struct parsed *parsed);
} lines[] = {
    {"gateway", parse_url},     {"at", parse_at},           {"outcome", parse_kind},
    {"device", parse_device},   {"refusal", parse_refusal}, {"why", parse_why},
    {"request", parse_request}, {"status", parse_status},   {"retry_after_ms", parse_retry},
    {"text", parse_text},
};

enum {
    REQUIRED_LINES = (1U << 4) - 1, /* the first four */
};

static bool parse_line(char *line, unsigned *seen, struct parsed *parsed)
{
    char *colon = strchr(line, ':');
    if (line[0] == '#' || !colon) {
        return line[0] == '#' || line[0] == '\0';
    }
    *colon = '\0';
    const char *value = colon[1] == ' ' ? colon + 2 : colon + 1;
    for (unsigned i = 0; i < OC_ARRAY_LENGTH(lines); i++) {
        if (strcmp(line, lines[i].key) == 0) {
            *seen |= 1U << i;
            return lines[i].parse(value, parsed);
        }
    }
    return true;
}

enum oc_status oc_outcome_parse(const char *text, size_t n, char url[OC_GATEWAY_URL_BYTES],
                                struct oc_outcome *out, struct oc_error *err)
{
    char copy[OC_OUTCOME_BYTES + 1];
    char found[OC_GATEWAY_URL_BYTES] = "";
    struct parsed parsed = {.url = found};
    unsigned seen = 0;
    if (n >= sizeof copy || memchr(text, '\0', n)) {
        return oc_fail(err, OC_DATA_LOSS, "not a note of an agent");
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    for (char *line = copy, *end = NULL; line; line = end) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = '\0';
        }
        if (!parse_line(line, &seen, &parsed)) {
            return oc_fail(err, OC_DATA_LOSS, "a line is not understood");
        }
    }
    if ((seen & REQUIRED_LINES) != REQUIRED_LINES) {
        return oc_fail(err, OC_DATA_LOSS, "not a note of an agent, or cut");
    }
    (void)snprintf(url, OC_GATEWAY_URL_BYTES, "%s", found);
    *out = parsed.outcome;
    return OC_OK;
}
