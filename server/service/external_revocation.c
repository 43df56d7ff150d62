/* See external_revocation.h. */
#include "server/service/external_revocation.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/hex.h"
#include "server/service/administrators_state.h"
#include "server/service/externals.h"

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

/* What the holder showed; or the fingerprint alone, which is as good: also where the row of the
 * name is full, as revoking never fails for want of room there. */
static void describe(struct service *service, struct administrator_event *event)
{
    struct administrator_certificate *out = &event->certificate;
    struct oc_admin_certificate said;
    *out = (struct administrator_certificate){
        .sha256 = event->sha256, .n_serial = 1, .not_after_ms = ADMINISTRATOR_NO_END_MS};
    if (externals_read_holder(service->externals, &event->sha256, &said) &&
        administrators_has_room(service, said.name)) {
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

static bool has_come_in(struct service *service, const struct administrator_event *event)
{
    struct oc_admin_certificate said;
    return event->kind == ADMINISTRATOR_EV_REVOKE
               ? externals_know_name(service->externals, event->name)
               : externals_read_holder(service->externals, &event->sha256, &said);
}

static size_t most_rows(struct service *service, const struct admin_caller *caller,
                        const struct administrator_event *event)
{
    if (!caller->is_remote) {
        return ADMINISTRATORS_MAX;
    }
    return event->is_external && !has_come_in(service, event) ? ADMINISTRATORS_MAX_UNSEEN
                                                              : ADMINISTRATORS_MAX_REMOTE;
}

enum oc_status external_reserve(struct service *service, const struct admin_caller *caller,
                                const struct administrator_event *event, struct oc_error *err)
{
    if (event->kind != ADMINISTRATOR_EV_ISSUE && !event->is_external) {
        return OC_OK;
    }
    const size_t most = most_rows(service, caller, event);
    if (administrators_reserve(service, event->name, most)) {
        return OC_OK;
    }
    if (caller->is_remote) {
        admin_record_denied(service, &caller->actor, administrator_event_name(event->kind),
                            "too_many");
    }
    (void)oc_fail(err, OC_RESOURCE_EXHAUSTED,
                  "there are %zu administrators, as many as this caller may add to: %s%s", most,
                  caller->is_remote ? "do it on the gateway's machine" : "no room is left",
                  event->is_external ? ", or take the name out of admin.map and run openclaw "
                                       "gateway reload"
                                     : "");
    (void)snprintf(err->cause, sizeof err->cause, "too_many");
    return OC_RESOURCE_EXHAUSTED;
}
