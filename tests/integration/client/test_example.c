/* The example agent as a process of its own, against a gateway played here. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/integration/client/agent_scene.h"

/* Starts it with its standard output in a pipe. */
static pid_t spawn(struct scene *scene, FILE **out)
{
    int fds[2];
    char *const arguments[] = {(char *)(uintptr_t) "example_agent",
                               (char *)(uintptr_t)scripted_gateway_url(scene->gateway), scene->dir,
                               NULL};
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execv(EXAMPLE_AGENT, arguments);
        _exit(127);
    }
    (void)close(fds[1]);
    *out = fdopen(fds[0], "r");
    assert_non_null(*out);
    return pid;
}

static void expect_line(FILE *out, const char *start)
{
    char line[512] = "";
    assert_non_null(fgets(line, sizeof line, out));
    if (strncmp(line, start, strlen(start)) != 0) {
        fail_msg("\"%s\" does not begin with \"%s\"", line, start);
    }
}

static int exit_code(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_example_is_refused_approved_connected_and_revoked(void **state)
{
    struct scene *scene = *state;
    FILE *out = NULL;
    pid_t pid = spawn(scene, &out);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    expect_line(out, "first contact: trusting the key sha256:");
    expect_line(out, "Gateway pairing required.");
    expect_line(out, "  gateway  tls+tcp://127.0.0.1:");
    expect_line(out, "  device   ");
    expect_line(out, "  request  7QK4M2T9XA   awaiting approval   code ");
    expect_line(out, "  why      new device");
    expect_line(out, "  fix      on the gateway machine run:  openclaw devices approve 7QK4M2T9XA");
    decide(take_call(scene, METHOD(AWAIT_DECISION)), DECIDED(APPROVED));
    admit(take_call(scene, METHOD(CONNECT)));
    expect_line(out, "connected as agent");
    send_notice(take_call(scene, METHOD(AWAIT_NOTICE)), NOTICE(ENDED), REFUSED(REVOKED), 0);
    expect_line(out, "Gateway pairing required: 403 Forbidden");
    assert_int_equal(exit_code(pid), 5);
    (void)fclose(out);
}

static void a_signal_ends_the_example_in_order(void **state)
{
    struct scene *scene = *state;
    FILE *out = NULL;
    pid_t pid = spawn(scene, &out);
    admit(take_call(scene, METHOD(CONNECT)));
    expect_line(out, "first contact");
    expect_line(out, "connected as agent");
    assert_int_equal(kill(pid, SIGTERM), 0);
    expect_line(out, "stopped: OK");
    assert_int_equal(exit_code(pid), 0);
    (void)fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(the_example_is_refused_approved_connected_and_revoked),
        WITH_GATEWAY(a_signal_ends_the_example_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
