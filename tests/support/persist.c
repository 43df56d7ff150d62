/*
 * persist: makes decisions with a bundle, one after another, and does not give up: whatever was not
 * answered is repeated with the same idempotency key until it is. For tests that kill the gateway
 * meanwhile.
 *
 *     persist BUNDLE N_DECISIONS
 *
 * Blocks the made-up devices 1 to N. Prints "SEQ" of each decision as it is answered, and at the
 * end how many outcomes were unknown at first. Ends with 0, or with 1 at any other answer, and when
 * one decision took a minute.
 */
#include <openclaw/admin.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    PAUSE_MS = 20,
    MOST_TRIES = 3000,
};

static enum oc_status decide(struct oc_client *client, const struct oc_decision *decision,
                             struct oc_decision_result *result, unsigned *n_unknown,
                             struct oc_error *err)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000 * 1000};
    enum oc_status st = OC_UNAVAILABLE;
    for (unsigned i = 0; i < MOST_TRIES; i++) {
        st = oc_admin_decide(client, decision, result, err);
        if (!oc_status_is_retryable(st)) {
            break;
        }
        *n_unknown += err->is_outcome_unknown;
        (void)nanosleep(&pause, NULL);
    }
    return st;
}

int main(int argc, char **argv)
{
    static struct oc_decision_result result;
    struct oc_client *client = NULL;
    struct oc_error err = {.text = ""};
    unsigned n_unknown = 0;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: persist BUNDLE N_DECISIONS\n");
        return 2;
    }
    const struct oc_client_options options = {.bundle_file = argv[1]};
    const unsigned long n = strtoul(argv[2], NULL, 10);
    enum oc_status st = oc_client_open(&options, &client, &err);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned long i = 1; i <= n && st == OC_OK; i++) {
        struct oc_decision decision = {.kind = OC_BLOCK,
                                       .device_id = {{(uint8_t)(i >> 8), (uint8_t)i, 0xcc}}};
        oc_make_idempotency_key(decision.idempotency_key);
        st = decide(client, &decision, &result, &n_unknown, &err);
        if (st == OC_OK) {
            printf("%llu\n", (unsigned long long)result.seq);
        }
    }
    oc_client_close(client);
    if (st) {
        (void)fprintf(stderr, "persist: %s: %s\n", oc_status_name(st), err.text);
    }
    printf("unknown %u\n", n_unknown);
    return st ? 1 : 0;
}
