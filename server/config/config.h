/*
 * The gateway's configuration: every key of gateway.yaml as a value, its default and the checks
 * across keys. A plain value without pointers. Reading YAML is config_yaml.c's.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>

#include "server/config/network.h"
#include "server/domain/administrator_map.h"
#include "server/domain/approval_rule.h"
#include "server/obs/log.h"

enum {
    CONFIG_MAX_FILE_BYTES = 64 * 1024,
    CONFIG_MAX_TEXT_BYTES = 255,
    CONFIG_MAX_PATH_BYTES = 1023,
    CONFIG_MAX_LISTENERS = 8,
    CONFIG_MAX_NETWORKS = 64,
    CONFIG_MAX_UIDS = 32,
    CONFIG_MAX_SOCKET_PATH_BYTES = 107, /* of sockaddr_un */
};

struct config_networks {
    size_t n;
    struct network items[CONFIG_MAX_NETWORKS];
};

struct config_urls {
    size_t n;
    char items[CONFIG_MAX_LISTENERS][CONFIG_MAX_TEXT_BYTES + 1];
};

struct config_uids {
    size_t n;
    uint32_t items[CONFIG_MAX_UIDS];
};

struct config {
    bool pairing_required;
    bool allow_unpaired_devices;
    struct config_networks trusted_networks; /* only these, while pairing is not required */
    struct oc_grant default_grant;           /* what a device gets while pairing is not required */
    char state_dir[CONFIG_MAX_PATH_BYTES + 1];
    char store[CONFIG_MAX_TEXT_BYTES + 1];
    struct {
        struct config_urls devices;
        char local[CONFIG_MAX_PATH_BYTES + 1];   /* "ipc://" and a path */
        char admin[CONFIG_MAX_TEXT_BYTES + 1];   /* "": no remote administration */
        char metrics[CONFIG_MAX_TEXT_BYTES + 1]; /* "": no page */
    } listen;
    struct {
        int64_t pending_ttl_ms;
        uint32_t max_pending;
        uint32_t max_pending_per_source;
        struct config_networks exempt_sources;
    } pairing;
    struct {
        uint32_t max_unfinished;
        uint32_t max_unfinished_per_source;
        uint32_t max_arrivals;
        uint32_t max_arrivals_per_source;
        uint32_t max_unapproved;
        uint32_t max_unapproved_per_source;
    } limits;
    struct {
        struct config_uids local_uids;
        struct bounds bounds; /* of approvers; by what the administrators are called */
        char ca[CONFIG_MAX_PATH_BYTES + 1]; /* "": the gateway's own CA */
        struct administrator_map map;       /* of the other CA's certificates */
    } admin;
    struct approval_rules approvals;
    struct {
        char checkpoint_file[CONFIG_MAX_PATH_BYTES + 1]; /* "": checkpoints.ndjson in state_dir */
        int64_t checkpoint_every_ms;
        bool syslog;
    } audit;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

void config_defaults(struct config *out);

/*
 * What no single key can say: the guards of pairingRequired: false, caps that contradict each
 * other, one address used twice, a metrics page that is not on loopback, a map without its CA or
 * with a bound that is not there, and names that two of its rows fit. `name` is the file's.
 *
 * Fails: FAILED_PRECONDITION, naming the keys and the fix.
 */
OC_MUST_CHECK enum oc_status config_check(const struct config *config, const char *name,
                                          struct oc_error *err);

/*
 * Gives audit.checkpointFile its default, and makes it, admin.ca, stateDir and the path of
 * listen.local absolute, below `data_dir` where they are relative.
 * A relative socket path of which the first part is the default state directory is taken as it
 * stands: below the data directory, not below stateDir.
 *
 * Fails: INVALID_ARGUMENT (a path grows too long: named with its length and the limit).
 */
OC_MUST_CHECK enum oc_status config_resolve(struct config *config, const char *data_dir,
                                            struct oc_error *err);

/* The reach of the most open device listener. */
enum listen_reach config_devices_reach(const struct config *config);

/* Whether an address lies in one of the networks. */
bool config_networks_contain(const struct config_networks *networks,
                             const uint8_t address[NETWORK_ADDRESS_BYTES]);

/*
 * Defaults, overlaid with the text of a file, checked. `name` stands in errors, which are
 * "NAME:LINE:COLUMN: key: what is wrong; the fix".
 *
 * Fails: INVALID_ARGUMENT, FAILED_PRECONDITION (config_check), RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status config_parse(const char *name, const char *text, size_t n,
                                          struct config *out, struct oc_error *err);

/*
 * Reads a file of at most CONFIG_MAX_FILE_BYTES that only its owner may write (the owner being
 * root or this process's user).
 *
 * Fails: NOT_FOUND (no such file), PERMISSION_DENIED (mode or owner; names found, wanted and the
 *        command that mends it), UNAVAILABLE (cannot be read), and as config_parse.
 */
OC_MUST_CHECK enum oc_status config_load(const char *path, struct config *out,
                                         struct oc_error *err);

/*
 * The guarded reading of such a file, and of those that it names: of at most `max` bytes, and one
 * more where it is longer, which the caller looks for. *out is the caller's, free().
 *
 * Fails: as config_load, and RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status config_read_file(const char *path, size_t max, char **out, size_t *n,
                                              struct oc_error *err);
