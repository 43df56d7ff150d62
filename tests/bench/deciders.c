/*
 * deciders: approves pending requests, many at once, through libopenclaw and the local door.
 *
 *     deciders DATA_DIR GATEWAY_PID CALLERS DEPTH COUNT
 *
 * CALLERS clients with a connection each, DEPTH calls in flight on each. Prints one JSON object:
 * decisions a second, how long an answer took, how many decisions went into a commit, and what they
 * cost both processes. A measuring tool: it ends at the first thing that goes wrong.
 */
#include <openclaw/admin.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/measure.h"

struct request {
    struct oc_request_id id;
    struct oc_digest digest;
};

struct deciders {
    size_t n;
    struct request *requests;
    uint64_t *took_ns;
    atomic_size_t next;
    pthread_mutex_t lock; /* guards n_answered */
    pthread_cond_t ended;
    size_t n_answered;
};

/* One call in flight at a time. */
struct slot {
    struct deciders *deciders;
    struct oc_client *client;
    size_t at;
    uint64_t sent_ns;
};

static _Noreturn void die(const char *what, const struct oc_error *err)
{
    fprintf(stderr, "deciders: %s: %s\n", what, err ? err->text : "");
    exit(1);
}

static struct oc_client *open_client(const char *data_dir)
{
    const struct oc_client_options options = {.data_dir = data_dir, .timeout_ms = 60000};
    struct oc_client *client = NULL;
    struct oc_error err = {0};
    if (oc_client_open(&options, &client, &err) != OC_OK) {
        die("the local door", &err);
    }
    return client;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_requests(struct deciders *deciders, struct oc_client *client)
{
    struct oc_device *items = calloc(OC_MAX_LIST_PAGE, sizeof *items);
    struct oc_device_page page = {.items = items, .cap = OC_MAX_LIST_PAGE};
    char cursor[OC_CURSOR_BYTES] = "";
    size_t n = 0;
    while (n < deciders->n) {
        struct oc_error err = {0};
        if (!items || oc_admin_list(client, 1U << OC_STATE_PENDING, cursor, &page, &err)) {
            die("list", &err);
        }
        for (size_t i = 0; i < page.n && n < deciders->n; i++) {
            deciders->requests[n++] = (struct request){items[i].request_id, items[i].ask_digest};
        }
        memcpy(cursor, page.next_cursor, sizeof cursor);
        if (cursor[0] == '\0' && n < deciders->n) {
            die("there are not so many requests", NULL);
        }
    }
    free(items);
}

static uint64_t count_commits(struct oc_client *client)
{
    struct oc_gateway_status status;
    struct oc_error err = {0};
    if (oc_admin_status(client, &status, &err)) {
        die("status", &err);
    }
    for (size_t i = 0; i < status.n_counters; i++) {
        if (strcmp(status.counters[i].name, "openclaw_commits_total") == 0) {
            return status.counters[i].value;
        }
    }
    die("commits are not counted", NULL);
}

/* ---- deciding -------------------------------------------------------------------------------- */

static void send_next(struct slot *slot);

static void on_decided(void *user, enum oc_status status, const struct oc_decision_result *result,
                       const struct oc_error *err)
{
    struct slot *slot = user;
    struct deciders *deciders = slot->deciders;
    (void)result;
    if (status != OC_OK) {
        die(oc_status_name(status), err);
    }
    deciders->took_ns[slot->at] = measure_now_ns() - slot->sent_ns;
    pthread_mutex_lock(&deciders->lock);
    const bool is_last = ++deciders->n_answered == deciders->n;
    if (is_last) {
        pthread_cond_signal(&deciders->ended);
    }
    pthread_mutex_unlock(&deciders->lock);
    send_next(slot);
}

static void send_next(struct slot *slot)
{
    struct deciders *deciders = slot->deciders;
    slot->at = atomic_fetch_add(&deciders->next, 1);
    if (slot->at >= deciders->n) {
        return;
    }
    const struct request *request = &deciders->requests[slot->at];
    const struct oc_decision decision = {
        .kind = OC_APPROVE, .request_id = request->id, .ask_digest = request->digest};
    struct oc_error err = {0};
    slot->sent_ns = measure_now_ns();
    if (oc_admin_decide_async(slot->client, &decision, on_decided, slot, &err) != OC_OK) {
        die("approve", &err);
    }
}

static int compare_ns(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

/* How much since it was read before. */
struct used {
    uint64_t ns;
    uint64_t n_commits;
    double gateway_cpu_s;
    double own_cpu_s;
};

static struct used read_used(struct oc_client *client, long gateway_pid)
{
    return (struct used){.n_commits = count_commits(client),
                         .gateway_cpu_s = measure_cpu_s(gateway_pid),
                         .own_cpu_s = measure_own_cpu_s(),
                         .ns = measure_now_ns()};
}

static void print(struct deciders *deciders, const struct used *before, uint64_t end_ns,
                  const struct used *after)
{
    const double n = (double)deciders->n;
    const double per_100k = 1e5 / n;
    const double n_commits = (double)(after->n_commits - before->n_commits);
    const size_t middle = deciders->n / 2;
    qsort(deciders->took_ns, deciders->n, sizeof *deciders->took_ns, compare_ns);
    printf("{\"decisions_per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"decisions_per_commit\": %.1f, \"server_cpu_s_per_100k\": %.3f, "
           "\"client_cpu_s_per_100k\": %.3f}\n",
           n / ((double)(end_ns - before->ns) / 1e9), (double)deciders->took_ns[middle] / 1e6,
           (double)deciders->took_ns[(size_t)(0.99 * (n - 1))] / 1e6,
           n_commits > 0 ? n / n_commits : 0,
           (after->gateway_cpu_s - before->gateway_cpu_s) * per_100k,
           (after->own_cpu_s - before->own_cpu_s) * per_100k);
}

static void run(struct deciders *deciders, struct slot *slots, size_t n_slots)
{
    for (size_t i = 0; i < n_slots; i++) {
        send_next(&slots[i]);
    }
    pthread_mutex_lock(&deciders->lock);
    while (deciders->n_answered < deciders->n) {
        pthread_cond_wait(&deciders->ended, &deciders->lock);
    }
    pthread_mutex_unlock(&deciders->lock);
}

int main(int argc, char **argv)
{
    const size_t n_callers = argc == 6 ? strtoul(argv[3], NULL, 10) : 0;
    const size_t depth = argc == 6 ? strtoul(argv[4], NULL, 10) : 0;
    const size_t n = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;
    if (n_callers == 0 || depth == 0 || n == 0) {
        fprintf(stderr, "usage: deciders DATA_DIR GATEWAY_PID CALLERS DEPTH COUNT\n");
        return 2;
    }
    struct deciders deciders = {.n = n,
                                .requests = calloc(n, sizeof(struct request)),
                                .took_ns = calloc(n, sizeof(uint64_t)),
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .ended = PTHREAD_COND_INITIALIZER};
    struct slot *slots = calloc(n_callers * depth, sizeof *slots);
    if (!deciders.requests || !deciders.took_ns || !slots) {
        die("out of memory", NULL);
    }
    struct oc_client *reader = open_client(argv[1]);
    read_requests(&deciders, reader);
    for (size_t i = 0; i < n_callers * depth; i++) {
        slots[i].deciders = &deciders;
        slots[i].client = i % depth == 0 ? open_client(argv[1]) : slots[i - 1].client;
    }
    for (size_t i = 0; i < n_callers; i++) {
        (void)count_commits(slots[i * depth].client); /* each is connected */
    }
    const long gateway_pid = atol(argv[2]);
    const struct used before = read_used(reader, gateway_pid);
    run(&deciders, slots, n_callers * depth);
    const uint64_t end_ns = measure_now_ns();
    const struct used after = read_used(reader, gateway_pid);
    print(&deciders, &before, end_ns, &after);
    fflush(stdout);
    _Exit(0);
}
