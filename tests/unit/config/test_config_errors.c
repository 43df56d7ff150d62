/* Every way to get gateway.yaml wrong, and the exact words that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "server/config/config.h"

/* The error is "gateway.yaml:" and what stands here. */
static const struct {
    const char *text;
    const char *error;
} cases[] = {
    {"a", "1:1: the file must hold keys, as in pairingRequired: true"},
    {"---\n", "2:1: the file must hold keys, as in pairingRequired: true"},
    {"pairingrequired: true", "1:1: pairingrequired: unknown key; did you mean pairingRequired?"},
    {"pairing:\n  pendingTTL: 1h",
     "2:3: pairing.pendingTTL: unknown key; did you mean pairing.pendingTtl?"},
    {"pendingTtl: 1h", "1:1: pendingTtl: unknown key; did you mean pairing.pendingTtl?"},
    {"pairnig: {}", "1:1: pairnig: unknown key; did you mean pairing?"},
    {"colour: red", "1:1: colour: unknown key; remove it (example.yaml lists every key)"},
    {"\"a\\u202eb\": 1", "1:1: a???b: unknown key; remove it (example.yaml lists every key)"},
    {"\"a\\eb\": 1", "1:1: a?b: unknown key; remove it (example.yaml lists every key)"},
    {"listen.local: ipc://x",
     "1:1: listen.local: no dots in keys; write the last part below its section"},
    {"<<: {store: sqlite}", "1:1: <<: unknown key; remove it (example.yaml lists every key)"},
    {"store: sqlite\nstore: sqlite", "2:1: store: is given twice; remove one"},
    {"log: {level: info, level: warn}", "1:20: log.level: is given twice; remove one"},
    {"log: {level: info}\nlog: {format: json}", "2:1: log: is given twice; remove one"},
    {"log: &a {level: info}", "1:6: an anchor (&name); remove it and write values out"},
    {"log: *a", "1:6: an alias (*name); write the value out"},
    {"store: !!str sqlite", "1:8: a tag (!name); remove it"},
    {"store: ! sqlite", "1:8: a tag (!name); remove it"},
    {"%YAML 1.1\n---\nstore: sqlite", "1:1: a directive (%NAME); remove it"},
    {"%TAG ! tag:x,2000:\n---\nstore: sqlite", "1:1: a directive (%NAME); remove it"},
    {"store: sqlite\n---\nstore: sqlite",
     "2:1: a second document; one file holds one configuration"},
    {"{[a]: b}", "1:2: a key must be plain text"},
    {"? {a: b}\n: c", "1:3: a key must be plain text"},
    {"store: [sqlite]", "1:8: store: must be a single value, as in store: sqlite"},
    {"trustedNetworks: 10.0.0.0/8",
     "1:18: trustedNetworks: must be a list, as in trustedNetworks: [10.20.0.0/16]"},
    {"trustedNetworks: [[1]]",
     "1:19: trustedNetworks: an item must be plain text, not a list or a mapping"},
    {"listen: {devices: []}", "1:19: listen.devices: must name at least one; or remove the key"},
    {"listen: {devices: {a: b}}", "1:19: listen.devices: must be a single value or a list, as in "
                                  "listen.devices: tls+tcp://127.0.0.1:18789"},
    {"listen: x", "1:9: listen: must be a section: keys below it, indented"},
    {"log:", "1:5: log: must be a section: keys below it, indented"},
    {"log: {level: }", "1:14: log.level: has no value; give one or remove the key"},
    {"log: {level: ~}", "1:14: log.level: has no value; give one or remove the key"},
    {"log: {level: Null}", "1:14: log.level: has no value; give one or remove the key"},
    {"pairingRequired: yes",
     "1:18: pairingRequired: must be true or false, without quotes, as in pairingRequired: true"},
    {"pairingRequired: \"true\"",
     "1:18: pairingRequired: must be true or false, without quotes, as in pairingRequired: true"},
    {"pairing: {pendingTtl: 1}", "1:23: pairing.pendingTtl: must be a duration: a whole number and "
                                 "s, m, h or d, as in pairing.pendingTtl: 1h"},
    {"pairing: {pendingTtl: 1.5h}", "1:23: pairing.pendingTtl: must be a duration: a whole number "
                                    "and s, m, h or d, as in pairing.pendingTtl: 1h"},
    {"pairing: {pendingTtl: -1h}", "1:23: pairing.pendingTtl: must be a duration: a whole number "
                                   "and s, m, h or d, as in pairing.pendingTtl: 1h"},
    {"pairing: {pendingTtl: 99999999999999999999d}",
     "1:23: pairing.pendingTtl: must be a duration: a whole number and s, m, h or d, as in "
     "pairing.pendingTtl: 1h"},
    {"pairing: {pendingTtl: 0s}", "1:23: pairing.pendingTtl: must be from 1s to 30d"},
    {"pairing: {pendingTtl: 31d}", "1:23: pairing.pendingTtl: must be from 1s to 30d"},
    {"pairing: {maxPending: 0}",
     "1:23: pairing.maxPending: must be a whole number from 1 to 1000000"},
    {"pairing: {maxPending: 1000001}",
     "1:23: pairing.maxPending: must be a whole number from 1 to 1000000"},
    {"pairing: {maxPending: \"5\"}",
     "1:23: pairing.maxPending: must be a whole number from 1 to 1000000"},
    {"pairing: {maxPending: 0x5}",
     "1:23: pairing.maxPending: must be a whole number from 1 to 1000000"},
    {"pairing: {maxPending: 5, maxPendingPerSource: 6}",
     " pairing.maxPendingPerSource is 6 and pairing.maxPending only 5; one source may hold at most "
     "what all may"},
    {"limits: {maxUnfinished: 0}",
     "1:25: limits.maxUnfinished: must be a whole number from 1 to 100000"},
    {"limits: {maxUnapprovedPerSource: 1000001}",
     "1:34: limits.maxUnapprovedPerSource: must be a whole number from 1 to 1000000"},
    {"limits: {maxArrivals: 5, maxArrivalsPerSource: 6}",
     " limits.maxArrivalsPerSource is 6 and limits.maxArrivals only 5; one source may hold at "
     "most what all may"},
    {"limits: {maxUnfinished: 5, maxUnfinishedPerSource: 6}",
     " limits.maxUnfinishedPerSource is 6 and limits.maxUnfinished only 5; one source may hold at "
     "most what all may"},
    {"limits: {maxUnapproved: 5, maxUnapprovedPerSource: 6}",
     " limits.maxUnapprovedPerSource is 6 and limits.maxUnapproved only 5; one source may hold at "
     "most what all may"},
    {"trustedNetworks: [10.0.0.1/8]",
     "1:19: trustedNetworks: has bits set beyond its prefix length; clear them or lengthen the "
     "prefix, as in trustedNetworks: [10.20.0.0/16]"},
    {"trustedNetworks: [0.0.0.0/0]",
     "1:19: trustedNetworks: is every address there is; list the networks that are meant, as in "
     "trustedNetworks: [10.20.0.0/16]"},
    {"trustedNetworks: [example.com]",
     "1:19: trustedNetworks: must be networks or addresses, as in trustedNetworks: [10.20.0.0/16]"},
    {"trustedNetworks: [10.0.0.0/33]",
     "1:19: trustedNetworks: must have a prefix length of at most 32 (IPv4) or 128 (IPv6), as in "
     "trustedNetworks: [10.20.0.0/16]"},
    {"approvals: {role: admin, need: 2}",
     "1:12: approvals: must hold mappings, as in approvals: [{role: admin, need: 2}]"},
    {"approvals: [admin]", "1:13: approvals: must be a mapping, as in {key: value}"},
    {"approvals: [{need: 2}]", "1:13: approvals: a rule needs a role, a scope or a label, as in "
                               "{role: admin, need: 2}"},
    {"approvals: [{role: admin}]", "1:13: approvals: a rule needs need: how many must agree, as in "
                                   "{role: admin, need: 2}"},
    {"approvals: [{role: admin, need: 1}]",
     "1:33: approvals.need: must be a whole number from 2 to 10"},
    {"approvals: [{role: admin, need: 11}]",
     "1:33: approvals.need: must be a whole number from 2 to 10"},
    {"approvals: [{role: admin, need: 2, need: 3}]",
     "1:36: approvals.need: is given twice; remove one"},
    {"approvals: [{role: admin, scope: x, need: 2}]",
     "1:34: approvals.scope: a rule is for one role, one scope or one label; write another rule"},
    {"approvals: [{role: Admin, need: 2}]",
     "1:20: approvals.role: must be a role: a-z 0-9 . _ -, at most 32"},
    {"approvals: [{scope: 'a b', need: 2}]",
     "1:21: approvals.scope: must be a scope: a-z 0-9 . _ : / -, at most 32"},
    {"approvals: [{label: env, need: 2}]", "1:21: approvals.label: must be KEY=VALUE, as in label: "
                                           "env=prod: a key of a-z 0-9 . _ / -, at "
                                           "most 32, and a value of at most 64 bytes"},
    {"approvals: [{role: a, need: 2, votesExpire: 8d}]",
     "1:45: approvals.votesExpire: must be from 1s to 7d"},
    {"approvals: [{role: a, need: 2, votes: 1}]",
     "1:32: approvals.votes: unknown key; known here are role, scope, label, need, votesExpire"},
    {"listen: {devices: tcp://127.0.0.1:1}", "1:19: listen.devices: must be tls+tcp://HOST:PORT, "
                                             "as in listen.devices: tls+tcp://127.0.0.1:18789"},
    {"listen: {admin: tls+tcp://127.0.0.1}", "1:17: listen.admin: must be tls+tcp://HOST:PORT, as "
                                             "in listen.admin: tls+tcp://127.0.0.1:18790"},
    {"listen: {local: tcp://1}",
     "1:17: listen.local: must be ipc:// and a path, as in listen.local: ipc://gateway/admin.sock"},
    {"listen: {metrics: http://0.0.0.0:9}",
     " listen.metrics is http://0.0.0.0:9, and the page has no access control; use a loopback "
     "address, as in http://127.0.0.1:18791"},
    {"listen: {devices: [tls+tcp://1.1.1.1:1, tls+tcp://1.1.1.1:1]}",
     " tls+tcp://1.1.1.1:1 is listed twice under listen; give every door its own port"},
    {"listen: {admin: tls+tcp://127.0.0.1:18789}",
     " tls+tcp://127.0.0.1:18789 is listed twice under listen; give every door its own port"},
    {"admin: {localUids: [root]}",
     "1:21: admin.localUids: must be numeric user ids, as in admin.localUids: [1000]"},
    {"admin: {localUids: [4294967295]}",
     "1:21: admin.localUids: must be numeric user ids, as in admin.localUids: [1000]"},
    {"admin: {bounds: []}", "1:17: admin.bounds: must hold mappings, as in admin.bounds: {default: "
                            "{roles: [agent], scopes: [chat]}}"},
    {"admin: {bounds: {alice: x}}",
     "1:25: admin.bounds.alice: must be a mapping, as in {key: value}"},
    {"admin: {bounds: {Alice: {}}}",
     "1:18: admin.bounds.Alice: must be an administrator's name or default: a-z, then a-z 0-9 . _ "
     "-, at most 64"},
    {"admin: {bounds: {\"a\\nb\": {}}}",
     "1:18: admin.bounds.a?b: must be an administrator's name or default: a-z, then a-z 0-9 . _ -, "
     "at most 64"},
    {"admin: {bounds: {a: {}, a: {}}}", "1:25: admin.bounds.a: is given twice; remove one"},
    {"admin: {bounds: {a: {}}, bounds: {}}", "1:26: admin.bounds: is given twice; remove one"},
    {"admin: {bounds: {a: {role: [x]}}}",
     "1:22: admin.bounds.a.role: unknown key; known here are roles, scopes, labels"},
    {"admin: {bounds: {a: {roles: [x], roles: [y]}}}",
     "1:34: admin.bounds.a.roles: is given twice; remove one"},
    {"admin: {bounds: {a: {roles: agent}}}",
     "1:29: admin.bounds.a.roles: must be a list, as in roles: [agent]"},
    {"admin: {bounds: {a: {roles: [[x]]}}}",
     "1:30: admin.bounds.a.roles: must be a list, as in roles: [agent]"},
    {"admin: {bounds: {a: {roles: [~]}}}",
     "1:30: admin.bounds.a.roles: has no value; give one or remove the key"},
    {"admin: {bounds: {a: {roles: [Agent]}}}",
     "1:30: admin.bounds.a.roles: must be whole roles: a-z, then a-z 0-9 . _ -, at most 32; or "
     "\"*\" for every role"},
    {"admin: {bounds: {a: {roles: [a,b,c,d,e,f,g,h,i]}}}",
     "1:46: admin.bounds.a.roles: may list at most 8 roles"},
    {"admin: {bounds: {a: {scopes: [\"chat/*\"]}}}",
     "1:31: admin.bounds.a.scopes: must be whole scopes: a-z 0-9 . _ : / -, at most 32; or \"*\" "
     "for every scope"},
    {"admin: {bounds: {a: {scopes: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]}}}",
     "1:63: admin.bounds.a.scopes: may list at most 16 scopes"},
    {"admin: {bounds: {a: {labels: [x]}}}",
     "1:30: admin.bounds.a.labels: must be a mapping of texts, as in labels: {site: berlin}"},
    {"admin: {bounds: {a: {labels: {site: [x]}}}}",
     "1:37: admin.bounds.a.labels.site: must be a mapping of texts, as in labels: {site: berlin}"},
    {"admin: {bounds: {a: {labels: {site: x, site: y}}}}",
     "1:46: admin.bounds.a.labels.site: is given twice; remove one"},
    {"admin: {bounds: {a: {labels: {Site: x}}}}",
     "1:37: admin.bounds.a.labels.Site: must be a label: a key of a-z 0-9 . _ / -, at most 32, and "
     "a value of at most 64 bytes"},
    {"admin: {bounds: {a: {labels: {site: \"a\\eb\"}}}}",
     "1:37: admin.bounds.a.labels.site: must be a label: a key of a-z 0-9 . _ / -, at most 32, and "
     "a value of at most 64 bytes"},
    {"admin: {bounds: {a: {labels: {site: \"a\\0b\"}}}}",
     "1:37: admin.bounds.a.labels.site: contains a NUL character; remove it"},
    {"admin: {bounds: {a: {labels: {\"si\\0te\": b}}}}",
     "1:31: admin.bounds.a.labels: a key that is too long, or holds a NUL; mend it"},
    {"admin: {bounds: {a: {labels: {a: x, b: x, c: x, d: x, e: x, f: x, g: x, h: x, i: x}}}}",
     "1:82: admin.bounds.a.labels.i: at most 8 labels"},
    {"admin: {map: {}}", "1:14: admin.map: must hold mappings, as in admin.map: [{san: "
                         "\"spiffe://example.org/ops/*\", role: viewer}]"},
    {"admin: {map: [x]}", "1:15: admin.map: must be a mapping, as in {key: value}"},
    {"admin: {map: [{}]}", "1:15: admin.map: needs san and role"},
    {"admin: {map: [{san: \"a:b\"}]}", "1:15: admin.map: needs san and role"},
    {"admin: {map: [{role: viewer}]}", "1:15: admin.map: needs san and role"},
    {"admin: {map: [{san: \"a:b\", role: approver}]}",
     "1:15: admin.map: needs bound: a name in admin.bounds, for its role is approver"},
    {"admin: {map: [{san: \"a:b\", role: admin, bound: x}]}",
     "1:15: admin.map: bound is of the role approver alone; remove it"},
    {"admin: {map: [{san: \"a:b\", role: operator}]}",
     "1:34: admin.map.role: must be viewer, approver or admin"},
    {"admin: {map: [{san: \"a:b\", role: viewer, bound: X}]}",
     "1:49: admin.map.bound: must be a name in admin.bounds"},
    {"admin: {map: [{san: \"*\", role: admin}]}",
     "1:21: admin.map.san: must be a URI of at most 64 plain characters, in which * stands for all "
     "but /, as in spiffe://example.org/ops/*"},
    {"admin: {map: [{san: \"*:x\", role: admin}]}",
     "1:21: admin.map.san: must be a URI of at most 64 plain characters, in which * stands for all "
     "but /, as in spiffe://example.org/ops/*"},
    {"admin: {map: [{san: \"a:b c\", role: admin}]}",
     "1:21: admin.map.san: must be a URI of at most 64 plain characters, in which * stands for all "
     "but /, as in spiffe://example.org/ops/*"},
    {"admin: {map: [{san: \"a:b\", role: viewer}]}",
     " admin.map is of the certificates of admin.ca, which is not given; the administrators of the "
     "gateway's own CA have their roles by openclaw pki"},
    {"admin: {ca: x}",
     " admin.ca takes the place of the gateway's own admin CA, and without admin.map nobody of it "
     "may do anything; add one, as in map: [{san: \"spiffe://example.org/ops/*\", role: viewer}], "
     "or remove admin.ca"},
    {"admin: {ca: x, map: [{san: \"a:b\", role: approver, bound: default}]}",
     " admin.map: a:b has the bound default, which admin.bounds has not; add it there, as in "
     "default: {roles: [agent], scopes: [chat]}"},
    {"admin: {ca: x, map: [{san: \"a:x*\", role: viewer}, {san: \"a:*y\", role: admin}]}",
     " admin.map: a:x* and a:*y fit one and the same name; patterns must not overlap (a name that "
     "is written out comes before them)"},
    {"admin: {ca: x, map: [{san: \"a:x\", role: viewer}, {san: \"a:x\", role: viewer}]}",
     " admin.map: a:x and a:x fit one and the same name; patterns must not overlap (a name that is "
     "written out comes before them)"},
    {"log: {level: loud}", "1:14: log.level: must be error, warn, info or debug"},
    {"log: {format: xml}", "1:15: log.format: must be text or json"},
    {"stateDir: ~/x", "1:11: stateDir: ~ is not expanded; write the path out, or relative to the "
                      "data directory, as in stateDir: gateway"},
    {"stateDir: \"\"", "1:11: stateDir: must be a path of 1 to 1023 bytes without control "
                       "characters, as in stateDir: gateway"},
    {"stateDir: \"a\\0b\"", "1:11: stateDir: contains a NUL character; remove it"},
    {"stateDir: \"a\\eb\"", "1:11: stateDir: must be a path of 1 to 1023 bytes without control "
                            "characters, as in stateDir: gateway"},
    {"store: postgresql://x", "1:8: store: must be sqlite, the only store of this version"},
    {"defaultGrant: {role: \"a b\"}", "1:22: defaultGrant.role: must be 1 to 32 letters, digits or "
                                      ". _ : / -, as in defaultGrant.role: agent"},
    {"defaultGrant: {scopes: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]}",
     "1:57: defaultGrant.scopes: may list at most 16 scopes"},
    {"pairingRequired: false\nlisten: {devices: tls+tcp://0.0.0.0:1}",
     " pairingRequired: false would let every device that reaches tls+tcp://0.0.0.0:1 in "
     "unapproved; set pairingRequired: true, or listen on 127.0.0.1 only, or add "
     "allowUnpairedDevices: true and the trustedNetworks they come from"},
    {"pairingRequired: false\nlisten: {devices: tls+tcp://10.0.0.1:1}",
     " pairingRequired: false would let every device that reaches tls+tcp://10.0.0.1:1 in "
     "unapproved; set pairingRequired: true, or listen on 127.0.0.1 only, or add "
     "allowUnpairedDevices: true"},
    {"pairingRequired: false\nallowUnpairedDevices: true\nlisten: {devices: tls+tcp://8.8.8.8:1}",
     " pairingRequired: false with tls+tcp://8.8.8.8:1, which is not a private address, needs "
     "trustedNetworks; set pairingRequired: true, or list the networks that may connect, as in "
     "trustedNetworks: [10.20.0.0/16]"},
    {"store: sqlite\n\tlog: {}", "2:1: not YAML: found a tab character that violates indentation"},
    {"store: {", "1:8: store: must be a single value, as in store: sqlite"},
    {"store: \"sqlite", "1:15: not YAML: found unexpected end of stream"},
    {"store: sqlite\nfoo bar\n", "3:1: not YAML: could not find expected ':'"},
};

static void each_mistake_is_refused_in_these_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct config config;
        struct oc_error err = {.text = ""};
        char expected[512];
        enum oc_status st =
            config_parse("gateway.yaml", cases[i].text, strlen(cases[i].text), &config, &err);
        assert_true(st == OC_INVALID_ARGUMENT || st == OC_FAILED_PRECONDITION);
        (void)snprintf(expected, sizeof expected, "gateway.yaml:%s", cases[i].error);
        assert_string_equal(err.text, expected);
    }
}

static void text_that_is_not_utf8_is_refused_where_it_stands(void **state)
{
    (void)state;
    static const char text[] = "store: sqlite\nlog:\n  level: \xff\n";
    struct config config;
    struct oc_error err = {.text = ""};
    assert_int_equal(config_parse("g", text, sizeof text - 1, &config, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.text,
                        "g:3:10: invalid leading UTF-8 octet; the file must be UTF-8 text");
}

static void a_refused_file_leaves_the_configuration_untouched(void **state)
{
    (void)state;
    struct config config = {.state_dir = "untouched"};
    struct oc_error err;
    static const char text[] = "stateDir: x\nbad: 1\n";
    assert_int_equal(config_parse("g", text, sizeof text - 1, &config, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(config.state_dir, "untouched");
}

/* libyaml is quadratic in nesting: 64 KiB of brackets must not be read to their end. */
static void deep_nesting_is_refused_at_its_first_step(void **state)
{
    (void)state;
    static const char *const starts[] = {"", "trustedNetworks: ", "listen: {devices: ", "log: "};
    static char text[CONFIG_MAX_FILE_BYTES];
    clock_t begun = clock();
    for (size_t i = 0; i < OC_ARRAY_LENGTH(starts); i++) {
        struct config config;
        struct oc_error err;
        memset(text, '[', sizeof text);
        memcpy(text, starts[i], strlen(starts[i]));
        assert_int_equal(config_parse("g", text, sizeof text, &config, &err), OC_INVALID_ARGUMENT);
        memset(text, '{', sizeof text);
        memcpy(text, starts[i], strlen(starts[i]));
        assert_int_equal(config_parse("g", text, sizeof text, &config, &err), OC_INVALID_ARGUMENT);
    }
    assert_true((clock() - begun) / CLOCKS_PER_SEC < 2);
}

static void long_keys_and_values_are_refused_without_harm(void **state)
{
    (void)state;
    static char text[32768];
    struct config config;
    struct oc_error err;
    memset(text, 'k', sizeof text);
    memcpy(text + 500, ": v", 3);
    assert_int_equal(config_parse("g", text, 503, &config, &err), OC_INVALID_ARGUMENT);
    assert_int_equal(config_parse("g", text, sizeof text, &config, &err), OC_INVALID_ARGUMENT);
    memcpy(text, "stateDir: ", 10);
    memset(text + 10, 'p', sizeof text - 10);
    assert_int_equal(config_parse("g", text, sizeof text, &config, &err), OC_INVALID_ARGUMENT);
    assert_int_equal(config_parse("g", text, 10 + CONFIG_MAX_PATH_BYTES, &config, &err), OC_OK);
    assert_int_equal(strlen(config.state_dir), CONFIG_MAX_PATH_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_refused_in_these_words),
        cmocka_unit_test(text_that_is_not_utf8_is_refused_where_it_stands),
        cmocka_unit_test(a_refused_file_leaves_the_configuration_untouched),
        cmocka_unit_test(deep_nesting_is_refused_at_its_first_step),
        cmocka_unit_test(long_keys_and_values_are_refused_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
