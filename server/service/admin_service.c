/*
 * What administrators decide: queued to the writer, answered after the commit.
 */
#include "server/service/admin_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/administrators.h"
#include "server/service/bounds.h"
#include "server/service/votes.h"
#include "server/service/writer.h"

struct decide_change {
    struct change change; /* first */
    struct admin_caller caller;
    struct decide_command command;
    struct decide_call call;
    struct decide_result result;
    int64_t start_by_ms; /* monotonic; 0: no bound */
    const char *outcome; /* in a word, for the log; NULL: nothing was decided */
    struct service *service;
    bool is_unknown; /* it named a request that nobody has */
    bool is_lost;    /* its group is not on disk, or nobody knows; the result says which */
};

static struct decide_change *decide_of(struct change *change)
{
    return (struct decide_change *)(void *)change;
}

/* ---- outcomes to statuses ------------------------------------------------------------------- */

static enum oc_status fail_by(enum pairing_outcome outcome, const struct pairing *next,
                              struct oc_error *err)
{
    switch (outcome) {
    case PAIRING_DONE:
    case PAIRING_SESSION:
    case PAIRING_PENDING:
    case PAIRING_VOTED:
        return OC_OK;
    case PAIRING_NEEDS_VOTES:
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "several administrators must agree to this grant, or to take the announced "
                       "label away: announce the device with its labels and without approving "
                       "it, then approve its request");
    case PAIRING_NO_REQUEST:
        return oc_fail(err, OC_ABORTED, "the request is no longer open");
    case PAIRING_REPLACED:
        (void)oc_fail(err, OC_ABORTED, "the request was replaced by %s", next->request.id.text);
        memcpy(err->request_id, next->request.id.text, sizeof err->request_id);
        return OC_ABORTED;
    case PAIRING_CHANGED:
        return oc_fail(err, OC_ABORTED, "the request is not what was shown: look at it again");
    case PAIRING_TOO_WIDE:
        return oc_fail(err, OC_FAILED_PRECONDITION, "the grant is wider than what was asked for");
    case PAIRING_CODE_WRONG:
        return oc_fail(err, OC_ABORTED, "the pairing code is wrong: nothing was approved");
    case PAIRING_CODE_CLOSED:
        return oc_fail(err, OC_ABORTED,
                       "too many wrong codes: this request can no longer be approved by code");
    case PAIRING_CODE_UNAVAILABLE:
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "the code cannot be checked: the agent is not connected");
    case PAIRING_NOT_APPROVED:
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "the device is not approved: use reject for its request");
    case PAIRING_NOT_BLOCKED:
        return oc_fail(err, OC_FAILED_PRECONDITION, "the device is not blocked");
    case PAIRING_IS_BLOCKED:
        return oc_fail(err, OC_FAILED_PRECONDITION, "the device is blocked: unblock it first");
    case PAIRING_NOT_KNOWN:
    case PAIRING_REFUSED_REJECTED:
    case PAIRING_REFUSED_REVOKED:
    case PAIRING_REFUSED_BLOCKED:
    case PAIRING_REFUSED_BUSY:
    case PAIRING_OUTCOME_COUNT:
        break;
    }
    return oc_fail(err, OC_NOT_FOUND, "nothing is known of this device");
}

/* The outcome's word goes with its status: several outcomes share one. */
static enum oc_status status_of(enum pairing_outcome outcome, const struct pairing *next,
                                struct oc_error *err)
{
    enum oc_status st = fail_by(outcome, next, err);
    if (st) {
        (void)snprintf(err->cause, sizeof err->cause, "%s", pairing_outcome_name(outcome));
    }
    return st;
}

/* ---- staging -------------------------------------------------------------------------------- */

/* The change-log's word: watchers see votes as what they are. */
static const char *action_of(const struct pairing_decision *decision, enum pairing_event_kind kind)
{
    if (decision->outcome == PAIRING_VOTED) {
        return "vote";
    }
    return decision->breaks_glass ? "break_glass" : pairing_event_name(kind);
}

static void tell_votes(const struct pairing_decision *decision, const struct pairing_event *event,
                       struct decide_result *result)
{
    result->votes = (struct votes_cast){
        .is_vote = decision->outcome == PAIRING_VOTED,
        .broke_glass = decision->breaks_glass,
        .n = decision->n_votes,
        .needed = decision->n_votes > 0 ? event->votes.need : 0,
        .n_for_else = decision->n_votes_for_else,
    };
}

static bool names_request(enum pairing_event_kind kind)
{
    return kind == PAIRING_EV_APPROVE || kind == PAIRING_EV_REJECT || kind == PAIRING_EV_DISMISS;
}

/* What must be in force whatever happens, and is answered after the marker. */
static bool is_final(enum pairing_event_kind kind)
{
    return kind == PAIRING_EV_REVOKE || kind == PAIRING_EV_BLOCK || kind == PAIRING_EV_REMOVE;
}

/* In constant time; the code stays inside. */
static enum code_check check_code(struct service *service, const struct oc_device_id *id,
                                  const struct decide_command *command)
{
    enum code_check check = CODE_NOT_AVAILABLE;
    if (command->kind != PAIRING_EV_APPROVE || command->code[0] == '\0') {
        return CODE_NOT_USED;
    }
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, id);
    const struct live *live = entry ? entry->live : NULL;
    if (live && live->code_peer && oc_request_id_equal(&live->code_id, &command->request_id)) {
        check = oc_equal_constant_time(live->code, command->code, OC_CODE_DIGITS) ? CODE_RIGHT
                                                                                  : CODE_WRONG;
    }
    shard_unlock(shard);
    return check;
}

/* As it was seen last: who looked before deciding was shown the same, or an older one. */
static void read_sighting(struct service *service, const struct oc_device_id *id,
                          struct sighting *out)
{
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, id);
    if (entry) {
        entry_read_sighting(entry, out);
    }
    shard_unlock(shard);
}

static struct pairing_event event_of(struct service *service, const struct oc_device_id *id,
                                     const struct decide_change *decide)
{
    const struct decide_command *command = &decide->command;
    struct pairing_event event = {
        .kind = command->kind,
        .actor = decide->caller.actor,
        .named_request = command->request_id,
        .named_digest = command->ask_digest,
        .code = check_code(service, id, command),
        .narrows = command->narrows,
        .approves = command->approves,
        .grant = command->grant,
        .term_ms = command->term_ms,
        .labels = command->labels,
    };
    memcpy(event.alias, command->alias, sizeof event.alias);
    memcpy(event.reason, command->reason, sizeof event.reason);
    if (command->kind == PAIRING_EV_APPROVE) {
        read_sighting(service, id, &event.sighting);
    }
    return event;
}

/* The memory of the same call made before: NOT_FOUND if there is none. */
static enum oc_status recall(struct group *group, const struct decide_change *decide,
                             struct store_key *key, struct oc_error *err)
{
    struct store *store = group_store(group);
    const struct admin_caller *caller = &decide->caller;
    if (!caller->has_key) {
        return OC_NOT_FOUND;
    }
    if (!store) {
        /* A withdrawal must be in force at once; that it may be a repetition does no harm. */
        return is_final(decide->command.kind)
                   ? OC_NOT_FOUND
                   : oc_fail(err, OC_UNAVAILABLE, "the database cannot be read at the moment");
    }
    return store_find_key(store, caller->actor.name, caller->method, caller->key, key, err);
}

/* What was voted for may be approved by now: then that is the answer. */
static bool was_approved(const struct pairing *pairing, const struct store_key *key)
{
    return pairing->closed_end == REQUEST_END_APPROVED &&
           oc_request_id_equal(&pairing->closed, &key->request_id);
}

/* True: the call was made before and is answered as it was then, or nobody can tell. */
static bool replay(struct group *group, struct decide_change *decide)
{
    struct decide_result *result = &decide->result;
    struct store_key key = {.method = 0};
    enum oc_status st = recall(group, decide, &key, &result->error);
    if (st == OC_NOT_FOUND) {
        memset(&result->error, 0, sizeof result->error);
        return false;
    }
    if (st) {
        result->status = st;
        return true;
    }
    if (memcmp(&key.payload_digest, &decide->caller.payload_digest, sizeof key.payload_digest) !=
        0) {
        result->status = oc_fail(&result->error, OC_INVALID_ARGUMENT,
                                 "the idempotency key was used for another call");
        return true;
    }
    group_read(group, &key.device_id, &result->view.pairing);
    result->status = status_of(key.outcome, &result->view.pairing, &result->error);
    result->seq = key.seq;
    result->session_closed = key.session_closed;
    result->votes.is_vote =
        key.outcome == PAIRING_VOTED && !was_approved(&result->view.pairing, &key);
    return true;
}

static enum oc_status check_command(const struct decide_command *command, struct oc_error *err)
{
    struct oc_device_id id;
    struct oc_request_id request_id;
    if (oc_device_id_parse(command->alias, &id) ||
        oc_request_id_parse(command->alias, &request_id)) {
        (void)oc_fail(err, OC_INVALID_ARGUMENT, "an alias must not look like an id");
        memcpy(err->field, "alias", sizeof "alias");
        return OC_INVALID_ARGUMENT;
    }
    return OC_OK;
}

/* An unknown request is a refusal, too: it goes into the audit. */
static void refuse_unknown(struct group *group, struct decide_change *decide)
{
    struct decide_result *result = &decide->result;
    struct audit_event audit = {
        .at_ms = service_now_ms(group_service(group)),
        .actor = decide->caller.actor,
        .outcome = "not_found",
        .request_id = decide->command.request_id,
    };
    const char *action = pairing_event_name(decide->command.kind);
    memcpy(audit.action, action, strnlen(action, sizeof audit.action - 1));
    memcpy(audit.reason, decide->command.reason, sizeof audit.reason);
    enum oc_status st = group_apply_audit(group, &audit, &result->error);
    decide->outcome = st ? oc_status_name(st) : "not_found";
    result->status = st ? st
                        : oc_fail(&result->error, OC_NOT_FOUND, "no such request: %s",
                                  decide->command.request_id.text);
}

static void fill_key(const struct decide_change *decide, const struct pairing_decision *decision,
                     struct store_key *key)
{
    const struct admin_caller *caller = &decide->caller;
    *key = (struct store_key){
        .method = caller->method,
        .payload_digest = caller->payload_digest,
        .outcome = decision->outcome,
        .device_id = decision->next.id,
        .request_id = decide->command.request_id,
    };
    memcpy(key->actor, caller->actor.name, sizeof key->actor);
    memcpy(key->key, caller->key, sizeof key->key);
}

static void decide_on(struct group *group, struct decide_change *decide,
                      const struct oc_device_id *id)
{
    struct service *service = group_service(group);
    struct decide_result *result = &decide->result;
    struct pairing was;
    struct store_key key;
    struct group_receipt receipt;
    group_read(group, id, &was);
    struct pairing_event event = event_of(service, id, decide);
    result->status = bounds_check(service, &decide->caller, &was, &event, &result->error);
    if (result->status) {
        result->view.pairing = was;
        decide->outcome = oc_status_name(result->status);
        return;
    }
    votes_gather(service, &decide->caller, decide->command.breaks_glass, &was, &event);
    const struct policy policy = service_policy(service);
    struct pairing_decision decision =
        pairing_decide(&was, &event, &policy, service_now_ms(service));
    fill_key(decide, &decision, &key);
    const struct group_change row = {
        .id = id,
        .decision = &decision,
        .action = action_of(&decision, event.kind),
        .source = "",
        .key = decide->caller.has_key ? &key : NULL,
        .needs_marker = is_final(event.kind),
        .is_administrators = true,
    };
    enum oc_status st = group_apply(group, &row, &receipt, &result->error);
    result->seq = receipt.seq;
    result->session_closed = receipt.session_closed;
    result->view.pairing = decision.next;
    tell_votes(&decision, &event, result);
    result->status = st ? st : status_of(decision.outcome, &decision.next, &result->error);
    decide->outcome = st ? oc_status_name(st) : pairing_outcome_name(decision.outcome);
}

/* What dispatch allowed may have been taken away while the decision waited. */
static enum oc_status check_authority(struct service *service, const struct decide_change *decide,
                                      struct oc_error *err)
{
    enum administrator_role role = ADMINISTRATOR_ADMIN;
    if (decide->caller.is_remote) {
        (void)administrators_look_up(service, &decide->caller.certificate, &role);
    }
    if (role >= ADMINISTRATOR_APPROVER) {
        return OC_OK;
    }
    admin_record_denied(service, &decide->caller.actor, pairing_event_name(decide->command.kind),
                        "revoked");
    return oc_fail(err, OC_PERMISSION_DENIED, "an approver no more");
}

/* Root could as well put another configuration in force; nobody else passes the votes over. */
static enum oc_status check_glass(struct service *service, const struct decide_change *decide,
                                  struct oc_error *err)
{
    if (!decide->command.breaks_glass || decide->caller.is_root) {
        return OC_OK;
    }
    admin_record_denied(service, &decide->caller.actor, "break_glass", "not root, local");
    (void)oc_fail(err, OC_PERMISSION_DENIED,
                  "break-glass is for root (uid 0) at the gateway's local socket alone");
    (void)snprintf(err->cause, sizeof err->cause, "break_glass");
    return OC_PERMISSION_DENIED;
}

/* The caller has given up before the work began; what has begun is finished, however late. */
static enum oc_status check_start(struct service *service, struct decide_change *decide)
{
    enum oc_status st = check_authority(service, decide, &decide->result.error);
    if (!st) {
        st = check_glass(service, decide, &decide->result.error);
    }
    if (st) {
        return st;
    }
    if (decide->start_by_ms == 0 || service_monotonic_ms(service) < decide->start_by_ms) {
        return check_command(&decide->command, &decide->result.error);
    }
    return oc_fail(&decide->result.error, OC_DEADLINE_EXCEEDED,
                   "the time given for the call was over before it began");
}

static void stage(struct group *group, struct change *change)
{
    struct decide_change *decide = decide_of(change);
    struct service *service = group_service(group);
    struct oc_device_id id = decide->command.device_id;
    decide->result.status = check_start(service, decide);
    if (!decide->result.status && !replay(group, decide)) {
        if (names_request(decide->command.kind) &&
            !service_find_request(service, &decide->command.request_id, &id)) {
            refuse_unknown(group, decide);
        } else {
            decide_on(group, decide, &id);
        }
    }
    oc_wipe(decide->command.code, sizeof decide->command.code);
}

/* ---- answering ------------------------------------------------------------------------------ */

/* What was done, in the words of the log. */
static const char *const done_events[PAIRING_EV_COUNT] = {
    [PAIRING_EV_APPROVE] = "pairing.approved",  [PAIRING_EV_REJECT] = "pairing.rejected",
    [PAIRING_EV_DISMISS] = "pairing.dismissed", [PAIRING_EV_REVOKE] = "pairing.revoked",
    [PAIRING_EV_REMOVE] = "pairing.removed",    [PAIRING_EV_BLOCK] = "pairing.blocked",
    [PAIRING_EV_UNBLOCK] = "pairing.unblocked", [PAIRING_EV_EXPECT] = "pairing.expected",
    [PAIRING_EV_RENAME] = "pairing.renamed",
};

static void log_done(const struct decide_change *decide, const char *device)
{
    const struct pairing *pairing = &decide->result.view.pairing;
    const struct decide_command *command = &decide->command;
    const struct audit_actor *actor = &decide->caller.actor;
    if (decide->result.votes.is_vote) {
        log_info("pairing.voted", "device=%s request=%s by=%s votes=%u/%u claims=%s", device,
                 command->request_id.text, actor->name, decide->result.votes.n,
                 decide->result.votes.needed, pairing->claimed_name);
        return;
    }
    if (decide->result.votes.broke_glass) {
        metric_add(METRIC_BREAK_GLASS_TOTAL, 1);
        log_warn("pairing.break_glass", "device=%s request=%s by=%s votes=%u/%u reason=%s", device,
                 command->request_id.text, actor->name, decide->result.votes.n,
                 decide->result.votes.needed, command->reason);
    }
    if (command->kind == PAIRING_EV_APPROVE) {
        log_info("pairing.approved", "device=%s request=%s by=%s role=%s state=%s claims=%s",
                 device, command->request_id.text, actor->name, pairing->granted.role,
                 oc_state_name(pairing_state(pairing)), pairing->claimed_name);
        return;
    }
    log_info(done_events[command->kind], "device=%s by=%s state=%s reason=%s claims=%s", device,
             actor->name, oc_state_name(pairing_state(pairing)),
             command->reason[0] != '\0' ? command->reason : "none", pairing->claimed_name);
}

/* Once it is known what became of it. */
static void log_decision(const struct decide_change *decide)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    const struct decide_command *command = &decide->command;
    const struct decide_result *result = &decide->result;
    if (!decide->outcome) {
        return;
    }
    oc_device_id_format(&result->view.pairing.id, id);
    metric_add(METRIC_DECISIONS_TOTAL, 1);
    if (result->status == OC_OK) {
        log_done(decide, id);
        return;
    }
    const bool is_in_force = is_final(command->kind) && result->error.is_not_durable;
    const char *outcome = !decide->is_lost                   ? decide->outcome
                          : result->error.is_outcome_unknown ? "unknown"
                                                             : "not written";
    log_warn("pairing.not_decided", "action=%s outcome=%s device=%s request=%s by=%s reason=%s",
             pairing_event_name(command->kind), is_in_force ? "in force, not durable yet" : outcome,
             decide->is_unknown ? "none" : id,
             command->request_id.text[0] != '\0' ? command->request_id.text : "none",
             decide->caller.actor.name, result->error.text);
}

/* What is now (online, last seen) goes around what was decided. */
static void complete_view(struct service *service, struct decide_result *result)
{
    struct device_view now;
    if (service_view(service, &result->view.pairing.id, &now)) {
        now.pairing = result->view.pairing;
        votes_view(service, &now);
        result->view = now;
        if (result->votes.is_vote && result->votes.n == 0) { /* a repetition */
            result->votes.n = now.votes.n;
            result->votes.needed = now.votes.needed;
        }
    }
}

/* On the notifier's thread: the writer's is for what the next group waits for. */
static void deliver(struct delivery *delivery)
{
    struct decide_change *decide =
        (struct decide_change *)(void *)((char *)delivery -
                                         offsetof(struct decide_change, change.delivery));
    log_decision(decide);
    if (decide->result.status == OC_OK) {
        complete_view(decide->service, &decide->result);
    }
    decide->call.done(decide->call.user, &decide->result);
    free(decide);
}

/* A withdrawal is in force whatever became of its group. */
static void lose(struct decide_change *decide, const struct oc_error *failed)
{
    struct decide_result *result = &decide->result;
    const bool is_withdrawn =
        is_final(decide->command.kind) && (result->status == OC_OK || result->error.is_not_durable);
    decide->is_lost = true;
    result->status = failed->status;
    result->error = *failed;
    result->error.is_not_durable = is_withdrawn;
    result->seq = 0;
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    struct decide_change *decide = decide_of(change);
    struct decide_result *result = &decide->result;
    decide->service = service;
    decide->is_unknown = result->status == OC_NOT_FOUND && names_request(decide->command.kind);
    if (failed) {
        lose(decide, failed);
    } else if (decide->is_unknown) {
        service_find_closest(service, decide->command.request_id.text, result->error.closest);
    } else if (result->status == OC_OK && is_final(decide->command.kind)) {
        result->status = writer_check_marker(service, &result->error);
    }
    writer_answer(service, change);
}

static void answer_at_once(const struct decide_call *call, enum oc_status status, const char *text)
{
    struct decide_result *result = calloc(1, sizeof *result);
    struct decide_result least = {.status = OC_RESOURCE_EXHAUSTED};
    if (!result) {
        call->done(call->user, &least);
        return;
    }
    result->status = oc_fail(&result->error, status, "%s", text);
    result->error.retry_after_ms = status == OC_RESOURCE_EXHAUSTED ? 1000 : 0;
    call->done(call->user, result);
    free(result);
}

void admin_decide(struct service *service, const struct admin_caller *caller,
                  const struct decide_command *command, const struct decide_call *call)
{
    static const struct change_ops ops = {.stage = stage, .finish = finish};
    if (service_is_locked(service)) {
        answer_at_once(call, OC_UNAVAILABLE,
                       store_lock_text((enum store_lock)atomic_load(&service->lock)));
        return;
    }
    struct decide_change *decide = calloc(1, sizeof *decide);
    if (!decide) {
        answer_at_once(call, OC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    decide->change.ops = &ops;
    decide->change.delivery.deliver = deliver;
    decide->caller = *caller;
    decide->command = *command;
    decide->call = *call;
    if (caller->budget_ms > 0) {
        decide->start_by_ms = service_monotonic_ms(service) + caller->budget_ms;
    }
    if (!writer_push(service, &decide->change)) {
        oc_wipe(decide, sizeof *decide);
        free(decide);
        answer_at_once(call, OC_RESOURCE_EXHAUSTED, "too many changes are waiting");
    }
}
