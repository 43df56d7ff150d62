/* See bundle_text.h. */
#include "client/bundle_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "client/gateway_address.h"
#include "client/gateway_record.h"
#include "proto/base/hex.h"
#include "proto/crypto/admin_certificate.h"

_Static_assert((int)OC_MAX_ADMINISTRATOR_NAME_BYTES == (int)OC_ADMIN_NAME_BYTES, "names");
_Static_assert((int)OC_MAX_URL_BYTES == (int)OC_MAX_GATEWAY_URL_BYTES, "addresses");

enum {
    MAX_VALUE_BYTES = OC_MAX_URL_BYTES,
    PEM_LINE_BYTES = 64,
};

static const char version_key[] = "openclaw-bundle: ";
static const char key_label[] = "PRIVATE KEY";
static const char certificate_label[] = "CERTIFICATE";

/* ---- words ------------------------------------------------------------------------------- */

static const char *const role_names[OC_ADMINISTRATOR_ROLE_COUNT] = {
    [OC_ADMINISTRATOR_ROLE_UNKNOWN] = "unknown",
    [OC_ADMINISTRATOR_VIEWER] = "viewer",
    [OC_ADMINISTRATOR_APPROVER] = "approver",
    [OC_ADMINISTRATOR_ADMIN] = "admin",
};

const char *oc_administrator_role_name(enum oc_administrator_role role)
{
    return role > OC_ADMINISTRATOR_ROLE_UNKNOWN && role < OC_ADMINISTRATOR_ROLE_COUNT
               ? role_names[role]
               : role_names[OC_ADMINISTRATOR_ROLE_UNKNOWN];
}

bool oc_administrator_role_parse(const char *text, enum oc_administrator_role *out)
{
    for (int i = OC_ADMINISTRATOR_VIEWER; i < OC_ADMINISTRATOR_ROLE_COUNT; i++) {
        if (strcmp(text, role_names[i]) == 0) {
            *out = (enum oc_administrator_role)i;
            return true;
        }
    }
    return false;
}

static bool means_all(const char *host)
{
    static const uint8_t zeros[16];
    uint8_t address[16];
    return (inet_pton(AF_INET, host, address) == 1 && memcmp(address, zeros, 4) == 0) ||
           (inet_pton(AF_INET6, host, address) == 1 && memcmp(address, zeros, 16) == 0);
}

enum oc_status oc_bundle_take_url(const char *url, char out[OC_MAX_URL_BYTES + 1],
                                  struct oc_error *err)
{
    struct oc_gateway_address address;
    enum oc_status st = oc_gateway_address_parse(url, &address, err);
    if (st) {
        return st;
    }
    if (address.is_local || means_all(address.host)) {
        return oc_fail(
            err, OC_INVALID_ARGUMENT,
            "gateway address: %s: name one at which other machines reach the admin door, "
            "as in tls+tcp://gw.example:18790",
            address.url);
    }
    (void)snprintf(out, OC_MAX_URL_BYTES + 1, "%s", address.url);
    return OC_OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
    unsigned n_taken; /* lines */
    unsigned line;    /* that was looked at last */
};

static enum oc_status damaged(const struct reader *r, struct oc_error *err, const char *wanted)
{
    return oc_fail(err, OC_DATA_LOSS, "line %u: %s is wanted", r->line, wanted);
}

/* The next line without its newline; NULL when there is none that ends. */
static const char *peek_line(struct reader *r, size_t *n)
{
    r->line = r->n_taken + 1;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    *n = newline ? (size_t)(newline - r->at) : 0;
    return newline ? r->at : NULL;
}

static void skip_line(struct reader *r, size_t n)
{
    r->at += n + 1;
    r->n_taken++;
}

/* Copies the value of a line "key: value" of printable ASCII and goes on behind it. */
static bool take_value(struct reader *r, const char *key, char out[MAX_VALUE_BYTES + 1])
{
    const size_t n_key = strlen(key);
    size_t n = 0;
    const char *line = peek_line(r, &n);
    if (!line || n <= n_key || n - n_key > MAX_VALUE_BYTES || memcmp(line, key, n_key) != 0) {
        return false;
    }
    for (size_t i = n_key; i < n; i++) {
        if (line[i] <= ' ' || line[i] > '~') {
            return false;
        }
    }
    memcpy(out, line + n_key, n - n_key);
    out[n - n_key] = '\0';
    skip_line(r, n);
    return true;
}

static bool is_line(struct reader *r, const char *wanted, size_t *n)
{
    const char *line = peek_line(r, n);
    return line && *n == strlen(wanted) && memcmp(line, wanted, *n) == 0;
}

static bool is_base64(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char c = line[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/' || c == '=')) {
            return false;
        }
    }
    return n > 0 && n <= PEM_LINE_BYTES;
}

/* One block, from its first line to its last. */
static bool take_block(struct reader *r, const char *label, struct oc_bytes *out)
{
    char first[64];
    char last[64];
    (void)snprintf(first, sizeof first, "-----BEGIN %s-----", label);
    (void)snprintf(last, sizeof last, "-----END %s-----", label);
    const char *from = r->at;
    size_t n = 0;
    if (!is_line(r, first, &n)) {
        return false;
    }
    skip_line(r, n);
    while (!is_line(r, last, &n)) {
        const char *line = peek_line(r, &n);
        if (!line || !is_base64(line, n)) {
            return false;
        }
        skip_line(r, n);
    }
    skip_line(r, n);
    *out = (struct oc_bytes){from, (size_t)(r->at - from)};
    return true;
}

static enum oc_status take_version(struct reader *r, struct oc_error *err)
{
    char value[MAX_VALUE_BYTES + 1];
    if (!take_value(r, version_key, value)) {
        return damaged(r, err, "\"openclaw-bundle: 1\"");
    }
    if (strcmp(value, "1") != 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "it is of a version that this one does not know: use a newer openclaw");
    }
    return OC_OK;
}

static enum oc_status take_head(struct reader *r, struct oc_bundle_text *out, struct oc_error *err)
{
    char value[MAX_VALUE_BYTES + 1];
    if (!take_value(r, "role: ", value) || !oc_administrator_role_parse(value, &out->role)) {
        return damaged(r, err, "\"role: \" and viewer, approver or admin");
    }
    if (!take_value(r, "gateway: ", value) || oc_bundle_take_url(value, out->gateway_url, NULL) ||
        strcmp(value, out->gateway_url) != 0) {
        return damaged(r, err, "\"gateway: tls+tcp://HOST:PORT\"");
    }
    if (!take_value(r, "pin: sha256:", value) ||
        !oc_hex_parse(value, sizeof out->pin.bytes, out->pin.bytes)) {
        return damaged(r, err, "\"pin: sha256:\" and 64 hex digits");
    }
    return OC_OK;
}

static enum oc_status take_all(struct reader *r, struct oc_bundle_text *out, struct oc_error *err)
{
    char value[MAX_VALUE_BYTES + 1];
    enum oc_status st = take_version(r, err);
    if (st) {
        return st;
    }
    if (!take_value(r, "name: ", value) || !oc_admin_name_is_sound(value)) {
        return damaged(r, err, "\"name: \" and a letter, then a-z 0-9 . _ -, at most 64,");
    }
    (void)snprintf(out->name, sizeof out->name, "%.64s", value);
    size_t n = 0;
    out->is_draft = is_line(r, "draft: yes", &n);
    if (out->is_draft) {
        skip_line(r, n);
    } else {
        st = take_head(r, out, err);
    }
    if (st) {
        return st;
    }
    if (!take_block(r, key_label, &out->key)) {
        return damaged(r, err, "a PEM block PRIVATE KEY");
    }
    if (!out->is_draft && (!take_block(r, certificate_label, &out->certificate) ||
                           !take_block(r, certificate_label, &out->ca))) {
        return damaged(r, err, "a PEM block CERTIFICATE");
    }
    (void)peek_line(r, &n);
    return r->at == r->end ? OC_OK : damaged(r, err, "the end of the file");
}

enum oc_status oc_bundle_text_parse(const char *text, size_t n, struct oc_bundle_text *out,
                                    struct oc_error *err)
{
    struct reader reader = {.at = text, .end = text + n};
    struct oc_bundle_text found = {.is_draft = false};
    enum oc_status st = take_all(&reader, &found, err);
    if (st == OC_OK) {
        *out = found;
    }
    return st;
}

/* ---- writing ----------------------------------------------------------------------------- */

static int put_head(const struct oc_bundle_text *bundle, char *out, size_t cap)
{
    char pin[OC_PIN_TEXT_BYTES];
    oc_pin_format(&bundle->pin, pin);
    return bundle->is_draft
               ? snprintf(out, cap, "%s1\nname: %s\ndraft: yes\n", version_key, bundle->name)
               : snprintf(out, cap, "%s1\nname: %s\nrole: %s\ngateway: %s\npin: %s\n", version_key,
                          bundle->name, oc_administrator_role_name(bundle->role),
                          bundle->gateway_url, pin);
}

size_t oc_bundle_text_format(const struct oc_bundle_text *bundle, char *out, size_t cap)
{
    const int n_head = put_head(bundle, out, cap);
    const struct oc_bytes blocks[] = {bundle->key, bundle->certificate, bundle->ca};
    size_t n = n_head > 0 ? (size_t)n_head : cap;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0] && n < cap; i++) {
        if (blocks[i].n >= cap - n) {
            return 0;
        }
        if (blocks[i].n > 0) {
            memcpy(out + n, blocks[i].data, blocks[i].n);
        }
        n += blocks[i].n;
    }
    return n < cap ? n : 0;
}
