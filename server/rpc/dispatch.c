/* See dispatch.h. The tables are the only place that says what exists where, and for whom. */
#include "server/rpc/dispatch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openclaw/v1/envelope.pb-c.h"
#include "proto/rpc/transport.h"
#include "server/obs/metrics.h"
#include "server/rpc/door_log.h"
#include "server/rpc/handlers.h"
#include "server/service/administrators.h"

#define NUMBER(name) OPENCLAW__V1__METHOD__METHOD_##name

enum {
    METHOD_NAME_BYTES = 64,
    /* More refused calls than a client in good faith makes on one connection. */
    MAX_STRIKES = 64,
};

static const struct method_row devices_table[] = {
    {NUMBER(CONNECT), handle_connect, RPC_ROLE_DEVICE, 4},
    {NUMBER(AWAIT_DECISION), handle_await_decision, RPC_ROLE_DEVICE, 2},
    {NUMBER(HEARTBEAT), handle_heartbeat, RPC_ROLE_DEVICE, 1},
    {NUMBER(AWAIT_NOTICE), handle_await_notice, RPC_ROLE_DEVICE, 1},
    {NUMBER(HEALTH), handle_health, RPC_ROLE_DEVICE, 1},
    {NUMBER(DESCRIBE), handle_describe, RPC_ROLE_DEVICE, 1},
};

static const struct method_row local_table[] = {
    {NUMBER(GET_STATUS), handle_get_status, RPC_ROLE_VIEWER, 0},
    {NUMBER(LIST_DEVICES), handle_list_devices, RPC_ROLE_VIEWER, 0},
    {NUMBER(RESOLVE), handle_resolve, RPC_ROLE_VIEWER, 0},
    {NUMBER(APPROVE), handle_approve, RPC_ROLE_APPROVER, 0},
    {NUMBER(REJECT), handle_reject, RPC_ROLE_APPROVER, 0},
    {NUMBER(REVOKE), handle_revoke, RPC_ROLE_APPROVER, 0},
    {NUMBER(BLOCK), handle_block, RPC_ROLE_APPROVER, 0},
    {NUMBER(UNBLOCK), handle_unblock, RPC_ROLE_APPROVER, 0},
    {NUMBER(DISMISS), handle_dismiss, RPC_ROLE_APPROVER, 0},
    {NUMBER(RENAME), handle_rename, RPC_ROLE_APPROVER, 0},
    {NUMBER(REMOVE), handle_remove, RPC_ROLE_APPROVER, 0},
    {NUMBER(EXPECT), handle_expect, RPC_ROLE_APPROVER, 0},
    {NUMBER(LIST_AUDIT), handle_list_audit, RPC_ROLE_VIEWER, 0},
    {NUMBER(WATCH_EVENTS), handle_watch_events, RPC_ROLE_VIEWER, 0},
    {NUMBER(UNLOCK), handle_unlock, RPC_ROLE_ADMIN, 0},
    {NUMBER(BACKUP), handle_backup, RPC_ROLE_ADMIN, 0},
    {NUMBER(RELOAD), handle_reload, RPC_ROLE_ADMIN, 0},
    {NUMBER(CHECKPOINT), handle_checkpoint, RPC_ROLE_VIEWER, 0},
    {NUMBER(INIT_PKI), handle_init_pki, RPC_ROLE_ADMIN, 0},
    {NUMBER(ISSUE_ADMINISTRATOR), handle_issue_administrator, RPC_ROLE_ADMIN, 0},
    {NUMBER(RENEW_ADMINISTRATOR), handle_renew_administrator, RPC_ROLE_VIEWER, 0},
    {NUMBER(REVOKE_ADMINISTRATOR), handle_revoke_administrator, RPC_ROLE_ADMIN, 0},
    {NUMBER(LIST_ADMINISTRATORS), handle_list_administrators, RPC_ROLE_VIEWER, 0},
    {NUMBER(SET_ADMINISTRATOR_ROLE), handle_set_administrator_role, RPC_ROLE_ADMIN, 0},
    {NUMBER(REVIEW), handle_review, RPC_ROLE_VIEWER, 0},
    {NUMBER(HEALTH), handle_health, RPC_ROLE_VIEWER, 0},
    {NUMBER(DESCRIBE), handle_describe, RPC_ROLE_VIEWER, 0},
};

/* What must be done on the gateway's machine is not here. Unlock, as what a doubtful database says
 * of administrators is in doubt, too. InitPki, as whoever stole an administrator's certificate
 * could make a CA of his own with it and so outlive its revocation. Backup, as its file lies where
 * only that machine's users can fetch it. */
static const struct method_row admin_table[] = {
    {NUMBER(GET_STATUS), handle_get_status, RPC_ROLE_VIEWER, 0},
    {NUMBER(LIST_DEVICES), handle_list_devices, RPC_ROLE_VIEWER, 0},
    {NUMBER(RESOLVE), handle_resolve, RPC_ROLE_VIEWER, 0},
    {NUMBER(APPROVE), handle_approve, RPC_ROLE_APPROVER, 0},
    {NUMBER(REJECT), handle_reject, RPC_ROLE_APPROVER, 0},
    {NUMBER(REVOKE), handle_revoke, RPC_ROLE_APPROVER, 0},
    {NUMBER(BLOCK), handle_block, RPC_ROLE_APPROVER, 0},
    {NUMBER(UNBLOCK), handle_unblock, RPC_ROLE_APPROVER, 0},
    {NUMBER(DISMISS), handle_dismiss, RPC_ROLE_APPROVER, 0},
    {NUMBER(RENAME), handle_rename, RPC_ROLE_APPROVER, 0},
    {NUMBER(REMOVE), handle_remove, RPC_ROLE_APPROVER, 0},
    {NUMBER(EXPECT), handle_expect, RPC_ROLE_APPROVER, 0},
    {NUMBER(LIST_AUDIT), handle_list_audit, RPC_ROLE_VIEWER, 0},
    {NUMBER(WATCH_EVENTS), handle_watch_events, RPC_ROLE_VIEWER, 0},
    {NUMBER(RELOAD), handle_reload, RPC_ROLE_ADMIN, 0},
    {NUMBER(CHECKPOINT), handle_checkpoint, RPC_ROLE_VIEWER, 0},
    {NUMBER(ISSUE_ADMINISTRATOR), handle_issue_administrator, RPC_ROLE_ADMIN, 0},
    {NUMBER(RENEW_ADMINISTRATOR), handle_renew_administrator, RPC_ROLE_VIEWER, 0},
    {NUMBER(REVOKE_ADMINISTRATOR), handle_revoke_administrator, RPC_ROLE_ADMIN, 0},
    {NUMBER(LIST_ADMINISTRATORS), handle_list_administrators, RPC_ROLE_VIEWER, 0},
    {NUMBER(SET_ADMINISTRATOR_ROLE), handle_set_administrator_role, RPC_ROLE_ADMIN, 0},
    {NUMBER(REVIEW), handle_review, RPC_ROLE_VIEWER, 0},
    {NUMBER(HEALTH), handle_health, RPC_ROLE_VIEWER, 0},
    {NUMBER(DESCRIBE), handle_describe, RPC_ROLE_VIEWER, 0},
};

static const struct {
    const struct method_row *rows;
    size_t n;
} tables[RPC_DOOR_COUNT] = {
    [RPC_DOOR_DEVICES] = {devices_table, OC_ARRAY_LENGTH(devices_table)},
    [RPC_DOOR_LOCAL] = {local_table, OC_ARRAY_LENGTH(local_table)},
    [RPC_DOOR_ADMIN] = {admin_table, OC_ARRAY_LENGTH(admin_table)},
};

struct dispatch {
    struct service *service;
    struct oc_digest gateway_spki;
    uint64_t (*monotonic_ms)(void);
    struct dispatch_listener listeners[DISPATCH_MAX_LISTENERS];
    atomic_size_t n_listeners; /* of those that are whole */
    bool expects_admin_door;
    dispatch_caps_fn read_caps; /* NULL: nobody tells */
    void *read_caps_user;
    atomic_bool is_draining;
    pthread_mutex_t lock; /* guards the arenas that are not in use */
    struct oc_arena *arenas[DISPATCH_MAX_ARENAS];
    size_t n_arenas;
};

/* ---- life ---------------------------------------------------------------------------------- */

struct dispatch *dispatch_new(const struct dispatch_options *options)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch || pthread_mutex_init(&dispatch->lock, NULL) != 0) {
        free(dispatch);
        return NULL;
    }
    dispatch->service = options->service;
    dispatch->gateway_spki = options->gateway_spki;
    dispatch->monotonic_ms = options->monotonic_ms ? options->monotonic_ms : oc_monotonic_ms;
    return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch) {
        return;
    }
    for (size_t i = 0; i < dispatch->n_arenas; i++) {
        oc_arena_free(dispatch->arenas[i]);
    }
    pthread_mutex_destroy(&dispatch->lock);
    free(dispatch);
}

void dispatch_add_listener(struct dispatch *dispatch, const char *door, const char *address)
{
    const size_t n = atomic_load(&dispatch->n_listeners);
    if (n < DISPATCH_MAX_LISTENERS) {
        struct dispatch_listener *listener = &dispatch->listeners[n];
        listener->door = door;
        (void)snprintf(listener->address, sizeof listener->address, "%s", address);
        atomic_store(&dispatch->n_listeners, n + 1);
    }
}

void dispatch_expect_admin_door(struct dispatch *dispatch)
{
    dispatch->expects_admin_door = true;
}

bool dispatch_is_admin_door_shut(const struct dispatch *dispatch)
{
    const size_t n = atomic_load(&dispatch->n_listeners);
    bool is_shut = dispatch->expects_admin_door;
    for (size_t i = 0; i < n; i++) {
        is_shut =
            is_shut && strcmp(dispatch->listeners[i].door, rpc_door_name(RPC_DOOR_ADMIN)) != 0;
    }
    return is_shut;
}

void dispatch_set_caps(struct dispatch *dispatch, dispatch_caps_fn read, void *user)
{
    dispatch->read_caps = read;
    dispatch->read_caps_user = user;
}

size_t dispatch_read_caps(const struct dispatch *dispatch,
                          struct dispatch_cap out[DISPATCH_DOOR_CAPS])
{
    return dispatch->read_caps ? dispatch->read_caps(dispatch->read_caps_user, out) : 0;
}

void dispatch_set_draining(struct dispatch *dispatch)
{
    atomic_store(&dispatch->is_draining, true);
}

struct service *dispatch_service(const struct dispatch *dispatch)
{
    return dispatch->service;
}

const struct oc_digest *dispatch_gateway_spki(const struct dispatch *dispatch)
{
    return &dispatch->gateway_spki;
}

const struct dispatch_listener *dispatch_listeners(const struct dispatch *dispatch, size_t *n)
{
    *n = atomic_load(&dispatch->n_listeners);
    return dispatch->listeners;
}

bool dispatch_is_draining(const struct dispatch *dispatch)
{
    return atomic_load(&dispatch->is_draining);
}

const struct method_row *dispatch_table(enum rpc_door door, size_t *n)
{
    *n = tables[door].n;
    return tables[door].rows;
}

/* ---- authorisation ------------------------------------------------------------------------- */

static const struct method_row *find_row(enum rpc_door door, uint32_t number)
{
    for (size_t i = 0; i < tables[door].n; i++) {
        if (tables[door].rows[i].number == number) {
            return &tables[door].rows[i];
        }
    }
    return NULL;
}

/* Devices and administrators are separate classes: no device role ever reaches an
 * administrator's method, nor the reverse. */
static bool role_covers(enum rpc_role has, enum rpc_role needs)
{
    if (has == RPC_ROLE_NOBODY || needs == RPC_ROLE_NOBODY) {
        return false;
    }
    if (has == RPC_ROLE_DEVICE || needs == RPC_ROLE_DEVICE) {
        return has == needs;
    }
    return has >= needs;
}

enum dispatch_verdict dispatch_authorise(enum rpc_door door, enum rpc_role role, uint32_t number)
{
    const struct method_row *row = find_row(door, number);
    if (!row) {
        return DISPATCH_NO_SUCH_METHOD;
    }
    return role_covers(role, row->least) ? DISPATCH_ALLOWED : DISPATCH_DENIED;
}

/* Refused calls of administrators are audited; those of devices are only counted, as strangers
 * may not make the audit grow. */
static void record_denied(const struct call *call, const char *why)
{
    char name[METHOD_NAME_BYTES];
    struct audit_actor actor;
    if (call->caller->door != RPC_DOOR_DEVICES) {
        if (call->method) {
            oc_method_format_name(call->method, name, sizeof name);
        } else {
            (void)snprintf(name, sizeof name, "method %u", call->envelope->method);
        }
        door_log_denied(call->caller, name, why);
        caller_audit_actor(call->caller, &actor);
        admin_record_denied(call->dispatch->service, &actor, name, why);
    }
}

/* What the caller may do now. Others than remote administrators were told when they came in. */
static enum oc_status find_role(const struct call *call, enum rpc_role *role, struct oc_error *err)
{
    struct service *service = call->dispatch->service;
    const struct caller_certificate *certificate = call->caller->certificate;
    enum administrator_role found;
    if (call->caller->door != RPC_DOOR_ADMIN) {
        *role = call->caller->role;
        return OC_OK;
    }
    const enum administrators_standing standing =
        administrators_look_up(service, &certificate->sha256, &found);
    *role = rpc_role_of_administrator(found);
    if (standing == ADMINISTRATORS_ALLOWED) {
        administrators_note_seen(service, certificate->name);
        return OC_OK;
    }
    call->caller->certificate->is_out = true;
    if (standing == ADMINISTRATORS_LOCKED) {
        return oc_fail(err, OC_UNAVAILABLE, "locked: see openclaw gateway status");
    }
    record_denied(call, administrators_standing_name(standing));
    (void)oc_fail(err, OC_PERMISSION_DENIED, "dispatch: the certificate is %s",
                  administrators_standing_name(standing));
    /* Tells its holder that it is the certificate, and not the role, that does not reach. */
    (void)snprintf(err->cause, sizeof err->cause, "certificate_%s",
                   administrators_standing_name(standing));
    return OC_PERMISSION_DENIED;
}

static enum oc_status check_authority(const struct call *call, uint32_t number,
                                      struct oc_error *err)
{
    enum rpc_role role = RPC_ROLE_NOBODY;
    enum oc_status status = find_row(call->caller->door, number) ? find_role(call, &role, err)
                                                                 : OC_OK; /* whoever asks */
    if (status) {
        return status;
    }
    switch (dispatch_authorise(call->caller->door, role, number)) {
    case DISPATCH_ALLOWED:
        return OC_OK;
    case DISPATCH_NO_SUCH_METHOD:
        if (call->caller->door == RPC_DOOR_ADMIN) {
            record_denied(call, DOOR_LOG_NO_METHOD);
        }
        return oc_fail(err, OC_UNIMPLEMENTED, "dispatch: no method %u at this door", number);
    case DISPATCH_DENIED:
        record_denied(call, DOOR_LOG_ROLE);
        break;
    }
    return oc_fail(err, OC_PERMISSION_DENIED, "dispatch: %s may not call method %u",
                   rpc_role_name(role), number);
}

/* ---- one frame ----------------------------------------------------------------------------- */

/* What one caller may take: tokens while it is not approved, calls in flight always. */
static enum oc_status check_quota(const struct call *call, const struct method_row *row,
                                  unsigned n_in_flight, struct oc_error *err)
{
    const bool is_approved = atomic_load(&call->caller->is_approved);
    const unsigned max_in_flight = !is_approved ? OC_MAX_CALLS_IN_FLIGHT_UNAPPROVED
                                   : call->caller->door == RPC_DOOR_ADMIN
                                       ? OC_MAX_CALLS_IN_FLIGHT_ADMIN
                                       : OC_MAX_CALLS_IN_FLIGHT;
    if (!is_approved) {
        const uint32_t wait_ms =
            caller_take_tokens(call->caller, row->cost, call->dispatch->monotonic_ms());
        if (wait_ms > 0) {
            (void)oc_fail(err, OC_RESOURCE_EXHAUSTED, "dispatch: quota of an unapproved caller");
            err->retry_after_ms = wait_ms;
            return OC_RESOURCE_EXHAUSTED;
        }
    }
    if (n_in_flight >= max_in_flight) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "dispatch: too many calls in flight");
    }
    return OC_OK;
}

static enum oc_status refuse(struct oc_error *err, const char *field, const char *why)
{
    (void)oc_fail(err, OC_INVALID_ARGUMENT, "envelope: %s: %s", field, why);
    (void)snprintf(err->field, sizeof err->field, "%s", field);
    return OC_INVALID_ARGUMENT;
}

static enum oc_status check_envelope(const struct call *call, struct oc_error *err)
{
    if (call->envelope->has_idempotency_key && !call->method->changes) {
        return refuse(err, "idempotency_key", "only for methods that change something");
    }
    if (call->envelope->has_unknown_fields && call->method->changes) {
        return refuse(err, "Call", "holds fields this version does not know (newer client)");
    }
    return OC_OK;
}

static uint32_t budget_of(const struct oc_method *method, uint32_t budget_ms)
{
    return method->is_long_poll && budget_ms > OC_LONG_POLL_MS ? OC_LONG_POLL_MS : budget_ms;
}

/* ---- decoding ------------------------------------------------------------------------------ */

static struct oc_arena *take_arena(struct dispatch *dispatch)
{
    pthread_mutex_lock(&dispatch->lock);
    struct oc_arena *arena = dispatch->n_arenas > 0 ? dispatch->arenas[--dispatch->n_arenas] : NULL;
    pthread_mutex_unlock(&dispatch->lock);
    return arena ? arena : oc_arena_new(OC_ARENA_BYTES);
}

static void give_arena(struct dispatch *dispatch, struct oc_arena *arena)
{
    oc_arena_reset(arena);
    pthread_mutex_lock(&dispatch->lock);
    const bool keeps = dispatch->n_arenas < DISPATCH_MAX_ARENAS;
    if (keeps) {
        dispatch->arenas[dispatch->n_arenas++] = arena;
    }
    pthread_mutex_unlock(&dispatch->lock);
    if (!keeps) {
        oc_arena_free(arena);
    }
}

/* What one call is decoded into; wiped when it has run. Short payloads need no lock for it. */
struct workspace {
    _Alignas(OC_ARENA_ALIGNMENT) uint8_t memory[OC_ARENA_HEAD_BYTES + DISPATCH_SMALL_ARENA_BYTES];
    struct oc_arena *small;
    struct oc_arena *large; /* NULL: was not needed */
};

static enum oc_status decode(const struct call *call, struct workspace *space,
                             ProtobufCMessage **request, struct oc_error *err)
{
    const struct oc_call *envelope = call->envelope;
    struct oc_arena *arena = space->small;
    if (envelope->n_payload > DISPATCH_SMALL_PAYLOAD_BYTES) {
        arena = space->large = take_arena(call->dispatch);
    }
    if (!arena) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "dispatch: out of memory");
    }
    return oc_payload_unpack(oc_method_input(call->method), envelope->payload, envelope->n_payload,
                             call->method->changes, arena, request, err);
}

static enum oc_status run(struct call *call, unsigned n_in_flight, struct workspace *space,
                          struct oc_error *err)
{
    const struct oc_call *envelope = call->envelope;
    enum oc_status status = check_authority(call, envelope->method, err);
    if (status) {
        return status;
    }
    const struct method_row *row = find_row(call->caller->door, envelope->method);
    assert(row && call->method); /* check_authority found both */
    ProtobufCMessage *request = NULL;
    status = check_quota(call, row, n_in_flight, err);
    if (!status) {
        status = check_envelope(call, err);
    }
    if (!status) {
        status = decode(call, space, &request, err);
    }
    if (!status) {
        row->run(call, request);
        assert(call->is_over);
    }
    return status;
}

static enum oc_status run_in_workspace(struct call *call, unsigned n_in_flight,
                                       struct oc_error *err)
{
    struct workspace space;
    space.small = oc_arena_at(space.memory, sizeof space.memory);
    space.large = NULL;
    const enum oc_status status = run(call, n_in_flight, &space, err);
    oc_arena_reset(space.small);
    if (space.large) {
        give_arena(call->dispatch, space.large);
    }
    return status;
}

/* Answering nonsense costs more than sending it. */
static void strike(struct caller *caller)
{
    if (!atomic_load(&caller->is_approved) && ++caller->n_strikes >= MAX_STRIKES) {
        door_log_struck_out(caller);
        oc_connection_close(caller->connection);
    }
}

void dispatch_frame(struct dispatch *dispatch, struct caller *caller, uint32_t word,
                    const uint8_t *body, size_t n_body)
{
    unsigned n_in_flight = 0;
    if (atomic_load(&caller->is_ending)) {
        return; /* cut: whatever still comes is not served, as on a connection that is closed */
    }
    if (!caller_is_new(caller, word, &n_in_flight)) {
        return; /* a resend: the first one will be answered */
    }
    metric_add(METRIC_CALLS_TOTAL, 1);
    struct oc_call envelope;
    struct oc_error err;
    struct call call = {
        .dispatch = dispatch,
        .caller = caller,
        .connection = caller->connection,
        .word = word,
        .envelope = &envelope,
    };
    enum oc_status status = oc_call_unpack(body, n_body, &envelope, &err);
    if (!status) {
        call.method = oc_method_by_number(envelope.method);
        call.budget_ms = call.method ? budget_of(call.method, envelope.budget_ms) : 0;
        status = run_in_workspace(&call, n_in_flight, &err);
    }
    if (status) {
        call_fail(&call, &err);
        strike(caller);
        if (caller->certificate && caller->certificate->is_out) {
            oc_connection_close(caller->connection);
        }
    }
}
