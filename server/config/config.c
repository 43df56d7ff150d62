/* Owns the defaults and what must hold between keys. */
#include "server/config/config.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"

static const char IPC_SCHEME[] = "ipc://";
static const char CHECKPOINT_FILE[] = "checkpoints.ndjson";

void config_defaults(struct config *out)
{
    *out = (struct config){
        .pairing_required = true,
        .default_grant = {.role = "agent"},
        .state_dir = "gateway",
        .store = "sqlite",
        .listen = {.devices = {.n = 1, .items = {"tls+tcp://127.0.0.1:18789"}},
                   .local = "ipc://gateway/admin.sock"},
        .pairing = {.pending_ttl_ms = 3600000, .max_pending = 10000, .max_pending_per_source = 32},
        .limits = {.max_unfinished = 512,
                   .max_unfinished_per_source = 64,
                   .max_arrivals = 8192,
                   .max_arrivals_per_source = 4096,
                   .max_unapproved = 10000,
                   .max_unapproved_per_source = 32},
        .audit = {.checkpoint_every_ms = 600000},
        .log = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_TEXT},
    };
}

/* A device URL that does not parse counts as open: it cannot come out of config_yaml.c. */
static enum listen_reach reach_of_url(const char *url)
{
    struct listen_url parsed;
    return listen_url_parse(url, "tls+tcp", &parsed) ? parsed.reach : LISTEN_ELSEWHERE;
}

/* The most open device listener. */
static const char *most_open_url(const struct config *config)
{
    const char *most = config->listen.devices.items[0];
    for (size_t i = 1; i < config->listen.devices.n; i++) {
        const char *url = config->listen.devices.items[i];
        most = reach_of_url(url) > reach_of_url(most) ? url : most;
    }
    return most;
}

enum listen_reach config_devices_reach(const struct config *config)
{
    return reach_of_url(most_open_url(config));
}

bool config_networks_contain(const struct config_networks *networks,
                             const uint8_t address[NETWORK_ADDRESS_BYTES])
{
    for (size_t i = 0; i < networks->n; i++) {
        if (network_contains(&networks->items[i], address)) {
            return true;
        }
    }
    return false;
}

static enum oc_status check_pairing_off(const struct config *config, const char *name,
                                        struct oc_error *err)
{
    enum listen_reach reach = config_devices_reach(config);
    if (config->pairing_required || reach == LISTEN_LOOPBACK) {
        return OC_OK;
    }
    const char *url = most_open_url(config);
    if (!config->allow_unpaired_devices) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: pairingRequired: false would let every device that reaches %s in "
                       "unapproved; set pairingRequired: true, or listen on 127.0.0.1 only, or add "
                       "allowUnpairedDevices: true%s",
                       name, url,
                       reach == LISTEN_PRIVATE ? "" : " and the trustedNetworks they come from");
    }
    if (reach == LISTEN_ELSEWHERE && config->trusted_networks.n == 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: pairingRequired: false with %s, which is not a private address, needs "
                       "trustedNetworks; set pairingRequired: true, or list the networks that may "
                       "connect, as in trustedNetworks: [10.20.0.0/16]",
                       name, url);
    }
    return OC_OK;
}

/* Port 0 is another port each time. */
static bool is_same_address(const char *a, const char *b)
{
    const char *port = strrchr(a, ':');
    return !strcmp(a, b) && port && strcmp(port, ":0") != 0;
}

static enum oc_status check_addresses(const struct config *config, const char *name,
                                      struct oc_error *err)
{
    const struct config_urls *devices = &config->listen.devices;
    for (size_t i = 0; i < devices->n; i++) {
        bool is_twice = is_same_address(devices->items[i], config->listen.admin);
        for (size_t j = 0; j < i; j++) {
            is_twice = is_twice || is_same_address(devices->items[i], devices->items[j]);
        }
        if (is_twice) {
            return oc_fail(err, OC_FAILED_PRECONDITION,
                           "%s: %s is listed twice under listen; give every door its own port",
                           name, devices->items[i]);
        }
    }
    struct listen_url metrics;
    if (config->listen.metrics[0] && listen_url_parse(config->listen.metrics, "http", &metrics) &&
        metrics.reach != LISTEN_LOOPBACK) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: listen.metrics is %s, and the page has no access control; use a "
                       "loopback address, as in http://127.0.0.1:18791",
                       name, config->listen.metrics);
    }
    return OC_OK;
}

static enum oc_status check_caps(const struct config *config, const char *name,
                                 struct oc_error *err)
{
    const struct {
        const char *key;
        uint32_t all, one;
    } caps[] = {
        {"pairing.maxPending", config->pairing.max_pending, config->pairing.max_pending_per_source},
        {"limits.maxUnfinished", config->limits.max_unfinished,
         config->limits.max_unfinished_per_source},
        {"limits.maxArrivals", config->limits.max_arrivals, config->limits.max_arrivals_per_source},
        {"limits.maxUnapproved", config->limits.max_unapproved,
         config->limits.max_unapproved_per_source},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(caps); i++) {
        if (caps[i].one > caps[i].all) {
            return oc_fail(err, OC_FAILED_PRECONDITION,
                           "%s: %sPerSource is %u and %s only %u; one source may hold at most "
                           "what all may",
                           name, caps[i].key, caps[i].one, caps[i].key, caps[i].all);
        }
    }
    return OC_OK;
}

static bool has_bound(const struct bounds *bounds, const char *name)
{
    for (size_t i = 0; i < bounds->n; i++) {
        if (strcmp(bounds->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum oc_status check_mapping(const struct config *config, size_t at, const char *name,
                                    struct oc_error *err)
{
    const struct administrator_map *map = &config->admin.map;
    const struct administrator_mapping *it = &map->items[at];
    if (it->bound[0] != '\0' && !has_bound(&config->admin.bounds, it->bound)) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: admin.map: %s has the bound %s, which admin.bounds has not; add it "
                       "there, as in %s: {roles: [agent], scopes: [chat]}",
                       name, it->san, it->bound, it->bound);
    }
    for (size_t i = 0; i < at; i++) {
        if (administrator_map_is_ambiguous(&map->items[i], it)) {
            return oc_fail(err, OC_FAILED_PRECONDITION,
                           "%s: admin.map: %s and %s fit one and the same name; patterns must not "
                           "overlap (a name that is written out comes before them)",
                           name, map->items[i].san, it->san);
        }
    }
    return OC_OK;
}

/* Either CA: ours, or the other one. What is mapped says nothing of ours. */
static enum oc_status check_external_ca(const struct config *config, const char *name,
                                        struct oc_error *err)
{
    const struct administrator_map *map = &config->admin.map;
    const bool has_ca = config->admin.ca[0] != '\0';
    if (has_ca && map->n == 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: admin.ca takes the place of the gateway's own admin CA, and without "
                       "admin.map nobody of it may do anything; add one, as in map: [{san: "
                       "\"spiffe://example.org/ops/*\", role: viewer}], or remove admin.ca",
                       name);
    }
    if (!has_ca && map->n > 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: admin.map is of the certificates of admin.ca, which is not given; the "
                       "administrators of the gateway's own CA have their roles by openclaw pki",
                       name);
    }
    enum oc_status st = OC_OK;
    for (size_t i = 0; i < map->n && !st; i++) {
        st = check_mapping(config, i, name, err);
    }
    return st;
}

enum oc_status config_check(const struct config *config, const char *name, struct oc_error *err)
{
    enum oc_status st = check_caps(config, name, err);
    if (!st) {
        st = check_addresses(config, name, err);
    }
    if (!st) {
        st = check_external_ca(config, name, err);
    }
    return st ? st : check_pairing_off(config, name, err);
}

/* `path` becomes base/path where it is relative; `room` is the most it may grow to. */
static bool resolve_path(char path[CONFIG_MAX_PATH_BYTES + 1], const char *base, size_t room)
{
    char given[CONFIG_MAX_PATH_BYTES + 1];
    memcpy(given, path, sizeof given);
    int n = given[0] == '/' ? snprintf(path, room + 1, "%s", given)
                            : snprintf(path, room + 1, "%s/%s", base, given);
    return n >= 0 && (size_t)n <= room;
}

static enum oc_status resolve_checkpoint_file(struct config *config, const char *data_dir,
                                              struct oc_error *err)
{
    char *path = config->audit.checkpoint_file;
    const bool has_one = path[0] != '\0';
    if (!has_one) {
        memcpy(path, CHECKPOINT_FILE, sizeof CHECKPOINT_FILE);
    }
    if (!resolve_path(path, has_one ? data_dir : config->state_dir, CONFIG_MAX_PATH_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "audit.checkpointFile: its path is longer than %d bytes",
                       CONFIG_MAX_PATH_BYTES);
    }
    return OC_OK;
}

enum oc_status config_resolve(struct config *config, const char *data_dir, struct oc_error *err)
{
    struct config resolved = *config;
    if (!resolve_path(resolved.state_dir, data_dir, CONFIG_MAX_PATH_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "stateDir: %.300s below the data directory is longer than %d bytes",
                       config->state_dir, CONFIG_MAX_PATH_BYTES);
    }
    char path[CONFIG_MAX_PATH_BYTES + 1];
    size_t n_scheme = strlen(IPC_SCHEME);
    (void)snprintf(path, sizeof path, "%s", config->listen.local + n_scheme);
    if (!resolve_path(path, data_dir, CONFIG_MAX_PATH_BYTES - n_scheme) ||
        strlen(path) > CONFIG_MAX_SOCKET_PATH_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "listen.local: %.200s is %zu bytes, and a socket's path may have %d; use a "
                       "shorter data directory, or set listen.local to a shorter absolute path in "
                       "a directory of mode 0700",
                       path, strlen(path), CONFIG_MAX_SOCKET_PATH_BYTES);
    }
    memcpy(resolved.listen.local, IPC_SCHEME, n_scheme);
    memcpy(resolved.listen.local + n_scheme, path, strlen(path) + 1);
    const enum oc_status st = resolve_checkpoint_file(&resolved, data_dir, err);
    if (!st && resolved.admin.ca[0] != '\0' &&
        !resolve_path(resolved.admin.ca, data_dir, CONFIG_MAX_PATH_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "admin.ca: its path is longer than %d bytes",
                       CONFIG_MAX_PATH_BYTES);
    }
    if (!st) {
        *config = resolved;
    }
    return st;
}
