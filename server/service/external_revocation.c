/* See external_revocation.h. */
#include "server/service/external_revocation.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/hex.h"
#include "server/service/externals.h"
#include "server/service/service_state.h"

enum {
    SHOWN_BYTES = 24, /* of a fingerprint, in the name of what has no other */
};

enum oc_status external_check(struct service *service, enum administrator_command_kind kind,
                              struct oc_error *err)
{
    const bool makes = kind == ADMINISTRATOR_INIT_PKI || kind == ADMINISTRATOR_ISSUE ||
                       kind == ADMINISTRATOR_RENEW;
    if (!makes || !externals_are_on(service->externals)) {
        return OC_OK;
    }
    (void)oc_fail(err, OC_FAILED_PRECONDITION,
                  "the admin CA is that of admin.ca: have certificates made there, and map them in "
                  "admin.map");
    (void)snprintf(err->cause, sizeof err->cause, "external_ca");
    return OC_FAILED_PRECONDITION;
}

/* What the holder showed; or the fingerprint alone, which is as good. */
static void describe(struct service *service, struct administrator_event *event)
{
    struct administrator_certificate *out = &event->certificate;
    struct oc_admin_certificate said;
    *out = (struct administrator_certificate){
        .sha256 = event->sha256, .n_serial = 1, .not_after_ms = ADMINISTRATOR_NO_END_MS};
    if (externals_read_holder(service->externals, &event->sha256, &said)) {
        memcpy(event->name, said.name, sizeof event->name);
        memcpy(out->serial, said.serial, sizeof out->serial);
        out->spki_sha256 = said.spki_sha256;
        out->n_serial = said.n_serial;
        out->not_before_ms = said.not_before_ms;
        out->not_after_ms = said.not_after_ms;
    } else {
        char hex[2 * SHOWN_BYTES + 1];
        oc_hex_format(event->sha256.bytes, SHOWN_BYTES, hex);
        (void)snprintf(event->name, sizeof event->name, "sha256:%s", hex);
    }
}

void external_revocation_complete(struct service *service, struct administrator_event *event)
{
    const bool is_certificate = event->kind == ADMINISTRATOR_EV_REVOKE_CERTIFICATE;
    if (!externals_are_on(service->externals) ||
        (is_certificate ? event->name[0] != '\0' : !oc_admin_uri_is_sound(event->name))) {
        return;
    }
    event->is_external = true;
    event->role = ADMINISTRATOR_VIEWER; /* a row must have one; it means nothing */
    if (is_certificate) {
        describe(service, event);
    }
}
