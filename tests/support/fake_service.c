/* See fake_service.h. */
#include "tests/support/fake_service.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/audit_search.h"
#include "server/service/certificates.h"

struct peer *peer_opened(struct service *service, const struct oc_device_id *id,
                         const char source[OC_MAX_SOURCE_BYTES + 1], bool is_source_trusted,
                         const struct peer_ops *ops, void *user)
{
    (void)source;
    struct peer *peer = calloc(1, sizeof *peer);
    assert(peer);
    *peer = (struct peer){.service = service,
                          .ops = ops,
                          .user = user,
                          .id = *id,
                          .is_source_trusted = is_source_trusted};
    service->n_peers++;
    service->last_peer = peer;
    return peer;
}

bool peer_is_welcome(struct peer *peer)
{
    return peer->service->welcomes_everyone || peer->is_welcome;
}

bool peer_is_waiting(struct peer *peer)
{
    return peer->service->has_open_requests;
}

void peer_closed(struct peer *peer, const char *why)
{
    (void)why;
    peer->service->n_peers--;
    free(peer);
}

void peer_connect(struct peer *peer, const struct connect_facts *facts,
                  const struct connect_call *call)
{
    struct service *service = peer->service;
    service->n_calls++;
    service->connect_facts = *facts;
    service->connect_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->connect_result);
    }
}

void peer_await_decision(struct peer *peer, const struct oc_request_id *request_id,
                         const uint8_t device_nonce[OC_NONCE_BYTES], uint32_t budget_ms,
                         const struct wait_call *call)
{
    struct service *service = peer->service;
    (void)request_id;
    (void)device_nonce;
    service->n_calls++;
    service->budget_ms = budget_ms;
    service->wait_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->wait_result);
    }
}

enum oc_status peer_heartbeat(struct peer *peer, uint64_t *generation)
{
    peer->service->n_calls++;
    *generation = 7;
    return peer->service->heartbeat_status;
}

void peer_await_notice(struct peer *peer, uint64_t generation, uint32_t budget_ms,
                       const struct notice_call *call)
{
    struct service *service = peer->service;
    service->n_calls++;
    service->after_seq = generation;
    service->budget_ms = budget_ms;
    service->notice_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->notice_result);
    }
}

void service_gateway_ids(struct service *service, uint8_t gateway_id[OC_GATEWAY_ID_BYTES],
                         uint8_t database_id[OC_DATABASE_ID_BYTES])
{
    memcpy(gateway_id, service->status.identity.gateway_id, OC_GATEWAY_ID_BYTES);
    memcpy(database_id, service->status.identity.database_id, OC_DATABASE_ID_BYTES);
}

void certificates_look(struct service *service, struct certificate_ends *out)
{
    (void)service;
    *out = (struct certificate_ends){.n = 1, .ca_not_after_ms = 9};
    memcpy(out->soonest[0].name, "bob", sizeof "bob");
    out->soonest[0].not_after_ms = 7;
}

void service_get_status(struct service *service, struct service_status *out)
{
    *out = service->status;
}

enum oc_status admin_list(struct service *service, const struct list_query *query,
                          device_visit_fn visit, void *user, char next_cursor[80],
                          uint64_t *revision, struct oc_error *err)
{
    (void)err;
    service->n_calls++;
    service->list_query = *query;
    const size_t n = query->limit < service->n_listed ? query->limit : service->n_listed;
    for (size_t i = 0; i < n; i++) {
        visit(user, &service->listed);
    }
    (void)snprintf(next_cursor, 80, "%s", n < service->n_listed ? "next" : "");
    *revision = 99;
    return OC_OK;
}

void admin_resolve(struct service *service, const char *selector, bool prefix_is_enough,
                   struct resolve_result *out)
{
    (void)prefix_is_enough;
    service->n_calls++;
    (void)snprintf(service->selector, sizeof service->selector, "%s", selector);
    *out = service->resolve_result;
}

bool admin_review(struct service *service, const struct oc_device_id *id, struct review_result *out)
{
    service->n_calls++;
    service->reviewed = *id;
    *out = service->review_result;
    return service->is_reviewed_known;
}

void admin_decide(struct service *service, const struct admin_caller *caller,
                  const struct decide_command *command, const struct decide_call *call)
{
    service->n_calls++;
    service->admin_caller = *caller;
    service->command = *command;
    service->decide_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->decide_result);
    }
}

void admin_record_denied(struct service *service, const struct audit_actor *actor,
                         const char *method, const char *why)
{
    (void)actor;
    (void)why;
    service->n_denied++;
    (void)snprintf(service->denied_method, sizeof service->denied_method, "%s", method);
}

void admin_search_audit(struct service *service, const struct store_audit_query *query,
                        const struct audit_filter *filter, const struct audit_call *call)
{
    (void)query;
    (void)filter;
    service->n_calls++;
    service->audit_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->audit_result);
    }
}

void admin_watch(struct service *service, uint64_t after_seq, uint32_t budget_ms,
                 const struct watch_call *call)
{
    service->n_calls++;
    service->after_seq = after_seq;
    service->budget_ms = budget_ms;
    service->watch_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->watch_result);
    }
}

void admin_reload(struct service *service, const struct audit_actor *actor,
                  const struct reload_call *call)
{
    service->n_calls++;
    service->admin_caller.actor = *actor;
    service->reload_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->reload_result);
    }
}

void admin_checkpoint(struct service *service, const struct checkpoint_call *call)
{
    static const struct checkpoint_result result = {.checkpoint = {.seq = 7, .n_signature = 1}};
    service->n_calls++;
    service->checkpoint_call = *call;
    if (!service->parks) {
        call->done(call->user, &result);
    }
}

void admin_backup(struct service *service, const struct admin_caller *caller, uint64_t ticket,
                  const struct backup_call *call)
{
    service->n_calls++;
    service->admin_caller = *caller;
    service->backup_ticket = ticket;
    service->backup_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->backup_result);
    }
}

void admin_unlock(struct service *service, const struct admin_caller *caller, bool accept_rollback,
                  bool init, const struct decide_call *call)
{
    (void)accept_rollback;
    (void)init;
    service->n_calls++;
    service->admin_caller = *caller;
    service->status.lock = STORE_LOCK_NONE;
    service->decide_call = *call;
    if (!service->parks) {
        call->done(call->user, &service->decide_result);
    }
}

/* ---- administrators -------------------------------------------------------------------------- */

const char *administrators_standing_name(enum administrators_standing standing)
{
    return standing == ADMINISTRATORS_REVOKED ? "revoked" : "unknown";
}

enum administrators_standing administrators_look_up(struct service *service,
                                                    const struct oc_digest *certificate,
                                                    enum administrator_role *role)
{
    (void)certificate;
    *role = service->standing == ADMINISTRATORS_ALLOWED ? service->role : ADMINISTRATOR_NOBODY;
    return service->standing;
}

void administrators_note_online(struct service *service, const char *name, int change)
{
    (void)service;
    (void)name;
    (void)change;
}

void administrators_note_seen(struct service *service, const char *name)
{
    (void)service;
    (void)name;
}

void administrators_set_watcher(struct service *service, administrators_changed_fn changed,
                                void *user)
{
    (void)service;
    (void)changed;
    (void)user;
}

enum oc_admin_verdict administrators_judge(void *user, const struct oc_bytes *sent, size_t n_sent,
                                           struct oc_admin_certificate *out)
{
    (void)user;
    (void)sent;
    (void)n_sent;
    (void)out;
    return OC_ADMIN_OTHER_CA;
}

void administrators_get_ca(struct service *service, struct administrators_ca *out)
{
    (void)service;
    *out = (struct administrators_ca){.is_there = false};
}

bool administrators_list(struct service *service, char cursor[ADMINISTRATOR_NAME_BYTES + 1],
                         size_t limit, administrator_visit_fn visit, void *user)
{
    (void)limit;
    service->n_calls++;
    visit(user, &service->administrator_result.view);
    cursor[0] = '\0';
    return true;
}

void administrators_change(struct service *service, const struct admin_caller *caller,
                           const struct administrator_command *command,
                           const struct administrator_call *call)
{
    service->n_calls++;
    service->admin_caller = *caller;
    service->administrator_command = *command;
    call->done(call->user, &service->administrator_result);
}
