/* Owns the keys of gateway.yaml: one row each, and one function per kind of value. */
#include "server/config/config_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/base/cleanup.h"

static void *value_at(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static enum oc_status refuse(const struct config_key *key, const char *what, struct oc_error *err)
{
    return oc_fail(err, OC_INVALID_ARGUMENT, "%s, as in %s: %s", what, key->path, key->example);
}

/* ---- numbers and words --------------------------------------------------------------------- */

static enum oc_status set_bool(struct config *config, const struct config_key *key,
                               const struct config_scalar *scalar, struct oc_error *err)
{
    bool is_true = !strcmp(scalar->text, "true");
    if (scalar->is_quoted || (!is_true && strcmp(scalar->text, "false") != 0)) {
        return refuse(key, "must be true or false, without quotes", err);
    }
    *(bool *)value_at(config, key) = is_true;
    return OC_OK;
}

/* Digits only, as written in the file; false past INT64_MAX / 10^8, beyond every range here. */
static bool read_digits(const char **next, int64_t *out)
{
    const char *start = *next;
    int64_t value = 0;
    for (; **next >= '0' && **next <= '9'; (*next)++) {
        value = value * 10 + (**next - '0');
        if (value > INT64_MAX / 100000000) {
            return false;
        }
    }
    *out = value;
    return *next > start;
}

static bool read_number(const struct config_scalar *scalar, int64_t *out)
{
    const char *next = scalar->text;
    return !scalar->is_quoted && read_digits(&next, out) && *next == '\0';
}

static enum oc_status refuse_range(const struct config_key *key, struct oc_error *err)
{
    return oc_fail(err, OC_INVALID_ARGUMENT, "must be a whole number from %" PRId64 " to %" PRId64,
                   key->min, key->max);
}

enum oc_status config_set_count(struct config *config, const struct config_key *key,
                                const struct config_scalar *scalar, struct oc_error *err)
{
    int64_t value = 0;
    if (!read_number(scalar, &value) || value < key->min || value > key->max) {
        return refuse_range(key, err);
    }
    *(uint32_t *)value_at(config, key) = (uint32_t)value;
    return OC_OK;
}

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(units); i++) {
        if (!strcmp(units[i].name, unit)) {
            return units[i].ms;
        }
    }
    return 0;
}

enum oc_status config_set_duration(struct config *config, const struct config_key *key,
                                   const struct config_scalar *scalar, struct oc_error *err)
{
    const char *next = scalar->text;
    int64_t value = 0;
    if (!read_digits(&next, &value) || !unit_ms(next)) {
        return refuse(key, "must be a duration: a whole number and s, m, h or d", err);
    }
    if (value < key->min / unit_ms(next) || value > key->max / unit_ms(next) ||
        value * unit_ms(next) < key->min) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be from %" PRId64 "s to %" PRId64 "d",
                       key->min / unit_ms("s"), key->max / unit_ms("d"));
    }
    *(int64_t *)value_at(config, key) = value * unit_ms(next);
    return OC_OK;
}

static enum oc_status set_log_level(struct config *config, const struct config_key *key,
                                    const struct config_scalar *scalar, struct oc_error *err)
{
    if (!log_level_parse(scalar->text, value_at(config, key))) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be error, warn, info or debug");
    }
    return OC_OK;
}

static enum oc_status set_log_format(struct config *config, const struct config_key *key,
                                     const struct config_scalar *scalar, struct oc_error *err)
{
    if (!log_format_parse(scalar->text, value_at(config, key))) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be text or json");
    }
    return OC_OK;
}

/* ---- texts --------------------------------------------------------------------------------- */

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum oc_status set_path(struct config *config, const struct config_key *key,
                               const struct config_scalar *scalar, struct oc_error *err)
{
    size_t n = strlen(scalar->text);
    if (n == 0 || n > CONFIG_MAX_PATH_BYTES || !is_printable(scalar->text)) {
        return refuse(key, "must be a path of 1 to 1023 bytes without control characters", err);
    }
    if (scalar->text[0] == '~') {
        return refuse(key,
                      "~ is not expanded; write the path out, or relative to the data "
                      "directory",
                      err);
    }
    memcpy(value_at(config, key), scalar->text, n + 1);
    return OC_OK;
}

static enum oc_status set_store(struct config *config, const struct config_key *key,
                                const struct config_scalar *scalar, struct oc_error *err)
{
    if (strcmp(scalar->text, "sqlite") != 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be sqlite, the only store of this version");
    }
    memcpy(value_at(config, key), scalar->text, strlen(scalar->text) + 1);
    return OC_OK;
}

/* Roles and scopes are words that need no quoting anywhere. */
static bool is_word(const char *text, size_t max)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-";
    size_t n = strspn(text, allowed);
    return n > 0 && n <= max && text[n] == '\0';
}

static enum oc_status set_role(struct config *config, const struct config_key *key,
                               const struct config_scalar *scalar, struct oc_error *err)
{
    if (!is_word(scalar->text, OC_MAX_ROLE_BYTES)) {
        return refuse(key, "must be 1 to 32 letters, digits or . _ : / -", err);
    }
    memcpy(config->default_grant.role, scalar->text, strlen(scalar->text) + 1);
    return OC_OK;
}

static enum oc_status add_scope(struct config *config, const struct config_key *key,
                                const struct config_scalar *scalar, struct oc_error *err)
{
    struct oc_grant *grant = &config->default_grant;
    if (!is_word(scalar->text, OC_MAX_SCOPE_BYTES)) {
        return refuse(key, "must be 1 to 32 letters, digits or . _ : / -", err);
    }
    if (grant->n_scopes == OC_MAX_SCOPES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d scopes", OC_MAX_SCOPES);
    }
    memcpy(grant->scopes[grant->n_scopes++], scalar->text, strlen(scalar->text) + 1);
    oc_grant_normalise(grant);
    return OC_OK;
}

/* ---- addresses ----------------------------------------------------------------------------- */

static enum oc_status copy_url(char out[CONFIG_MAX_TEXT_BYTES + 1], const char *scheme,
                               const struct config_key *key, const struct config_scalar *scalar,
                               struct oc_error *err)
{
    struct listen_url parsed;
    size_t n = strlen(scalar->text);
    if (n > CONFIG_MAX_TEXT_BYTES || !listen_url_parse(scalar->text, scheme, &parsed)) {
        char what[64];
        (void)snprintf(what, sizeof what, "must be %s://HOST:PORT", scheme);
        return refuse(key, what, err);
    }
    memcpy(out, scalar->text, n + 1);
    return OC_OK;
}

static enum oc_status add_device_url(struct config *config, const struct config_key *key,
                                     const struct config_scalar *scalar, struct oc_error *err)
{
    struct config_urls *urls = value_at(config, key);
    if (urls->n == CONFIG_MAX_LISTENERS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d addresses",
                       CONFIG_MAX_LISTENERS);
    }
    enum oc_status st = copy_url(urls->items[urls->n], "tls+tcp", key, scalar, err);
    urls->n += !st;
    return st;
}

static enum oc_status set_admin_url(struct config *config, const struct config_key *key,
                                    const struct config_scalar *scalar, struct oc_error *err)
{
    return copy_url(value_at(config, key), "tls+tcp", key, scalar, err);
}

static enum oc_status set_metrics_url(struct config *config, const struct config_key *key,
                                      const struct config_scalar *scalar, struct oc_error *err)
{
    return copy_url(value_at(config, key), "http", key, scalar, err);
}

static enum oc_status set_local_url(struct config *config, const struct config_key *key,
                                    const struct config_scalar *scalar, struct oc_error *err)
{
    static const char scheme[] = "ipc://";
    size_t n_scheme = strlen(scheme);
    if (strncmp(scalar->text, scheme, n_scheme) != 0) {
        return refuse(key, "must be ipc:// and a path", err);
    }
    struct config_scalar path = {.text = scalar->text + n_scheme};
    enum oc_status st = set_path(config, key, &path, err);
    size_t n = strlen(scalar->text);
    if (!st && n > CONFIG_MAX_PATH_BYTES) {
        return refuse(key, "must be ipc:// and a path of at most 107 bytes", err);
    }
    if (!st) {
        memcpy(value_at(config, key), scalar->text, n + 1);
    }
    return st;
}

static enum oc_status add_network(struct config *config, const struct config_key *key,
                                  const struct config_scalar *scalar, struct oc_error *err)
{
    static const char *const problems[NETWORK_PROBLEM_COUNT] = {
        [NETWORK_IS_NO_ADDRESS] = "must be networks or addresses",
        [NETWORK_IS_NO_PREFIX] = "must have a prefix length of at most 32 (IPv4) or 128 (IPv6)",
        [NETWORK_HAS_HOST_BITS] = "has bits set beyond its prefix length; clear them or lengthen "
                                  "the prefix",
        [NETWORK_IS_EVERYTHING] = "is every address there is; list the networks that are meant",
    };
    struct config_networks *networks = value_at(config, key);
    if (networks->n == CONFIG_MAX_NETWORKS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d networks",
                       CONFIG_MAX_NETWORKS);
    }
    enum network_problem problem = network_parse(scalar->text, &networks->items[networks->n]);
    if (problem) {
        return refuse(key, problems[problem], err);
    }
    networks->n++;
    return OC_OK;
}

static enum oc_status add_uid(struct config *config, const struct config_key *key,
                              const struct config_scalar *scalar, struct oc_error *err)
{
    struct config_uids *uids = value_at(config, key);
    int64_t value = 0;
    if (!read_number(scalar, &value) || value > key->max) {
        return refuse(key, "must be numeric user ids", err);
    }
    if (uids->n == CONFIG_MAX_UIDS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d user ids", CONFIG_MAX_UIDS);
    }
    uids->items[uids->n++] = (uint32_t)value;
    return OC_OK;
}

/* ---- the table ----------------------------------------------------------------------------- */

#define AT(field) offsetof(struct config, field)

/* clang-format off */
const struct config_key config_keys[] = {
    {"pairingRequired", CONFIG_SCALAR, set_bool, AT(pairing_required), 0, 0, "true"},
    {"allowUnpairedDevices", CONFIG_SCALAR, set_bool, AT(allow_unpaired_devices), 0, 0, "false"},
    {"trustedNetworks", CONFIG_LIST, add_network, AT(trusted_networks), 0, 0, "[10.20.0.0/16]"},
    {"defaultGrant.role", CONFIG_SCALAR, set_role, AT(default_grant), 0, 0, "agent"},
    {"defaultGrant.scopes", CONFIG_LIST, add_scope, AT(default_grant), 0, 0, "[chat]"},
    {"stateDir", CONFIG_SCALAR, set_path, AT(state_dir), 0, 0, "gateway"},
    {"store", CONFIG_SCALAR, set_store, AT(store), 0, 0, "sqlite"},
    {"listen.devices", CONFIG_SCALAR_OR_LIST, add_device_url, AT(listen.devices), 0, 0,
     "tls+tcp://127.0.0.1:18789"},
    {"listen.local", CONFIG_SCALAR, set_local_url, AT(listen.local), 0, 0,
     "ipc://gateway/admin.sock"},
    {"listen.admin", CONFIG_SCALAR, set_admin_url, AT(listen.admin), 0, 0,
     "tls+tcp://127.0.0.1:18790"},
    {"listen.metrics", CONFIG_SCALAR, set_metrics_url, AT(listen.metrics), 0, 0,
     "http://127.0.0.1:18791"},
    {"pairing.pendingTtl", CONFIG_SCALAR, config_set_duration, AT(pairing.pending_ttl_ms), 1000,
     30 * INT64_C(86400000), "1h"},
    {"pairing.maxPending", CONFIG_SCALAR, config_set_count, AT(pairing.max_pending), 1, 1000000, "10000"},
    {"pairing.maxPendingPerSource", CONFIG_SCALAR, config_set_count, AT(pairing.max_pending_per_source), 1,
     1000000, "32"},
    {"pairing.exemptSources", CONFIG_LIST, add_network, AT(pairing.exempt_sources), 0, 0,
     "[203.0.113.7]"},
    {"limits.maxUnfinished", CONFIG_SCALAR, config_set_count, AT(limits.max_unfinished), 1, 100000, "512"},
    {"limits.maxUnfinishedPerSource", CONFIG_SCALAR, config_set_count,
     AT(limits.max_unfinished_per_source), 1, 100000, "64"},
    {"limits.maxArrivals", CONFIG_SCALAR, config_set_count, AT(limits.max_arrivals), 1, 100000, "8192"},
    {"limits.maxArrivalsPerSource", CONFIG_SCALAR, config_set_count, AT(limits.max_arrivals_per_source), 1,
     100000, "4096"},
    {"limits.maxUnapproved", CONFIG_SCALAR, config_set_count, AT(limits.max_unapproved), 1, 1000000,
     "10000"},
    {"limits.maxUnapprovedPerSource", CONFIG_SCALAR, config_set_count,
     AT(limits.max_unapproved_per_source), 1, 1000000, "32"},
    {"admin.localUids", CONFIG_LIST, add_uid, AT(admin.local_uids), 0, UINT32_MAX - 1, "[1000]"},
    {"admin.bounds", CONFIG_TREE, NULL, AT(admin.bounds), 0, 0,
     "{default: {roles: [agent], scopes: [chat]}}"},
    {"admin.ca", CONFIG_SCALAR, set_path, AT(admin.ca), 0, 0, "/etc/openclaw/admin-ca.pem"},
    {"admin.map", CONFIG_TREE, NULL, AT(admin.map), 0, 0,
     "[{san: \"spiffe://example.org/ops/*\", role: viewer}]"},
    {"approvals", CONFIG_TREE, NULL, AT(approvals), 0, 0, "[{role: admin, need: 2}]"},
    {"audit.checkpointFile", CONFIG_SCALAR, set_path, AT(audit.checkpoint_file), 0, 0,
     "/var/log/openclaw/checkpoints.ndjson"},
    {"audit.checkpointEvery", CONFIG_SCALAR, config_set_duration, AT(audit.checkpoint_every_ms), 1000,
     INT64_C(86400000), "10m"},
    {"audit.syslog", CONFIG_SCALAR, set_bool, AT(audit.syslog), 0, 0, "false"},
    {"log.level", CONFIG_SCALAR, set_log_level, AT(log.level), 0, 0, "info"},
    {"log.format", CONFIG_SCALAR, set_log_format, AT(log.format), 0, 0, "text"},
};
/* clang-format on */

const size_t config_n_keys = OC_ARRAY_LENGTH(config_keys);

void config_clear_list(struct config *config, const struct config_key *key)
{
    if (key->set == add_scope) {
        config->default_grant.n_scopes = 0;
    } else if (key->set == add_network) {
        ((struct config_networks *)value_at(config, key))->n = 0;
    } else if (key->set == add_device_url) {
        ((struct config_urls *)value_at(config, key))->n = 0;
    } else if (key->set == add_uid) {
        ((struct config_uids *)value_at(config, key))->n = 0;
    }
}

const struct config_key *config_find_key(const char *path)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        if (!strcmp(config_keys[i].path, path)) {
            return &config_keys[i];
        }
    }
    return NULL;
}

bool config_is_section(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < config_n_keys; i++) {
        if (!strncmp(config_keys[i].path, path, n) && config_keys[i].path[n] == '.') {
            return true;
        }
    }
    return false;
}

/* ---- what was meant ------------------------------------------------------------------------ */

enum {
    MAX_COMPARED = 40,
};

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

static bool is_same_letter(char a, char b)
{
    return strncasecmp(&a, &b, 1) == 0;
}

/* Edits (insert, delete, replace) from a to b, letters of either case being the same. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[MAX_COMPARED + 1];
    size_t n_b = strlen(b);
    if (strlen(a) > MAX_COMPARED || n_b > MAX_COMPARED) {
        return MAX_COMPARED;
    }
    for (size_t j = 0; j <= n_b; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n_b; j++) {
            size_t replaced = diagonal + !is_same_letter(a[i], b[j]);
            diagonal = row[j + 1];
            row[j + 1] = smallest(replaced, row[j] + 1, diagonal + 1);
        }
    }
    return row[n_b];
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* Distance of the whole path, or of its last part in another section at the price of one. */
static size_t distance_to(const char *path, const char *known)
{
    size_t whole = edit_distance(path, known);
    size_t part = edit_distance(last_part(path), last_part(known)) + 1;
    return whole < part ? whole : part;
}

const char *config_closest_key(const char *path, char out[CONFIG_MAX_TEXT_BYTES + 1])
{
    size_t best = 2 + strlen(last_part(path)) / 4;
    const char *found = NULL;
    for (size_t i = 0; i < config_n_keys; i++) {
        const char *known = config_keys[i].path;
        size_t n_section = strcspn(known, ".");
        char section[MAX_COMPARED + 1];
        (void)snprintf(section, sizeof section, "%.*s", (int)n_section, known);
        size_t as_key = distance_to(path, known);
        size_t as_section = known[n_section] ? edit_distance(path, section) : MAX_COMPARED;
        if (as_key < best || as_section < best) {
            best = as_key < as_section ? as_key : as_section;
            found = as_key <= as_section ? known : section;
            (void)snprintf(out, CONFIG_MAX_TEXT_BYTES + 1, "%s", found);
        }
    }
    return found ? out : NULL;
}
