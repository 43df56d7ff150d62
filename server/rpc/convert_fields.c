/* See convert_fields.h. */
#include "server/rpc/convert_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/rpc/text.h"

enum oc_status field_refuse(struct oc_error *err, const char *field, const char *why)
{
    enum oc_status status = oc_fail(err, OC_INVALID_ARGUMENT, "request: %s: %s", field, why);
    if (err) {
        (void)snprintf(err->field, sizeof err->field, "%s", field);
    }
    return status;
}

enum oc_status field_take_text(const char *field, const char *in, size_t max_bytes, char *out,
                               struct oc_error *err)
{
    return text_accept_printable(in, max_bytes, out)
               ? OC_OK
               : field_refuse(err, field, "too long, or not one line of printable text");
}

enum oc_status field_take_bytes(const char *field, ProtobufCBinaryData in, size_t wanted,
                                uint8_t *out, struct oc_error *err)
{
    if (in.len != wanted) {
        return field_refuse(err, field, "of another length");
    }
    memcpy(out, in.data, wanted);
    return OC_OK;
}

enum oc_status field_take_bytes_or_none(const char *field, ProtobufCBinaryData in, size_t wanted,
                                        uint8_t *out, struct oc_error *err)
{
    memset(out, 0, wanted);
    return in.len == 0 ? OC_OK : field_take_bytes(field, in, wanted, out, err);
}

enum oc_status field_take_request_id(const char *in, struct oc_request_id *out,
                                     struct oc_error *err)
{
    return oc_request_id_parse(in, out) ? OC_OK
                                        : field_refuse(err, "request_id", "not a request id");
}

enum oc_status field_take_term(int64_t in, int64_t *out, struct oc_error *err)
{
    if (in != 0 && (in < CONVERT_MIN_TERM_MS || in > CONVERT_MAX_TERM_MS)) {
        return field_refuse(err, "term_ms", "must be 0, or a second to a hundred years");
    }
    *out = in;
    return OC_OK;
}

static enum oc_status take_scopes(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                  struct oc_error *err)
{
    struct oc_grant grant = *out;
    if (in->n_scopes > OC_MAX_SCOPES) {
        return field_refuse(err, "scopes", "at most 16");
    }
    for (size_t i = 0; i < in->n_scopes; i++) {
        if (!text_is_scope(in->scopes[i])) {
            return field_refuse(err, "scopes", "each must be [a-z0-9._:/*-]+, at most 32 bytes");
        }
        memcpy(grant.scopes[i], in->scopes[i], strlen(in->scopes[i]) + 1);
    }
    grant.n_scopes = (uint8_t)in->n_scopes;
    oc_grant_normalise(&grant);
    *out = grant;
    return OC_OK;
}

enum oc_status field_take_grant(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                struct oc_error *err)
{
    struct oc_grant grant = {.n_scopes = 0};
    if (!text_is_role(in->role)) {
        return field_refuse(err, "role", "must be [a-z][a-z0-9._-]*, at most 32 bytes");
    }
    memcpy(grant.role, in->role, strlen(in->role) + 1);
    enum oc_status status = take_scopes(in, &grant, err);
    if (!status) {
        *out = grant;
    }
    return status;
}

enum oc_status field_take_asked(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                struct oc_error *err)
{
    if (in->role[0] != '\0') {
        return field_take_grant(in, out, err);
    }
    struct oc_grant grant = {.n_scopes = 0};
    enum oc_status status = take_scopes(in, &grant, err);
    if (!status) {
        *out = grant;
    }
    return status;
}

static int compare_labels(const void *a, const void *b)
{
    const struct oc_label *left = a;
    const struct oc_label *right = b;
    return strcmp(left->key, right->key);
}

/* Sorts by key; the same label twice is one. False when a key has two values. */
static bool normalise_labels(struct oc_labels *labels)
{
    qsort(labels->items, labels->n, sizeof labels->items[0], compare_labels);
    struct oc_labels kept = {.n = 0};
    for (size_t i = 0; i < labels->n; i++) {
        const struct oc_label *label = &labels->items[i];
        const struct oc_label *before = kept.n > 0 ? &kept.items[kept.n - 1] : NULL;
        if (!before || strcmp(before->key, label->key) != 0) {
            kept.items[kept.n++] = *label;
        } else if (strcmp(before->value, label->value) != 0) {
            return false;
        }
    }
    *labels = kept;
    return true;
}

enum oc_status field_take_labels(Openclaw__V1__Label *const *in, size_t n, struct oc_labels *out,
                                 struct oc_error *err)
{
    struct oc_labels labels = {.n = 0};
    if (n > OC_MAX_LABELS) {
        return field_refuse(err, "labels", "at most 8");
    }
    for (size_t i = 0; i < n; i++) {
        struct oc_label *label = &labels.items[i];
        if (!text_is_label_key(in[i]->key)) {
            return field_refuse(err, "key", "must be [a-z0-9._/-]+, at most 32 bytes");
        }
        memcpy(label->key, in[i]->key, strlen(in[i]->key) + 1);
        enum oc_status status =
            field_take_text("value", in[i]->value, OC_MAX_LABEL_VALUE_BYTES, label->value, err);
        if (status) {
            return status;
        }
    }
    labels.n = (uint8_t)n;
    if (!normalise_labels(&labels)) {
        return field_refuse(err, "labels", "one key with two values");
    }
    *out = labels;
    return OC_OK;
}

enum oc_status field_take_alias(const char *in, char out[OC_MAX_NAME_BYTES + 1],
                                struct oc_error *err)
{
    struct oc_device_id device_id;
    struct oc_request_id request_id;
    if (oc_device_id_parse(in, &device_id) || oc_request_id_parse(in, &request_id)) {
        return field_refuse(err, "alias", "reads as an id");
    }
    return field_take_text("alias", in, OC_MAX_NAME_BYTES, out, err);
}

enum oc_status field_take_device_id(ProtobufCBinaryData in, struct oc_device_id *out,
                                    struct oc_error *err)
{
    return field_take_bytes("device_id", in, OC_DEVICE_ID_BYTES, out->bytes, err);
}
