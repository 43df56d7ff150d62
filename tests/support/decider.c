/*
 * decider: sends decisions on made-up devices, many in flight, and keeps an oracle of what was sent
 * and what was acknowledged, for tests that kill the gateway meanwhile.
 *
 *     decider DATA_DIR N_DECISIONS N_IN_FLIGHT SEED ORACLE_FILE
 *
 * The oracle holds lines "sent ACTION DEVICE" and "acked ACTION DEVICE"; a line is written before
 * the call leaves and after its answer came. Ends with 0 when every call was answered OK, with 7
 * when the gateway went away, with 1 on any other answer.
 */
#include <openclaw/admin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct decider {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    FILE *oracle;
    unsigned n_in_flight;
    unsigned n_acked;
    unsigned n_lost;
    unsigned n_refused;
};

struct decision {
    struct decider *decider;
    struct oc_decision ask;
};

static const struct {
    enum oc_decision_kind kind;
    const char *name;
} actions[] = {{OC_BLOCK, "block"}, {OC_EXPECT, "expect"}};

/* SplitMix64: replayable from the seed, no global state. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void record(struct decider *decider, const char *word, const struct oc_decision *ask)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&ask->device_id, id);
    const char *action = ask->kind == OC_BLOCK ? "block" : "expect";
    fprintf(decider->oracle, "%s %s %s\n", word, action, id);
    fflush(decider->oracle);
}

static void decided(void *user, enum oc_status status, const struct oc_decision_result *result,
                    const struct oc_error *err)
{
    struct decision *decision = user;
    struct decider *decider = decision->decider;
    (void)result;
    pthread_mutex_lock(&decider->lock);
    if (status == OC_OK) {
        record(decider, "acked", &decision->ask);
        decider->n_acked++;
    } else if (oc_status_is_retryable(status) || status == OC_CANCELLED) {
        decider->n_lost++;
    } else {
        fprintf(stderr, "decider: %s: %s\n", oc_status_name(status), err ? err->text : "");
        decider->n_refused++;
    }
    decider->n_in_flight--;
    pthread_cond_signal(&decider->changed);
    pthread_mutex_unlock(&decider->lock);
    free(decision);
}

static struct decision *make_decision(struct decider *decider, uint64_t *random)
{
    struct decision *decision = calloc(1, sizeof *decision);
    if (!decision) {
        abort();
    }
    decision->decider = decider;
    for (size_t i = 0; i < OC_DEVICE_ID_BYTES; i++) {
        decision->ask.device_id.bytes[i] = (uint8_t)next_random(random);
    }
    decision->ask.kind = actions[next_random(random) % 2].kind;
    if (decision->ask.kind == OC_EXPECT) {
        decision->ask.approves = true;
        strcpy(decision->ask.grant.role, "agent");
    }
    oc_make_idempotency_key(decision->ask.idempotency_key);
    return decision;
}

/* Sends one more when there is room; false once the gateway is gone. */
static bool send_next(struct decider *decider, struct oc_client *client, unsigned most,
                      uint64_t *random)
{
    pthread_mutex_lock(&decider->lock);
    while (decider->n_in_flight >= most) {
        pthread_cond_wait(&decider->changed, &decider->lock);
    }
    bool goes_on = decider->n_lost == 0;
    struct decision *decision = goes_on ? make_decision(decider, random) : NULL;
    if (decision) {
        record(decider, "sent", &decision->ask);
        decider->n_in_flight++;
    }
    pthread_mutex_unlock(&decider->lock);
    if (!decision) {
        return false;
    }
    struct oc_error err = {0};
    enum oc_status status = oc_admin_decide_async(client, &decision->ask, decided, decision, &err);
    if (status != OC_OK) {
        decided(decision, status, NULL, &err);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: decider DATA_DIR N_DECISIONS N_IN_FLIGHT SEED ORACLE_FILE\n");
        return 2;
    }
    unsigned n_decisions = (unsigned)strtoul(argv[2], NULL, 10);
    unsigned most = (unsigned)strtoul(argv[3], NULL, 10);
    uint64_t random = strtoull(argv[4], NULL, 10);
    struct decider decider = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER,
                              .oracle = fopen(argv[5], "ae")};
    if (!decider.oracle) {
        perror(argv[5]);
        return 1;
    }
    struct oc_client_options options = {.data_dir = argv[1], .timeout_ms = 20000};
    struct oc_client *client = NULL;
    struct oc_error err = {0};
    if (oc_client_open(&options, &client, &err) != OC_OK) {
        fprintf(stderr, "decider: %s\n", err.text);
        return 7;
    }
    for (unsigned i = 0; i < n_decisions && send_next(&decider, client, most, &random); i++) {
    }
    pthread_mutex_lock(&decider.lock);
    while (decider.n_in_flight > 0) {
        pthread_cond_wait(&decider.changed, &decider.lock);
    }
    pthread_mutex_unlock(&decider.lock);
    oc_client_close(client);
    fclose(decider.oracle);
    printf("acked=%u lost=%u refused=%u\n", decider.n_acked, decider.n_lost, decider.n_refused);
    return decider.n_refused > 0 ? 1 : decider.n_lost > 0 ? 7 : 0;
}
