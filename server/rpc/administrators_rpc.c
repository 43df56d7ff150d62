/* Remote administrators: who they are, and who signs their certificates. */
#include <stdlib.h>
#include <string.h>

#include "server/rpc/convert_administrators.h"
#include "server/rpc/convert_out.h"
#include "server/rpc/handlers.h"
#include "server/rpc/packer.h"
#include "server/service/administrators.h"

enum {
    LIST_BYTES = 512 * 1024,
    LIST_ITEMS = 1, /* the field's number */
};

/* NULL when out of memory: the call was failed. */
static struct administrator_command *command_new(struct call *call)
{
    struct administrator_command *command = malloc(sizeof *command);
    if (!command) {
        struct oc_error err;
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "administrators: out of memory");
        call_fail(call, &err);
    }
    return command;
}

static char *admin_address(const struct call *call)
{
    const char *address = "";
    size_t n = 0;
    const struct dispatch_listener *listeners = dispatch_listeners(call->dispatch, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(listeners[i].door, rpc_door_name(RPC_DOOR_ADMIN)) == 0) {
            address = listeners[i].address;
        }
    }
    return convert_text_out(address);
}

static void change(struct call *call, enum oc_status status, struct administrator_command *command,
                   const struct oc_error *err,
                   void (*done)(void *user, const struct administrator_result *result))
{
    struct admin_caller caller;
    if (status) {
        call_fail(call, err);
        free(command);
        return;
    }
    admin_caller_of(call, &caller);
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct administrator_call administrator_call = {done, deferred};
        caller.origin = deferred;
        administrators_change(dispatch_service(deferred->dispatch), &caller, command,
                              &administrator_call);
    }
    free(command);
}

/* ---- InitPki --------------------------------------------------------------------------------- */

static void init_done(void *user, const struct administrator_result *result)
{
    struct call *call = user;
    struct administrators_ca ca;
    Openclaw__V1__AdminCa message;
    Openclaw__V1__InitPkiReply reply = OPENCLAW__V1__INIT_PKI_REPLY__INIT;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    administrators_get_ca(dispatch_service(call->dispatch), &ca);
    convert_ca_out(&ca, &message);
    reply.ca = &message;
    reply.admin_address = admin_address(call);
    reply.revoked = result->n_revoked;
    call_reply(call, &reply.base);
}

void handle_init_pki(struct call *call, const ProtobufCMessage *request)
{
    struct oc_error err;
    struct administrator_command *command = command_new(call);
    if (command) {
        const enum oc_status status =
            convert_init_pki((const Openclaw__V1__InitPkiRequest *)request, command, &err);
        change(call, status, command, &err, init_done);
    }
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void issue_done(void *user, const struct administrator_result *result)
{
    struct call *call = user;
    struct administrators_ca ca;
    struct administrator_message administrator;
    Openclaw__V1__AdminCa ca_message;
    Openclaw__V1__IssueAdministratorReply reply = OPENCLAW__V1__ISSUE_ADMINISTRATOR_REPLY__INIT;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct oc_admin_der der = result->der;
    struct oc_digest spki = *dispatch_gateway_spki(call->dispatch);
    administrators_get_ca(dispatch_service(call->dispatch), &ca);
    convert_ca_out(&ca, &ca_message);
    convert_administrator_out(&result->view, &administrator);
    reply.administrator = &administrator.administrator;
    reply.certificate = (ProtobufCBinaryData){der.n, der.bytes};
    reply.ca = &ca_message;
    reply.admin_address = admin_address(call);
    reply.spki_sha256 = (ProtobufCBinaryData){sizeof spki.bytes, spki.bytes};
    call_reply(call, &reply.base);
}

void handle_issue_administrator(struct call *call, const ProtobufCMessage *request)
{
    struct oc_error err;
    struct administrator_command *command = command_new(call);
    if (command) {
        const enum oc_status status = convert_issue_administrator(
            (const Openclaw__V1__IssueAdministratorRequest *)request, command, &err);
        change(call, status, command, &err, issue_done);
    }
}

void handle_renew_administrator(struct call *call, const ProtobufCMessage *request)
{
    struct oc_error err;
    struct administrator_command *command = command_new(call);
    if (command) {
        const enum oc_status status = convert_renew_administrator(
            (const Openclaw__V1__RenewAdministratorRequest *)request, command, &err);
        change(call, status, command, &err, issue_done);
    }
}

/* ---- what they may --------------------------------------------------------------------------- */

static void changed(void *user, const struct administrator_result *result)
{
    struct call *call = user;
    struct administrator_message administrator;
    Openclaw__V1__AdministratorReply reply = OPENCLAW__V1__ADMINISTRATOR_REPLY__INIT;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    convert_administrator_out(&result->view, &administrator);
    reply.administrator = &administrator.administrator;
    reply.seq = result->seq;
    reply.connections_closed = result->n_closed;
    call_reply(call, &reply.base);
}

void handle_revoke_administrator(struct call *call, const ProtobufCMessage *request)
{
    struct oc_error err;
    struct administrator_command *command = command_new(call);
    if (command) {
        const enum oc_status status = convert_revoke_administrator(
            (const Openclaw__V1__RevokeAdministratorRequest *)request, command, &err);
        change(call, status, command, &err, changed);
    }
}

void handle_set_administrator_role(struct call *call, const ProtobufCMessage *request)
{
    struct oc_error err;
    struct administrator_command *command = command_new(call);
    if (command) {
        const enum oc_status status = convert_set_administrator_role(
            (const Openclaw__V1__SetAdministratorRoleRequest *)request, command, &err);
        change(call, status, command, &err, changed);
    }
}

/* ---- the list -------------------------------------------------------------------------------- */

static void add_item(void *user, const struct administrator_view *view)
{
    struct administrator_message message;
    convert_administrator_out(view, &message);
    packer_add_item(user, LIST_ITEMS, &message.administrator.base);
}

static void answer_list(struct call *call, struct packer *packer, char *cursor)
{
    struct administrators_ca ca;
    struct service_status status;
    Openclaw__V1__AdminCa message;
    Openclaw__V1__ListAdministratorsReply rest = OPENCLAW__V1__LIST_ADMINISTRATORS_REPLY__INIT;
    administrators_get_ca(dispatch_service(call->dispatch), &ca);
    service_get_status(dispatch_service(call->dispatch), &status);
    convert_ca_out(&ca, &message);
    rest.next_cursor = cursor;
    rest.ca = ca.is_there ? &message : NULL;
    rest.admin_address = admin_address(call);
    rest.revision = status.identity.seq;
    packer_add_rest(packer, &rest.base);
}

void handle_list_administrators(struct call *call, const ProtobufCMessage *request)
{
    char cursor[ADMINISTRATOR_NAME_BYTES + 1];
    struct packer packer = {.max = LIST_BYTES};
    struct oc_error err;
    size_t limit = 0;
    if (convert_list_administrators((const Openclaw__V1__ListAdministratorsRequest *)request,
                                    &limit, cursor, &err)) {
        call_fail(call, &err);
        return;
    }
    bool is_whole =
        administrators_list(dispatch_service(call->dispatch), cursor, limit, add_item, &packer);
    if (is_whole) {
        answer_list(call, &packer, cursor);
    }
    if (!is_whole || packer.is_full) {
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "administrators: out of memory");
        call_fail(call, &err);
    } else {
        call_reply_bytes(call, packer.bytes, packer.n);
    }
    packer_deinit(&packer);
}
