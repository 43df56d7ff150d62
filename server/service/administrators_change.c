/*
 * What changes administrators, on the writer's thread, each in a transaction of its own between the
 * groups: they are few, and nothing waits for them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/hex.h"
#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/administrators_state.h"
#include "server/service/external_revocation.h"
#include "server/service/watchers.h"
#include "server/service/writer.h"

enum {
    LABEL_ID_BYTES = 8,
};
#define ISSUED_EARLIER_MS (INT64_C(5) * 60 * 1000)

struct admin_change {
    struct change change; /* first */
    struct admin_caller caller;
    struct administrator_command command;
    struct administrator_call call;
    struct administrator_result result;
    int64_t start_by_ms; /* monotonic; 0: no bound */
    /* While it runs. */
    struct administrator was;
    struct administrator_event event;
    struct administrator_decision decision;
    struct store_key key;
    bool withdraws; /* something is in force, whatever the disk says */
};

static struct admin_change *change_of(struct change *change)
{
    return (struct admin_change *)(void *)change;
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum oc_status write_row(struct service *service, const struct store_change *row,
                                uint64_t *seq, struct oc_error *err)
{
    struct store *store = writer_store(service);
    if (!store || service_is_locked(service)) {
        return outage_fail(&service->outage, err);
    }
    enum oc_status st = store_begin(store, err);
    if (!st) {
        st = store_apply(store, row, seq, err);
        if (st) {
            store_rollback(store);
        } else {
            st = store_commit(store, err);
        }
    }
    if (st) {
        writer_note_failure(service, st, err);
        return err->status;
    }
    metric_add(METRIC_COMMITS_TOTAL, 1);
    service_set_identity(service, store);
    watchers_wake(service);
    return OC_OK;
}

bool administrators_retry(struct service *service)
{
    struct unsaved_administrator *unsaved;
    while ((unsaved = administrators_first_unsaved(service))) {
        const struct store_change row = {
            .administrator = &unsaved->administrator,
            .audit = &unsaved->audit,
            .action = unsaved->action,
            .now_ms = service_now_ms(service),
        };
        struct oc_error err;
        uint64_t seq;
        if (write_row(service, &row, &seq, &err)) {
            return false;
        }
        administrators_drop_first_unsaved(service);
    }
    return true;
}

/* What gives is not tried on a disk without room; what withdraws is always. */
static enum oc_status admit(struct service *service, bool withdraws, struct oc_error *err)
{
    struct store *store = writer_store(service);
    if (withdraws || !outage_is_on(&service->outage) ||
        (store && store_check_room(store, NULL) == OC_OK)) {
        return OC_OK;
    }
    return outage_fail(&service->outage, err);
}

/* In force, and written again. What cannot be kept for that holds until the gateway ends. */
static enum oc_status keep_withdrawn(struct service *service, const struct admin_change *it,
                                     struct oc_error *err)
{
    const struct oc_error was = *err;
    struct unsaved_administrator *unsaved = calloc(1, sizeof *unsaved);
    if (unsaved) {
        unsaved->administrator = it->decision.next;
        unsaved->audit = it->decision.audit;
        (void)snprintf(unsaved->action, sizeof unsaved->action, "%s",
                       administrator_event_name(it->event.kind));
        administrators_keep_unsaved(service, unsaved);
    }
    (void)oc_fail(err, OC_UNAVAILABLE, "in force, but not durable yet: %.400s", was.text);
    memcpy(err->cause, was.cause, sizeof err->cause);
    err->is_not_durable = true;
    return OC_UNAVAILABLE;
}

static struct store_key *key_of(struct admin_change *it)
{
    const struct admin_caller *caller = &it->caller;
    if (!caller->has_key) {
        return NULL;
    }
    it->key = (struct store_key){.method = caller->method,
                                 .payload_digest = caller->payload_digest,
                                 .outcome = PAIRING_DONE};
    memcpy(it->key.actor, caller->actor.name, sizeof it->key.actor);
    memcpy(it->key.key, caller->key, sizeof it->key.key);
    /* What the answer is found by: the certificate that was made. */
    memcpy(it->key.device_id.bytes, it->event.certificate.sha256.bytes, OC_DIGEST_BYTES);
    return &it->key;
}

/* Writes what was decided, and publishes it: before, if it withdraws. */
static enum oc_status apply(struct service *service, struct admin_change *it)
{
    struct administrator_result *result = &it->result;
    const struct administrator_decision *decision = &it->decision;
    const bool is_done = decision->outcome == ADMINISTRATOR_DONE;
    const struct store_change row = {
        .administrator = decision->changed ? &decision->next : NULL,
        .audit = &decision->audit,
        .action = administrator_event_name(it->event.kind),
        .key = is_done && it->event.kind != ADMINISTRATOR_EV_VOID ? key_of(it) : NULL,
        .now_ms = decision->audit.at_ms,
    };
    if (decision->withdraws) {
        administrators_publish(service, &decision->next);
        result->n_closed += administrators_tell(service, it->caller.origin);
        it->withdraws = true;
    }
    uint64_t seq = 0;
    enum oc_status st = admit(service, decision->withdraws, &result->error);
    if (!st && !administrators_retry(service)) { /* what came before comes first */
        st = outage_fail(&service->outage, &result->error);
    }
    if (!st) {
        st = write_row(service, &row, &seq, &result->error);
    }
    if (st) {
        return decision->withdraws ? keep_withdrawn(service, it, &result->error) : st;
    }
    result->seq = seq;
    if (decision->changed && !decision->withdraws) {
        administrators_publish(service, &decision->next);
    }
    if (decision->withdraws) {
        writer_write_marker(service);
    }
    return OC_OK;
}

static enum oc_status fail_by(enum administrator_outcome outcome, const char *name,
                              struct oc_error *err)
{
    enum oc_status st = OC_OK;
    switch (outcome) {
    case ADMINISTRATOR_DONE:
    case ADMINISTRATOR_OUTCOME_COUNT:
        return OC_OK;
    case ADMINISTRATOR_NOT_KNOWN:
        st = oc_fail(err, OC_NOT_FOUND, "no such administrator or certificate");
        break;
    case ADMINISTRATOR_EXISTS:
        st = oc_fail(err, OC_ALREADY_EXISTS, "there is an administrator %s", name);
        break;
    case ADMINISTRATOR_IS_REVOKED:
        st = oc_fail(err, OC_FAILED_PRECONDITION, "revoked: issue a new certificate");
        break;
    case ADMINISTRATOR_TOO_MANY:
        st = oc_fail(err, OC_FAILED_PRECONDITION,
                     "this administrator holds as many certificates as may be: revoke one");
        break;
    case ADMINISTRATOR_IS_QUARANTINED:
        st = oc_fail(err, OC_FAILED_PRECONDITION,
                     "the row of this administrator was changed by somebody else: revoke it, then "
                     "issue anew");
        break;
    }
    (void)snprintf(err->cause, sizeof err->cause, "%s", administrator_outcome_name(outcome));
    return st;
}

/* From it->event, on what memory holds: all that is committed, and what is denied besides. */
static enum oc_status decide(struct service *service, struct admin_change *it)
{
    struct administrator_result *result = &it->result;
    const char *name = it->event.name;
    (void)administrators_read(service, name, &it->was);
    enum oc_status st = external_reserve(service, &it->caller, &it->event, &result->error);
    if (st) {
        return st;
    }
    administrator_decide(&it->was, &it->event, service_now_ms(service), &it->decision);
    if (it->decision.outcome == ADMINISTRATOR_TOO_MANY && it->caller.is_remote) {
        /* Any viewer gets here at will, by renewing: no commit for each, and few rows. */
        admin_record_denied(service, &it->caller.actor, administrator_event_name(it->event.kind),
                            administrator_outcome_name(it->decision.outcome));
        return fail_by(it->decision.outcome, name, &result->error);
    }
    st = apply(service, it);
    return st ? st : fail_by(it->decision.outcome, name, &result->error);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static enum oc_status refuse_field(struct oc_error *err, const char *field, const char *why)
{
    (void)oc_fail(err, OC_INVALID_ARGUMENT, "%s: %s", field, why);
    (void)snprintf(err->field, sizeof err->field, "%s", field);
    return OC_INVALID_ARGUMENT;
}

/* What the certificate says goes into the event. One of our own making is judged, too. */
static enum oc_status take_certificate(struct service *service, struct admin_change *it,
                                       const struct oc_bytes *der, struct oc_error *err)
{
    struct oc_admin_certificate said;
    struct administrator_certificate *out = &it->event.certificate;
    const enum oc_admin_verdict verdict = administrators_judge(service, der, 1, &said);
    if (verdict != OC_ADMIN_ACCEPTED) {
        return refuse_field(err, "certificate", oc_admin_verdict_text(verdict));
    }
    if (strcmp(said.name, it->event.name) != 0) {
        return refuse_field(err, "certificate", "is of another administrator");
    }
    out->sha256 = said.sha256;
    out->spki_sha256 = said.spki_sha256;
    memcpy(out->serial, said.serial, sizeof out->serial);
    out->n_serial = said.n_serial;
    out->not_before_ms = said.not_before_ms;
    out->not_after_ms = said.not_after_ms;
    return OC_OK;
}

static enum oc_status sign(struct service *service, struct admin_change *it, int64_t ttl_ms)
{
    struct administrator_result *result = &it->result;
    const struct administrator_command *command = &it->command;
    const struct oc_admin_order order = {
        .name = it->event.name,
        .csr = {command->csr, command->n_csr},
        .now_ms = service_now_ms(service),
        .ttl_ms = ttl_ms,
    };
    enum oc_status st =
        oc_admin_ca_sign(administrators_ca(service), &order, &result->der, &result->error);
    if (st) {
        return st;
    }
    const struct oc_bytes der = {result->der.bytes, result->der.n};
    st = take_certificate(service, it, &der, &result->error);
    if (!st && der.n <= ADMINISTRATOR_DER_BYTES) {
        it->event.certificate.n_der = (uint16_t)der.n;
        memcpy(it->event.certificate.der, der.data, der.n);
    }
    return st;
}

static enum oc_status bring(struct service *service, struct admin_change *it)
{
    struct administrator_result *result = &it->result;
    const struct administrator_command *command = &it->command;
    if (oc_admin_ca_can_sign(administrators_ca(service))) {
        return refuse_field(&result->error, "certificate",
                            "this gateway's own CA signs: bring a CSR instead");
    }
    if (command->n_certificate > sizeof result->der.bytes) {
        return refuse_field(&result->error, "certificate", "longer than 2 KiB");
    }
    const struct oc_bytes der = {command->certificate, command->n_certificate};
    enum oc_status st = take_certificate(service, it, &der, &result->error);
    if (!st) {
        result->der.n = der.n;
        memcpy(result->der.bytes, der.data, der.n);
    }
    return st;
}

/* The same CSR again: the certificate that was made of it, if it is in force. */
static bool find_made(struct service *service, struct admin_change *it)
{
    struct oc_digest key;
    const struct oc_bytes csr = {it->command.csr, it->command.n_csr};
    if (it->command.n_csr == 0 || oc_admin_csr_key(csr, &key, NULL)) {
        return false;
    }
    const struct administrator_certificate *made =
        administrator_find_key(&it->was, &key, service_now_ms(service));
    if (!made || made->n_der == 0 || it->was.is_quarantined || it->was.is_revoked) {
        return false;
    }
    it->result.der.n = made->n_der;
    memcpy(it->result.der.bytes, made->der, made->n_der);
    return true;
}

static enum oc_status certify(struct service *service, struct admin_change *it, int64_t ttl_ms)
{
    if (!administrators_ca(service)) {
        (void)oc_fail(&it->result.error, OC_FAILED_PRECONDITION,
                      "there is no admin CA: openclaw pki init");
        memcpy(it->result.error.cause, "no_ca", sizeof "no_ca");
        return OC_FAILED_PRECONDITION;
    }
    enum oc_status st = it->command.n_csr > 0 ? sign(service, it, ttl_ms) : bring(service, it);
    return st ? st : decide(service, it);
}

static enum oc_status issue(struct service *service, struct admin_change *it)
{
    const struct administrator_command *command = &it->command;
    it->event.kind = ADMINISTRATOR_EV_ISSUE;
    it->event.role = command->role;
    (void)administrators_read(service, command->name, &it->was);
    if (it->was.role == command->role && find_made(service, it)) {
        return OC_OK;
    }
    return certify(service, it, command->ttl_ms > 0 ? command->ttl_ms : OC_ADMIN_TTL_MS);
}

/* ---- renewing -------------------------------------------------------------------------------- */

/* Whoever renews for himself gets no more time than his certificate was made for. */
static int64_t own_ttl(const struct administrator_certificate *own, int64_t wanted_ms)
{
    const int64_t most_ms = own->not_after_ms - own->not_before_ms - ISSUED_EARLIER_MS;
    return wanted_ms > 0 && wanted_ms < most_ms ? wanted_ms : most_ms;
}

static enum oc_status renew(struct service *service, struct admin_change *it)
{
    const struct admin_caller *caller = &it->caller;
    const struct administrator_command *command = &it->command;
    int64_t ttl_ms = command->ttl_ms > 0 ? command->ttl_ms : OC_ADMIN_TTL_MS;
    it->event.kind = ADMINISTRATOR_EV_RENEW;
    if (caller->is_remote && strcmp(it->event.name, caller->remote_name) == 0) {
        (void)administrators_read(service, it->event.name, &it->was);
        const struct administrator_certificate *own =
            administrator_find_certificate(&it->was, &caller->certificate);
        it->event.certificate.renewed_with = caller->certificate;
        ttl_ms = own ? own_ttl(own, command->ttl_ms) : ttl_ms;
    }
    (void)administrators_read(service, it->event.name, &it->was);
    return find_made(service, it) ? OC_OK : certify(service, it, ttl_ms);
}

static enum oc_status revoke(struct service *service, struct admin_change *it)
{
    const struct administrator_command *command = &it->command;
    it->event.kind = ADMINISTRATOR_EV_REVOKE;
    if (command->name[0] == '\0') {
        it->event.kind = ADMINISTRATOR_EV_REVOKE_CERTIFICATE;
        it->event.sha256 = command->sha256;
        (void)administrators_read_holder(service, &command->sha256, &it->was);
        memcpy(it->event.name, it->was.name, sizeof it->event.name);
    }
    external_revocation_complete(service, &it->event);
    return decide(service, it);
}

static enum oc_status set_role(struct service *service, struct admin_change *it)
{
    it->event.kind = ADMINISTRATOR_EV_SET_ROLE;
    it->event.role = it->command.role;
    return decide(service, it);
}

/* ---- the CA ---------------------------------------------------------------------------------- */

/* Every certificate of the CA that goes. */
static enum oc_status void_all(struct service *service, struct admin_change *it)
{
    char cursor[ADMINISTRATOR_NAME_BYTES + 1] = "";
    struct administrator_view *view = malloc(sizeof *view);
    enum oc_status st = OC_OK;
    if (!view) {
        return oc_fail(&it->result.error, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    it->event.kind = ADMINISTRATOR_EV_VOID;
    while (!st && administrators_view_next(service, cursor, view)) {
        memcpy(cursor, view->administrator.name, sizeof cursor);
        if (view->administrator.n_certificates > 0) {
            memcpy(it->event.name, cursor, sizeof it->event.name);
            st = decide(service, it);
            it->result.n_revoked += it->decision.changed;
        }
    }
    free(view);
    return st;
}

static enum oc_status audit_init(struct service *service, struct admin_change *it,
                                 const struct oc_admin_ca *ca)
{
    const struct oc_digest sha256 = oc_admin_ca_sha256(ca);
    const bool replaces = administrators_ca(service) != NULL;
    struct audit_event audit = {.at_ms = service_now_ms(service),
                                .actor = it->caller.actor,
                                .action = "pki.init",
                                .outcome = "done",
                                .after = "ca"};
    char hex[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(sha256.bytes, sizeof sha256.bytes, hex);
    (void)snprintf(audit.detail, sizeof audit.detail, "ca=%s key=%s replaces=%s", hex,
                   oc_admin_ca_can_sign(ca) ? "here" : "elsewhere", replaces ? "yes" : "no");
    (void)snprintf(audit.before, sizeof audit.before, "%s", replaces ? "ca" : "none");
    memcpy(audit.reason, it->command.reason, sizeof audit.reason);
    const struct store_change row = {.audit = &audit, .now_ms = audit.at_ms};
    uint64_t seq;
    enum oc_status st = admit(service, false, &it->result.error);
    return st ? st : write_row(service, &row, &seq, &it->result.error);
}

static enum oc_status make_ca(struct service *service, const struct administrator_command *command,
                              struct oc_admin_ca **out, struct oc_error *err)
{
    const struct store_identity identity = service_identity(service);
    char label[2 * LABEL_ID_BYTES + 1];
    if (command->n_certificate > 0) {
        return oc_admin_ca_from_certificate(command->certificate, command->n_certificate, out, err);
    }
    oc_hex_format(identity.gateway_id, LABEL_ID_BYTES, label);
    return oc_admin_ca_make(label, service_now_ms(service), out, err);
}

/* Audited, then void what was, then the file, then in force: whatever fails in between, nobody has
 * more than before. */
static enum oc_status put_ca(struct service *service, struct admin_change *it,
                             const struct oc_admin_ca *ca)
{
    const struct service_options *options = &service->options;
    enum oc_status st = audit_init(service, it, ca);
    if (!st && administrators_ca(service)) {
        st = void_all(service, it);
    }
    return st ? st : options->save_admin_ca(options->save_admin_ca_user, ca, &it->result.error);
}

static enum oc_status init_pki(struct service *service, struct admin_change *it)
{
    struct administrator_result *result = &it->result;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    if (!service->options.save_admin_ca) {
        return oc_fail(&result->error, OC_FAILED_PRECONDITION, "this gateway keeps no CA");
    }
    if (administrators_ca(service) && !it->command.replaces) {
        (void)oc_fail(&result->error, OC_ALREADY_EXISTS, "there is an admin CA already");
        (void)snprintf(result->error.cause, sizeof result->error.cause, "ca_exists");
        return OC_ALREADY_EXISTS;
    }
    enum oc_status st = make_ca(service, &it->command, &ca, &result->error);
    if (!st) {
        st = put_ca(service, it, ca);
    }
    if (st) {
        return st;
    }
    administrators_set_ca(service, OC_STEAL(ca));
    result->n_closed += administrators_tell(service, NULL);
    return OC_OK;
}

bool administrators_take_ca(struct service *service, const struct audit_actor *actor,
                            struct oc_admin_ca *ca)
{
    const struct oc_admin_ca *old = administrators_ca(service);
    const struct oc_digest sha256 = oc_admin_ca_sha256(ca);
    const struct oc_digest had = old ? oc_admin_ca_sha256(old) : (struct oc_digest){{0}};
    struct admin_change *it = calloc(1, sizeof *it);
    if (!it || memcmp(&sha256, &had, sizeof had) == 0) {
        free(it);
        oc_admin_ca_free(ca);
        return false;
    }
    it->caller.actor = it->event.actor = *actor;
    /* Whatever the disk says: who put another file there wants the old one out. */
    enum oc_status st = audit_init(service, it, ca);
    if (old && void_all(service, it)) {
        st = it->result.status;
    }
    administrators_set_ca(service, ca);
    const unsigned n_closed = it->result.n_closed + administrators_tell(service, NULL);
    log_warn("pki.replaced", "by=%s revoked=%u connections_closed=%u is_durable=%s", actor->name,
             it->result.n_revoked, n_closed, st || it->result.error.status ? "false" : "true");
    free(it);
    return true;
}

/* ---- running --------------------------------------------------------------------------------- */

/* What dispatch allowed may have been taken away since; and who may renew for others is said here,
 * as the method alone does not tell. */
static enum oc_status check_authority(struct service *service, const struct admin_change *it,
                                      struct oc_error *err)
{
    const struct admin_caller *caller = &it->caller;
    enum administrator_role role;
    if (!caller->is_remote) {
        return OC_OK;
    }
    const bool is_own =
        it->command.kind == ADMINISTRATOR_RENEW && strcmp(it->event.name, caller->remote_name) == 0;
    const enum administrator_role least = is_own ? ADMINISTRATOR_VIEWER : ADMINISTRATOR_ADMIN;
    (void)administrators_look_up(service, &caller->certificate, &role);
    if (role >= least) {
        return OC_OK;
    }
    admin_record_denied(service, &caller->actor, administrator_event_name(it->event.kind), "role");
    return oc_fail(err, OC_PERMISSION_DENIED, "needs the role %s", administrator_role_name(least));
}

static enum oc_status check(struct service *service, struct admin_change *it)
{
    struct oc_error *err = &it->result.error;
    const struct administrator_command *command = &it->command;
    if (service_is_locked(service)) {
        return oc_fail(err, OC_UNAVAILABLE, "%s",
                       store_lock_text((enum store_lock)atomic_load(&service->lock)));
    }
    if (it->start_by_ms != 0 && service_monotonic_ms(service) >= it->start_by_ms) {
        return oc_fail(err, OC_DEADLINE_EXCEEDED,
                       "the time given for the call was over before it began");
    }
    const bool is_self = command->kind == ADMINISTRATOR_RENEW && command->name[0] == '\0';
    if (is_self && !it->caller.is_remote) {
        return refuse_field(err, "name", "needed at the local door: who shall it be?");
    }
    memcpy(it->event.name, is_self ? it->caller.remote_name : command->name, sizeof it->event.name);
    const enum oc_status st = check_authority(service, it, err);
    return st ? st : external_check(service, command->kind, err);
}

/* True: made before, and answered as it was then, as far as it still is so. */
static bool replay(struct service *service, struct admin_change *it)
{
    struct administrator_result *result = &it->result;
    struct store *store = writer_store(service);
    struct store_key key;
    struct oc_error err;
    if (!it->caller.has_key || !store ||
        store_find_key(store, it->caller.actor.name, it->caller.method, it->caller.key, &key,
                       &err)) {
        return false; /* a withdrawal must be in force at once; all else can be made only once */
    }
    if (memcmp(&key.payload_digest, &it->caller.payload_digest, sizeof key.payload_digest) != 0) {
        result->status = oc_fail(&result->error, OC_INVALID_ARGUMENT,
                                 "the idempotency key was used for another call");
        return true;
    }
    struct oc_digest sha256;
    memcpy(sha256.bytes, key.device_id.bytes, sizeof sha256.bytes);
    if (it->command.kind == ADMINISTRATOR_REVOKE && it->event.name[0] == '\0') {
        sha256 = it->command.sha256;
    }
    if (administrators_read_holder(service, &sha256, &it->was)) {
        const struct administrator_certificate *made =
            administrator_find_certificate(&it->was, &sha256);
        memcpy(it->event.name, it->was.name, sizeof it->event.name);
        result->der.n = made->n_der;
        memcpy(result->der.bytes, made->der, made->n_der);
    }
    result->seq = key.seq;
    return true;
}

static enum oc_status run_kind(struct service *service, struct admin_change *it)
{
    switch (it->command.kind) {
    case ADMINISTRATOR_INIT_PKI:
        return init_pki(service, it);
    case ADMINISTRATOR_ISSUE:
        return issue(service, it);
    case ADMINISTRATOR_RENEW:
        return renew(service, it);
    case ADMINISTRATOR_REVOKE:
        return revoke(service, it);
    case ADMINISTRATOR_SET_ROLE:
        return set_role(service, it);
    }
    return oc_fail(&it->result.error, OC_INTERNAL, "administrators: no such command");
}

static void log_outcome(const struct admin_change *it)
{
    static const char *const words[] = {
        [ADMINISTRATOR_INIT_PKI] = "pki.initialised",
        [ADMINISTRATOR_ISSUE] = "administrator.issued",
        [ADMINISTRATOR_RENEW] = "administrator.renewed",
        [ADMINISTRATOR_REVOKE] = "administrator.revoked",
        [ADMINISTRATOR_SET_ROLE] = "administrator.role_set",
    };
    const struct administrator_result *result = &it->result;
    const char *name = it->event.name[0] != '\0' ? it->event.name : "none";
    if (result->status == OC_OK) {
        log_info(words[it->command.kind], "administrator=%s role=%s by=%s connections_closed=%u",
                 name, administrator_role_name(result->view.administrator.role),
                 it->caller.actor.name, result->n_closed);
    } else {
        const struct log_about about = {.event = "administrator.not_changed",
                                        .subject = it->caller.actor.name,
                                        .source = it->caller.actor.source};
        log_limited(LOG_LEVEL_WARN, &about,
                    "action=%s administrator=%s by=%s is_in_force=%s reason=%s",
                    words[it->command.kind], name, it->caller.actor.name,
                    result->error.is_not_durable ? "true" : "false", result->error.text);
    }
}

static void run(struct service *service, struct change *change)
{
    struct admin_change *it = change_of(change);
    struct administrator_result *result = &it->result;
    it->event.actor = it->caller.actor;
    memcpy(it->event.reason, it->command.reason, sizeof it->event.reason);
    result->status = check(service, it);
    if (!result->status && !replay(service, it)) {
        result->status = run_kind(service, it);
        if (!result->status && it->withdraws) {
            result->status = writer_check_marker(service, &result->error);
        }
    }
    if (it->event.name[0] != '\0') {
        administrators_view(service, it->event.name, &result->view);
    }
    log_outcome(it);
}

static void deliver(struct delivery *delivery)
{
    struct admin_change *it =
        (struct admin_change *)(void *)((char *)delivery -
                                        offsetof(struct admin_change, change.delivery));
    it->call.done(it->call.user, &it->result);
    free(it);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    (void)failed;
    notifier_post_one(service->notifier, &change->delivery);
}

static void answer_at_once(const struct administrator_call *call)
{
    struct administrator_result *result = calloc(1, sizeof *result);
    static const struct administrator_result least = {.status = OC_RESOURCE_EXHAUSTED};
    if (result) {
        result->status =
            oc_fail(&result->error, OC_RESOURCE_EXHAUSTED, "too many changes are waiting");
        result->error.retry_after_ms = 1000;
    }
    call->done(call->user, result ? result : &least);
    free(result);
}

void administrators_change(struct service *service, const struct admin_caller *caller,
                           const struct administrator_command *command,
                           const struct administrator_call *call)
{
    static const struct change_ops ops = {.run = run, .finish = finish};
    struct admin_change *it = calloc(1, sizeof *it);
    if (it) {
        it->change.ops = &ops;
        it->change.delivery.deliver = deliver;
        it->caller = *caller;
        it->command = *command;
        it->call = *call;
        if (caller->budget_ms > 0) {
            it->start_by_ms = service_monotonic_ms(service) + caller->budget_ms;
        }
    }
    if (!it || !writer_push(service, &it->change)) {
        free(it);
        answer_at_once(call);
    }
}
