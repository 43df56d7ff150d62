/* What a reload takes over, what waits, and that the two together are never unsafe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "server/config/config_change.h"
#include "server/config/config_keys.h"

static void parse(const char *text, struct config *out)
{
    struct oc_error err = {.text = ""};
    if (config_parse("gateway.yaml", text, strlen(text), out, &err)) {
        fail_msg("%s", err.text);
    }
}

/* "a,b": the keys that changed; "a,b": those that wait. */
static void check(const char *was, const char *is, const char *applied, const char *waiting)
{
    struct config now;
    struct config wanted;
    struct config_changes changes;
    char text[2][1024] = {"", ""};
    parse(was, &now);
    parse(is, &wanted);
    config_take_over(&now, &wanted, &changes);
    for (size_t i = 0; i < changes.n_applied; i++) {
        (void)snprintf(text[0] + strlen(text[0]), 256, "%s%s", i > 0 ? "," : "",
                       changes.applied[i]);
    }
    for (size_t i = 0; i < changes.n_waiting; i++) {
        (void)snprintf(text[1] + strlen(text[1]), 256, "%s%s", i > 0 ? "," : "",
                       changes.waiting[i]);
    }
    assert_string_equal(text[0], applied);
    assert_string_equal(text[1], waiting);
    assert_int_equal(config_check(&now, "", NULL), OC_OK);
}

static void every_key_is_known_and_told_when_it_differs(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_n_keys; i++) {
        if (!config_change_knows(config_keys[i].path)) {
            fail_msg("server/config/config_change.c does not say whether %s is live",
                     config_keys[i].path);
        }
    }
    check("{}",
          "{defaultGrant: {role: tool, scopes: [chat]}, stateDir: g, listen: {devices: "
          "\"tls+tcp://127.0.0.1:1\", local: \"ipc://g/a.sock\", admin: "
          "\"tls+tcp://127.0.0.1:2\", metrics: \"http://127.0.0.1:3\"}, pairing: {pendingTtl: 2h, "
          "maxPending: 9, maxPendingPerSource: 3, exemptSources: [10.0.0.0/8]}, admin: {localUids: "
          "[7]}, log: {level: debug, format: json}, trustedNetworks: [10.0.0.0/8], "
          "allowUnpairedDevices: true}",
          "allowUnpairedDevices,trustedNetworks,defaultGrant.role,defaultGrant.scopes,"
          "pairing.pendingTtl,pairing.maxPending,pairing.maxPendingPerSource,"
          "pairing.exemptSources,admin.localUids,log.level,log.format",
          "stateDir,listen.devices,listen.local,listen.admin,listen.metrics");
}

static void the_same_file_changes_nothing(void **state)
{
    (void)state;
    check("{admin: {localUids: [1, 2]}, trustedNetworks: [10.0.0.0/8]}",
          "# only a comment\nadmin: {localUids: [1, 2]}\ntrustedNetworks: [10.0.0.0/8]\n", "", "");
    check("{admin: {localUids: [1, 2]}}", "{admin: {localUids: [2, 1]}}", "admin.localUids", "");
    check("{admin: {bounds: {a: {roles: [x], labels: {k: v}}}}}",
          "admin:\n  bounds:\n    a:\n      labels: {k: v}\n      roles: [x]\n", "", "");
    static const char *const others[] = {
        "{}",
        "{admin: {bounds: {}}}",
        "{admin: {bounds: {b: {roles: [x], labels: {k: v}}}}}",
        "{admin: {bounds: {a: {roles: [x, y], labels: {k: v}}}}}",
        "{admin: {bounds: {a: {roles: [\"*\"], labels: {k: v}}}}}",
        "{admin: {bounds: {a: {roles: [y], labels: {k: v}}}}}",
        "{admin: {bounds: {a: {roles: [x], scopes: [s], labels: {k: v}}}}}",
        "{admin: {bounds: {a: {roles: [x], labels: {k: w}}}}}",
        "{admin: {bounds: {a: {roles: [x], labels: {k: v}}, b: {}}}}"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(others); i++) {
        check("{admin: {bounds: {a: {roles: [x], labels: {k: v}}}}}", others[i], "admin.bounds",
              "");
    }
    static const char mapped[] = "{admin: {ca: f, map: [{san: \"a:b\", role: viewer}]}}";
    check(mapped, "admin:\n  map:\n  - role: viewer\n    san: a:b\n  ca: f\n", "", "");
    check(mapped, "{admin: {ca: g, map: [{san: \"a:b\", role: viewer}]}}", "admin.ca", "");
    check(mapped, "{admin: {ca: f, map: [{san: \"a:c\", role: viewer}]}}", "admin.map", "");
    check(mapped, "{admin: {ca: f, map: [{san: \"a:b\", role: admin}]}}", "admin.map", "");
    check(mapped, "{}", "admin.ca,admin.map", "");
    check("{approvals: [{role: a, need: 2}]}",
          "{approvals: [{role: a, need: 2, votesExpire: 60m}]}", "", "");
    check("{approvals: [{role: a, need: 2}]}", "{approvals: [{role: a, need: 3}]}", "approvals",
          "");
    check("{approvals: [{role: a, need: 2}]}", "{approvals: [{scope: a, need: 2}]}", "approvals",
          "");
    check("{approvals: [{label: a=b, need: 2}]}", "{}", "approvals", "");
    check("{defaultGrant: {scopes: [a, b]}}", "{defaultGrant: {scopes: [a]}}",
          "defaultGrant.scopes", "");
}

static void what_is_taken_over_is_the_new_value_and_what_waits_the_old(void **state)
{
    struct config now;
    struct config wanted;
    struct config_changes changes;
    (void)state;
    parse("{}", &now);
    parse("{log: {level: error}, listen: {devices: \"tls+tcp://127.0.0.1:1\"}, defaultGrant: "
          "{scopes: [chat]}}",
          &wanted);
    config_take_over(&now, &wanted, &changes);
    assert_int_equal(now.log.level, LOG_LEVEL_ERROR);
    assert_string_equal(now.listen.devices.items[0], "tls+tcp://127.0.0.1:18789");
    assert_int_equal(now.default_grant.n_scopes, 1);
    assert_string_equal(now.default_grant.role, "agent");
}

static void pairing_is_switched_on_at_once_and_off_only_by_a_restart(void **state)
{
    (void)state;
    check("pairingRequired: false", "pairingRequired: true", "pairingRequired", "");
    check("pairingRequired: true", "pairingRequired: false", "", "pairingRequired");
}

/* Each file is sound by itself: the old one lists whom it trusts, the new one is on loopback. */
static void new_networks_never_meet_an_old_listener_unguarded(void **state)
{
    (void)state;
    static const char open[] = "{pairingRequired: false, allowUnpairedDevices: true, listen: "
                               "{devices: \"tls+tcp://0.0.0.0:1\"}, trustedNetworks: "
                               "[192.0.2.0/24]}";
    check(open, "{pairingRequired: false, log: {level: debug}}", "log.level",
          "allowUnpairedDevices,trustedNetworks,listen.devices");
    check(open,
          "{pairingRequired: false, allowUnpairedDevices: true, listen: {devices: "
          "\"tls+tcp://0.0.0.0:1\"}, trustedNetworks: [198.51.100.0/24]}",
          "trustedNetworks", "");
    /* With pairing on, nothing depends on them. */
    check(open, "{}", "pairingRequired,allowUnpairedDevices,trustedNetworks", "listen.devices");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_known_and_told_when_it_differs),
        cmocka_unit_test(the_same_file_changes_nothing),
        cmocka_unit_test(what_is_taken_over_is_the_new_value_and_what_waits_the_old),
        cmocka_unit_test(pairing_is_switched_on_at_once_and_off_only_by_a_restart),
        cmocka_unit_test(new_networks_never_meet_an_old_listener_unguarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
