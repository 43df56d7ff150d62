/* Bundles: openclaw/bundle.h. Here what is in one, and its file. The key is in plain text only
 * between the file and OpenSSL, in memory that is wiped. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bundle_internal.h"
#include "client/private_dir.h"
#include "client/unknown_field.h"
#include "proto/base/secret.h"
#include "proto/crypto/admin_ca.h"
#include "proto/crypto/pem.h"

enum {
    KEY_PEM_BYTES = 1024,
    CERTIFICATE_PEM_BYTES = 6 * 1024,
};
_Static_assert((int)OC_MAX_DER_BYTES >= (int)OC_ADMIN_CSR_BYTES, "a request has room");

void oc_bundle_free(struct oc_bundle *bundle)
{
    if (bundle) {
        oc_identity_free(bundle->identity);
        free(bundle);
    }
}

void oc_bundle_get_facts(const struct oc_bundle *bundle, struct oc_bundle_facts *out)
{
    *out = bundle->facts;
}

static enum oc_status refuse(struct oc_error *err, const char *field, const char *why)
{
    (void)oc_fail(err, OC_INVALID_ARGUMENT, "%s: %s", field, why);
    if (err) {
        (void)snprintf(err->field, sizeof err->field, "%s", field);
    }
    return OC_INVALID_ARGUMENT;
}

/* ---- making one -------------------------------------------------------------------------- */

/* Takes the identity, also on failure. */
static enum oc_status bundle_new(const char *name, struct oc_identity *identity,
                                 struct oc_bundle **out, struct oc_error *err)
{
    struct oc_bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle) {
        oc_identity_free(identity);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "bundle: out of memory");
    }
    bundle->identity = identity;
    bundle->facts.is_draft = true;
    (void)snprintf(bundle->facts.name, sizeof bundle->facts.name, "%s", name);
    *out = bundle;
    return OC_OK;
}

enum oc_status oc_bundle_draft(const char *name, struct oc_bundle **out, struct oc_error *err)
{
    if (!oc_admin_name_is_sound(name)) {
        return refuse(err, "name", "a letter, then a-z 0-9 . _ -, at most 64");
    }
    struct oc_identity *identity = NULL;
    /* The kind is that of its key, P-256, which every authority can sign. */
    enum oc_status st = oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, err);
    return st ? st : bundle_new(name, identity, out, err);
}

enum oc_status oc_bundle_make_csr(const struct oc_bundle *bundle, struct oc_der *out,
                                  struct oc_error *err)
{
    struct oc_der csr = {.n = 0};
    enum oc_status st =
        oc_admin_csr_make(bundle->identity, csr.bytes, OC_ADMIN_CSR_BYTES, &csr.n, err);
    if (st == OC_OK) {
        *out = csr;
    }
    return st;
}

static enum oc_status check_certificate(const struct oc_bundle *bundle,
                                        const struct oc_bundle_parts *parts,
                                        struct oc_bundle_facts *facts, struct oc_error *err)
{
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    struct oc_admin_certificate found;
    enum oc_status st = oc_admin_ca_from_certificate(parts->ca->bytes, parts->ca->n, &ca, err);
    if (st) {
        return st;
    }
    const struct oc_bytes der = {parts->certificate->bytes, parts->certificate->n};
    st = oc_admin_certificate_inspect(ca, der, &found, err);
    if (st) {
        return st;
    }
    /* An authority that is not ours gives other names; the gateway maps them. */
    if (found.name[0] != '\0' && strcmp(found.name, facts->name) != 0) {
        return refuse(err, "certificate", "it is of another administrator");
    }
    const struct oc_digest key = oc_identity_spki_sha256(bundle->identity);
    if (memcmp(&found.spki_sha256, &key, sizeof key) != 0) {
        return refuse(err, "certificate", "it is of another key");
    }
    const int64_t ca_end_ms = oc_admin_ca_not_after_ms(ca);
    facts->certificate_sha256 = found.sha256;
    facts->ca_sha256 = oc_admin_ca_sha256(ca);
    facts->not_before_ms = found.not_before_ms;
    facts->not_after_ms = found.not_after_ms < ca_end_ms ? found.not_after_ms : ca_end_ms;
    return OC_OK;
}

static enum oc_status check_parts(const struct oc_bundle *bundle,
                                  const struct oc_bundle_parts *parts,
                                  struct oc_bundle_facts *facts, struct oc_error *err)
{
    if (parts->role <= OC_ADMINISTRATOR_ROLE_UNKNOWN ||
        parts->role >= OC_ADMINISTRATOR_ROLE_COUNT) {
        return refuse(err, "role", "viewer, approver or admin");
    }
    if (!parts->certificate || parts->certificate->n > sizeof parts->certificate->bytes) {
        return refuse(err, "certificate", "none, or too long");
    }
    if (!parts->ca || parts->ca->n > sizeof parts->ca->bytes) {
        return refuse(err, "ca", "none, or too long");
    }
    if (parts->gateway_url && oc_bundle_take_url(parts->gateway_url, facts->gateway_url, err)) {
        if (err) {
            (void)snprintf(err->field, sizeof err->field, "gateway_url");
        }
        return OC_INVALID_ARGUMENT;
    }
    facts->is_draft = false;
    facts->role = parts->role;
    facts->pin = parts->pin;
    return check_certificate(bundle, parts, facts, err);
}

enum oc_status oc_bundle_complete(struct oc_bundle *bundle, const struct oc_bundle_parts *parts,
                                  struct oc_error *err)
{
    enum oc_status st =
        oc_refuse_unknown_field(parts->reserved, sizeof parts->reserved, "oc_bundle_parts", err);
    if (st == OC_OK && !bundle->facts.is_draft) {
        st = oc_fail(err, OC_FAILED_PRECONDITION, "bundle: it has its certificate");
    }
    struct oc_bundle_facts facts = bundle->facts;
    st = st ? st : check_parts(bundle, parts, &facts, err);
    if (st) {
        return st;
    }
    st = oc_identity_certify(bundle->identity, parts->certificate->bytes, parts->certificate->n,
                             err);
    if (st) {
        return st;
    }
    bundle->facts = facts;
    bundle->certificate = *parts->certificate;
    bundle->ca = *parts->ca;
    return OC_OK;
}

enum oc_status oc_bundle_set_gateway(struct oc_bundle *bundle, const char *gateway_url,
                                     struct oc_error *err)
{
    return oc_bundle_take_url(gateway_url, bundle->facts.gateway_url, err);
}

/* ---- reading ----------------------------------------------------------------------------- */

static enum oc_status damaged(struct oc_error *err, const char *what, const struct oc_error *cause)
{
    return oc_fail(err, OC_DATA_LOSS, "%s: %.200s", what, cause->text);
}

static enum oc_status take_key(const struct oc_bundle_text *text, struct oc_bundle **out,
                               struct oc_error *err)
{
    struct oc_error cause = {.status = OC_OK};
    struct oc_identity *identity = NULL;
    enum oc_status st =
        oc_identity_parse(OC_IDENTITY_GATEWAY, text->key.data, text->key.n, &identity, &cause);
    if (st == OC_INVALID_ARGUMENT) { /* the other kind that an administrator may have */
        st = oc_identity_parse(OC_IDENTITY_DEVICE, text->key.data, text->key.n, &identity, &cause);
    }
    if (st == OC_INVALID_ARGUMENT) {
        return oc_fail(err, OC_DATA_LOSS, "its key is no sound ECDSA P-256 or Ed25519 key");
    }
    return st ? oc_fail(err, st, "%s", cause.text) : bundle_new(text->name, identity, out, err);
}

static bool take_der(struct oc_bytes pem, struct oc_der *out)
{
    return oc_pem_read(pem.data, pem.n, OC_PEM_CERTIFICATE, out->bytes, sizeof out->bytes, &out->n);
}

static enum oc_status take_certificates(const struct oc_bundle_text *text, struct oc_bundle *bundle,
                                        struct oc_error *err)
{
    struct oc_error cause = {.status = OC_OK};
    struct oc_der certificate = {.n = 0};
    struct oc_der ca = {.n = 0};
    if (!take_der(text->certificate, &certificate) || !take_der(text->ca, &ca)) {
        return oc_fail(err, OC_DATA_LOSS, "a certificate in it cannot be read");
    }
    const struct oc_bundle_parts parts = {.certificate = &certificate,
                                          .ca = &ca,
                                          .role = text->role,
                                          .gateway_url = text->gateway_url,
                                          .pin = text->pin};
    enum oc_status st = oc_bundle_complete(bundle, &parts, &cause);
    if (st == OC_INVALID_ARGUMENT) {
        return damaged(err, "its certificate is not what it should be", &cause);
    }
    return st ? oc_fail(err, st, "%s", cause.text) : OC_OK;
}

static enum oc_status parse(const char *text, size_t n, struct oc_bundle **out,
                            struct oc_error *err)
{
    struct oc_bundle_text parts;
    OC_CLEANUP(oc_bundle_freep) struct oc_bundle *bundle = NULL;
    enum oc_status st = oc_bundle_text_parse(text, n, &parts, err);
    st = st ? st : take_key(&parts, &bundle, err);
    if (st) {
        return st;
    }
    assert(bundle);
    st = parts.is_draft ? OC_OK : take_certificates(&parts, bundle, err);
    if (st == OC_OK) {
        *out = OC_STEAL(bundle);
    }
    return st;
}

static enum oc_status read_in(const struct oc_private_dir *dir, const char *name,
                              struct oc_bundle **out, struct oc_error *err)
{
    char text[OC_BUNDLE_FILE_BYTES];
    size_t n = 0;
    enum oc_status st = oc_private_file_read(dir, name, text, sizeof text, &n, err);
    if (st) {
        return st;
    }
    struct oc_error cause = {.status = OC_OK};
    st = parse(text, n, out, &cause);
    oc_wipe(text, sizeof text);
    return st ? oc_fail(err, st, "bundle %s/%s: %.300s", dir->path, name, cause.text) : OC_OK;
}

enum oc_status oc_bundle_read(const char *path, struct oc_bundle **out, struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    const char *name = NULL;
    enum oc_status st = oc_private_dir_of_file(path, &dir, &name, err);
    return st ? st : read_in(&dir, name, out, err);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* PEM of a certificate; nothing of one that is not there. */
static bool put_der(const struct oc_der *der, char *out, size_t cap, struct oc_bytes *piece)
{
    const size_t n =
        der->n > 0 ? oc_pem_write(OC_PEM_CERTIFICATE, der->bytes, der->n, out, cap) : 0;
    *piece = (struct oc_bytes){out, n};
    return n > 0 || der->n == 0;
}

/* Everything in `out`, which the caller wipes. */
static enum oc_status format(const struct oc_bundle *bundle, char out[OC_BUNDLE_FILE_BYTES],
                             size_t *n, struct oc_error *err)
{
    char certificate[CERTIFICATE_PEM_BYTES];
    char ca[CERTIFICATE_PEM_BYTES];
    char key[KEY_PEM_BYTES];
    struct oc_bundle_text text = {.is_draft = bundle->facts.is_draft,
                                  .role = bundle->facts.role,
                                  .pin = bundle->facts.pin,
                                  .key = {key, 0}};
    memcpy(text.name, bundle->facts.name, sizeof text.name);
    memcpy(text.gateway_url, bundle->facts.gateway_url, sizeof text.gateway_url);
    *n = 0;
    enum oc_status st = oc_identity_format(bundle->identity, key, sizeof key, &text.key.n, err);
    if (st == OC_OK &&
        put_der(&bundle->certificate, certificate, sizeof certificate, &text.certificate) &&
        put_der(&bundle->ca, ca, sizeof ca, &text.ca)) {
        *n = oc_bundle_text_format(&text, out, OC_BUNDLE_FILE_BYTES);
    }
    oc_wipe(key, sizeof key);
    return st || *n > 0 ? st : oc_fail(err, OC_INTERNAL, "bundle: does not fit into a file");
}

static enum oc_status write_in(const struct oc_bundle *bundle, const struct oc_private_dir *dir,
                               const char *name, bool replaces, struct oc_error *err)
{
    if (!bundle->facts.is_draft && bundle->facts.gateway_url[0] == '\0') {
        return oc_fail(
            err, OC_FAILED_PRECONDITION,
            "bundle %s: the gateway listens on all addresses: name the one at which other "
            "machines reach its admin door",
            name);
    }
    char text[OC_BUNDLE_FILE_BYTES];
    size_t n = 0;
    enum oc_status st = format(bundle, text, &n, err);
    if (st == OC_OK) {
        st = replaces ? oc_private_file_replace(dir, name, text, n, err)
                      : oc_private_file_create(dir, name, text, n, err);
    }
    oc_wipe(text, sizeof text);
    return st;
}

enum oc_status oc_bundle_write(const struct oc_bundle *bundle, const char *path,
                               struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    const char *name = NULL;
    enum oc_status st = oc_private_dir_of_file(path, &dir, &name, err);
    return st ? st : write_in(bundle, &dir, name, false, err);
}

enum oc_status oc_bundle_replace(const struct oc_bundle *bundle, const char *path,
                                 struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    OC_CLEANUP(oc_bundle_freep) struct oc_bundle *before = NULL;
    const char *name = NULL;
    enum oc_status st = oc_private_dir_of_file(path, &dir, &name, err);
    st = st ? st : read_in(&dir, name, &before, err);
    if (st) {
        return st;
    }
    assert(before);
    if (strcmp(before->facts.name, bundle->facts.name) != 0) {
        return oc_fail(err, OC_ABORTED, "bundle %s: it is of %s, not of %s", path,
                       before->facts.name, bundle->facts.name);
    }
    return write_in(bundle, &dir, name, true, err);
}
