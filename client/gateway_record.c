/* See gateway_record.h. The text is a small subset of YAML: one `key: value` per line, lists
 * separated by blanks. An unknown key is an error, so that a misspelt pin is never skipped. */
#include "client/gateway_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"
#include "proto/crypto/digest.h"

static const char pin_prefix[] = "sha256:";

void oc_pin_format(const struct oc_digest *pin, char out[OC_PIN_TEXT_BYTES])
{
    memcpy(out, pin_prefix, sizeof pin_prefix - 1);
    oc_hex_format(pin->bytes, sizeof pin->bytes, out + sizeof pin_prefix - 1);
}

bool oc_pin_parse(const char *text, struct oc_digest *out)
{
    if (strncmp(text, pin_prefix, sizeof pin_prefix - 1) == 0) {
        text += sizeof pin_prefix - 1;
    }
    return oc_hex_parse(text, sizeof out->bytes, out->bytes);
}

void oc_gateway_file_name(const struct oc_gateway_address *address,
                          char out[OC_GATEWAY_FILE_NAME_BYTES])
{
    const struct oc_bytes url = {address->url, strlen(address->url)};
    struct oc_digest digest = oc_sha256(&url, 1);
    char digits[9];
    oc_hex_format(digest.bytes, 4, digits);
    (void)snprintf(out, OC_GATEWAY_FILE_NAME_BYTES, "%.80s_%u-%s.yaml", address->host,
                   address->port, digits);
    for (char *p = out; *p; p++) {
        if (*p == ':' || *p == '%') {
            *p = '.';
        }
    }
}

/* ---- writing ----------------------------------------------------------------------------- */

struct writer {
    char *out;
    size_t cap, n;
    bool is_over;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->out + w->n, w->cap - w->n, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= w->cap - w->n) {
        w->is_over = true;
        return;
    }
    w->n += (size_t)n;
}

static void put_hex(struct writer *w, const uint8_t *bytes, size_t n)
{
    char digits[2 * OC_RECEIPT_MAX_SIGNATURE_BYTES + 1];
    oc_hex_format(bytes, n, digits);
    put(w, " %s", digits);
}

size_t oc_gateway_record_format(const struct oc_gateway_record *record,
                                char out[OC_GATEWAY_RECORD_BYTES])
{
    struct writer w = {.out = out, .cap = OC_GATEWAY_RECORD_BYTES};
    put(&w, "# What openclaw remembers of one gateway. Replace pins with: openclaw agent trust\n");
    put(&w, "gateway: %s\npins:", record->url);
    for (size_t i = 0; i < record->trust.n_pins; i++) {
        char pin[OC_PIN_TEXT_BYTES];
        oc_pin_format(&record->trust.pins[i], pin);
        put(&w, " %s", pin);
    }
    put(&w, "\nfirst_use: %s\n", record->trust.is_first_use ? "true" : "false");
    put(&w, "sessions: %" PRIu64 "\n", record->n_sessions);
    const struct oc_receipt *receipt = &record->receipt;
    if (receipt->n_signature > 0) {
        put(&w, "receipt:");
        put_hex(&w, receipt->gateway_id, sizeof receipt->gateway_id);
        put_hex(&w, receipt->database_id, sizeof receipt->database_id);
        put(&w, " %" PRIu64, receipt->seq);
        put_hex(&w, receipt->device_id.bytes, sizeof receipt->device_id.bytes);
        put(&w, " %" PRId64, receipt->issued_at_ms);
        put_hex(&w, receipt->signature, receipt->n_signature);
        put(&w, "\n");
    }
    return w.is_over ? 0 : w.n;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* The next word of a line, or NULL; *rest moves behind it. */
static char *next_word(char **rest)
{
    return strtok_r(NULL, " ", rest);
}

static bool parse_uint64(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (!text || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end != '\0') {
        return false;
    }
    *out = value;
    return true;
}

static bool parse_hex_word(char *word, uint8_t *out, size_t n)
{
    return word && oc_hex_parse(word, n, out);
}

static bool parse_gateway(char *rest, struct oc_gateway_record *record)
{
    char *word = next_word(&rest);
    if (!word || strlen(word) > OC_MAX_GATEWAY_URL_BYTES || next_word(&rest)) {
        return false;
    }
    (void)snprintf(record->url, sizeof record->url, "%s", word);
    return true;
}

static bool parse_pins(char *rest, struct oc_gateway_record *record)
{
    struct oc_trust *trust = &record->trust;
    for (char *word = next_word(&rest); word; word = next_word(&rest)) {
        if (trust->n_pins == OC_MAX_PINS || !oc_pin_parse(word, &trust->pins[trust->n_pins])) {
            return false;
        }
        trust->n_pins++;
    }
    return true;
}

static bool parse_first_use(char *rest, struct oc_gateway_record *record)
{
    char *word = next_word(&rest);
    record->trust.is_first_use = word && strcmp(word, "true") == 0;
    return word && (record->trust.is_first_use || strcmp(word, "false") == 0) && !next_word(&rest);
}

static bool parse_sessions(char *rest, struct oc_gateway_record *record)
{
    return parse_uint64(next_word(&rest), &record->n_sessions) && !next_word(&rest);
}

static bool parse_receipt(char *rest, struct oc_gateway_record *record)
{
    struct oc_receipt *receipt = &record->receipt;
    uint64_t issued_at_ms = 0;
    bool ok = parse_hex_word(next_word(&rest), receipt->gateway_id, sizeof receipt->gateway_id) &&
              parse_hex_word(next_word(&rest), receipt->database_id, sizeof receipt->database_id) &&
              parse_uint64(next_word(&rest), &receipt->seq) &&
              parse_hex_word(next_word(&rest), receipt->device_id.bytes,
                             sizeof receipt->device_id.bytes) &&
              parse_uint64(next_word(&rest), &issued_at_ms) && issued_at_ms <= INT64_MAX;
    char *signature = ok ? next_word(&rest) : NULL;
    size_t n = signature ? strlen(signature) / 2 : 0;
    if (n == 0 || n > sizeof receipt->signature ||
        !parse_hex_word(signature, receipt->signature, n)) {
        return false;
    }
    receipt->issued_at_ms = (int64_t)issued_at_ms;
    receipt->n_signature = (uint8_t)n;
    return !next_word(&rest);
}

static const struct {
    const char *key;
    bool is_required;
    bool (*parse)(char *rest, struct oc_gateway_record *record);
} keys[] = {
    {"gateway:", true, parse_gateway},     {"pins:", true, parse_pins},
    {"first_use:", true, parse_first_use}, {"sessions:", true, parse_sessions},
    {"receipt:", false, parse_receipt},
};

/* `seen` holds a bit per row of `keys`. */
static bool parse_line(char *line, unsigned *seen, struct oc_gateway_record *record)
{
    char *rest = NULL;
    const char *key = strtok_r(line, " ", &rest);
    if (!key || key[0] == '#') {
        return true;
    }
    for (unsigned i = 0; i < OC_ARRAY_LENGTH(keys); i++) {
        if (strcmp(key, keys[i].key) == 0) {
            bool is_again = (*seen & (1U << i)) != 0;
            *seen |= 1U << i;
            return !is_again && keys[i].parse(rest, record);
        }
    }
    return false;
}

enum oc_status oc_gateway_record_parse(const char *text, size_t n, struct oc_gateway_record *out,
                                       struct oc_error *err)
{
    char copy[OC_GATEWAY_RECORD_BYTES + 1];
    if (n >= sizeof copy || memchr(text, '\0', n)) {
        return oc_fail(err, OC_DATA_LOSS, "not a record of a gateway");
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    struct oc_gateway_record record = {.n_sessions = 0};
    unsigned seen = 0;
    unsigned number = 1;
    for (char *line = copy, *end = NULL; line; line = end, number++) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = '\0';
        }
        if (!parse_line(line, &seen, &record)) {
            return oc_fail(err, OC_DATA_LOSS, "line %u is not understood", number);
        }
    }
    for (unsigned i = 0; i < OC_ARRAY_LENGTH(keys); i++) {
        if (keys[i].is_required && !(seen & (1U << i))) {
            return oc_fail(err, OC_DATA_LOSS, "the line \"%s\" is missing", keys[i].key);
        }
    }
    *out = record;
    return OC_OK;
}
