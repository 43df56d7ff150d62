/* See app.h. */
#include "server/app.h"

#include <inttypes.h>
#include <openclaw/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/hex.h"
#include "server/app_checkpoints.h"
#include "server/app_external_ca.h"
#include "server/app_reload.h"
#include "server/host/boot_clock.h"
#include "server/rpc/admin_door.h"
#include "server/state.h"

enum {
    HEARTBEAT_MS = 20 * 1000,
    /* Agents come back spread over this time when the gateway stops. */
    DRAIN_SPREAD_MS = 5 * 1000,
    /* How long a stop waits for agents to hear of it. */
    DRAIN_WAIT_MS = 500,
    DRAIN_LOOK_MS = 10,
    NS_PER_MS = 1000 * 1000,
    /* Less is what clocks drift. */
    CLOCK_DIFFERS_MS = 1000,
    MS_PER_S = 1000,
};

struct app {
    struct app_options options;
    struct config config; /* the writer thread's once the service runs */
    struct live live;
    pthread_mutex_t start_lock; /* held while the parts are built, and by a reload */
    struct system_clock *system_clock;
    struct clock clock;
    struct random_source random;
    struct state state;
    struct checkpoint_keeper *checkpoints;
    struct audit_missing missing;
    struct service *service;
    struct oc_transport *transport;
    struct oc_tls_context *tls;
    struct dispatch *dispatch;
    struct doors *doors;
    struct admin_door *admin_door; /* NULL: not configured */
};

/* ---- configuration --------------------------------------------------------------------------- */

static enum oc_status load_file(const struct app_options *options, const char *data_dir,
                                struct config *out, char path[APP_PATH_BYTES], struct oc_error *err)
{
    if (options->config_path) {
        (void)snprintf(path, APP_PATH_BYTES, "%s", options->config_path);
        return config_load(options->config_path, out, err);
    }
    (void)snprintf(path, APP_PATH_BYTES, "%s/gateway.yaml", data_dir);
    enum oc_status status = config_load(path, out, err);
    if (status == OC_NOT_FOUND) {
        path[0] = '\0';
        config_defaults(out);
        return OC_OK;
    }
    return status;
}

enum oc_status app_load_config_at(const struct app_options *options, struct config *out,
                                  char path[APP_PATH_BYTES], struct oc_error *err)
{
    char data_dir[STATE_DIR_MAX_PATH_BYTES + 1];
    enum oc_status status = data_dir_choose(options->data_dir, data_dir, err);
    if (!status) {
        status = load_file(options, data_dir, out, path, err);
    }
    return status ? status : config_resolve(out, data_dir, err);
}

enum oc_status app_load_config(const struct app_options *options, struct config *out,
                               struct oc_error *err)
{
    char path[APP_PATH_BYTES];
    return app_load_config_at(options, out, path, err);
}

static enum oc_status prepare_data_dir(const struct app_options *options, struct oc_error *err)
{
    char data_dir[STATE_DIR_MAX_PATH_BYTES + 1];
    enum oc_status status = data_dir_choose(options->data_dir, data_dir, err);
    return status ? status : data_dir_prepare(data_dir, err);
}

/* ---- building, in order ---------------------------------------------------------------------- */

static enum oc_status start_clock_and_log(struct app *app, struct oc_error *err)
{
    app->system_clock = system_clock_new(NULL);
    if (!app->system_clock) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "gateway: out of memory");
    }
    app->clock = system_clock_clock(app->system_clock);
    app->random = random_system();
    const struct log_options log = {
        .level = app->config.log.level,
        .format = app->config.log.format,
        .fd = STDERR_FILENO,
        .is_journal = log_is_journal(STDERR_FILENO),
        .clock = app->clock,
    };
    log_configure(&log);
    return OC_OK;
}

static enum oc_status make_store(void *user, struct store **out, struct oc_error *err)
{
    struct app *app = user;
    return state_make_store(&app->state, clock_now_ms(&app->clock), out, err);
}

static bool was_restored(void *user, struct store *store)
{
    struct app *app = user;
    return state_was_restored(&app->state, store);
}

static enum oc_status save_admin_ca(void *user, const struct oc_admin_ca *ca, struct oc_error *err)
{
    struct app *app = user;
    return state_write_admin_ca(&app->state, ca, err);
}

/* Its file is read again with the configuration. One that is gone or cannot be read changes
 * nothing. */
static void reload_admin_ca(struct app *app, const struct audit_actor *actor)
{
    struct oc_admin_ca *ca = NULL;
    struct oc_error err;
    const enum oc_status status = state_read_admin_ca(&app->state, &ca, &err);
    if (!status) {
        (void)administrators_take_ca(app->service, actor, ca);
    } else if (status != OC_NOT_FOUND) {
        log_error("admin.ca_unusable", "path=%s/admin-ca.pem reason=%s fix=%s",
                  app->config.state_dir, err.text, "put the right file back; the old CA stays");
    }
}

static void reload(void *user, const struct audit_actor *actor, struct reload_report *out)
{
    struct app *app = user;
    pthread_mutex_lock(&app->start_lock); /* until the doors are open */
    const struct app_reload parts = {
        .options = app->options,
        .config = &app->config,
        .live = &app->live,
        .service = app->service,
        .doors = app->doors,
    };
    app_reload_now(&parts, actor, out);
    reload_admin_ca(app, actor);
    pthread_mutex_unlock(&app->start_lock);
}

static bool take_clock_step(void *user, int64_t *step_ms)
{
    return system_clock_take_step(user, step_ms);
}

/* The time that this gateway goes on with: what it kept of this boot, else the wall clock's, and
 * never less than what the store has seen. */
static int64_t find_time(const struct app *app, const struct boot_moment *here)
{
    struct boot_moment kept;
    int64_t now_ms = clock_now_ms(&app->clock);
    if (here->boot_id[0] != '\0' && !boot_clock_read(app->state.dir, &kept, NULL)) {
        (void)boot_clock_tells(&kept, here, &now_ms);
    }
    const int64_t seen_ms = app->state.store ? store_clock_ms(app->state.store) : 0;
    return now_ms > seen_ms ? now_ms : seen_ms;
}

/* Somebody may have set the wall clock while no gateway ran. */
static void settle_clock(struct app *app)
{
    struct boot_moment here = {.boot_ms = clock_boot_ms()};
    struct oc_error err;
    const bool knows_boot = boot_clock_identify(&here, &err) == OC_OK;
    const int64_t wall_ms = clock_now_ms(&app->clock);
    here.unix_ms = find_time(app, &here);
    const int64_t ahead_ms = wall_ms - here.unix_ms;
    if (ahead_ms >= CLOCK_DIFFERS_MS || ahead_ms <= -CLOCK_DIFFERS_MS) {
        system_clock_set(app->system_clock, here.unix_ms);
        log_warn("clock.kept", "wall_is_ahead_by_s=%" PRId64 " effect=%s fix=%s", ahead_ms / 1000,
                 "the gateway goes on with its own time, so that nothing expires or comes back",
                 "if the wall clock is right: stop the gateway, remove the file clock from its "
                 "state directory, start it");
    } else {
        here.unix_ms = wall_ms;
    }
    if (knows_boot && boot_clock_write(app->state.dir, &here, &err)) {
        log_warn("clock.not_kept", "error=%s", err.text);
    }
}

static enum oc_status make_service(struct app *app, struct oc_error *err)
{
    const struct config *config = &app->config;
    const struct service_options options = {
        .store = OC_STEAL(app->state.store),
        .lock = app->state.lock,
        .marker_path = app->state.marker_path,
        .backup_dir = app->state.backup_path,
        .gateway_identity = app->state.identity,
        .secret = &app->state.secret,
        .policy = {.pending_ttl_ms = config->pairing.pending_ttl_ms},
        .default_grant = config->default_grant,
        .heartbeat_ms = HEARTBEAT_MS,
        .max_pending = config->pairing.max_pending,
        .max_pending_per_source = config->pairing.max_pending_per_source,
        .is_exempt = live_is_exempt_source,
        .is_exempt_user = &app->live,
        .is_trusted = live_is_trusted_source,
        .is_trusted_user = &app->live,
        .pairing_required = config->pairing_required,
        .clock = &app->clock,
        .random = &app->random,
        .bounds = &config->admin.bounds,
        .admin_ca = OC_STEAL(app->state.admin_ca),
        .save_admin_ca = save_admin_ca,
        .save_admin_ca_user = app,
        .make_store = make_store,
        .make_store_user = app,
        .was_restored = was_restored,
        .was_restored_user = app,
        .take_clock_step = take_clock_step,
        .clock_user = app->system_clock,
        .reload = reload,
        .reload_user = app,
        .checkpoints = app_checkpoint_sink(app->checkpoints, config->audit.checkpoint_every_ms),
        .missing = app->missing,
        .voting = app_voting(config),
    };
    return service_new(&options, &app->service, err);
}

/* That a database is not whole may be known only when it has been loaded. */
static enum oc_status start_service(struct app *app, struct oc_error *err)
{
    const bool has_store = app->state.store != NULL;
    const enum oc_status status = make_service(app, err);
    if (status != OC_DATA_LOSS || !has_store) {
        return status;
    }
    state_lock_corrupt(&app->state, err);
    app->missing = (struct audit_missing){0};
    return make_service(app, err);
}

static enum oc_status start_transport(struct app *app, struct oc_error *err)
{
    const struct oc_transport_options transport = {.owns_process = true};
    const struct dispatch_options dispatch = {
        .service = app->service,
        .gateway_spki = oc_identity_spki_sha256(app->state.identity),
    };
    enum oc_status status = oc_transport_new(&transport, &app->transport, err);
    if (!status) {
        status = oc_tls_context_for_devices(app->state.identity, &app->tls, err);
    }
    if (!status) {
        app->dispatch = dispatch_new(&dispatch);
        status =
            app->dispatch ? OC_OK : oc_fail(err, OC_RESOURCE_EXHAUSTED, "gateway: out of memory");
    }
    return status;
}

static void copy_addresses(const struct config *config, struct doors_options *options)
{
    _Static_assert((int)CONFIG_MAX_LISTENERS <= (int)DOORS_MAX_DEVICE_URLS, "listeners");
    for (size_t i = 0; i < config->listen.devices.n; i++) {
        options->device_urls[options->n_device_urls++] = config->listen.devices.items[i];
    }
}

static enum oc_status open_doors(struct app *app, struct oc_error *err)
{
    const struct config *config = &app->config;
    struct doors_options options = {
        .transport = app->transport,
        .dispatch = app->dispatch,
        .service = app->service,
        .tls = app->tls,
        .gateway_spki = oc_identity_spki_sha256(app->state.identity),
        .local_url = config->listen.local,
        .max_unfinished = config->limits.max_unfinished,
        .max_unfinished_per_source = config->limits.max_unfinished_per_source,
        .max_arrivals = config->limits.max_arrivals,
        .max_arrivals_per_source = config->limits.max_arrivals_per_source,
        .settings = app_doors_settings(config),
        .is_exempt = live_is_exempt,
        .is_trusted = live_is_trusted,
        .user = &app->live,
        .heartbeat_ms = HEARTBEAT_MS,
    };
    random_fill(&app->random, &options.source_seed, sizeof options.source_seed);
    copy_addresses(config, &options);
    return doors_open(&options, &app->doors, err);
}

/* Before the doors, so that it hears of every change; opened after them. */
static enum oc_status make_admin_door(struct app *app, struct oc_error *err)
{
    const struct config *config = &app->config;
    struct admin_door_options options = {
        .transport = app->transport,
        .dispatch = app->dispatch,
        .service = app->service,
        .identity = app->state.identity,
        .url = config->listen.admin,
        .max_unfinished = config->limits.max_unfinished,
        .max_unfinished_per_source = config->limits.max_unfinished_per_source,
    };
    app_external_ca_apply(app->service, config, NULL);
    if (config->listen.admin[0] == '\0') {
        return OC_OK;
    }
    random_fill(&app->random, &options.source_seed, sizeof options.source_seed);
    return admin_door_new(&options, &app->admin_door, err);
}

static enum oc_status open_admin_door(struct app *app, struct oc_error *err)
{
    enum oc_status status = app->admin_door ? admin_door_open(app->admin_door, err) : OC_OK;
    if (!status && app->admin_door && !admin_door_is_open(app->admin_door)) {
        log_warn("admin.door_shut", "address=%s reason=%s fix=%s", app->config.listen.admin,
                 "there is no admin CA yet",
                 app->config.admin.ca[0] != '\0' ? "put a CA's certificate into the file of "
                                                   "admin.ca, then openclaw gateway reload"
                                                 : "openclaw pki init");
    }
    return status;
}

static void announce_listeners(const struct app *app)
{
    size_t n = 0;
    const struct dispatch_listener *listeners = dispatch_listeners(app->dispatch, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(listeners[i].door, rpc_door_name(RPC_DOOR_ADMIN)) != 0) { /* told already */
            log_info("gateway.listening", "door=%s address=%s", listeners[i].door,
                     listeners[i].address);
        }
    }
}

/* What an administrator must know at once. */
static void warn_at_start(const struct service_status *status)
{
    if (!status->pairing_required) {
        log_warn("gateway.pairing_off", "reason=%s fix=%s",
                 "pairingRequired: false: whoever reaches a listener gets in unapproved",
                 "set pairingRequired: true in gateway.yaml, then openclaw gateway reload");
    }
    if (status->n_quarantined > 0) {
        log_error("gateway.records_quarantined", "count=%" PRIu64 " reason=%s fix=%s",
                  status->n_quarantined,
                  "these devices' rows are not as this gateway wrote them, and get no session",
                  "openclaw devices list");
    }
    if (status->lock != STORE_LOCK_NONE) {
        log_error("gateway.locked", "reason=%s fix=%s", store_lock_text(status->lock),
                  store_lock_fix(status->lock));
    }
}

static void announce(const struct app *app)
{
    struct service_status status;
    char pin[2 * OC_DIGEST_BYTES + 1];
    const struct oc_digest spki = app_pin(app);
    oc_hex_format(spki.bytes, sizeof spki.bytes, pin);
    service_get_status(app->service, &status);
    log_info("gateway.store", "path=%s kind=%s seq=%" PRIu64 " is_new=%s", app->state.database_path,
             status.store_text[0] != '\0' ? status.store_text : "none", status.identity.seq,
             app->state.is_first_start ? "true" : "false");
    announce_listeners(app);
    log_info("gateway.started",
             "version=%s pin=sha256:%s pairing=%s approved=%" PRIu64 " pending=%" PRIu64
             " blocked=%" PRIu64 " devices=%" PRIu64,
             oc_version(), pin, status.pairing_required ? "on" : "off", status.n_approved,
             status.n_pending, status.n_blocked, status.n_records);
    warn_at_start(&status);
}

static enum oc_status build(struct app *app, const struct app_options *options,
                            struct oc_error *err)
{
    enum oc_status status = app_load_config(options, &app->config, err);
    live_init(&app->live, &app->config);
    if (!status) {
        status = start_clock_and_log(app, err);
    }
    if (!status) {
        status = prepare_data_dir(options, err);
    }
    if (!status) {
        status = state_open(app->config.state_dir, &app->random, clock_now_ms(&app->clock),
                            &app->state, err);
    }
    if (!status) {
        settle_clock(app);
        app_check_checkpoint(&app->state, app->config.audit.checkpoint_file, &app->missing);
        status = checkpoint_keeper_start(app->config.audit.checkpoint_file,
                                         app->config.audit.syslog, &app->checkpoints, err);
    }
    if (!status) {
        status = start_service(app, err);
    }
    if (!status) {
        status = start_transport(app, err);
    }
    if (!status) {
        status = make_admin_door(app, err);
    }
    if (!status) {
        status = open_doors(app, err);
    }
    return status ? status : open_admin_door(app, err);
}

/* Whoever reads JSON reads nothing else; main.c tells everybody else. */
static void tell_failed_start(const struct oc_error *err)
{
    if (log_format_now() == LOG_FORMAT_JSON) {
        log_error("gateway.not_started", "reason=%s", err->text);
    }
}

enum oc_status app_start(const struct app_options *options, struct app **out, struct oc_error *err)
{
    OC_CLEANUP(app_stopp) struct app *app = calloc(1, sizeof *app);
    if (!app) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "gateway: out of memory");
    }
    pthread_mutex_init(&app->start_lock, NULL);
    pthread_mutex_lock(&app->start_lock);
    app->options = *options;
    enum oc_status status = build(app, options, err);
    if (!status) {
        announce(app);
    }
    pthread_mutex_unlock(&app->start_lock);
    if (status) {
        tell_failed_start(err);
        return status;
    }
    *out = OC_STEAL(app);
    return OC_OK;
}

/* ---- unwinding, in reverse ------------------------------------------------------------------- */

/* Agents that heard of the drain leave by themselves. */
static void wait_for_agents(struct service *service)
{
    const struct timespec pause = {.tv_nsec = (long)DRAIN_LOOK_MS * NS_PER_MS};
    for (int waited_ms = 0; waited_ms < DRAIN_WAIT_MS; waited_ms += DRAIN_LOOK_MS) {
        struct service_status status;
        service_get_status(service, &status);
        if (status.n_online == 0) {
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
}

static void reloaded(void *user, const struct reload_result *result)
{
    (void)user; /* the reload itself told the log */
    if (result->status) {
        log_error("config.not_reloaded", "reason=%s", result->error.text);
    }
}

void app_reload(struct app *app, const struct audit_actor *actor)
{
    const struct reload_call call = {.done = reloaded};
    admin_reload(app->service, actor, &call);
}

void app_tell_stop(const struct app *app, const char *why)
{
    struct service_status status;
    service_get_status(app->service, &status);
    log_info("gateway.stopping", "why=%s sessions=%" PRIu64 " up_s=%" PRId64, why, status.n_online,
             (clock_now_ms(&app->clock) - status.started_ms) / MS_PER_S);
}

/* The clock goes. */
static void end_log(struct app *app, bool has_served, int64_t took_ms)
{
    log_tell_suppressed_at_end();
    if (has_served) {
        log_info("gateway.stopped", "version=%s took_ms=%" PRId64, oc_version(), took_ms);
    }
    const struct log_options log = {
        .level = app->config.log.level, .format = app->config.log.format, .fd = STDERR_FILENO};
    log_configure(&log);
    system_clock_free(app->system_clock);
}

void app_stop(struct app *app)
{
    if (!app) {
        return;
    }
    const bool has_served = app->doors != NULL;
    const int64_t began_ms = clock_monotonic_ms();
    if (has_served) {
        dispatch_set_draining(app->dispatch);
        admin_door_stop(app->admin_door);
        doors_stop(app->doors);
        service_drain(app->service, DRAIN_SPREAD_MS);
        wait_for_agents(app->service);
    }
    oc_transport_free(app->transport);
    service_free(app->service);
    checkpoint_keeper_stop(app->checkpoints); /* after the service gave it the last one */
    doors_free(app->doors);
    admin_door_free(app->admin_door);
    dispatch_free(app->dispatch);
    oc_tls_context_free(app->tls);
    state_close(&app->state);
    if (app->system_clock) {
        end_log(app, has_served, clock_monotonic_ms() - began_ms);
    }
    live_deinit(&app->live);
    pthread_mutex_destroy(&app->start_lock);
    free(app);
}

/* ---- looking --------------------------------------------------------------------------------- */

static const char *url_of(const struct app *app, enum rpc_door door)
{
    size_t n = 0;
    const struct dispatch_listener *listeners = dispatch_listeners(app->dispatch, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(listeners[i].door, rpc_door_name(door)) == 0) {
            return listeners[i].address;
        }
    }
    return "";
}

const char *app_device_url(const struct app *app)
{
    return url_of(app, RPC_DOOR_DEVICES);
}

const char *app_local_url(const struct app *app)
{
    return url_of(app, RPC_DOOR_LOCAL);
}

struct oc_digest app_pin(const struct app *app)
{
    return oc_identity_spki_sha256(app->state.identity);
}
