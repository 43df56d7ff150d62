/* Forms and authentication of rows; see row_form.h. */
#include "server/store/row_form.h"

#include <string.h>

#include "proto/crypto/digest.h"

static const char device_label[] = "openclaw trust row v1"; /* with its NUL */
static const char expectation_label[] = "openclaw expectation row v1";

/* ---- forms --------------------------------------------------------------------------------- */

static size_t put_text(uint8_t *out, const char *text, size_t most)
{
    size_t n = strnlen(text, most);
    out[0] = (uint8_t)n;
    memcpy(out + 1, text, n);
    return 1 + n;
}

size_t row_encode_grant(const struct oc_grant *grant, uint8_t out[ROW_GRANT_BYTES])
{
    if (grant->role[0] == '\0' && grant->n_scopes == 0) {
        return 0;
    }
    size_t n = put_text(out, grant->role, OC_MAX_ROLE_BYTES);
    out[n++] = grant->n_scopes;
    for (size_t i = 0; i < grant->n_scopes; i++) {
        n += put_text(out + n, grant->scopes[i], OC_MAX_SCOPE_BYTES);
    }
    return n;
}

size_t row_encode_labels(const struct oc_labels *labels, uint8_t out[ROW_LABELS_BYTES])
{
    if (labels->n == 0) {
        return 0;
    }
    size_t n = 0;
    out[n++] = labels->n;
    for (size_t i = 0; i < labels->n; i++) {
        n += put_text(out + n, labels->items[i].key, OC_MAX_LABEL_KEY_BYTES);
        n += put_text(out + n, labels->items[i].value, OC_MAX_LABEL_VALUE_BYTES);
    }
    return n;
}

struct reader {
    const uint8_t *at;
    size_t left;
    bool is_broken;
};

static uint8_t take_byte(struct reader *reader)
{
    if (reader->left == 0) {
        reader->is_broken = true;
        return 0;
    }
    reader->left--;
    return *reader->at++;
}

static void take_text(struct reader *reader, char *out, size_t most)
{
    size_t n = take_byte(reader);
    if (n > most || n > reader->left || memchr(reader->at, '\0', n)) {
        reader->is_broken = true;
        return;
    }
    memcpy(out, reader->at, n);
    out[n] = '\0';
    reader->at += n;
    reader->left -= n;
}

bool row_decode_grant(const uint8_t *bytes, size_t n, struct oc_grant *out)
{
    *out = (struct oc_grant){0};
    if (n == 0) {
        return true;
    }
    struct reader reader = {bytes, n, false};
    take_text(&reader, out->role, OC_MAX_ROLE_BYTES);
    const uint8_t n_scopes = take_byte(&reader);
    reader.is_broken =
        reader.is_broken || n_scopes > OC_MAX_SCOPES || (out->role[0] == '\0' && n_scopes == 0);
    for (size_t i = 0; i < n_scopes && !reader.is_broken; i++) {
        take_text(&reader, out->scopes[i], OC_MAX_SCOPE_BYTES);
        if (i > 0 && strcmp(out->scopes[i - 1], out->scopes[i]) >= 0) {
            reader.is_broken = true;
        }
    }
    out->n_scopes = n_scopes;
    if (reader.is_broken || reader.left) {
        *out = (struct oc_grant){0};
        return false;
    }
    return true;
}

bool row_decode_labels(const uint8_t *bytes, size_t n, struct oc_labels *out)
{
    *out = (struct oc_labels){0};
    if (n == 0) {
        return true;
    }
    struct reader reader = {bytes, n, false};
    const uint8_t n_items = take_byte(&reader);
    reader.is_broken = n_items == 0 || n_items > OC_MAX_LABELS;
    for (size_t i = 0; i < n_items && !reader.is_broken; i++) {
        take_text(&reader, out->items[i].key, OC_MAX_LABEL_KEY_BYTES);
        take_text(&reader, out->items[i].value, OC_MAX_LABEL_VALUE_BYTES);
        if (i > 0 && strcmp(out->items[i - 1].key, out->items[i].key) >= 0) {
            reader.is_broken = true;
        }
    }
    out->n = n_items;
    if (reader.is_broken || reader.left) {
        *out = (struct oc_labels){0};
        return false;
    }
    return true;
}

/* ---- authentication ------------------------------------------------------------------------ */

/* Longer than any row's bytes: two grants, labels, an alias and ten numbers. */
struct mac_input {
    uint8_t bytes[2 * ROW_GRANT_BYTES + ROW_LABELS_BYTES + OC_MAX_NAME_BYTES + 128];
    size_t n;
};

static void mac_bytes(struct mac_input *input, const void *bytes, size_t n)
{
    input->bytes[input->n++] = (uint8_t)(n >> 8);
    input->bytes[input->n++] = (uint8_t)n;
    memcpy(input->bytes + input->n, bytes, n);
    input->n += n;
}

static void mac_number(struct mac_input *input, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        input->bytes[input->n++] = (uint8_t)(value >> shift);
    }
}

static void mac_grant(struct mac_input *input, const struct oc_grant *grant)
{
    uint8_t form[ROW_GRANT_BYTES];
    mac_bytes(input, form, row_encode_grant(grant, form));
}

static void mac_labels(struct mac_input *input, const struct oc_labels *labels)
{
    uint8_t form[ROW_LABELS_BYTES];
    mac_bytes(input, form, row_encode_labels(labels, form));
}

struct oc_digest row_device_mac(struct oc_hmac *hmac, const uint8_t gateway_id[ROW_ID_BYTES],
                                const struct pairing *pairing)
{
    struct mac_input input;
    input.n = 0;
    mac_number(&input, (uint64_t)pairing->standing);
    mac_number(&input, pairing->generation);
    mac_number(&input, pairing->is_removed);
    mac_grant(&input, &pairing->asked);
    mac_grant(&input, &pairing->granted);
    mac_number(&input, (uint64_t)pairing->term_ends_ms);
    mac_bytes(&input, pairing->alias, strnlen(pairing->alias, OC_MAX_NAME_BYTES));
    mac_labels(&input, &pairing->labels);
    const struct oc_bytes pieces[] = {
        {device_label, sizeof device_label},
        {gateway_id, ROW_ID_BYTES},
        {pairing->id.bytes, OC_DEVICE_ID_BYTES},
        {input.bytes, input.n},
    };
    return oc_hmac_digest(hmac, pieces, 4);
}

struct oc_digest row_expectation_mac(struct oc_hmac *hmac, const uint8_t gateway_id[ROW_ID_BYTES],
                                     const struct oc_device_id *id,
                                     const struct expectation *expectation)
{
    struct mac_input input;
    input.n = 0;
    mac_number(&input, expectation->approves);
    mac_number(&input, (uint64_t)expectation->until_ms);
    mac_grant(&input, &expectation->grant);
    mac_labels(&input, &expectation->labels);
    mac_number(&input, (uint64_t)expectation->term_ms);
    const struct oc_bytes pieces[] = {
        {expectation_label, sizeof expectation_label},
        {gateway_id, ROW_ID_BYTES},
        {id->bytes, OC_DEVICE_ID_BYTES},
        {input.bytes, input.n},
    };
    return oc_hmac_digest(hmac, pieces, 4);
}
