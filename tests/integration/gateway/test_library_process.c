/*
 * What libopenclaw does to the process it is in, and what fork() does to it. The gateway is a
 * process of its own, so that NNG has not been used here before the library does.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <openclaw/admin.h>
#include <openclaw/pairing.h>
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
#include <openssl/conf.h>
#include <openssl/objects.h>

#include "tests/support/gateway_fixture.h"

enum {
    LIMIT_S = 20, /* for what must be answered at once: a hang ends by SIGALRM */
};

/* ---- a gateway elsewhere ----------------------------------------------------------------- */

struct place {
    pid_t gateway;
    int hold; /* the gateway ends when it is closed */
    char data_dir[64];
    char agent_dir[64];
    struct oc_client *client;
};

/* Never returns. */
static void serve(int ready, int hold)
{
    void *state = NULL;
    char byte = 0;
    if (gateway_enter(&state) != 0) {
        _exit(1);
    }
    const struct gateway_fixture *gateway = state;
    if (write(ready, gateway->data_dir, sizeof gateway->data_dir) < 0) {
        _exit(1);
    }
    while (read(hold, &byte, 1) > 0) {
    }
    _exit(gateway_leave(&state));
}

static int find_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    int ready[2];
    int hold[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(hold, O_CLOEXEC), 0);
    place->gateway = fork();
    if (place->gateway == 0) {
        (void)close(hold[1]);
        serve(ready[1], hold[0]);
    }
    (void)close(ready[1]);
    (void)close(hold[0]);
    place->hold = hold[1];
    assert_int_equal(read(ready[0], place->data_dir, sizeof place->data_dir),
                     sizeof place->data_dir);
    (void)close(ready[0]);
    strcpy(place->agent_dir, "/tmp/openclaw-agent-XXXXXX");
    assert_non_null(mkdtemp(place->agent_dir));
    *state = place;
    return 0;
}

static int leave_place(void **state)
{
    struct place *place = *state;
    char command[160];
    int status = 0;
    oc_client_close(place->client);
    (void)close(place->hold);
    (void)waitpid(place->gateway, &status, 0);
    (void)snprintf(command, sizeof command, "rm -rf '%s' '%s'", place->data_dir, place->agent_dir);
    int rc = system(command);
    free(place);
    return rc;
}

static bool serves(struct oc_client *client)
{
    enum oc_serving serving = OC_SERVING_UNKNOWN;
    struct oc_error err = {.text = ""};
    enum oc_status st = oc_client_health(client, &serving, &err);
    if (st) {
        print_error("%s\n", err.text);
    }
    return st == OC_OK && serving == OC_SERVING_YES;
}

static struct oc_client *open_client(const struct place *place)
{
    const struct oc_client_options options = {.data_dir = place->data_dir};
    struct oc_client *client = NULL;
    struct oc_error err;
    if (oc_client_open(&options, &client, &err)) {
        print_error("%s\n", err.text);
    }
    return client;
}

/* The parent's client, in use. */
static struct oc_client *use_client(struct place *place)
{
    if (!place->client) {
        place->client = open_client(place);
    }
    assert_true(serves(place->client));
    return place->client;
}

/* Runs it in a child; it gives what went wrong, NULL: nothing. */
static void in_child(struct place *place, const char *(*run)(struct place *place))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(LIMIT_S);
        const char *wrong = run(place);
        if (wrong) {
            (void)fprintf(stderr, "in the child: %s\n", wrong);
        }
        _exit(wrong ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        fail_msg("the child was ended by signal %d%s", WTERMSIG(status),
                 WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- before the library was used --------------------------------------------------------- */

static const char *use_a_client_of_its_own(struct place *place)
{
    return serves(use_client(place)) ? NULL : "no answer";
}

static void a_process_that_forks_first_may_use_the_library_in_its_children(void **state)
{
    in_child(*state, use_a_client_of_its_own);
    in_child(*state, use_a_client_of_its_own);
}

static const char *load_and_unload(struct place *place)
{
    static const char *const names[] = {"oc_client_open", "oc_client_health", "oc_client_close"};
    enum oc_status (*open)(const struct oc_client_options *, struct oc_client **,
                           struct oc_error *) = NULL;
    enum oc_status (*health)(struct oc_client *, enum oc_serving *, struct oc_error *) = NULL;
    void (*end)(struct oc_client *) = NULL;
    void *library = dlopen(SHARED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return dlerror();
    }
    *(void **)&open = dlsym(library, names[0]);
    *(void **)&health = dlsym(library, names[1]);
    *(void **)&end = dlsym(library, names[2]);
    struct oc_client *client = NULL;
    enum oc_serving serving = OC_SERVING_UNKNOWN;
    const struct oc_client_options options = {.data_dir = place->data_dir};
    if (open(&options, &client, NULL) || health(client, &serving, NULL)) {
        return "no answer";
    }
    end(client);
    (void)dlclose(library);
    /* NNG's threads are still there; so must be what they run. */
    return dlopen(SHARED_LIBRARY, RTLD_NOW | RTLD_NOLOAD) ? NULL : "it was unloaded";
}

static void the_library_can_be_loaded_and_let_go_at_run_time(void **state)
{
    in_child(*state, load_and_unload);
}

/* An object identifier that only this configuration of OpenSSL knows. */
static bool write_configuration(const struct place *place, char path[128])
{
    (void)snprintf(path, 128, "%s/openssl.cnf", place->agent_dir);
    FILE *file = fopen(path, "w");
    return file &&
           fputs("openssl_conf = main\n[main]\noid_section = oids\n[oids]\nclaw = 1.2.3.4.5\n",
                 file) >= 0 &&
           fclose(file) == 0 && setenv("OPENSSL_CONF", path, 1) == 0;
}

static bool is_configured(void)
{
    return OBJ_txt2nid("claw") != NID_undef;
}

static const char *start_openssl_first(struct place *place)
{
    char path[128];
    struct oc_identity_info info;
    if (!write_configuration(place, path) ||
        OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) {
        return "cannot configure OpenSSL";
    }
    if (oc_identity_info(place->agent_dir, true, &info, NULL)) {
        return "no identity";
    }
    return is_configured() ? NULL : "the program's configuration is gone";
}

static const char *start_openssl_second(struct place *place)
{
    char path[128];
    struct oc_identity_info info;
    if (!write_configuration(place, path) ||
        oc_identity_info(place->agent_dir, true, &info, NULL)) {
        return "no identity";
    }
    if (is_configured()) {
        return "the library loaded a configuration";
    }
    return CONF_modules_load_file(path, NULL, 0) == 1 && is_configured()
               ? NULL
               : "the program can load none any more";
}

static void openssl_is_configured_by_the_program_alone(void **state)
{
    in_child(*state, start_openssl_first);
    in_child(*state, start_openssl_second);
}

/* ---- threads and descriptors ------------------------------------------------------------- */

static uint64_t blocked_signals(const char *thread)
{
    char path[300];
    char line[256];
    unsigned long long mask = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "SigBlk:", 7) == 0) {
            mask = strtoull(line + 7, NULL, 16);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return mask;
}

static void no_thread_of_the_library_takes_the_programs_signals(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE};
    char self[32];
    unsigned n_threads = 0;
    (void)use_client(*state);
    (void)snprintf(self, sizeof self, "%d", (int)gettid());
    DIR *threads = opendir("/proc/self/task");
    assert_non_null(threads);
    for (struct dirent *thread = readdir(threads); thread; thread = readdir(threads)) {
        if (thread->d_name[0] == '.' || strcmp(thread->d_name, self) == 0) {
            continue;
        }
        n_threads++;
        uint64_t mask = blocked_signals(thread->d_name);
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
            if (!(mask & UINT64_C(1) << (signals[i] - 1))) {
                fail_msg("thread %s takes signal %d", thread->d_name, signals[i]);
            }
        }
    }
    (void)closedir(threads);
    assert_true(n_threads > 3);
}

static void no_descriptor_of_the_library_outlives_exec(void **state)
{
    (void)use_client(*state);
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        char path[64];
        char target[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        bool is_ours = n > 0 && (strncmp(target, "socket:", 7) == 0 ||
                                 strncmp(target, "anon_inode:", 11) == 0);
        if (flags >= 0 && is_ours && !(flags & FD_CLOEXEC)) {
            fail_msg("descriptor %d (%s) would be inherited by programs", fd, target);
        }
    }
}

/* ---- after the library was used ---------------------------------------------------------- */

static void never_called(void *user, enum oc_status status, const struct oc_decision_result *result,
                         const struct oc_error *err)
{
    (void)status;
    (void)result;
    (void)err;
    *(bool *)user = true;
}

static const char *use_the_parents_client(struct place *place)
{
    enum oc_serving serving = OC_SERVING_UNKNOWN;
    const struct oc_decision decision = {.kind = OC_BLOCK, .device_id = {{1}}};
    struct oc_decision_result result;
    struct oc_error err = {.text = ""};
    bool was_called = false;
    if (oc_client_health(place->client, &serving, &err) != OC_FAILED_PRECONDITION ||
        !strstr(err.text, "fork()") || !strstr(err.text, "exec")) {
        return "a call on the parent's client does not say what is wrong";
    }
    if (oc_admin_decide(place->client, &decision, &result, &err) != OC_FAILED_PRECONDITION) {
        return "a decision on the parent's client is not refused";
    }
    if (oc_admin_decide_async(place->client, &decision, never_called, &was_called, &err) !=
            OC_FAILED_PRECONDITION ||
        was_called) {
        return "an asynchronous decision on the parent's client is not refused";
    }
    oc_client_close(place->client);
    return NULL;
}

static void a_child_is_told_at_once_that_its_parents_client_is_dead(void **state)
{
    struct place *place = *state;
    (void)use_client(place);
    in_child(place, use_the_parents_client);
    assert_true(serves(place->client));
}

static const char *open_another(struct place *place)
{
    const struct oc_client_options options = {.data_dir = place->data_dir};
    const struct oc_agent_options agent_options = {.gateway_url = "tls+tcp://127.0.0.1:1",
                                                   .data_dir = place->agent_dir};
    struct oc_client *client = NULL;
    struct oc_agent *agent = NULL;
    struct oc_error err = {.text = ""};
    if (oc_client_open(&options, &client, &err) != OC_FAILED_PRECONDITION || client ||
        !strstr(err.text, "fork()")) {
        return "a client is made that NNG would end the process for";
    }
    if (oc_agent_start(&agent_options, &agent, &err) != OC_FAILED_PRECONDITION || agent) {
        return "an agent is made that NNG would end the process for";
    }
    struct oc_identity_info info;
    if (oc_identity_info(place->agent_dir, true, &info, &err) != OC_OK) {
        return "files cannot be read";
    }
    return NULL;
}

static void a_child_of_a_process_that_used_the_library_makes_no_new_one(void **state)
{
    (void)use_client(*state);
    in_child(*state, open_another);
}

static struct oc_agent *parents_agent;

static const char *use_the_parents_agent(struct place *place)
{
    (void)place;
    if (oc_agent_wait_connected(parents_agent, 1000 * LIMIT_S) != OC_FAILED_PRECONDITION ||
        oc_agent_wait(parents_agent) != OC_FAILED_PRECONDITION) {
        return "it waits for a thread that is not there";
    }
    oc_agent_stop(parents_agent);
    oc_agent_free(parents_agent);
    return NULL;
}

static void a_child_neither_waits_for_its_parents_agent_nor_stops_it(void **state)
{
    struct place *place = *state;
    const struct oc_agent_options options = {.gateway_url = "tls+tcp://127.0.0.1:1",
                                             .data_dir = place->agent_dir};
    struct oc_error err = {.text = ""};
    assert_int_equal(oc_agent_start(&options, &parents_agent, &err), OC_OK);
    in_child(place, use_the_parents_agent);
    assert_int_equal(oc_agent_wait_connected(parents_agent, 1), OC_DEADLINE_EXCEEDED);
    oc_agent_free(parents_agent);
}

static void a_gateway_that_dies_ends_no_program(void **state)
{
    struct place *place = *state;
    (void)use_client(place);
    (void)signal(SIGPIPE, SIG_DFL);
    assert_int_equal(kill(place->gateway, SIGKILL), 0);
    for (int i = 0; i < 20; i++) {
        enum oc_serving serving = OC_SERVING_UNKNOWN;
        assert_int_not_equal(oc_client_health(place->client, &serving, NULL), OC_OK);
    }
}

int main(void)
{
    /* In this order: the first ones need a process that has not used the library. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_forks_first_may_use_the_library_in_its_children),
        cmocka_unit_test(the_library_can_be_loaded_and_let_go_at_run_time),
        cmocka_unit_test(openssl_is_configured_by_the_program_alone),
        cmocka_unit_test(no_thread_of_the_library_takes_the_programs_signals),
        cmocka_unit_test(no_descriptor_of_the_library_outlives_exec),
        cmocka_unit_test(a_child_is_told_at_once_that_its_parents_client_is_dead),
        cmocka_unit_test(a_child_of_a_process_that_used_the_library_makes_no_new_one),
        cmocka_unit_test(a_child_neither_waits_for_its_parents_agent_nor_stops_it),
        cmocka_unit_test(a_gateway_that_dies_ends_no_program),
    };
    return cmocka_run_group_tests(tests, find_place, leave_place);
}
