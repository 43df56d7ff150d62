/* The program at a pseudo-terminal: prompts, answers, quitting, and never waiting for nobody. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    LIMIT_MS = 30000,
    SCREEN_BYTES = 65536,
};

/* The program and what it has shown so far. */
struct screen {
    pid_t pid;
    int fd;
    size_t n;
    size_t seen; /* what earlier waits matched lies before */
    char text[SCREEN_BYTES];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct look {
    const char *term;     /* NULL: "dumb" */
    const char *no_color; /* NULL: not set */
    unsigned short columns;
};

static void start_with(struct screen *screen, const struct look *look, const char *fake,
                       const char *const *words)
{
    const struct winsize size = {.ws_row = 24, .ws_col = look->columns};
    const char *argv[16] = {OC_FAKE_PROGRAM};
    for (size_t i = 0; words[i]; i++) {
        argv[i + 1] = words[i];
    }
    *screen = (struct screen){.fd = -1};
    screen->pid = forkpty(&screen->fd, NULL, NULL, look->columns ? &size : NULL);
    assert_true(screen->pid >= 0);
    if (screen->pid == 0) {
        (void)setenv("OPENCLAW_FAKE", fake, 1);
        (void)setenv("TERM", look->term ? look->term : "dumb", 1);
        (void)unsetenv("NO_COLOR");
        if (look->no_color) {
            (void)setenv("NO_COLOR", look->no_color, 1);
        }
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
}

static void start(struct screen *screen, const char *fake, const char *const *words)
{
    static const struct look plain = {.term = NULL};
    start_with(screen, &plain, fake, words);
}

/* Reads more; false at the end of the program's output. */
static bool read_more(struct screen *screen, int64_t until_ms)
{
    struct pollfd fd = {.fd = screen->fd, .events = POLLIN};
    int64_t left_ms = until_ms - now_ms();
    if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) <= 0) {
        fail_msg("nothing more came; the screen is:\n%s", screen->text);
    }
    ssize_t n = read(screen->fd, screen->text + screen->n, SCREEN_BYTES - 1 - screen->n);
    if (n <= 0) {
        return false; /* EIO: the other side of the terminal is closed */
    }
    screen->n += (size_t)n;
    screen->text[screen->n] = '\0';
    return true;
}

static void wait_for(struct screen *screen, const char *part)
{
    int64_t until_ms = now_ms() + LIMIT_MS;
    const char *found = strstr(screen->text + screen->seen, part);
    while (!found) {
        if (!read_more(screen, until_ms)) {
            fail_msg("it ended without \"%s\"; the screen is:\n%s", part, screen->text);
        }
        found = strstr(screen->text + screen->seen, part);
    }
    screen->seen = (size_t)(found - screen->text) + strlen(part);
}

static void type(struct screen *screen, const char *keys)
{
    assert_int_equal(write(screen->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static int finish(struct screen *screen)
{
    int64_t until_ms = now_ms() + LIMIT_MS;
    int status = 0;
    while (read_more(screen, until_ms)) {
    }
    assert_int_equal(waitpid(screen->pid, &status, 0), screen->pid);
    (void)close(screen->fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define START(screen, fake, ...) start((screen), (fake), (const char *const[]){__VA_ARGS__, NULL})

static void approve_lists_lets_choose_shows_and_asks(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "", "devices", "approve");
    wait_for(&screen, "Pending requests:");
    wait_for(&screen, "7QK4M2T9XA");
    wait_for(&screen, "q quits): ");
    type(&screen, "1\n");
    wait_for(&screen, "9999999999999999999999999999999999999999999999999999999999999999");
    wait_for(&screen, "Approve? [y/N] ");
    type(&screen, "y\n");
    wait_for(&screen, "approved 9999999999999999");
    assert_int_equal(finish(&screen), 0);
}

static void the_pairing_list_approves_too(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "", "pairing", "list", "--approve");
    wait_for(&screen, "q quits): ");
    type(&screen, "7qk9zzzzzz\n");
    wait_for(&screen, "Approve? [y/N] ");
    type(&screen, "y\n");
    wait_for(&screen, "approved 8888888888888888");
    assert_int_equal(finish(&screen), 0);
}

static void q_leaves_without_a_decision(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "", "devices", "approve");
    wait_for(&screen, "q quits): ");
    type(&screen, "q\n");
    wait_for(&screen, "nothing was changed");
    assert_int_equal(finish(&screen), 2);
}

static void the_end_of_input_at_any_prompt_leaves(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "", "devices", "approve");
    wait_for(&screen, "q quits): ");
    type(&screen, "\x04");
    assert_int_equal(finish(&screen), 2);
    START(&screen, "", "devices", "approve");
    wait_for(&screen, "q quits): ");
    type(&screen, "1\n");
    wait_for(&screen, "[y/N] ");
    type(&screen, "\x04");
    wait_for(&screen, "not confirmed");
    assert_int_equal(finish(&screen), 2);
}

static void enter_shows_the_list_again(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "", "devices", "approve");
    wait_for(&screen, "q quits): ");
    type(&screen, "\n");
    wait_for(&screen, "Pending requests:");
    wait_for(&screen, "q quits): ");
    type(&screen, "q\n");
    assert_int_equal(finish(&screen), 2);
}

static void a_request_replaced_meanwhile_is_exit_6(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "replaced", "devices", "approve", "7QK4M2T9XA");
    wait_for(&screen, "[y/N] ");
    type(&screen, "y\n");
    wait_for(&screen, "openclaw devices approve 7QK9ZZZZZZ");
    assert_int_equal(finish(&screen), 6);
}

static void revoke_asks_with_the_full_id(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "", "devices", "revoke");
    wait_for(&screen, "Approved devices:");
    wait_for(&screen, "q quits): ");
    type(&screen, "db-1\n");
    wait_for(&screen, "1111111111111111111111111111111111111111111111111111111111111111");
    wait_for(&screen, "[y/N] ");
    type(&screen, "y\n");
    wait_for(&screen, "its connection is closed");
    assert_int_equal(finish(&screen), 0);
}

/* Declines, and returns all that was on the screen. */
static void look_at_hostile(struct screen *screen, const struct look *look)
{
    static const char *const words[] = {"devices", "approve", "7QK4M2T9XA", NULL};
    start_with(screen, look, "hostile", words);
    wait_for(screen, "Approve? [y/N] ");
    type(screen, "n\n");
    assert_int_equal(finish(screen), 2);
}

/* Nothing that a device says begins a line of the screen, moves about on it, or turns it around. */
static void claims_cannot_pass_for_the_gateways_words(void **state)
{
    (void)state;
    static const unsigned short widths[] = {0, 40, 80, 200, 1};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct screen screen;
        const struct look look = {.columns = widths[i]};
        look_at_hostile(&screen, &look);
        assert_null(strchr(screen.text, '\x1b'));
        assert_null(strchr(screen.text, '\a'));
        assert_null(strstr(screen.text, "\xd7"));
        assert_null(strstr(screen.text, "\xe2\x80\xae"));
        assert_null(strstr(screen.text, "\n  state      approved"));
        assert_null(strstr(screen.text, "\r  state"));
        assert_null(strstr(screen.text, "\napproved by"));
        assert_non_null(strstr(screen.text, "\n  state      pending"));
        assert_non_null(strstr(screen.text,
                               "9999999999999999999999999999999999999999999999999999999999999999"));
    }
}

static void colour_is_for_terminals_that_want_it(void **state)
{
    (void)state;
    static const struct {
        struct look look;
        bool has_colour;
    } rows[] = {
        {{.term = "xterm"}, true},
        {{.term = "xterm", .no_color = "1"}, false},
        {{.term = "dumb"}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct screen screen;
        look_at_hostile(&screen, &rows[i].look);
        assert_int_equal(strstr(screen.text, "\x1b[31mCareful") != NULL, rows[i].has_colour);
        assert_non_null(strstr(screen.text, "Careful: its name is that of another"));
    }
}

static void an_agent_prints_waits_and_ends_cleanly_on_a_signal(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        struct screen screen;
        START(&screen, i == 0 ? "pending" : "", "agent", "run", "--gateway",
              "tls+tcp://127.0.0.1:1");
        wait_for(&screen, i == 0 ? "Gateway pairing required." : "connected  ");
        assert_int_equal(kill(screen.pid, signals[i]), 0);
        assert_int_equal(finish(&screen), 0);
    }
}

static void a_rejected_agent_ends_with_5(void **state)
{
    (void)state;
    struct screen screen;
    START(&screen, "rejected", "agent", "run", "--gateway", "tls+tcp://127.0.0.1:1");
    assert_int_equal(finish(&screen), 5);
}

/* Standard input that never ends and is no terminal: a pipe whose other end stays open. */
static int run_off_terminal(const char *const *words)
{
    const char *argv[16] = {OC_FAKE_PROGRAM};
    int pipe_fds[2];
    for (size_t i = 0; words[i]; i++) {
        argv[i + 1] = words[i];
    }
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(pipe_fds[0], STDIN_FILENO);
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)alarm(LIMIT_MS / 1000);
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void no_command_waits_for_a_terminal_that_is_not_there(void **state)
{
    (void)state;
    static const char *const calls[][6] = {
        {"devices", "approve"},
        {"pairing", "list", "--approve"},
        {"devices", "reject"},
        {"devices", "dismiss"},
        {"devices", "revoke"},
        {"devices", "revoke", "db-1"},
        {"devices", "block"},
        {"devices", "remove"},
        {"devices", "approve", "--yes"},
        {"devices", "revoke", "--yes"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        assert_int_equal(run_off_terminal(calls[i]), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(approve_lists_lets_choose_shows_and_asks),
        cmocka_unit_test(the_pairing_list_approves_too),
        cmocka_unit_test(q_leaves_without_a_decision),
        cmocka_unit_test(the_end_of_input_at_any_prompt_leaves),
        cmocka_unit_test(enter_shows_the_list_again),
        cmocka_unit_test(a_request_replaced_meanwhile_is_exit_6),
        cmocka_unit_test(revoke_asks_with_the_full_id),
        cmocka_unit_test(claims_cannot_pass_for_the_gateways_words),
        cmocka_unit_test(colour_is_for_terminals_that_want_it),
        cmocka_unit_test(an_agent_prints_waits_and_ends_cleanly_on_a_signal),
        cmocka_unit_test(a_rejected_agent_ends_with_5),
        cmocka_unit_test(no_command_waits_for_a_terminal_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
