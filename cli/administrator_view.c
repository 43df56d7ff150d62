/* How administrators are shown; see administrator_view.h. */
#include "cli/administrator_view.h"

#include <string.h>

#include "cli/escape.h"

enum {
    HEX_BYTES = 2 * OC_DIGEST_BYTES + 1,
};

/* ---- documents ------------------------------------------------------------------------------- */

static void format_hex(const uint8_t *bytes, size_t n, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

int64_t administrator_ends(const struct oc_administrator *administrator)
{
    int64_t ends_ms = 0;
    for (size_t i = 0; i < administrator->n_certificates && i < OC_MAX_CERTIFICATES; i++) {
        const struct oc_administrator_certificate *certificate = &administrator->certificates[i];
        if (certificate->revoked_at_ms == 0 && certificate->not_after_ms > ends_ms) {
            ends_ms = certificate->not_after_ms;
        }
    }
    return ends_ms;
}

static void write_digest(struct writer *writer, const char *key, const struct oc_digest *digest)
{
    static const struct oc_digest none;
    char hex[HEX_BYTES] = "";
    if (memcmp(digest, &none, sizeof none) != 0) {
        format_hex(digest->bytes, sizeof digest->bytes, hex);
    }
    writer_text_or_null(writer, key, hex);
}

static void write_certificate(struct writer *writer,
                              const struct oc_administrator_certificate *certificate)
{
    char serial[2 * OC_MAX_SERIAL_BYTES + 1];
    const size_t n = certificate->n_serial;
    format_hex(certificate->serial, n < OC_MAX_SERIAL_BYTES ? n : OC_MAX_SERIAL_BYTES, serial);
    writer_begin_object(writer);
    write_digest(writer, "sha256", &certificate->sha256);
    writer_text_or_null(writer, "serial", serial);
    writer_time_or_null(writer, "not_before", certificate->not_before_ms);
    writer_time_or_null(writer, "not_after", certificate->not_after_ms);
    writer_time_or_null(writer, "issued_at", certificate->issued_at_ms);
    writer_text_or_null(writer, "issued_by", certificate->issued_by);
    writer_time_or_null(writer, "revoked_at", certificate->revoked_at_ms);
    writer_text_or_null(writer, "revoked_by", certificate->revoked_by);
    write_digest(writer, "renewed_with", &certificate->renewed_with);
    writer_end_object(writer);
}

void administrator_write(struct writer *writer, const void *item)
{
    const struct oc_administrator *administrator = item;
    writer_begin_object(writer);
    writer_text_or_null(writer, "name", administrator->name);
    writer_text_or_null(writer, "role", oc_administrator_role_name(administrator->role));
    writer_text_or_null(writer, "state", oc_administrator_state_name(administrator->state));
    writer_time_or_null(writer, "ends_at", administrator_ends(administrator));
    writer_key(writer, "online");
    writer_bool(writer, administrator->is_online);
    writer_time_or_null(writer, "last_seen_at", administrator->last_seen_at_ms);
    writer_time_or_null(writer, "created_at", administrator->created_at_ms);
    writer_text_or_null(writer, "created_by", administrator->created_by);
    writer_time_or_null(writer, "decided_at", administrator->decided_at_ms);
    writer_text_or_null(writer, "decided_by", administrator->decided_by);
    writer_key(writer, "quarantined");
    writer_bool(writer, administrator->is_quarantined);
    writer_key(writer, "certificates");
    writer_begin_list(writer);
    for (size_t i = 0; i < administrator->n_certificates && i < OC_MAX_CERTIFICATES; i++) {
        write_certificate(writer, &administrator->certificates[i]);
    }
    writer_end_list(writer);
    writer_end_object(writer);
}

static void name_administrator(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_administrator *administrator = item;
    escape_for_terminal(administrator->name, out, OUTPUT_NAME_BYTES);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void fill_name(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    escape_for_terminal(administrator->name, cell->text, sizeof cell->text);
}

static void fill_role(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    (void)snprintf(cell->text, sizeof cell->text, "%s",
                   oc_administrator_role_name(administrator->role));
}

static void fill_state(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    const bool is_active = administrator->state == OC_ADMINISTRATOR_ACTIVE;
    (void)snprintf(cell->text, sizeof cell->text, "%s",
                   administrator->is_quarantined
                       ? "quarantined"
                       : oc_administrator_state_name(administrator->state));
    cell->colour = is_active && !administrator->is_quarantined ? COLOUR_GOOD : COLOUR_BAD;
}

static void fill_left(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_administrator *administrator = item;
    const int64_t ends_ms = administrator_ends(administrator);
    if (ends_ms != 0) {
        days_fill(ends_ms, output->terminal->now_ms, cell);
    }
}

static void fill_online(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    (void)snprintf(cell->text, sizeof cell->text, "%s", administrator->is_online ? "yes" : "no");
    cell->colour = administrator->is_online ? COLOUR_GOOD : COLOUR_NONE;
}

static void fill_seen(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_administrator *administrator = item;
    char at[MOMENT_BYTES];
    output_format_time(output, administrator->last_seen_at_ms, at);
    (void)snprintf(cell->text, sizeof cell->text, "%s", at);
}

static void fill_ends(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    const int64_t ends_ms = administrator_ends(administrator);
    char at[MOMENT_BYTES] = "";
    if (ends_ms != 0) {
        moment_format(ends_ms, at);
    }
    (void)snprintf(cell->text, sizeof cell->text, "%s", at);
}

static void fill_decided(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    escape_for_terminal(administrator->decided_by, cell->text, sizeof cell->text);
}

/* The newest; the others are in documents. */
static void fill_certificate(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_administrator *administrator = item;
    if (administrator->n_certificates > 0) {
        format_hex(administrator->certificates[0].sha256.bytes, OC_DIGEST_BYTES, cell->text);
    }
}

static const struct column columns[] = {
    {"NAME", false, false, fill_name},
    {"ROLE", false, false, fill_role},
    {"STATE", false, false, fill_state},
    {"LEFT", false, false, fill_left},
    {"ONLINE", false, false, fill_online},
    {"LAST SEEN", false, false, fill_seen},
    {"ENDS", true, false, fill_ends},
    {"DECIDED BY", true, false, fill_decided},
    {"CERTIFICATE", true, false, fill_certificate},
};

const struct item_kind administrator_kind = {
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .write = administrator_write,
    .name = name_administrator,
};
