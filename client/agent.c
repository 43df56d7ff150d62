/*
 * The agent: openclaw/pairing.h. Here: options, life, the inbox and the thread.
 *
 * oc_agent_stop may be called from a signal handler: it sets a flag and posts a semaphore, no more.
 */
#include <errno.h>
#include <openclaw/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/agent_internal.h"
#include "client/process.h"
#include "client/unknown_field.h"

/* ---- the inbox --------------------------------------------------------------------------- */

struct oc_news *oc_agent_news_new(struct oc_agent *agent, enum oc_news_kind kind, uint32_t attempt)
{
    struct oc_news *news = calloc(1, sizeof *news);
    if (!news) {
        (void)pthread_mutex_lock(&agent->lock);
        agent->is_deaf = true;
        (void)pthread_mutex_unlock(&agent->lock);
        (void)sem_post(&agent->wake);
        return NULL;
    }
    news->kind = kind;
    news->attempt = attempt;
    return news;
}

void oc_agent_post(struct oc_agent *agent, struct oc_news *news)
{
    (void)pthread_mutex_lock(&agent->lock);
    *agent->last = news;
    agent->last = &news->next;
    (void)pthread_mutex_unlock(&agent->lock);
    (void)sem_post(&agent->wake);
}

static struct oc_news *next_news(struct oc_agent *agent)
{
    (void)pthread_mutex_lock(&agent->lock);
    struct oc_news *news = agent->first;
    if (news) {
        agent->first = news->next;
        if (!agent->first) {
            agent->last = &agent->first;
        }
    }
    (void)pthread_mutex_unlock(&agent->lock);
    return news;
}

static bool take_deafness(struct oc_agent *agent)
{
    (void)pthread_mutex_lock(&agent->lock);
    bool is_deaf = agent->is_deaf;
    agent->is_deaf = false;
    (void)pthread_mutex_unlock(&agent->lock);
    return is_deaf;
}

void oc_agent_set_connected(struct oc_agent *agent, bool is_connected)
{
    (void)pthread_mutex_lock(&agent->lock);
    agent->is_connected = is_connected;
    (void)pthread_cond_broadcast(&agent->changed);
    (void)pthread_mutex_unlock(&agent->lock);
}

/* ---- the thread -------------------------------------------------------------------------- */

static void wait_until(struct oc_agent *agent, uint64_t due_ms)
{
    if (due_ms == UINT64_MAX) {
        (void)sem_wait(&agent->wake);
        return;
    }
    const struct timespec due = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
    (void)sem_clockwait(&agent->wake, CLOCK_MONOTONIC, &due);
}

static void handle_all_news(struct oc_agent *agent)
{
    if (take_deafness(agent)) {
        const struct oc_error err = {.status = OC_RESOURCE_EXHAUSTED, .text = "out of memory"};
        const struct oc_flow_event lost = {.kind = OC_FLOW_EV_LOST, .status = err.status};
        oc_agent_happen(agent, &lost, &err);
    }
    for (struct oc_news *news = next_news(agent); news; news = next_news(agent)) {
        oc_agent_handle(agent, news);
        free(news);
    }
}

static void announce_end(struct oc_agent *agent)
{
    if (agent->settings.ops.stopped) {
        agent->settings.ops.stopped(agent->settings.user, agent->end, &agent->last_error);
    }
    (void)pthread_mutex_lock(&agent->lock);
    agent->is_stopped = true;
    (void)pthread_cond_broadcast(&agent->changed);
    (void)pthread_mutex_unlock(&agent->lock);
}

static void *run(void *user)
{
    struct oc_agent *agent = user;
    const struct oc_flow_event start = {.kind = OC_FLOW_EV_START};
    const struct oc_flow_event stop = {.kind = OC_FLOW_EV_STOP};
    oc_agent_happen(agent, &start, NULL);
    while (agent->flow.state != OC_FLOW_STOPPED) {
        wait_until(agent, oc_agent_due_ms(agent));
        if (atomic_load(&agent->is_stopping)) {
            oc_agent_happen(agent, &stop, NULL);
        }
        handle_all_news(agent);
        oc_agent_tick(agent, oc_monotonic_ms());
    }
    announce_end(agent);
    return NULL;
}

/* ---- options ----------------------------------------------------------------------------- */

static enum oc_status copy_text(const char *from, const char *field, char *out, size_t cap,
                                struct oc_error *err)
{
    if (!from) {
        return OC_OK; /* what stands there already */
    }
    if (strlen(from) >= cap) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s: longer than %zu bytes", field, cap - 1);
    }
    (void)snprintf(out, cap, "%s", from);
    return OC_OK;
}

static enum oc_status copy_address(const struct oc_agent_options *options,
                                   struct oc_agent_settings *out, struct oc_error *err)
{
    if (!options->gateway_url) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "gateway address: missing");
    }
    enum oc_status st = oc_gateway_address_parse(options->gateway_url, &out->gateway, err);
    if (st == OC_OK && out->gateway.is_local) {
        st = oc_fail(err, OC_INVALID_ARGUMENT,
                     "gateway address: an agent needs the devices' door, tls+tcp://HOST:PORT");
    }
    return st;
}

static enum oc_status copy_trust(const struct oc_agent_options *options,
                                 struct oc_agent_settings *out, struct oc_error *err)
{
    if (options->n_pins > OC_MAX_PINS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "pins: at most %d", OC_MAX_PINS);
    }
    out->n_pins = options->n_pins;
    if (options->n_pins > 0) {
        memcpy(out->pins, options->pins, options->n_pins * sizeof out->pins[0]);
    }
    out->has_ca_file = options->ca_file != NULL;
    (void)snprintf(out->server_name, sizeof out->server_name, "%s", out->gateway.host);
    enum oc_status st =
        copy_text(options->ca_file, "ca_file", out->ca_file, sizeof out->ca_file, err);
    return st ? st
              : copy_text(options->server_name, "server_name", out->server_name,
                          sizeof out->server_name, err);
}

static enum oc_status copy_claims(const struct oc_agent_options *options,
                                  struct oc_agent_settings *out, struct oc_error *err)
{
    if (options->ask.n_scopes > OC_MAX_SCOPES || options->labels.n > OC_MAX_LABELS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "at most %d scopes and %d labels", OC_MAX_SCOPES,
                       OC_MAX_LABELS);
    }
    out->ask = options->ask;
    oc_grant_normalise(&out->ask);
    out->labels = options->labels;
    oc_host_name(out->name);
    oc_host_platform(out->platform);
    (void)snprintf(out->version, sizeof out->version, "%s", oc_version());
    enum oc_status st = copy_text(options->name, "name", out->name, sizeof out->name, err);
    st = st ? st : copy_text(options->purpose, "purpose", out->purpose, sizeof out->purpose, err);
    return st ? st : copy_text(options->version, "version", out->version, sizeof out->version, err);
}

static enum oc_status refuse_unknown(const struct oc_agent_options *options, struct oc_error *err)
{
    enum oc_status st = oc_refuse_unknown_field(options->reserved, sizeof options->reserved,
                                                "oc_agent_options", err);
    if (st || !options->ops) {
        return st;
    }
    return oc_refuse_unknown_field(options->ops->reserved, sizeof options->ops->reserved,
                                   "oc_agent_ops", err);
}

static enum oc_status copy_options(const struct oc_agent_options *options,
                                   struct oc_agent_settings *out, struct oc_error *err)
{
    enum oc_status st = refuse_unknown(options, err);
    st = st ? st : copy_address(options, out, err);
    st = st ? st : copy_trust(options, out, err);
    st = st ? st : copy_claims(options, out, err);
    if (st) {
        return st;
    }
    out->has_data_dir = options->data_dir != NULL;
    if (options->ops) {
        out->ops = *options->ops;
    }
    out->user = options->user;
    return copy_text(options->data_dir, "data_dir", out->data_dir, sizeof out->data_dir, err);
}

/* ---- life -------------------------------------------------------------------------------- */

static enum oc_status load(struct oc_agent *agent, struct oc_error *err)
{
    const char *data_dir = agent->settings.has_data_dir ? agent->settings.data_dir : NULL;
    enum oc_status st = oc_keystore_load_identity(data_dir, true, &agent->identity, NULL, err);
    st = st ? st : oc_keystore_load_instance(data_dir, agent->instance_id, err);
    if (st) {
        return st;
    }
    agent->device_id = oc_identity_device_id(agent->identity);
    oc_random_fill(agent->boot_id, sizeof agent->boot_id);
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    return oc_transport_new(&options, &agent->transport, err);
}

static void init_parts(struct oc_agent *agent)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&agent->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&agent->lock, NULL);
    (void)sem_init(&agent->wake, 0, 0);
    atomic_init(&agent->is_stopping, false);
    agent->last = &agent->first;
}

/* Without the thread. */
static void destroy(struct oc_agent *agent)
{
    for (struct oc_news *news = next_news(agent); news; news = next_news(agent)) {
        free(news);
    }
    oc_transport_free(agent->transport);
    oc_identity_free(agent->identity);
    (void)sem_destroy(&agent->wake);
    (void)pthread_cond_destroy(&agent->changed);
    (void)pthread_mutex_destroy(&agent->lock);
    free(agent);
}

enum oc_status oc_agent_start(const struct oc_agent_options *options, struct oc_agent **out,
                              struct oc_error *err)
{
    struct oc_agent *agent = calloc(1, sizeof *agent);
    if (!agent) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "agent: out of memory");
    }
    init_parts(agent);
    oc_flow_init(&agent->flow, options->keeps_asking, options->is_once);
    sigset_t before;
    oc_signals_block(&before);
    enum oc_status st = oc_process_enter(err);
    st = st ? st : copy_options(options, &agent->settings, err);
    st = st ? st : load(agent, err);
    if (st == OC_OK && pthread_create(&agent->thread, NULL, run, agent) != 0) {
        st = oc_fail(err, OC_RESOURCE_EXHAUSTED, "agent: cannot start its thread");
    }
    oc_signals_restore(&before);
    if (st) {
        destroy(agent);
        return st;
    }
    *out = agent;
    return OC_OK;
}

void oc_agent_stop(struct oc_agent *agent)
{
    int saved = errno; /* a signal handler must leave it as it was */
    atomic_store(&agent->is_stopping, true);
    (void)sem_post(&agent->wake);
    errno = saved;
}

enum oc_status oc_agent_wait(struct oc_agent *agent)
{
    if (oc_process_is_forked()) {
        return oc_process_fail_forked(NULL);
    }
    (void)pthread_mutex_lock(&agent->lock);
    while (!agent->is_stopped) {
        (void)pthread_cond_wait(&agent->changed, &agent->lock);
    }
    enum oc_status end = agent->end;
    (void)pthread_mutex_unlock(&agent->lock);
    return end;
}

enum oc_status oc_agent_wait_connected(struct oc_agent *agent, uint32_t timeout_ms)
{
    if (oc_process_is_forked()) {
        return oc_process_fail_forked(NULL);
    }
    uint64_t due_ms = oc_monotonic_ms() + timeout_ms;
    const struct timespec due = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
    (void)pthread_mutex_lock(&agent->lock);
    int rc = 0;
    while (!agent->is_connected && !agent->is_stopped && rc == 0) {
        rc = pthread_cond_timedwait(&agent->changed, &agent->lock, &due);
    }
    enum oc_status st = OC_DEADLINE_EXCEEDED;
    if (agent->is_connected) {
        st = OC_OK;
    } else if (agent->is_stopped) {
        /* Stopped in good order is no session either. */
        st = agent->end ? agent->end : OC_CANCELLED;
    }
    (void)pthread_mutex_unlock(&agent->lock);
    return st;
}

void oc_agent_free(struct oc_agent *agent)
{
    if (!agent || oc_process_is_forked()) {
        return;
    }
    oc_agent_stop(agent);
    (void)pthread_join(agent->thread, NULL);
    destroy(agent);
}
