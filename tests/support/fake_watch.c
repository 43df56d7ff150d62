/* The double of a watch and of waits: what the test has written down; see fake_openclaw.h. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_openclaw.h"

struct oc_watch {
    int fd;
    size_t at;
};

enum oc_status oc_watch_open(struct oc_client *client, const struct oc_watch_options *options,
                             struct oc_watch **out, struct oc_error *err)
{
    (void)client;
    fake.watch_options = *options;
    *out = calloc(1, sizeof **out);
    return *out ? OC_OK : oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
}

enum oc_status oc_watch_next(struct oc_watch *watch, uint32_t wait_ms, struct oc_watch_item *out,
                             struct oc_error *err)
{
    (void)wait_ms;
    if (watch->at == fake.n_watched) {
        return oc_fail(err, fake.watch_end ? fake.watch_end : OC_CANCELLED, "the script is over");
    }
    *out = fake.watched[watch->at++];
    return OC_OK;
}

int oc_watch_fd(const struct oc_watch *watch)
{
    return watch->fd; /* standard input, which tests keep readable */
}

void oc_watch_stop(struct oc_watch *watch)
{
    (void)watch;
}

void oc_watch_free(struct oc_watch *watch)
{
    free(watch);
}

enum oc_status oc_admin_wait(struct oc_client *client, struct oc_wait *waits, size_t n,
                             uint32_t timeout_ms, oc_wait_fn settled, void *user,
                             struct oc_error *err)
{
    (void)client;
    fake.waited_ms = timeout_ms;
    for (size_t i = 0; i < n; i++) {
        struct oc_wait *wait = &waits[i];
        wait->outcome = fake.wait_result.outcome;
        wait->replaced_by = fake.wait_result.replaced_by;
        memcpy(wait->why, fake.wait_result.why, sizeof wait->why);
        if (settled && wait->outcome) {
            settled(user, wait);
        }
    }
    return fake.wait_result.outcome ? OC_OK
                                    : oc_fail(err, OC_DEADLINE_EXCEEDED, "not in time: %zu", n);
}
