/* `openclaw gateway reload`: what changed, what waits, and what a broken file makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/exit_code.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void every_format_is_as_agreed(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "json", "yaml", "ndjson", "name"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char golden[64];
        (void)snprintf(golden, sizeof golden, "gateway_reload.%s", formats[i]);
        struct ran ran = RUN("gateway", "reload", "-o", formats[i]);
        assert_int_equal(ran.code, EXIT_DONE);
        assert_golden(golden, ran.out);
        assert_contains(ran.err, "until the gateway is restarted");
        ran_free(&ran);
    }
}

static void a_broken_file_fails_with_its_line_and_column(void **state)
{
    (void)state;
    fake.reload_problem = "/data/gateway.yaml:3:5: log.level: must be error, warn, info or debug";
    struct ran ran = RUN("gateway", "reload");
    assert_int_equal(ran.code, EXIT_FAILED);
    assert_string_equal(ran.out, "");
    assert_contains(ran.err, "keeps its old configuration: /data/gateway.yaml:3:5: log.level:");
    assert_contains(ran.err, "openclaw gateway check-config");
    ran_free(&ran);
}

static void a_reload_that_the_audit_lacks_is_said(void **state)
{
    (void)state;
    fake.is_locked = true;
    struct ran ran = RUN("gateway", "reload");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "not in the audit");
    ran_free(&ran);
}

static void one_that_fails_says_why(void **state)
{
    (void)state;
    fake.decisions_fail_with = OC_PERMISSION_DENIED;
    struct ran ran = RUN("gateway", "reload");
    assert_int_equal(ran.code, EXIT_FORBIDDEN);
    assert_contains(ran.err, "cannot reload");
    ran_free(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_format_is_as_agreed, reset),
        cmocka_unit_test_setup(a_broken_file_fails_with_its_line_and_column, reset),
        cmocka_unit_test_setup(a_reload_that_the_audit_lacks_is_said, reset),
        cmocka_unit_test_setup(one_that_fails_says_why, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
