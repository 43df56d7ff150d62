/* See agents.h: what the administrator of a fleet does, through libopenclaw. */
#include <openclaw/admin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/agents.h"
#include "tests/bench/measure.h"

enum { EVENTS_PER_READ = 64 };

/* ---- reading --------------------------------------------------------------------------------- */

static int compare_agents(const void *a, const void *b)
{
    const struct agent *const *left = a;
    const struct agent *const *right = b;
    return memcmp(oc_identity_device_id((*left)->device.identity).bytes,
                  oc_identity_device_id((*right)->device.identity).bytes, OC_DEVICE_ID_BYTES);
}

static struct agent **sort_agents(struct agents *fleet)
{
    struct agent **sorted = calloc(fleet->n, sizeof(struct agent *));
    if (!sorted) {
        fleet_die("out of memory");
    }
    for (size_t i = 0; i < fleet->n; i++) {
        sorted[i] = &fleet->items[i];
    }
    qsort(sorted, fleet->n, sizeof *sorted, compare_agents);
    return sorted;
}

static struct agent *find_agent(struct agent **sorted, size_t n, const struct oc_device_id *id)
{
    size_t first = 0;
    while (n > 0) {
        const size_t half = n / 2;
        const struct oc_device_id middle =
            oc_identity_device_id(sorted[first + half]->device.identity);
        const int order = memcmp(middle.bytes, id->bytes, OC_DEVICE_ID_BYTES);
        if (order == 0) {
            return sorted[first + half];
        }
        first = order < 0 ? first + half + 1 : first;
        n = order < 0 ? n - half - 1 : half;
    }
    return NULL;
}

static void note_listed(struct agents *fleet, struct agent **sorted, const struct oc_device *device)
{
    struct agent *agent = find_agent(sorted, fleet->n, &device->id);
    if (!agent) {
        return;
    }
    pthread_mutex_lock(&fleet->lock);
    agent->request_id = device->request_id;
    agent->ask_digest = device->ask_digest;
    pthread_mutex_unlock(&fleet->lock);
}

void agents_read_requests(struct agents *fleet)
{
    struct agent **sorted = sort_agents(fleet);
    char cursor[OC_CURSOR_BYTES] = "";
    struct oc_device *items = calloc(OC_MAX_LIST_PAGE, sizeof *items);
    struct oc_device_page page = {.items = items, .cap = OC_MAX_LIST_PAGE};
    do {
        struct oc_error err;
        if (!items || oc_admin_list(fleet->client, 1U << OC_STATE_PENDING, cursor, &page, &err)) {
            fleet_die("the requests cannot be listed");
        }
        for (size_t i = 0; i < page.n; i++) {
            note_listed(fleet, sorted, &items[i]);
        }
        memcpy(cursor, page.next_cursor, sizeof cursor);
    } while (cursor[0] != '\0');
    free(items);
    free(sorted);
}

double agents_first_page_ms(struct agents *fleet)
{
    struct oc_device *items = calloc(OC_MAX_LIST_PAGE, sizeof *items);
    struct oc_device_page page = {.items = items, .cap = OC_MAX_LIST_PAGE};
    const uint64_t start = measure_now_ns();
    struct oc_error err;
    if (!items || oc_admin_list(fleet->client, 0, "", &page, &err)) {
        fleet_die("the devices cannot be listed");
    }
    const double took_ms = (double)(measure_now_ns() - start) / 1e6;
    free(items);
    return took_ms;
}

size_t agents_count_events(struct agents *fleet, const char *action)
{
    struct oc_event *events = calloc(EVENTS_PER_READ, sizeof *events);
    uint64_t after_seq = 0;
    size_t n = 0;
    size_t n_found = 0;
    do {
        struct oc_error err;
        if (!events || oc_admin_watch(fleet->client, after_seq, 1, events, EVENTS_PER_READ, &n,
                                      &after_seq, &err)) {
            fleet_die("the changes cannot be read");
        }
        for (size_t i = 0; i < n; i++) {
            n_found += strcmp(events[i].action, action) == 0 ? 1 : 0;
        }
    } while (n > 0);
    free(events);
    return n_found;
}

/* ---- deciding -------------------------------------------------------------------------------- */

struct run {
    struct agents *fleet;
    size_t n_in_flight, n_failed; /* guarded by the fleet's lock */
};

struct decided {
    struct run *run;
    struct agent *agent;
};

static void on_decided(void *user, enum oc_status status, const struct oc_decision_result *result,
                       const struct oc_error *err)
{
    struct decided *decided = user;
    struct agents *fleet = decided->run->fleet;
    (void)result;
    if (status != OC_OK) {
        fprintf(stderr, "agents: request %s: %s: %s\n", decided->agent->request_id.text,
                oc_status_name(status), err ? err->text : "");
    }
    pthread_mutex_lock(&fleet->lock);
    decided->agent->answered_ns = measure_now_ns();
    decided->run->n_in_flight--;
    decided->run->n_failed += status != OC_OK ? 1 : 0;
    pthread_cond_broadcast(&fleet->moved);
    pthread_mutex_unlock(&fleet->lock);
    free(decided);
}

static void wait_in_flight(struct run *run, size_t most)
{
    struct agents *fleet = run->fleet;
    const uint64_t until = measure_now_ns() + AGENTS_LIMIT_MS * UINT64_C(1000000);
    while (run->n_in_flight > most) {
        if (!agents_wait_moved(fleet, until)) {
            fleet_die("a decision was not answered");
        }
    }
}

static struct decided *make_decided(struct run *run, struct agent *agent)
{
    struct decided *decided = calloc(1, sizeof *decided);
    if (decided) {
        decided->run = run;
        decided->agent = agent;
        return decided;
    }
    fleet_die("out of memory");
}

static void decide(struct run *run, struct agent *agent, enum oc_decision_kind kind, size_t at_once)
{
    struct agents *fleet = run->fleet;
    struct decided *decided = make_decided(run, agent);
    pthread_mutex_lock(&fleet->lock);
    wait_in_flight(run, at_once - 1);
    run->n_in_flight++;
    agent->asked_ns = measure_now_ns();
    agent->answered_ns = 0;
    struct oc_decision decision = {.kind = kind};
    if (kind == OC_APPROVE) {
        decision.request_id = agent->request_id;
        decision.ask_digest = agent->ask_digest;
    } else {
        decision.device_id = oc_identity_device_id(agent->device.identity);
    }
    pthread_mutex_unlock(&fleet->lock);
    struct oc_error err;
    const enum oc_status status =
        oc_admin_decide_async(fleet->client, &decision, on_decided, decided, &err);
    if (status != OC_OK) {
        on_decided(decided, status, NULL, &err);
    }
}

static int compare_values(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

double agents_at_share(double *values, size_t n, double share)
{
    qsort(values, n, sizeof *values, compare_values);
    return n > 0 ? values[(size_t)((double)(n - 1) * share)] : 0;
}

static uint64_t effect_ns(const struct agent *agent, enum oc_decision_kind kind)
{
    return kind == OC_APPROVE ? agent->session_ns : agent->closed_ns;
}

/* With the lock held. */
static void measure_run(const struct agent *agents, size_t n, enum oc_decision_kind kind,
                        struct agents_run *out)
{
    double *answers = calloc(n + 1, sizeof *answers); /* n may be 0 */
    double *effects = calloc(n + 1, sizeof *effects);
    if (!answers || !effects) {
        fleet_die("out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t effect = effect_ns(&agents[i], kind);
        const uint64_t asked = agents[i].asked_ns;
        answers[i] = (double)(agents[i].answered_ns - asked) / 1e6;
        effects[i] = effect > asked ? (double)(effect - asked) / 1e6 : 0;
    }
    out->answer_p50_ms = agents_at_share(answers, n, 0.5);
    out->answer_p99_ms = agents_at_share(answers, n, 0.99);
    out->effect_p50_ms = agents_at_share(effects, n, 0.5);
    out->effect_p99_ms = agents_at_share(effects, n, 0.99);
    free(answers);
    free(effects);
}

/* With the lock held: how many have what was decided. */
static size_t count_done(const struct agent *agents, size_t n, enum oc_decision_kind kind)
{
    size_t n_done = 0;
    for (size_t i = 0; i < n; i++) {
        n_done += effect_ns(&agents[i], kind) > agents[i].asked_ns ? 1 : 0;
    }
    return n_done;
}

static struct agents_run decide_all(struct agents *fleet, struct agent *agents, size_t n,
                                    enum oc_decision_kind kind, size_t at_once)
{
    struct run run = {.fleet = fleet};
    const uint64_t start = measure_now_ns();
    const uint64_t until = start + AGENTS_LIMIT_MS * UINT64_C(1000000);
    for (size_t i = 0; i < n; i++) {
        decide(&run, &agents[i], kind, at_once);
    }
    pthread_mutex_lock(&fleet->lock);
    wait_in_flight(&run, 0);
    struct agents_run out = {
        .n = n, .n_failed = run.n_failed, .took_s = (double)(measure_now_ns() - start) / 1e9};
    while (run.n_failed == 0 && count_done(agents, n, kind) < n &&
           agents_wait_moved(fleet, until)) {
    }
    measure_run(agents, n, kind, &out);
    pthread_mutex_unlock(&fleet->lock);
    return out;
}

struct agents_run agents_approve(struct agents *fleet, size_t first, size_t n, size_t at_once)
{
    return decide_all(fleet, fleet->items + first, n, OC_APPROVE, at_once);
}

struct agents_run agents_revoke(struct agents *fleet, size_t first, size_t n, size_t at_once)
{
    return decide_all(fleet, fleet->items + first, n, OC_REVOKE, at_once);
}
