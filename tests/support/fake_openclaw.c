/* A double of libopenclaw; see fake_openclaw.h. */
#include "tests/support/fake_openclaw.h"

#include <openclaw/audit.h>
#include <openclaw/backup.h>
#include <openclaw/reload.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct fake fake;

struct oc_client {
    bool is_open;
};

/* ---- the devices --------------------------------------------------------------------------- */

static void set_text(char *out, size_t cap, const char *text)
{
    size_t n = strlen(text);
    memcpy(out, text, n < cap ? n + 1 : cap);
    out[cap - 1] = '\0';
}

#define SET(field, text) set_text((field), sizeof(field), (text))

static struct oc_device *add(const char *id, enum oc_state state, enum oc_standing standing)
{
    struct oc_device *device = &fake.devices[fake.n_devices++];
    *device = (struct oc_device){.state = state, .standing = standing};
    (void)oc_device_id_parse(id, &device->id);
    device->first_seen_at_ms = FAKE_NOW_MS - INT64_C(3) * 3600 * 1000;
    device->last_seen_at_ms = FAKE_NOW_MS - INT64_C(12) * 1000;
    SET(device->source, "203.0.113.9");
    SET(device->platform, "linux");
    SET(device->version, "1.2");
    return device;
}

static void ask(struct oc_device *device, const char *request, enum oc_why why, const char *role)
{
    SET(device->request_id.text, request);
    memset(device->ask_digest.bytes, request[3], sizeof device->ask_digest.bytes);
    device->why = why;
    device->requested_at_ms = FAKE_NOW_MS - INT64_C(90) * 1000;
    SET(device->asked.role, role);
    device->asked.n_scopes = 2;
    SET(device->asked.scopes[0], "chat");
    SET(device->asked.scopes[1], "tools");
}

static void grant(struct oc_device *device)
{
    SET(device->granted.role, "agent");
    device->granted.n_scopes = 1;
    SET(device->granted.scopes[0], "chat");
    device->decided_at_ms = FAKE_NOW_MS - INT64_C(2) * 24 * 3600 * 1000;
    SET(device->decided_by, "uid:0");
}

void fake_reset(void)
{
    memset(&fake, 0, sizeof fake);
    fake.is_ready = true;
    fake.review.code_tries_left = 5;
    struct oc_device *device = add(FAKE_PENDING_ID, OC_STATE_PENDING, OC_STANDING_NONE);
    ask(device, FAKE_PENDING_REQUEST, OC_WHY_NEW_DEVICE, "agent");
    SET(device->claimed_name, "web-1");
    SET(device->purpose, "answers the \"shop\" channel");
    device->labels.n = 1;
    SET(device->labels.items[0].key, "site");
    SET(device->labels.items[0].value, "berlin");
    device->can_check_code = true;

    device = add(FAKE_SECOND_ID, OC_STATE_PENDING, OC_STANDING_NONE);
    ask(device, FAKE_SECOND_REQUEST, OC_WHY_IDENTITY_CHANGED, "agent");
    SET(device->claimed_name, "web-2");
    device->is_expected = true;

    device = add(FAKE_APPROVED_ID, OC_STATE_APPROVED, OC_STANDING_APPROVED);
    SET(device->alias, FAKE_APPROVED_ALIAS);
    SET(device->claimed_name, "db");
    grant(device);
    ask(device, FAKE_UPGRADE_REQUEST, OC_WHY_ACCESS_WIDENED, "agent");
    device->is_online = true;

    device = add(FAKE_HOSTILE_ID, OC_STATE_APPROVED, OC_STANDING_APPROVED);
    SET(device->claimed_name, "a\x1b[31m\xe2\x80\xae\"b\\\n\xff");
    SET(device->platform, "\xc2\x9b\x31\x6d\xf0\x9f\x98\x80");
    grant(device);
    device->expires_at_ms = FAKE_NOW_MS + INT64_C(8) * 3600 * 1000;

    device = add(FAKE_BLOCKED_ID, OC_STATE_BLOCKED, OC_STANDING_BLOCKED);
    device->decided_at_ms = FAKE_NOW_MS - 5000;
    SET(device->decided_by, "uid:1000");
    device->why = OC_WHY_BLOCKED;
    add(FAKE_REJECTED_ID, OC_STATE_REJECTED, OC_STANDING_NONE)->why = OC_WHY_REJECTED;
}

/* ---- the client ---------------------------------------------------------------------------- */

/* Words of $OPENCLAW_FAKE, for the program. */
static void apply_environment(void)
{
    const char *words = getenv("OPENCLAW_FAKE");
    if (fake.is_ready) {
        return;
    }
    fake_reset();
    if (words && strstr(words, "empty")) {
        fake.n_devices = 0;
    }
    fake.replaces_on_decision = words && strstr(words, "replaced");
    if (words && strstr(words, "hostile")) {
        fake_be_hostile();
    }
    if (words && strstr(words, "unavailable")) {
        fake.reads_fail_with = OC_UNAVAILABLE;
    }
    if (words && strstr(words, "pending")) {
        fake.agent_refusal = OC_REFUSAL_PAIRING_REQUIRED;
    }
    if (words && strstr(words, "rejected")) {
        fake.agent_refusal = OC_REFUSAL_REJECTED;
        fake.agent_end = OC_PERMISSION_DENIED;
    }
}

enum oc_status oc_client_open(const struct oc_client_options *options, struct oc_client **out,
                              struct oc_error *err)
{
    apply_environment();
    SET(fake.bundle_file, options->bundle_file ? options->bundle_file : "");
    struct oc_client *client = calloc(1, sizeof *client);
    if (!client) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    *out = client;
    return OC_OK;
}

void oc_client_close(struct oc_client *client)
{
    free(client);
}

enum oc_status oc_default_data_dir(char *out, size_t cap, struct oc_error *err)
{
    (void)err;
    set_text(out, cap, "/nonexistent/openclaw");
    return OC_OK;
}

static enum oc_status read_failure(struct oc_error *err)
{
    enum oc_status status = oc_fail(err, fake.reads_fail_with, "%s",
                                    fake.facts.text[0] ? fake.facts.text : "the fake fails");
    err->retry_after_ms = fake.facts.retry_after_ms;
    return status;
}

enum oc_status oc_admin_list(struct oc_client *client, uint32_t states, const char *cursor,
                             struct oc_device_page *page, struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return read_failure(err);
    }
    page->n = 0;
    page->next_cursor[0] = '\0';
    page->revision = 41;
    for (size_t i = (size_t)strtoul(cursor, NULL, 10); i < fake.n_devices; i++) {
        const struct oc_device *device = &fake.devices[i];
        bool is_waiting = device->request_id.text[0] != '\0';
        bool is_wanted = states == 0 || (states & 1u << device->state) ||
                         ((states & 1u << OC_STATE_PENDING) && is_waiting);
        if (is_wanted && page->n == page->cap) {
            page->next_cursor[0] = (char)('0' + i);
            page->next_cursor[1] = '\0';
            break;
        }
        if (is_wanted) {
            page->items[page->n++] = *device;
        }
    }
    return OC_OK;
}

static bool is_named(const struct oc_device *device, const char *selector, bool prefix_is_enough)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    size_t n = strlen(selector);
    oc_device_id_format(&device->id, id);
    return (n >= 16 && strncasecmp(id, selector, n) == 0) ||
           ((n >= 4 || prefix_is_enough) && device->request_id.text[0] &&
            strncasecmp(device->request_id.text, selector, n) == 0) ||
           (device->alias[0] && strcmp(device->alias, selector) == 0);
}

enum oc_status oc_admin_resolve(struct oc_client *client, const char *selector,
                                bool prefix_is_enough, struct oc_matches *out, struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return read_failure(err);
    }
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < fake.n_devices; i++) {
        if (is_named(&fake.devices[i], selector, prefix_is_enough)) {
            out->items[out->n++] = fake.devices[i];
        }
    }
    if (strcmp(selector, FAKE_REPLACED_REQUEST) == 0) {
        SET(out->replaced_by.text, FAKE_PENDING_REQUEST);
    } else if (strcmp(selector, FAKE_CLOSED_REQUEST) == 0) {
        SET(out->closed_as, "rejected");
    } else if (out->n == 0) {
        SET(out->closest, FAKE_APPROVED_ALIAS);
    }
    return OC_OK;
}

enum oc_status oc_admin_status(struct oc_client *client, struct oc_gateway_status *out,
                               struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return read_failure(err);
    }
    *out = fake.status;
    SET(out->version, "0.1.0");
    if (fake.is_locked) {
        SET(out->lock_reason, "the database is older than the marker");
    }
    memset(out->gateway_id, 0xaa, sizeof out->gateway_id);
    memset(out->database_id, 0xbb, sizeof out->database_id);
    memset(out->spki_sha256.bytes, 0x6b, sizeof out->spki_sha256.bytes);
    out->epoch = 1;
    out->seq = 41;
    out->n_listeners = 2;
    SET(out->listeners[0].door, "devices");
    if (out->listeners[0].address[0] == '\0') {
        SET(out->listeners[0].address, "tls+tcp://127.0.0.1:18789");
    }
    SET(out->listeners[1].door, "local");
    SET(out->listeners[1].address, "ipc:///data/gateway/admin.sock");
    out->pairing_required = true;
    out->started_at_ms = FAKE_NOW_MS - INT64_C(3600) * 1000;
    out->n_pending = 3;
    out->n_approved = 2;
    out->n_blocked = 1;
    out->n_online = 1;
    out->n_counters = 1;
    SET(out->counters[0].name, "connects_total");
    out->counters[0].value = 7;
    SET(out->store, "sqlite 3.40.1");
    out->n_caps = 1;
    out->caps[0] = (struct oc_cap_use){.name = "open_requests",
                                       .in_use = 3,
                                       .limit = 10000,
                                       .limit_per_source = 32,
                                       .refused = 5,
                                       .shed = 2};
    out->n_forgotten = 9;
    out->pid = 4711;
    SET(out->store_error, fake.store_error);
    SET(out->store_cause, fake.store_cause);
    out->n_quarantined = fake.n_quarantined;
    return OC_OK;
}

/* ---- decisions ----------------------------------------------------------------------------- */

static struct oc_device *find(const struct oc_decision *decision)
{
    bool by_request =
        decision->kind == OC_APPROVE || decision->kind == OC_REJECT || decision->kind == OC_DISMISS;
    for (size_t i = 0; i < fake.n_devices; i++) {
        struct oc_device *device = &fake.devices[i];
        if (by_request ? oc_request_id_equal(&device->request_id, &decision->request_id)
                       : oc_device_id_equal(&device->id, &decision->device_id)) {
            return device;
        }
    }
    return NULL;
}

static void apply(struct oc_device *device, const struct oc_decision *decision)
{
    static const struct {
        enum oc_state state;
        enum oc_standing standing;
    } after[] = {
        [OC_APPROVE] = {OC_STATE_APPROVED, OC_STANDING_APPROVED},
        [OC_REJECT] = {OC_STATE_REJECTED, OC_STANDING_NONE},
        [OC_DISMISS] = {OC_STATE_NONE, OC_STANDING_NONE},
        [OC_REVOKE] = {OC_STATE_REVOKED, OC_STANDING_REVOKED},
        [OC_BLOCK] = {OC_STATE_BLOCKED, OC_STANDING_BLOCKED},
        [OC_UNBLOCK] = {OC_STATE_NONE, OC_STANDING_NONE},
        [OC_REMOVE] = {OC_STATE_REVOKED, OC_STANDING_REVOKED},
    };
    if (decision->kind == OC_RENAME) {
        memcpy(device->alias, decision->alias, sizeof device->alias);
        return;
    }
    if (decision->kind == OC_EXPECT) {
        device->is_expected = true;
        return;
    }
    if (decision->kind == OC_APPROVE) {
        device->granted = decision->narrows ? decision->grant : device->asked;
        device->expires_at_ms = decision->term_ms ? FAKE_NOW_MS + decision->term_ms : 0;
        memcpy(device->alias, decision->alias, sizeof device->alias);
    }
    device->state = after[decision->kind].state;
    device->standing = after[decision->kind].standing;
    device->request_id.text[0] = '\0';
    device->decided_at_ms = FAKE_NOW_MS;
    SET(device->decided_by, "uid:0");
}

static enum oc_status refuse(const struct oc_decision *decision, const struct oc_device *device,
                             struct oc_error *err)
{
    if (fake.decisions_fail_with) {
        enum oc_status status = oc_fail(err, fake.decisions_fail_with, "the fake fails");
        SET(err->cause, fake.facts.cause);
        err->is_not_durable = fake.facts.is_not_durable;
        err->is_outcome_unknown = fake.facts.is_outcome_unknown;
        return status;
    }
    if (fake.replaces_on_decision) {
        enum oc_status status = oc_fail(err, OC_ABORTED, "the request was replaced");
        SET(err->request_id, FAKE_SECOND_REQUEST);
        return status;
    }
    if (!device) {
        return oc_fail(err, OC_NOT_FOUND, "nothing of that id");
    }
    if (decision->kind == OC_APPROVE && memcmp(decision->ask_digest.bytes, device->ask_digest.bytes,
                                               sizeof device->ask_digest.bytes) != 0) {
        return oc_fail(err, OC_ABORTED, "the request changed");
    }
    if (decision->code[0] && strcmp(decision->code, FAKE_CODE) != 0) {
        (void)oc_fail(err, OC_ABORTED, "wrong pairing code");
        SET(err->cause, "code_wrong");
        return OC_ABORTED;
    }
    if (decision->kind == OC_REVOKE && device->standing != OC_STANDING_APPROVED) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "it is not approved");
    }
    return OC_OK;
}

enum oc_status oc_admin_decide(struct oc_client *client, const struct oc_decision *decision,
                               struct oc_decision_result *out, struct oc_error *err)
{
    (void)client;
    struct oc_device never_seen = {.id = decision->device_id};
    struct oc_device *device = find(decision);
    if (!device && (decision->kind == OC_BLOCK || decision->kind == OC_EXPECT)) {
        device = &never_seen;
    }
    if (fake_is_answer_lost(decision, err)) {
        return OC_UNAVAILABLE;
    }
    enum oc_status status = refuse(decision, device, err);
    if (status) {
        return status;
    }
    if (!device) {
        return oc_fail(err, OC_INTERNAL, "nothing was refused, and there is nothing");
    }
    if (fake_settle(device, out)) {
        apply(device, decision);
        out->device = *device;
    }
    return OC_OK;
}

enum oc_status oc_admin_unlock(struct oc_client *client, bool accept_rollback, bool init,
                               struct oc_error *err)
{
    (void)client;
    (void)accept_rollback;
    (void)init;
    return fake.is_locked ? OC_OK : oc_fail(err, OC_FAILED_PRECONDITION, "it is not locked");
}

enum oc_status oc_admin_reload(struct oc_client *client, struct oc_reload *out,
                               struct oc_error *err)
{
    (void)client;
    if (fake.decisions_fail_with) {
        return oc_fail(err, fake.decisions_fail_with, "no reload today");
    }
    *out = (struct oc_reload){.is_audited = !fake.is_locked};
    SET(out->path, "/data/gateway.yaml");
    if (fake.reload_problem) {
        SET(out->problem, fake.reload_problem);
        return OC_OK;
    }
    out->changed.n = 2;
    SET(out->changed.items[0], "log.level");
    SET(out->changed.items[1], "admin.localUids");
    out->needs_restart.n = 1;
    SET(out->needs_restart.items[0], "listen.devices");
    return OC_OK;
}

enum oc_status oc_admin_backup(struct oc_client *client, oc_backup_fn progress, void *user,
                               struct oc_backup *out, struct oc_error *err)
{
    (void)client;
    struct oc_backup backup = {.pages = 100, .pages_left = 40};
    if (fake.decisions_fail_with) {
        *err = fake.facts;
        return oc_fail(err, fake.decisions_fail_with, "no backup today");
    }
    progress(user, &backup);
    backup = (struct oc_backup){.bytes = 409600, .epoch = 3, .seq = 42, .gateway_id = {1}};
    backup.database_id[0] = 2;
    (void)snprintf(backup.path, sizeof backup.path, "%s",
                   fake.backup_path ? fake.backup_path
                                    : "/data/gateway/backups/gateway-20261122T120000.000Z.db");
    backup.gateway_uid = fake.backup_uid;
    *out = backup;
    return OC_OK;
}

enum oc_status oc_admin_search_audit(struct oc_client *client, const struct oc_audit_filter *filter,
                                     uint64_t after_seq, bool newest_first,
                                     struct oc_audit_page *page, struct oc_error *err)
{
    fake.audit_filter = *filter;
    (void)client;
    (void)newest_first;
    if (fake.reads_fail_with) {
        return read_failure(err);
    }
    page->n = 0;
    page->next_after_seq = 0;
    page->revision = 41;
    for (size_t i = 0; fake.audit && i < fake.n_audit; i++) {
        page->items[page->n++] = fake.audit[i];
    }
    for (uint64_t seq = after_seq + 1; seq <= 3 && !fake.audit; seq++) {
        if (page->n == page->cap) {
            page->next_after_seq = seq - 1;
            break;
        }
        struct oc_audit_record *record = &page->items[page->n++];
        *record = (struct oc_audit_record){.seq = seq, .at_ms = FAKE_NOW_MS - 1000};
        SET(record->actor, seq == 2 ? "gateway" : "uid:0");
        SET(record->source, "local");
        SET(record->action, seq == 3              ? "unlock"
                            : fake.approve_action ? fake.approve_action
                                                  : "approve");
        SET(record->outcome, seq == 2 ? "replaced" : "done");
        SET(record->reason, seq == 1 ? "ours\x1b[2J" : "");
        memset(record->hash.bytes, 0xcc, sizeof record->hash.bytes);
        if (seq != 3) {
            record->device_id = filter->has_device_id ? filter->device_id : fake.devices[0].id;
            SET(record->request_id.text, FAKE_PENDING_REQUEST);
            SET(record->before, "pending");
            SET(record->after, "approved");
            SET(record->detail,
                fake.approve_detail ? fake.approve_detail : "role=agent scopes=chat");
        }
    }
    return OC_OK;
}

enum oc_status oc_admin_list_audit(struct oc_client *client, uint64_t after_seq, bool newest_first,
                                   const struct oc_device_id *device_id, struct oc_audit_page *page,
                                   struct oc_error *err)
{
    struct oc_audit_filter filter = {.has_device_id = device_id != NULL};
    if (device_id) {
        filter.device_id = *device_id;
    }
    return oc_admin_search_audit(client, &filter, after_seq, newest_first, page, err);
}

/* ---- identity and trust -------------------------------------------------------------------- */

enum oc_status oc_identity_info(const char *data_dir, bool may_create, struct oc_identity_info *out,
                                struct oc_error *err)
{
    if (data_dir && strcmp(data_dir, "empty") == 0 && !may_create) {
        return oc_fail(err, OC_NOT_FOUND, "empty/identity/device.key does not exist");
    }
    memset(out, 0, sizeof *out);
    (void)oc_device_id_parse(FAKE_PENDING_ID, &out->device_id);
    SET(out->key_path, "/data/identity/device.key");
    out->was_created = may_create;
    return OC_OK;
}

enum oc_status oc_trust_load(const char *data_dir, const char *gateway_url, struct oc_trust *out,
                             struct oc_error *err)
{
    (void)data_dir;
    if (strstr(gateway_url, "unknown")) {
        return oc_fail(err, OC_NOT_FOUND, "no pin is recorded");
    }
    *out = (struct oc_trust){.n_pins = 1, .is_first_use = true};
    memset(out->pins[0].bytes, 0x6b, sizeof out->pins[0].bytes);
    return OC_OK;
}

enum oc_status oc_trust_save(const char *data_dir, const char *gateway_url,
                             const struct oc_trust *trust, struct oc_error *err)
{
    (void)data_dir;
    (void)gateway_url;
    (void)trust;
    (void)err;
    return OC_OK;
}

bool oc_pin_parse(const char *text, struct oc_digest *out)
{
    struct oc_device_id id; /* the same 64 digits */
    const char *digits = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
    if (!oc_device_id_parse(digits, &id)) {
        return false;
    }
    memcpy(out->bytes, id.bytes, sizeof out->bytes);
    return true;
}

/* ---- diagnosis ----------------------------------------------------------------------------- */

enum oc_status oc_list_gateways(const char *data_dir,
                                struct oc_known_gateway out[OC_MAX_KNOWN_GATEWAYS], size_t *n,
                                struct oc_error *err)
{
    (void)data_dir;
    if (fake.n_known == 0) {
        return oc_fail(err, OC_NOT_FOUND, "gateways does not exist");
    }
    memcpy(out, fake.known, fake.n_known * sizeof out[0]);
    *n = fake.n_known;
    return OC_OK;
}

enum oc_status oc_agent_last_outcome(const char *data_dir, const char *gateway_url,
                                     struct oc_outcome *out, struct oc_error *err)
{
    (void)data_dir;
    (void)gateway_url;
    if (!fake.has_outcome) {
        return oc_fail(err, OC_NOT_FOUND, "no attempt yet");
    }
    *out = fake.outcome;
    return OC_OK;
}

enum oc_status oc_probe_gateway(const struct oc_probe_options *options, struct oc_probe *out,
                                struct oc_error *err)
{
    (void)err;
    (void)options;
    *out = fake.probe;
    return OC_OK;
}

/* ---- the agent ----------------------------------------------------------------------------- */

struct oc_agent {
    struct oc_agent_options options;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards must_stop */
    pthread_cond_t changed;
    bool must_stop;
    bool is_joined;
};

static void wait_for_stop(struct oc_agent *agent)
{
    pthread_mutex_lock(&agent->mutex);
    while (!agent->must_stop && !agent->options.is_once) {
        pthread_cond_wait(&agent->changed, &agent->mutex);
    }
    pthread_mutex_unlock(&agent->mutex);
}

static void *run_agent(void *argument)
{
    struct oc_agent *agent = argument;
    const struct oc_agent_ops *ops = agent->options.ops;
    void *user = agent->options.user;
    struct oc_error err = {.status = OC_OK};
    if (agent->options.n_pins == 0) {
        struct oc_digest pin;
        memset(pin.bytes, 0x6b, sizeof pin.bytes);
        ops->trusted_first_use(user, &pin);
    }
    if (fake.agent_refusal) {
        struct oc_refusal refusal = {.kind = fake.agent_refusal,
                                     .http_status = oc_refusal_http_status(fake.agent_refusal),
                                     .why = OC_WHY_NEW_DEVICE,
                                     .text = "Gateway pairing required.\n  request  7QK4M2T9XA\n"};
        SET(refusal.request_id.text, FAKE_PENDING_REQUEST);
        SET(refusal.code, "4821-7730");
        ops->refused(user, &refusal);
    } else if (fake.agent_end == OC_OK) {
        struct oc_session session = {.granted = fake.devices[2].granted};
        if (fake.agent_wants_more) {
            SET(session.upgrade_request_id.text, FAKE_UPGRADE_REQUEST);
            SET(session.upgrade_code, "4821-7730");
        }
        ops->connected(user, &session);
    }
    if (fake.agent_end == OC_OK) {
        wait_for_stop(agent);
    } else {
        (void)oc_fail(&err, fake.agent_end, "the fake agent ends");
    }
    ops->stopped(user, fake.agent_end, &err);
    return NULL;
}

enum oc_status oc_agent_start(const struct oc_agent_options *options, struct oc_agent **out,
                              struct oc_error *err)
{
    apply_environment();
    struct oc_agent *agent = calloc(1, sizeof *agent);
    if (!agent) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    agent->options = *options;
    pthread_mutex_init(&agent->mutex, NULL);
    pthread_cond_init(&agent->changed, NULL);
    if (pthread_create(&agent->thread, NULL, run_agent, agent) != 0) {
        free(agent);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "no thread");
    }
    *out = agent;
    return OC_OK;
}

void oc_agent_stop(struct oc_agent *agent)
{
    pthread_mutex_lock(&agent->mutex);
    agent->must_stop = true;
    pthread_cond_signal(&agent->changed);
    pthread_mutex_unlock(&agent->mutex);
}

enum oc_status oc_agent_wait(struct oc_agent *agent)
{
    if (!agent->is_joined) {
        pthread_join(agent->thread, NULL);
        agent->is_joined = true;
    }
    return fake.agent_end;
}

void oc_agent_free(struct oc_agent *agent)
{
    if (agent) {
        oc_agent_stop(agent);
        (void)oc_agent_wait(agent);
        pthread_cond_destroy(&agent->changed);
        pthread_mutex_destroy(&agent->mutex);
        free(agent);
    }
}
