/*
 * gateway.yaml. Whatever the bytes: an error has a place and one line, an accepted file keeps to
 * every range and guard, and reading it again gives the same.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"
#include "tests/fuzz/fuzz_target.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_error(const struct oc_error *err)
{
    require(!strncmp(err->text, "fuzz:", 5));
    for (const char *c = err->text; *c; c++) {
        require(*c >= ' ' && *c <= '~');
    }
}

static void check_accepted(const struct config *config)
{
    struct oc_error err;
    require(config_check(config, "fuzz", &err) == OC_OK);
    require(config->listen.devices.n >= 1 && config->listen.devices.n <= CONFIG_MAX_LISTENERS);
    require(config->trusted_networks.n <= CONFIG_MAX_NETWORKS);
    require(config->pairing.exempt_sources.n <= CONFIG_MAX_NETWORKS);
    require(config->admin.local_uids.n <= CONFIG_MAX_UIDS);
    require(config->default_grant.n_scopes <= OC_MAX_SCOPES);
    require(config->default_grant.role[0] != '\0');
    require(config->pairing.pending_ttl_ms >= 1000);
    require(config->pairing.max_pending >= 1 && config->pairing.max_pending <= 1000000);
    require(config->pairing.max_pending_per_source >= 1);
    require(config->limits.max_unfinished >= config->limits.max_unfinished_per_source);
    require(config->limits.max_unapproved >= config->limits.max_unapproved_per_source);
    require(config->limits.max_unfinished_per_source >= 1);
    require(config->limits.max_unapproved_per_source >= 1);
    require(!strncmp(config->listen.local, "ipc://", 6));
    require(!strcmp(config->store, "sqlite"));
    if (!config->pairing_required && !config->allow_unpaired_devices) {
        require(config_devices_reach(config) == LISTEN_LOOPBACK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct config config;
    static struct config again;
    struct oc_error err = {.text = ""};
    memset(&config, 0, sizeof config);
    memset(&again, 0, sizeof again);
    enum oc_status st = config_parse("fuzz", (const char *)bytes, n, &config, &err);
    require(st == config_parse("fuzz", (const char *)bytes, n, &again, &err));
    if (st) {
        check_error(&err);
        return 0;
    }
    check_accepted(&config);
    require(config.pairing.pending_ttl_ms == again.pairing.pending_ttl_ms);
    st = config_resolve(&again, "/data", &err);
    require(st == OC_OK || st == OC_INVALID_ARGUMENT);
    return 0;
}
