/* See convert_administrators.h. */
#include "server/rpc/convert_administrators.h"

#include <string.h>

#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_out.h"

/* The schema's numbers are the domain's. */
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_VIEWER ==
                   ADMINISTRATOR_VIEWER,
               "roles");
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_ADMIN ==
                   ADMINISTRATOR_ADMIN,
               "roles");
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_STATE__ADMINISTRATOR_STATE_ACTIVE ==
                   ADMINISTRATOR_ACTIVE,
               "states");
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_STATE__ADMINISTRATOR_STATE_EXPIRED ==
                   ADMINISTRATOR_EXPIRED,
               "states");

/* ---- in -------------------------------------------------------------------------------------- */

static enum oc_status take_name(const char *in, struct administrator_command *out,
                                struct oc_error *err)
{
    if (!oc_admin_name_is_sound(in)) {
        return field_refuse(err, "name", "a letter, then a-z 0-9 . _ -, at most 64");
    }
    memcpy(out->name, in, strlen(in) + 1);
    return OC_OK;
}

/* Also of one whom another CA names: a URI. */
static enum oc_status take_any_name(const char *in, struct administrator_command *out,
                                    struct oc_error *err)
{
    if (!oc_admin_uri_is_sound(in)) {
        return take_name(in, out, err);
    }
    memcpy(out->name, in, strlen(in) + 1);
    return OC_OK;
}

static enum oc_status take_role(Openclaw__V1__AdministratorRole in,
                                struct administrator_command *out, struct oc_error *err)
{
    if (in < OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_VIEWER ||
        in > OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_ADMIN) {
        return field_refuse(err, "role", "viewer, approver or admin");
    }
    out->role = (enum administrator_role)in;
    return OC_OK;
}

static enum oc_status take_reason(const char *in, struct administrator_command *out,
                                  struct oc_error *err)
{
    return field_take_text("reason", in, OC_MAX_REASON_BYTES, out->reason, err);
}

static enum oc_status take_proof(ProtobufCBinaryData csr, ProtobufCBinaryData certificate,
                                 struct administrator_command *out, struct oc_error *err)
{
    if ((csr.len > 0) == (certificate.len > 0)) {
        return field_refuse(err, "csr", "exactly one of csr and certificate");
    }
    if (csr.len > sizeof out->csr) {
        return field_refuse(err, "csr", "longer than 2 KiB");
    }
    if (certificate.len > OC_ADMIN_CERTIFICATE_BYTES) {
        return field_refuse(err, "certificate", "longer than 2 KiB");
    }
    out->n_csr = (uint16_t)csr.len;
    out->n_certificate = (uint16_t)certificate.len;
    if (csr.len > 0) {
        memcpy(out->csr, csr.data, csr.len);
    } else {
        memcpy(out->certificate, certificate.data, certificate.len);
    }
    return OC_OK;
}

static enum oc_status take_ttl(int64_t in, struct administrator_command *out, struct oc_error *err)
{
    enum { LEAST_MS = 60 * 1000 };
    if (in != 0 && (in < LEAST_MS || in > OC_ADMIN_MAX_TTL_MS)) {
        return field_refuse(err, "ttl_ms", "from a minute to 398 days, or 0");
    }
    out->ttl_ms = in;
    return OC_OK;
}

enum oc_status convert_init_pki(const Openclaw__V1__InitPkiRequest *in,
                                struct administrator_command *out, struct oc_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ADMINISTRATOR_INIT_PKI;
    out->replaces = in->replaces != 0;
    if (in->ca_certificate.len > sizeof out->certificate) {
        return field_refuse(err, "ca_certificate", "longer than 4 KiB");
    }
    out->n_certificate = (uint16_t)in->ca_certificate.len;
    if (out->n_certificate > 0) {
        memcpy(out->certificate, in->ca_certificate.data, out->n_certificate);
    }
    return take_reason(in->reason, out, err);
}

enum oc_status convert_issue_administrator(const Openclaw__V1__IssueAdministratorRequest *in,
                                           struct administrator_command *out, struct oc_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ADMINISTRATOR_ISSUE;
    enum oc_status st = take_name(in->name, out, err);
    if (!st) {
        st = take_role(in->role, out, err);
    }
    if (!st) {
        st = take_ttl(in->ttl_ms, out, err);
    }
    if (!st) {
        st = take_proof(in->csr, in->certificate, out, err);
    }
    return st ? st : take_reason(in->reason, out, err);
}

enum oc_status convert_renew_administrator(const Openclaw__V1__RenewAdministratorRequest *in,
                                           struct administrator_command *out, struct oc_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ADMINISTRATOR_RENEW;
    enum oc_status st = in->name[0] != '\0' ? take_name(in->name, out, err) : OC_OK;
    if (!st) {
        st = take_ttl(in->ttl_ms, out, err);
    }
    return st ? st : take_proof(in->csr, in->certificate, out, err);
}

enum oc_status convert_revoke_administrator(const Openclaw__V1__RevokeAdministratorRequest *in,
                                            struct administrator_command *out, struct oc_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ADMINISTRATOR_REVOKE;
    if ((in->name[0] != '\0') == (in->sha256.len > 0)) {
        return field_refuse(err, "name", "exactly one of name and sha256");
    }
    enum oc_status st =
        in->name[0] != '\0'
            ? take_any_name(in->name, out, err)
            : field_take_bytes("sha256", in->sha256, OC_DIGEST_BYTES, out->sha256.bytes, err);
    return st ? st : take_reason(in->reason, out, err);
}

enum oc_status convert_set_administrator_role(const Openclaw__V1__SetAdministratorRoleRequest *in,
                                              struct administrator_command *out,
                                              struct oc_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ADMINISTRATOR_SET_ROLE;
    enum oc_status st = take_name(in->name, out, err);
    if (!st) {
        st = take_role(in->role, out, err);
    }
    return st ? st : take_reason(in->reason, out, err);
}

enum oc_status convert_list_administrators(const Openclaw__V1__ListAdministratorsRequest *in,
                                           size_t *limit, char cursor[ADMINISTRATOR_NAME_BYTES + 1],
                                           struct oc_error *err)
{
    struct administrator_command name = {.name = ""};
    if (in->page_size > CONVERT_MAX_ADMINISTRATORS_PAGE) {
        return field_refuse(err, "page_size", "at most 100");
    }
    if (in->cursor[0] != '\0' && take_any_name(in->cursor, &name, err)) {
        return field_refuse(err, "cursor", "not one of this gateway's");
    }
    memcpy(cursor, name.name, sizeof name.name);
    *limit = in->page_size > 0 ? in->page_size : CONVERT_MAX_ADMINISTRATORS_PAGE;
    return OC_OK;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void certificate_out(const struct administrator_certificate *in,
                            Openclaw__V1__AdministratorCertificate *out)
{
    static const struct oc_digest none;
    openclaw__v1__administrator_certificate__init(out);
    out->sha256 = convert_bytes_out(in->sha256.bytes, sizeof in->sha256.bytes);
    out->serial = convert_bytes_out(in->serial, in->n_serial);
    out->not_before_ms = in->not_before_ms;
    out->not_after_ms = in->not_after_ms;
    out->issued_at_ms = in->issued_ms;
    out->issued_by = convert_text_out(in->issued_by);
    out->revoked_at_ms = in->revoked_ms;
    out->revoked_by = convert_text_out(in->revoked_by);
    if (memcmp(&in->renewed_with, &none, sizeof none) != 0) {
        out->renewed_with =
            convert_bytes_out(in->renewed_with.bytes, sizeof in->renewed_with.bytes);
    }
}

void convert_administrator_out(const struct administrator_view *view,
                               struct administrator_message *out)
{
    const struct administrator *in = &view->administrator;
    Openclaw__V1__Administrator *message = &out->administrator;
    openclaw__v1__administrator__init(message);
    message->name = convert_text_out(in->name);
    message->role = (Openclaw__V1__AdministratorRole)in->role;
    message->state = (Openclaw__V1__AdministratorState)view->state;
    message->created_at_ms = in->created_ms;
    message->created_by = convert_text_out(in->created_by);
    message->decided_at_ms = in->decided_ms;
    message->decided_by = convert_text_out(in->decided_by);
    message->last_seen_at_ms = view->last_seen_ms;
    message->online = view->is_online;
    message->quarantined = in->is_quarantined;
    message->n_certificates = in->n_certificates;
    message->certificates = out->pointers;
    for (size_t i = 0; i < in->n_certificates; i++) {
        certificate_out(&in->certificates[i], &out->certificates[i]);
        out->pointers[i] = &out->certificates[i];
    }
}

void convert_ca_out(const struct administrators_ca *ca, Openclaw__V1__AdminCa *out)
{
    openclaw__v1__admin_ca__init(out);
    out->certificate = convert_bytes_out(ca->der, ca->n);
    out->sha256 = convert_bytes_out(ca->sha256.bytes, sizeof ca->sha256.bytes);
    out->not_before_ms = ca->not_before_ms;
    out->not_after_ms = ca->not_after_ms;
    out->can_sign = ca->can_sign;
}
