/* Remote administrators, listed and changed: openclaw/administrators.h. */
#include "client/administrators.h"

#include <string.h>

#include "client/clean_text.h"
#include "client/convert.h"
#include "client/unknown_field.h"
#include "proto/crypto/admin_certificate.h"

#define ADMIN_SERVICE (&openclaw__v1__admin_service__descriptor)

/* The schema's numbers are ours. */
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_VIEWER ==
                   OC_ADMINISTRATOR_VIEWER,
               "roles");
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_ADMIN ==
                   OC_ADMINISTRATOR_ADMIN,
               "roles");
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_STATE__ADMINISTRATOR_STATE_ACTIVE ==
                   OC_ADMINISTRATOR_ACTIVE,
               "states");
_Static_assert((int)OPENCLAW__V1__ADMINISTRATOR_STATE__ADMINISTRATOR_STATE_EXPIRED ==
                   OC_ADMINISTRATOR_EXPIRED,
               "states");

const char *oc_administrator_state_name(enum oc_administrator_state state)
{
    static const char *const names[OC_ADMINISTRATOR_STATE_COUNT] = {
        [OC_ADMINISTRATOR_STATE_UNKNOWN] = "unknown",
        [OC_ADMINISTRATOR_ACTIVE] = "active",
        [OC_ADMINISTRATOR_REVOKED] = "revoked",
        [OC_ADMINISTRATOR_EXPIRED] = "expired",
    };
    return (unsigned)state < OC_ADMINISTRATOR_STATE_COUNT ? names[state] : names[0];
}

/* ---- from the wire ----------------------------------------------------------------------- */

/* Texts that are shown. */
static void take_clean(const char *text, char *out, size_t cap)
{
    oc_take_text(text, out, cap);
    oc_clean_text(out);
}

bool oc_take_der(ProtobufCBinaryData bytes, struct oc_der *out)
{
    if (bytes.len == 0 || bytes.len > sizeof out->bytes) {
        return false;
    }
    out->n = bytes.len;
    memcpy(out->bytes, bytes.data, bytes.len);
    return true;
}

static bool take_certificate(const Openclaw__V1__AdministratorCertificate *in,
                             struct oc_administrator_certificate *out)
{
    *out = (struct oc_administrator_certificate){.not_before_ms = in->not_before_ms,
                                                 .not_after_ms = in->not_after_ms,
                                                 .issued_at_ms = in->issued_at_ms,
                                                 .revoked_at_ms = in->revoked_at_ms};
    take_clean(in->issued_by, out->issued_by, sizeof out->issued_by);
    take_clean(in->revoked_by, out->revoked_by, sizeof out->revoked_by);
    out->n_serial = in->serial.len <= sizeof out->serial ? (uint8_t)in->serial.len : 0;
    return oc_take_bytes(in->sha256, false, out->sha256.bytes, sizeof out->sha256.bytes) &&
           oc_take_bytes(in->renewed_with, true, out->renewed_with.bytes,
                         sizeof out->renewed_with.bytes) &&
           oc_take_bytes(in->serial, true, out->serial,
                         in->serial.len > 0 ? out->n_serial : sizeof out->serial);
}

/* A number of a newer gateway is none that this version knows. */
static enum oc_administrator_role take_role(Openclaw__V1__AdministratorRole role)
{
    return (unsigned)role < OC_ADMINISTRATOR_ROLE_COUNT ? (enum oc_administrator_role)role
                                                        : OC_ADMINISTRATOR_ROLE_UNKNOWN;
}

static enum oc_administrator_state take_state(Openclaw__V1__AdministratorState state)
{
    return (unsigned)state < OC_ADMINISTRATOR_STATE_COUNT ? (enum oc_administrator_state)state
                                                          : OC_ADMINISTRATOR_STATE_UNKNOWN;
}

bool oc_take_administrator(const Openclaw__V1__Administrator *in, struct oc_administrator *out)
{
    if (!in || !(oc_admin_name_is_sound(in->name) || oc_admin_uri_is_sound(in->name)) ||
        in->n_certificates > OC_MAX_CERTIFICATES) {
        return false;
    }
    *out = (struct oc_administrator){.role = take_role(in->role),
                                     .state = take_state(in->state),
                                     .n_certificates = (uint32_t)in->n_certificates,
                                     .created_at_ms = in->created_at_ms,
                                     .decided_at_ms = in->decided_at_ms,
                                     .last_seen_at_ms = in->last_seen_at_ms,
                                     .is_online = in->online != 0,
                                     .is_quarantined = in->quarantined != 0};
    oc_take_text(in->name, out->name, sizeof out->name);
    take_clean(in->created_by, out->created_by, sizeof out->created_by);
    take_clean(in->decided_by, out->decided_by, sizeof out->decided_by);
    for (size_t i = 0; i < in->n_certificates; i++) {
        if (!take_certificate(in->certificates[i], &out->certificates[i])) {
            return false;
        }
    }
    return true;
}

bool oc_take_pki(const Openclaw__V1__AdminCa *ca, const char *admin_url, struct oc_admin_pki *out)
{
    *out = (struct oc_admin_pki){.is_there = ca != NULL};
    take_clean(admin_url, out->admin_url, sizeof out->admin_url);
    if (!ca) {
        return true;
    }
    out->can_sign = ca->can_sign != 0;
    out->not_before_ms = ca->not_before_ms;
    out->not_after_ms = ca->not_after_ms;
    return oc_take_bytes(ca->sha256, false, out->sha256.bytes, sizeof out->sha256.bytes) &&
           oc_take_der(ca->certificate, &out->certificate);
}

/* ---- to the wire ------------------------------------------------------------------------- */

void oc_choose_key(const uint8_t given[OC_KEY_ID_BYTES], uint8_t out[OC_KEY_ID_BYTES])
{
    static const uint8_t none[OC_KEY_ID_BYTES];
    memcpy(out, given, OC_KEY_ID_BYTES);
    if (memcmp(out, none, OC_KEY_ID_BYTES) == 0) {
        oc_make_idempotency_key(out);
    }
}

Openclaw__V1__AdministratorRole oc_put_administrator_role(enum oc_administrator_role role)
{
    return (Openclaw__V1__AdministratorRole)role;
}

/* ---- changes ----------------------------------------------------------------------------- */

static void on_changed(const Openclaw__V1__AdministratorReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_administrator_changed *out = call->out;
    const bool ok = reply && oc_take_administrator(reply->administrator, &out->administrator);
    if (ok) {
        out->seq = reply->seq;
        out->n_closed = reply->connections_closed;
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

static enum oc_status check_change(const struct oc_administrator_change *change,
                                   struct oc_error *err)
{
    return oc_refuse_unknown_field(change->reserved, sizeof change->reserved,
                                   "oc_administrator_change", err);
}

enum oc_status oc_admin_revoke_administrator(struct oc_client *client,
                                             const struct oc_administrator_change *change,
                                             struct oc_administrator_changed *out,
                                             struct oc_error *err)
{
    enum oc_status st = check_change(change, err);
    if (st) {
        return st;
    }
    uint8_t key[OC_KEY_ID_BYTES];
    oc_choose_key(change->idempotency_key, key);
    Openclaw__V1__RevokeAdministratorRequest request =
        OPENCLAW__V1__REVOKE_ADMINISTRATOR_REQUEST__INIT;
    request.name = oc_put_text(change->name ? change->name : "");
    request.reason = oc_put_text(change->reason ? change->reason : "");
    if (change->certificate) {
        request.sha256 =
            oc_put_bytes(change->certificate->bytes, sizeof change->certificate->bytes);
    }
    *out = (struct oc_administrator_changed){.seq = 0};
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, out);
    call.proxy.idempotency_key = key;
    openclaw__v1__admin_service__revoke_administrator(&call.proxy.base, &request, on_changed,
                                                      &call);
    return oc_blocking_end(&call, err);
}

enum oc_status oc_admin_set_administrator_role(struct oc_client *client,
                                               const struct oc_administrator_change *change,
                                               struct oc_administrator_changed *out,
                                               struct oc_error *err)
{
    enum oc_status st = check_change(change, err);
    if (st) {
        return st;
    }
    uint8_t key[OC_KEY_ID_BYTES];
    oc_choose_key(change->idempotency_key, key);
    Openclaw__V1__SetAdministratorRoleRequest request =
        OPENCLAW__V1__SET_ADMINISTRATOR_ROLE_REQUEST__INIT;
    request.name = oc_put_text(change->name ? change->name : "");
    request.role = oc_put_administrator_role(change->role);
    request.reason = oc_put_text(change->reason ? change->reason : "");
    *out = (struct oc_administrator_changed){.seq = 0};
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, out);
    call.proxy.idempotency_key = key;
    openclaw__v1__admin_service__set_administrator_role(&call.proxy.base, &request, on_changed,
                                                        &call);
    return oc_blocking_end(&call, err);
}

/* ---- the list ---------------------------------------------------------------------------- */

static void on_list(const Openclaw__V1__ListAdministratorsReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_administrator_page *page = call->out;
    bool ok = reply && reply->n_items <= page->cap &&
              strlen(reply->next_cursor) < sizeof page->next_cursor &&
              oc_take_pki(reply->ca, reply->admin_address, &page->pki);
    for (size_t i = 0; ok && i < reply->n_items; i++) {
        ok = oc_take_administrator(reply->items[i], &page->items[i]);
    }
    if (ok) {
        page->n = reply->n_items;
        page->revision = reply->revision;
        take_clean(reply->next_cursor, page->next_cursor, sizeof page->next_cursor);
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_list_administrators(struct oc_client *client, const char *cursor,
                                            struct oc_administrator_page *page,
                                            struct oc_error *err)
{
    if (page->cap == 0 || page->cap > OC_MAX_ADMINISTRATORS_PAGE) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "a page holds 1 to %d administrators",
                       OC_MAX_ADMINISTRATORS_PAGE);
    }
    Openclaw__V1__ListAdministratorsRequest request =
        OPENCLAW__V1__LIST_ADMINISTRATORS_REQUEST__INIT;
    request.page_size = (uint32_t)page->cap;
    request.cursor = oc_put_text(cursor ? cursor : "");
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, page);
    openclaw__v1__admin_service__list_administrators(&call.proxy.base, &request, on_list, &call);
    return oc_blocking_end(&call, err);
}
