/*
 * agents: a fleet of agents in one process, led by lines on standard input; see agents.h.
 *
 *     agents GATEWAY_URL DATA_DIR COUNT
 *
 *     connect               all dial; waits until each waits for its decision or has a session
 *     approve N AT_ONCE     the next N that were not approved
 *     revoke N AT_ONCE      the next N that were approved and not revoked
 *     retry N               asks, hangs up and asks again; approved meanwhile, N at a time
 *     nag SECONDS           all ask again and again, and nobody decides
 *     storm SECONDS         as nag, whether it is answered or not
 *     follow                from now on all come back when they are cut off, as real agents do
 *     reach                 all dial again and again until they have a session
 *     lost                  waits until a session was lost
 *     settled               waits until all have a session; how long that took since `lost` ended
 *     flood DEPTH           all send heartbeats, so many in flight, whatever happens
 *     run COMMAND...        runs it with every device id behind it, then counts what is accepted of
 *                           what was sent after it had ended
 *     connects N            the first hangs up and dials again, N times
 *     pages N               reads the first page of the list, N times
 *     events ACTION         how many there are in the gateway's change log
 *
 * Answers each line with one of JSON. Decisions go through libopenclaw and the gateway's local
 * door; DATA_DIR is the gateway's.
 */
#include "tests/bench/agents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/bench/measure.h"

enum {
    DIALS_AT_ONCE = 64, /* a fleet is not a flood */
    TURNED_AWAY_PER_AGENT = 20,
};

struct led {
    struct agents fleet;
    size_t n_approved, n_revoked;
    uint64_t lost_ns;
};

static double since_s(uint64_t start_ns)
{
    return (double)(measure_now_ns() - start_ns) / 1e9;
}

static void require(bool is_so, const char *what)
{
    if (!is_so) {
        fleet_die(what);
    }
}

static void do_connect(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    const uint64_t start = measure_now_ns();
    const uint64_t until = start + AGENTS_LIMIT_MS * UINT64_C(1000000);
    (void)words;
    agents_dial(fleet, fleet->n, DIALS_AT_ONCE);
    pthread_mutex_lock(&fleet->lock);
    while (fleet->n_at[AGENT_WAITING] + fleet->n_at[AGENT_IN_SESSION] < fleet->n &&
           agents_wait_moved(fleet, until)) {
    }
    printf("{\"waiting\": %zu, \"in_session\": %zu, \"early\": %zu, \"lost\": %zu, \"took_s\": "
           "%.3f}\n",
           fleet->n_at[AGENT_WAITING], fleet->n_at[AGENT_IN_SESSION], fleet->n_early, fleet->n_lost,
           since_s(start));
    pthread_mutex_unlock(&fleet->lock);
}

static void print_run(const struct agents_run *run)
{
    printf("{\"n\": %zu, \"failed\": %zu, \"took_s\": %.3f, \"answer_p50_ms\": %.2f, "
           "\"answer_p99_ms\": %.2f, \"effect_p50_ms\": %.2f, \"effect_p99_ms\": %.2f, ",
           run->n, run->n_failed, run->took_s, run->answer_p50_ms, run->answer_p99_ms,
           run->effect_p50_ms, run->effect_p99_ms);
}

static void print_places(struct agents *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    printf("\"in_session\": %zu, \"waiting\": %zu, \"away\": %zu, \"early\": %zu}\n",
           fleet->n_at[AGENT_IN_SESSION], fleet->n_at[AGENT_WAITING], fleet->n_at[AGENT_AWAY],
           fleet->n_early);
    pthread_mutex_unlock(&fleet->lock);
}

static void read_two(const char *words, size_t *n, size_t *at_once)
{
    require(sscanf(words, "%zu %zu", n, at_once) == 2 && *at_once > 0, "two numbers are wanted");
}

static void do_approve(struct led *led, const char *words)
{
    size_t n;
    size_t at_once;
    read_two(words, &n, &at_once);
    require(led->n_approved + n <= led->fleet.n, "there are not so many");
    agents_read_requests(&led->fleet);
    const struct agents_run run = agents_approve(&led->fleet, led->n_approved, n, at_once);
    led->n_approved += n;
    print_run(&run);
    print_places(&led->fleet);
}

static void do_revoke(struct led *led, const char *words)
{
    size_t n;
    size_t at_once;
    read_two(words, &n, &at_once);
    require(led->n_revoked + n <= led->n_approved, "there are not so many");
    const struct agents_run run = agents_revoke(&led->fleet, led->n_revoked, n, at_once);
    led->n_revoked += n;
    print_run(&run);
    print_places(&led->fleet);
}

/* With the lock held: each has been told to wait, n times at least. */
static bool were_refused(const struct agents *fleet, size_t first, size_t end, size_t n)
{
    for (size_t i = first; i < end; i++) {
        if (fleet->items[i].n_refused < n) {
            return false;
        }
    }
    return true;
}

static void wait_refused(struct agents *fleet, size_t first, size_t end, size_t n)
{
    const uint64_t until = measure_now_ns() + AGENTS_LIMIT_MS * UINT64_C(1000000);
    pthread_mutex_lock(&fleet->lock);
    while (!were_refused(fleet, first, end, n) && agents_wait_moved(fleet, until)) {
    }
    require(were_refused(fleet, first, end, n), "the gateway does not answer who asks again");
    pthread_mutex_unlock(&fleet->lock);
}

static void print_asking(struct agents *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    size_t n_refused = 0;
    size_t most_ids = 0;
    for (size_t i = 0; i < fleet->n; i++) {
        const struct agent *agent = &fleet->items[i];
        n_refused += agent->n_refused;
        most_ids = agent->n_request_ids > most_ids ? agent->n_request_ids : most_ids;
    }
    printf("\"asked_again\": %zu, \"most_request_ids\": %zu, ", n_refused - fleet->n, most_ids);
    pthread_mutex_unlock(&fleet->lock);
}

static void set_retrying(struct agents *fleet, bool retries, bool storms)
{
    pthread_mutex_lock(&fleet->lock);
    fleet->retries = retries;
    fleet->storms = storms;
    pthread_mutex_unlock(&fleet->lock);
}

/* Between the reading of the requests and their approval each asks once more at least. */
static void do_retry(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    const size_t step = strtoul(words, NULL, 10);
    struct agents_run whole = {.n = fleet->n};
    require(step > 0, "a number is wanted");
    set_retrying(fleet, true, false);
    for (size_t first = 0; first < fleet->n; first += step) {
        const size_t end = first + step < fleet->n ? first + step : fleet->n;
        agents_dial(fleet, end, 0);
        wait_refused(fleet, first, end, 1);
        agents_read_requests(fleet);
        wait_refused(fleet, first, end, 2);
        const struct agents_run run = agents_approve(fleet, first, end - first, 1);
        whole.n_failed += run.n_failed;
        whole.took_s += run.took_s;
    }
    led->n_approved = fleet->n;
    printf("{\"n\": %zu, \"failed\": %zu, \"took_s\": %.3f, ", whole.n, whole.n_failed,
           whole.took_s);
    print_asking(fleet);
    print_places(fleet);
}

static void do_nag(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    set_retrying(fleet, true, false);
    agents_dial(fleet, fleet->n, 0);
    wait_refused(fleet, 0, fleet->n, 1);
    measure_sleep_until(measure_now_ns() + (uint64_t)(atof(words) * 1e9));
    wait_refused(fleet, 0, fleet->n, 2);
    printf("{");
    print_asking(fleet);
    print_places(fleet);
}

static void do_storm(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    set_retrying(fleet, true, true);
    agents_dial(fleet, fleet->n, 0);
    measure_sleep_until(measure_now_ns() + (uint64_t)(atof(words) * 1e9));
    printf("{");
    print_places(fleet);
}

static void do_follow(struct led *led, const char *words)
{
    (void)words;
    pthread_mutex_lock(&led->fleet.lock);
    led->fleet.follows = true;
    led->fleet.window = 0;
    pthread_mutex_unlock(&led->fleet.lock);
    printf("{}\n");
}

/* For the moment at which a gateway that starts serves: agents that do not pause. */
static void do_reach(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    const uint64_t start = measure_now_ns();
    (void)words;
    set_retrying(fleet, true, false);
    agents_dial(fleet, fleet->n, 0);
    require(agents_wait_at(fleet, AGENT_IN_SESSION, fleet->n), "the gateway is not reached");
    printf("{\"took_s\": %.3f, ", since_s(start));
    set_retrying(fleet, false, false);
    print_places(fleet);
}

static void do_lost(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    const uint64_t until = measure_now_ns() + AGENTS_LIMIT_MS * UINT64_C(1000000);
    (void)words;
    pthread_mutex_lock(&fleet->lock);
    while (fleet->n_at[AGENT_IN_SESSION] == fleet->n && agents_wait_moved(fleet, until)) {
    }
    require(fleet->n_at[AGENT_IN_SESSION] < fleet->n, "no session was lost");
    pthread_mutex_unlock(&fleet->lock);
    led->lost_ns = measure_now_ns();
    printf("{}\n");
}

/* When the agents had their sessions, a share of them at the latest. */
static double settled_s(struct led *led, double share)
{
    struct agents *fleet = &led->fleet;
    double *took_s = calloc(fleet->n, sizeof *took_s);
    require(took_s != NULL, "out of memory");
    pthread_mutex_lock(&fleet->lock);
    for (size_t i = 0; i < fleet->n; i++) {
        const uint64_t session_ns = fleet->items[i].session_ns;
        took_s[i] = session_ns > led->lost_ns ? (double)(session_ns - led->lost_ns) / 1e9 : 0;
    }
    pthread_mutex_unlock(&fleet->lock);
    const double at_share = agents_at_share(took_s, fleet->n, share);
    free(took_s);
    return at_share;
}

static void do_settled(struct led *led, const char *words)
{
    (void)words;
    require(agents_wait_at(&led->fleet, AGENT_IN_SESSION, led->fleet.n), "not all came back");
    printf("{\"took_s\": %.3f, \"p50_s\": %.3f, \"p95_s\": %.3f, ", since_s(led->lost_ns),
           settled_s(led, 0.5), settled_s(led, 0.95));
    print_places(&led->fleet);
}

static void do_flood(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    const size_t depth = strtoul(words, NULL, 10);
    const uint64_t until = measure_now_ns() + AGENTS_LIMIT_MS * UINT64_C(1000000);
    require(depth > 0 && depth <= AGENTS_MAX_DEPTH, "a depth is wanted");
    agents_flood(fleet, depth);
    pthread_mutex_lock(&fleet->lock);
    while (fleet->n_accepted < fleet->n * depth && agents_wait_moved(fleet, until)) {
    }
    printf("{\"accepted\": %llu}\n", (unsigned long long)fleet->n_accepted);
    pthread_mutex_unlock(&fleet->lock);
}

static int run_for_all(const struct agents *fleet, const char *words)
{
    const size_t cap = strlen(words) + fleet->n * (OC_DEVICE_ID_DIGITS + 1) + 1;
    char *command = malloc(cap);
    require(command != NULL, "out of memory");
    size_t at = (size_t)snprintf(command, cap, "%s", words);
    for (size_t i = 0; i < fleet->n; i++) {
        const struct oc_device_id id = oc_identity_device_id(fleet->items[i].device.identity);
        command[at++] = ' ';
        oc_device_id_format(&id, command + at);
        at += OC_DEVICE_ID_DIGITS;
    }
    const int code = system(command);
    free(command);
    return code;
}

static void do_run(struct led *led, const char *words)
{
    struct agents *fleet = &led->fleet;
    const int code = run_for_all(fleet, words);
    pthread_mutex_lock(&fleet->lock);
    fleet->n_turned_away = 0;
    fleet->cut_ns = measure_now_ns();
    const uint64_t until = fleet->cut_ns + AGENTS_LIMIT_MS * UINT64_C(1000000);
    while (fleet->n_late == 0 && fleet->n_turned_away < fleet->n * TURNED_AWAY_PER_AGENT &&
           agents_wait_moved(fleet, until)) {
    }
    printf("{\"exit\": %d, \"accepted\": %llu, \"late\": %llu, \"turned_away\": %llu}\n",
           WIFEXITED(code) ? WEXITSTATUS(code) : -1, (unsigned long long)fleet->n_accepted,
           (unsigned long long)fleet->n_late, (unsigned long long)fleet->n_turned_away);
    pthread_mutex_unlock(&fleet->lock);
}

static void do_events(struct led *led, const char *words)
{
    printf("{\"n\": %zu}\n", agents_count_events(&led->fleet, words));
}

static void print_times(double *took_ms, size_t n)
{
    printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", agents_at_share(took_ms, n, 0.5),
           agents_at_share(took_ms, n, 0.99));
    free(took_ms);
}

static void do_connects(struct led *led, const char *words)
{
    const size_t n = strtoul(words, NULL, 10);
    double *took_ms = calloc(n, sizeof *took_ms);
    require(took_ms != NULL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        took_ms[i] = agents_reconnect_ms(&led->fleet, &led->fleet.items[0]);
    }
    print_times(took_ms, n);
}

static void do_pages(struct led *led, const char *words)
{
    const size_t n = strtoul(words, NULL, 10);
    double *took_ms = calloc(n, sizeof *took_ms);
    require(took_ms != NULL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        took_ms[i] = agents_first_page_ms(&led->fleet);
    }
    print_times(took_ms, n);
}

static const struct {
    const char *name;
    void (*run)(struct led *led, const char *words);
} commands[] = {
    {"connect", do_connect}, {"approve", do_approve},   {"revoke", do_revoke}, {"retry", do_retry},
    {"nag", do_nag},         {"storm", do_storm},       {"follow", do_follow}, {"lost", do_lost},
    {"reach", do_reach},     {"settled", do_settled},   {"flood", do_flood},   {"run", do_run},
    {"events", do_events},   {"connects", do_connects}, {"pages", do_pages},
};

static void follow_line(struct led *led, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *words = line + strcspn(line, " ");
    if (*words != '\0') {
        *words++ = '\0';
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(line, commands[i].name) == 0) {
            commands[i].run(led, words);
            fflush(stdout);
            return;
        }
    }
    fleet_die("a command is not known");
}

int main(int argc, char **argv)
{
    const size_t n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (n == 0) {
        fprintf(stderr, "usage: agents GATEWAY_URL DATA_DIR COUNT; see the head of agents.c\n");
        return 2;
    }
    static struct led led;
    agents_init(&led.fleet, argv[1], argv[2], n);
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        follow_line(&led, line);
    }
    fflush(stdout);
    _Exit(0); /* the connections end with the process: that is part of what a gateway meets */
}
