/* See administrator_form.h. */
#include "server/store/administrator_form.h"

#include <string.h>

static const char label[] = "openclaw administrator row v1"; /* with its NUL */

/* ---- writing ------------------------------------------------------------------------------- */

struct form {
    uint8_t *at;
};

static void put_bytes(struct form *form, const void *bytes, size_t n)
{
    memcpy(form->at, bytes, n);
    form->at += n;
}

static void put_byte(struct form *form, size_t value)
{
    *form->at++ = (uint8_t)value;
}

static void put_number(struct form *form, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        *form->at++ = (uint8_t)(value >> shift);
    }
}

static void put_text(struct form *form, const char *text, size_t most)
{
    const size_t n = strnlen(text, most);
    put_byte(form, n);
    put_bytes(form, text, n);
}

static void put_certificate(struct form *form, const struct administrator_certificate *in)
{
    put_bytes(form, in->sha256.bytes, OC_DIGEST_BYTES);
    put_bytes(form, in->spki_sha256.bytes, OC_DIGEST_BYTES);
    put_bytes(form, in->renewed_with.bytes, OC_DIGEST_BYTES);
    put_byte(form, in->n_serial);
    put_bytes(form, in->serial, in->n_serial);
    put_number(form, (uint64_t)in->not_before_ms);
    put_number(form, (uint64_t)in->not_after_ms);
    put_number(form, (uint64_t)in->issued_ms);
    put_number(form, (uint64_t)in->revoked_ms);
    put_text(form, in->issued_by, OC_MAX_ACTOR_BYTES);
    put_text(form, in->revoked_by, OC_MAX_ACTOR_BYTES);
    put_byte(form, in->n_der >> 8);
    put_byte(form, in->n_der & 0xff);
    put_bytes(form, in->der, in->n_der);
}

size_t administrator_encode(const struct administrator *administrator,
                            uint8_t out[ADMINISTRATOR_FORM_BYTES])
{
    struct form form = {out};
    put_byte(&form, administrator->n_certificates);
    for (size_t i = 0; i < administrator->n_certificates; i++) {
        put_certificate(&form, &administrator->certificates[i]);
    }
    return (size_t)(form.at - out);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct source {
    const uint8_t *at;
    size_t left;
    bool is_broken;
};

static void take_bytes(struct source *source, void *out, size_t n)
{
    if (source->is_broken || n > source->left) {
        source->is_broken = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, source->at, n);
    source->at += n;
    source->left -= n;
}

static size_t take_count(struct source *source, size_t most)
{
    uint8_t n = 0;
    take_bytes(source, &n, 1);
    source->is_broken = source->is_broken || n > most;
    return source->is_broken ? 0 : n;
}

static int64_t take_number(struct source *source)
{
    uint8_t bytes[8];
    uint64_t value = 0;
    take_bytes(source, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

static void take_text(struct source *source, char *out, size_t most)
{
    const size_t n = take_count(source, most);
    take_bytes(source, out, n);
    out[n] = '\0';
    source->is_broken = source->is_broken || strlen(out) != n;
}

static void take_certificate(struct source *source, struct administrator_certificate *out)
{
    take_bytes(source, out->sha256.bytes, OC_DIGEST_BYTES);
    take_bytes(source, out->spki_sha256.bytes, OC_DIGEST_BYTES);
    take_bytes(source, out->renewed_with.bytes, OC_DIGEST_BYTES);
    out->n_serial = (uint8_t)take_count(source, ADMINISTRATOR_SERIAL_BYTES);
    take_bytes(source, out->serial, out->n_serial);
    out->not_before_ms = take_number(source);
    out->not_after_ms = take_number(source);
    out->issued_ms = take_number(source);
    out->revoked_ms = take_number(source);
    take_text(source, out->issued_by, OC_MAX_ACTOR_BYTES);
    take_text(source, out->revoked_by, OC_MAX_ACTOR_BYTES);
    const size_t high = take_count(source, ADMINISTRATOR_DER_BYTES >> 8);
    const size_t n_der = high << 8 | take_count(source, UINT8_MAX);
    source->is_broken = source->is_broken || n_der > ADMINISTRATOR_DER_BYTES;
    out->n_der = source->is_broken ? 0 : (uint16_t)n_der;
    take_bytes(source, out->der, out->n_der);
}

bool administrator_decode(const uint8_t *bytes, size_t n, struct administrator *out)
{
    struct source source = {bytes, n, false};
    const size_t n_certificates = take_count(&source, ADMINISTRATOR_CERTIFICATES);
    for (size_t i = 0; i < n_certificates; i++) {
        take_certificate(&source, &out->certificates[i]);
    }
    const bool is_whole = !source.is_broken && source.left == 0;
    out->n_certificates = is_whole ? n_certificates : 0;
    return is_whole;
}

/* ---- authentication ------------------------------------------------------------------------ */

struct oc_digest administrator_mac(struct oc_hmac *hmac,
                                   const uint8_t gateway_id[ADMINISTRATOR_ID_BYTES],
                                   const struct administrator *administrator)
{
    uint8_t row[5 * 8 + 1 + ADMINISTRATOR_NAME_BYTES + 2 * (1 + OC_MAX_ACTOR_BYTES)];
    uint8_t certificates[ADMINISTRATOR_FORM_BYTES];
    struct form form = {row};
    put_text(&form, administrator->name, ADMINISTRATOR_NAME_BYTES);
    put_number(&form, (uint64_t)administrator->role);
    put_number(&form, administrator->is_revoked);
    put_number(&form, administrator->generation);
    put_number(&form, (uint64_t)administrator->created_ms);
    put_text(&form, administrator->created_by, OC_MAX_ACTOR_BYTES);
    put_number(&form, (uint64_t)administrator->decided_ms);
    put_text(&form, administrator->decided_by, OC_MAX_ACTOR_BYTES);
    const struct oc_bytes pieces[] = {
        {label, sizeof label},
        {gateway_id, ADMINISTRATOR_ID_BYTES},
        {row, (size_t)(form.at - row)},
        {certificates, administrator_encode(administrator, certificates)},
    };
    return oc_hmac_digest(hmac, pieces, 4);
}
