/*
 * NNG's own tool is a valid caller of the local door. It exits 0 when no answer comes, so its
 * output is what is compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/gateway_fixture.h"

enum {
    MAX_REPLY_BYTES = 16 * 1024,
};

/* What nngcat prints for a call of the method without a request. */
static size_t ask_nngcat(const struct gateway_fixture *gateway, uint32_t method, uint8_t *out)
{
    char path[256];
    char command[1024];
    uint8_t bytes[64];
    const struct oc_call call = {.method = method};
    const size_t n_call = oc_call_pack(&call, bytes, sizeof bytes);
    gateway_path(gateway, "call.bin", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_call, file), n_call);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command, "%s --req --dial %s --file %s --raw --recv-timeout 20",
                   NNGCAT, app_local_url(gateway->app), path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t n = fread(out, 1, MAX_REPLY_BYTES, pipe);
    assert_int_equal(pclose(pipe), 0);
    return n;
}

static void assert_same_answer(struct gateway_fixture *gateway, uint32_t method)
{
    struct rpc_peer admin;
    uint8_t theirs[MAX_REPLY_BYTES];
    const size_t n = ask_nngcat(gateway, method, theirs);
    gateway_open_admin(gateway, &admin);
    (void)rpc_peer_call(&admin, method, NULL);
    assert_int_equal(n, admin.replies[0].n);
    assert_memory_equal(theirs, admin.replies[0].bytes, n);
    rpc_peer_close(&admin);
}

static void nngcat_gets_health_to_the_byte(void **state)
{
    static const uint8_t serving[] = {0x08, 0x01, 0x2a, 0x02, 0x08, 0x01};
    uint8_t reply[MAX_REPLY_BYTES];
    assert_int_equal(ask_nngcat(*state, NUMBER(HEALTH), reply), sizeof serving);
    assert_memory_equal(reply, serving, sizeof serving);
    assert_same_answer(*state, NUMBER(HEALTH));
}

static void nngcat_gets_the_description_of_the_local_door(void **state)
{
    assert_same_answer(*state, NUMBER(DESCRIBE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nngcat_gets_health_to_the_byte, gateway_enter,
                                        gateway_leave),
        cmocka_unit_test_setup_teardown(nngcat_gets_the_description_of_the_local_door,
                                        gateway_enter, gateway_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
