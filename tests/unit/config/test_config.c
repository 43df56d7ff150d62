/* What a configuration that is accepted becomes; the file on disk; the guards between keys. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "server/config/config.h"
#include "server/config/config_keys.h"

static void read_example(char *out, size_t cap)
{
    FILE *file = fopen(OC_EXAMPLE_YAML, "r");
    assert_non_null(file);
    size_t n = fread(out, 1, cap - 1, file);
    assert_in_range(n, 100, cap - 2);
    out[n] = '\0';
    (void)fclose(file);
}

static void parse(const char *text, struct config *out)
{
    struct oc_error err = {.text = ""};
    if (config_parse("gateway.yaml", text, strlen(text), out, &err)) {
        fail_msg("%s", err.text);
    }
}

static void assert_networks_equal(const struct config_networks *a, const struct config_networks *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->items, b->items, a->n * sizeof a->items[0]);
}

static void assert_config_equal(const struct config *a, const struct config *b)
{
    assert_int_equal(a->pairing_required, b->pairing_required);
    assert_int_equal(a->allow_unpaired_devices, b->allow_unpaired_devices);
    assert_networks_equal(&a->trusted_networks, &b->trusted_networks);
    assert_true(oc_grant_equal(&a->default_grant, &b->default_grant));
    assert_string_equal(a->state_dir, b->state_dir);
    assert_string_equal(a->store, b->store);
    assert_int_equal(a->listen.devices.n, b->listen.devices.n);
    for (size_t i = 0; i < a->listen.devices.n; i++) {
        assert_string_equal(a->listen.devices.items[i], b->listen.devices.items[i]);
    }
    assert_string_equal(a->listen.local, b->listen.local);
    assert_string_equal(a->listen.admin, b->listen.admin);
    assert_string_equal(a->listen.metrics, b->listen.metrics);
    assert_int_equal(a->pairing.pending_ttl_ms, b->pairing.pending_ttl_ms);
    assert_int_equal(a->pairing.max_pending, b->pairing.max_pending);
    assert_int_equal(a->pairing.max_pending_per_source, b->pairing.max_pending_per_source);
    assert_memory_equal(&a->limits, &b->limits, sizeof a->limits);
    assert_networks_equal(&a->pairing.exempt_sources, &b->pairing.exempt_sources);
    assert_int_equal(a->admin.local_uids.n, b->admin.local_uids.n);
    assert_int_equal(a->admin.bounds.are_given, b->admin.bounds.are_given);
    assert_int_equal(a->admin.bounds.n, b->admin.bounds.n);
    assert_string_equal(a->admin.ca, b->admin.ca);
    assert_int_equal(a->admin.map.n, b->admin.map.n);
    assert_int_equal(a->log.level, b->log.level);
    assert_int_equal(a->log.format, b->log.format);
}

static void the_example_holds_every_key_with_its_default(void **state)
{
    (void)state;
    char text[8192];
    struct config defaults;
    struct config example;
    read_example(text, sizeof text);
    config_defaults(&defaults);
    parse(text, &example);
    assert_config_equal(&example, &defaults);
    for (size_t i = 0; i < config_n_keys; i++) {
        char line_start[64];
        const char *dot = strrchr(config_keys[i].path, '.');
        (void)snprintf(line_start, sizeof line_start, "%s: ", dot ? dot + 1 : config_keys[i].path);
        if (!strstr(text, line_start)) {
            fail_msg("example.yaml lacks %s", config_keys[i].path);
        }
    }
}

static void an_empty_file_is_the_defaults(void **state)
{
    (void)state;
    struct config defaults;
    struct config empty;
    config_defaults(&defaults);
    parse("", &empty);
    assert_config_equal(&empty, &defaults);
    parse("# nothing but a comment\n", &empty);
    assert_config_equal(&empty, &defaults);
}

static void every_key_reaches_its_place(void **state)
{
    (void)state;
    struct config config;
    parse("pairingRequired: false\n"
          "allowUnpairedDevices: true\n"
          "trustedNetworks: [10.20.0.0/16, '2001:db8::/32']\n"
          "defaultGrant: {role: sensor, scopes: [write, read, write]}\n"
          "stateDir: /var/lib/gw\n"
          "store: 'sqlite'\n"
          "listen:\n"
          "  devices:\n"
          "  - tls+tcp://0.0.0.0:1\n"
          "  - tls+tcp://[::]:2\n"
          "  local: ipc:///run/gw.sock\n"
          "  admin: tls+tcp://10.0.0.1:3\n"
          "  metrics: http://localhost:4\n"
          "pairing: {pendingTtl: 90m, maxPending: 7, maxPendingPerSource: 3,\n"
          "          exemptSources: [203.0.113.7]}\n"
          "limits: {maxUnfinished: 9, maxUnfinishedPerSource: 8, maxArrivals: 19,\n"
          "         maxArrivalsPerSource: 18, maxUnapproved: 17, maxUnapprovedPerSource: 16}\n"
          "admin:\n"
          "  localUids: [0, 1000, 4294967294]\n"
          "  bounds:\n"
          "    alice: {roles: [agent, tool], scopes: [\"*\"], labels: {site: berlin, tier: \"\"}}\n"
          "    default: {scopes: [chat]}\n"
          "    nobody: {}\n"
          "  ca: /etc/ca.pem\n"
          "  map:\n"
          "  - {san: \"spiffe://x/ops/*\", role: approver, bound: alice}\n"
          "  - san: openclaw:admin/x\n"
          "    role: admin\n"
          "approvals: [{role: admin, need: 2}, {scope: 'a:b', need: 10, votesExpire: 7d},\n"
          "            {need: 3, label: env=prod=x}]\n"
          "log: {level: debug, format: json}\n",
          &config);
    assert_int_equal(config.approvals.n, 3);
    assert_int_equal(config.approvals.items[0].of, APPROVAL_OF_ROLE);
    assert_string_equal(config.approvals.items[0].text, "admin");
    assert_true(config.approvals.items[0].votes_expire_ms == APPROVAL_VOTES_EXPIRE_MS);
    assert_int_equal(config.approvals.items[1].of, APPROVAL_OF_SCOPE);
    assert_int_equal(config.approvals.items[1].need, 10);
    assert_true(config.approvals.items[1].votes_expire_ms == APPROVAL_VOTES_EXPIRE_MOST_MS);
    assert_int_equal(config.approvals.items[2].of, APPROVAL_OF_LABEL);
    assert_string_equal(config.approvals.items[2].text, "env");
    assert_string_equal(config.approvals.items[2].value, "prod=x");
    assert_false(config.pairing_required);
    assert_true(config.allow_unpaired_devices);
    assert_int_equal(config.trusted_networks.n, 2);
    assert_int_equal(config.trusted_networks.items[0].prefix_bits, 112);
    assert_string_equal(config.default_grant.role, "sensor");
    assert_int_equal(config.default_grant.n_scopes, 2);
    assert_string_equal(config.default_grant.scopes[0], "read");
    assert_string_equal(config.state_dir, "/var/lib/gw");
    assert_int_equal(config.listen.devices.n, 2);
    assert_string_equal(config.listen.devices.items[1], "tls+tcp://[::]:2");
    assert_string_equal(config.listen.local, "ipc:///run/gw.sock");
    assert_string_equal(config.listen.admin, "tls+tcp://10.0.0.1:3");
    assert_string_equal(config.listen.metrics, "http://localhost:4");
    assert_int_equal(config.pairing.pending_ttl_ms, 5400000);
    assert_int_equal(config.pairing.max_pending, 7);
    assert_int_equal(config.pairing.max_pending_per_source, 3);
    assert_int_equal(config.pairing.exempt_sources.n, 1);
    assert_int_equal(config.limits.max_unfinished, 9);
    assert_int_equal(config.limits.max_unfinished_per_source, 8);
    assert_int_equal(config.limits.max_arrivals, 19);
    assert_int_equal(config.limits.max_arrivals_per_source, 18);
    assert_int_equal(config.limits.max_unapproved, 17);
    assert_int_equal(config.limits.max_unapproved_per_source, 16);
    assert_int_equal(config.admin.local_uids.n, 3);
    assert_int_equal(config.admin.local_uids.items[2], 4294967294U);
    const struct bounds *bounds = &config.admin.bounds;
    assert_true(bounds->are_given);
    assert_int_equal(bounds->n, 3);
    assert_string_equal(bounds->items[0].name, "alice");
    assert_int_equal(bounds->items[0].n_roles, 2);
    assert_string_equal(bounds->items[0].roles[1], "tool");
    assert_true(bounds->items[0].has_any_scope && !bounds->items[0].has_any_role);
    assert_int_equal(bounds->items[0].labels.n, 2);
    assert_string_equal(bounds->items[0].labels.items[0].value, "berlin");
    assert_string_equal(bounds->items[0].labels.items[1].value, "");
    assert_int_equal(bounds->items[1].n_roles, 0);
    assert_string_equal(bounds->items[1].scopes[0], "chat");
    assert_false(bounds->items[1].has_any_scope);
    assert_int_equal(bounds->items[2].n_scopes, 0);
    assert_string_equal(config.admin.ca, "/etc/ca.pem");
    assert_int_equal(config.admin.map.n, 2);
    assert_string_equal(config.admin.map.items[0].san, "spiffe://x/ops/*");
    assert_int_equal(config.admin.map.items[0].role, ADMINISTRATOR_APPROVER);
    assert_string_equal(config.admin.map.items[0].bound, "alice");
    assert_string_equal(config.admin.map.items[1].san, "openclaw:admin/x");
    assert_int_equal(config.admin.map.items[1].role, ADMINISTRATOR_ADMIN);
    assert_string_equal(config.admin.map.items[1].bound, "");
    assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(config.log.format, LOG_FORMAT_JSON);
}

/* No bound at all is another thing than a section without one: then nobody may decide. */
static void bounds_that_name_nobody_are_given(void **state)
{
    (void)state;
    struct config config;
    parse("admin: {bounds: {}}", &config);
    assert_true(config.admin.bounds.are_given);
    assert_int_equal(config.admin.bounds.n, 0);
    char text[4096] = "admin: {bounds: {";
    for (unsigned i = 0; i < BOUNDS_MAX; i++) {
        (void)snprintf(text + strlen(text), 16, "b%u: {}, ", i);
    }
    const size_t n = strlen(text);
    (void)snprintf(text + n, sizeof text - n, "}}");
    parse(text, &config);
    assert_int_equal(config.admin.bounds.n, BOUNDS_MAX);
    (void)snprintf(text + n, sizeof text - n, "more: {}}}");
    struct oc_error err = {.text = ""};
    assert_int_equal(config_parse("f", text, strlen(text), &config, &err), OC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, "at most 32 bounds"));
}

static void lowering_one_cap_lowers_the_default_of_the_other(void **state)
{
    (void)state;
    struct config config;
    parse("pairing: {maxPending: 5}", &config);
    assert_int_equal(config.pairing.max_pending_per_source, 5);
    assert_int_equal(config.limits.max_unapproved, 10000);
    parse("limits: {maxUnfinished: 6, maxArrivals: 8, maxUnapproved: 7}", &config);
    assert_int_equal(config.limits.max_arrivals_per_source, 8);
    assert_int_equal(config.limits.max_unfinished_per_source, 6);
    assert_int_equal(config.limits.max_unapproved_per_source, 7);
}

static void whoever_may_wait_may_stay_connected(void **state)
{
    (void)state;
    struct config config;
    parse("pairing: {maxPending: 20000, maxPendingPerSource: 500}", &config);
    assert_int_equal(config.limits.max_unapproved, 20000);
    assert_int_equal(config.limits.max_unapproved_per_source, 500);
    parse("pairing: {maxPending: 20000, maxPendingPerSource: 500}\n"
          "limits: {maxUnapproved: 100}",
          &config);
    assert_int_equal(config.limits.max_unapproved, 100);
    assert_int_equal(config.limits.max_unapproved_per_source, 100);
}

static void pairing_is_switched_off_only_behind_its_guards(void **state)
{
    static const struct {
        const char *devices, *allow, *networks;
        bool is_allowed;
    } cases[] = {
        {"tls+tcp://127.0.0.1:1", "false", "[]", true},
        {"[tls+tcp://127.0.0.1:1, 'tls+tcp://[::1]:1']", "false", "[]", true},
        {"tls+tcp://10.0.0.1:1", "false", "[]", false},
        {"tls+tcp://10.0.0.1:1", "false", "[10.0.0.0/8]", false},
        {"tls+tcp://10.0.0.1:1", "true", "[]", true},
        {"[tls+tcp://127.0.0.1:1, tls+tcp://10.0.0.1:1]", "false", "[]", false},
        {"tls+tcp://0.0.0.0:1", "true", "[]", false},
        {"tls+tcp://0.0.0.0:1", "false", "[10.0.0.0/8]", false},
        {"tls+tcp://0.0.0.0:1", "true", "[10.0.0.0/8]", true},
        {"[tls+tcp://10.0.0.1:1, tls+tcp://203.0.113.9:1]", "true", "[]", false},
        {"[tls+tcp://203.0.113.9:1, tls+tcp://127.0.0.1:1]", "true", "[]", false},
        {"tls+tcp://gw.example:1", "true", "[]", false},
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        char text[512];
        struct config config;
        struct oc_error err = {.text = ""};
        (void)snprintf(text, sizeof text,
                       "pairingRequired: false\nallowUnpairedDevices: %s\ntrustedNetworks: %s\n"
                       "listen: {devices: %s}\n",
                       cases[i].allow, cases[i].networks, cases[i].devices);
        enum oc_status st = config_parse("gateway.yaml", text, strlen(text), &config, &err);
        assert_int_equal(st, cases[i].is_allowed ? OC_OK : OC_FAILED_PRECONDITION);
    }
}

static void relative_paths_are_below_the_data_directory(void **state)
{
    (void)state;
    struct config config;
    struct oc_error err;
    config_defaults(&config);
    assert_int_equal(config_resolve(&config, "/srv/claw", &err), OC_OK);
    assert_string_equal(config.state_dir, "/srv/claw/gateway");
    assert_string_equal(config.listen.local, "ipc:///srv/claw/gateway/admin.sock");
    assert_int_equal(config_resolve(&config, "/elsewhere", &err), OC_OK);
    assert_string_equal(config.state_dir, "/srv/claw/gateway");
    assert_string_equal(config.listen.local, "ipc:///srv/claw/gateway/admin.sock");
}

static void a_socket_path_that_is_too_long_is_named_with_its_limit(void **state)
{
    (void)state;
    struct config config;
    struct oc_error err;
    char data_dir[200];
    memset(data_dir, 'd', sizeof data_dir);
    data_dir[0] = '/';
    data_dir[107 - strlen("/gateway/admin.sock")] = '\0';
    config_defaults(&config);
    assert_int_equal(config_resolve(&config, data_dir, &err), OC_OK);
    config_defaults(&config);
    data_dir[strlen(data_dir)] = 'd';
    data_dir[108 - strlen("/gateway/admin.sock")] = '\0';
    assert_int_equal(config_resolve(&config, data_dir, &err), OC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, "is 108 bytes, and a socket's path may have 107"));
    assert_string_equal(config.state_dir, "gateway");
}

/* ---- the file ------------------------------------------------------------------------------ */

static char directory[64];
static char path[128];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/oc_test_config_XXXXXX");
    if (!mkdtemp(directory)) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/gateway.yaml", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void write_file(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void a_file_is_read(void **state)
{
    (void)state;
    struct config config;
    struct oc_error err;
    write_file("log: {level: warn}\n", 0644);
    assert_int_equal(config_load(path, &config, &err), OC_OK);
    assert_int_equal(config.log.level, LOG_LEVEL_WARN);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    (void)state;
    struct config config;
    struct oc_error err;
    char expected[512];
    write_file("", 0664);
    assert_int_equal(config_load(path, &config, &err), OC_PERMISSION_DENIED);
    (void)snprintf(expected, sizeof expected,
                   "%s: has mode 0664, others may write it; run: chmod go-w %s", path, path);
    assert_string_equal(err.text, expected);
    write_file("", 0602);
    assert_int_equal(config_load(path, &config, &err), OC_PERMISSION_DENIED);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    (void)state;
    struct config config;
    struct oc_error err;
    assert_int_equal(config_load(path, &config, &err), OC_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(config_load(path, &config, &err), OC_INVALID_ARGUMENT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(config_load(directory, &config, &err), OC_INVALID_ARGUMENT);
}

static void a_file_over_64_kib_is_refused(void **state)
{
    (void)state;
    struct config config;
    struct oc_error err;
    char *text = malloc(CONFIG_MAX_FILE_BYTES + 2);
    assert_non_null(text);
    memset(text, '#', CONFIG_MAX_FILE_BYTES + 1);
    text[CONFIG_MAX_FILE_BYTES] = '\0';
    write_file(text, 0600);
    assert_int_equal(config_load(path, &config, &err), OC_OK);
    text[CONFIG_MAX_FILE_BYTES] = '#';
    text[CONFIG_MAX_FILE_BYTES + 1] = '\0';
    write_file(text, 0600);
    assert_int_equal(config_load(path, &config, &err), OC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, ": is over 65536 bytes"));
    free(text);
}

int main(void)
{
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_holds_every_key_with_its_default),
        cmocka_unit_test(an_empty_file_is_the_defaults),
        cmocka_unit_test(every_key_reaches_its_place),
        cmocka_unit_test(bounds_that_name_nobody_are_given),
        cmocka_unit_test(lowering_one_cap_lowers_the_default_of_the_other),
        cmocka_unit_test(whoever_may_wait_may_stay_connected),
        cmocka_unit_test(pairing_is_switched_off_only_behind_its_guards),
        cmocka_unit_test(relative_paths_are_below_the_data_directory),
        cmocka_unit_test(a_socket_path_that_is_too_long_is_named_with_its_limit),
        WITH_DIRECTORY(a_file_is_read),
        WITH_DIRECTORY(a_file_that_others_may_write_is_refused),
        WITH_DIRECTORY(what_is_no_file_is_refused_at_once),
        WITH_DIRECTORY(a_file_over_64_kib_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
