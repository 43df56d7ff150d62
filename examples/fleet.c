/*
 * Fleet automation in a hundred lines, on the public headers alone: approves each waiting device
 * that was announced (`openclaw devices expect ID`), tells of the others, and watches for more.
 *
 *     example_fleet [DATA_DIR]     on the machine of the gateway; ends when the gateway goes away
 */
#include <inttypes.h>
#include <openclaw/admin.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAGE = 50,
    EVENTS = 20,
    WAIT_MS = 20000,
};

/* What was claimed by a device (names, labels) is not printed: it would have to be escaped. */
static void tell(const char *what, const struct oc_device *device)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&device->id, id);
    printf("%s %s %s %s\n", what, device->request_id.text, id, oc_why_name(device->why));
}

/* What is approved is what was read: the request id and the digest of the ask go together. */
static enum oc_status approve(struct oc_client *client, const struct oc_device *device,
                              struct oc_error *err)
{
    struct oc_decision decision = {.kind = OC_APPROVE,
                                   .request_id = device->request_id,
                                   .ask_digest = device->ask_digest,
                                   .reason = "announced"};
    struct oc_decision_result result;
    enum oc_status st = oc_admin_decide(client, &decision, &result, err);
    if (st == OC_ABORTED || st == OC_NOT_FOUND) {
        tell("changed", device); /* it asks for something else now: there will be an event */
        return OC_OK;
    }
    if (st == OC_OK) {
        tell("approved", device);
    }
    return st;
}

/* All that wait now. *seq is where to watch from: no change is missed and none comes twice. */
static enum oc_status work_through(struct oc_client *client, struct oc_device *items, uint64_t *seq,
                                   struct oc_error *err)
{
    struct oc_device_page page = {.items = items, .cap = PAGE};
    char cursor[OC_CURSOR_BYTES] = "";
    bool is_first = true;
    do {
        enum oc_status st = oc_admin_list(client, 1U << OC_STATE_PENDING, cursor, &page, err);
        for (size_t i = 0; st == OC_OK && i < page.n; i++) {
            if (items[i].is_expected) {
                st = approve(client, &items[i], err);
            } else {
                tell("waiting", &items[i]);
            }
        }
        if (st) {
            return st;
        }
        *seq = is_first ? page.revision : *seq;
        is_first = false;
        (void)snprintf(cursor, sizeof cursor, "%s", page.next_cursor);
    } while (cursor[0] != '\0');
    return OC_OK;
}

static enum oc_status serve(struct oc_client *client, struct oc_device *items,
                            struct oc_event *events, struct oc_error *err)
{
    uint64_t seq = 0;
    enum oc_status st = work_through(client, items, &seq, err);
    while (st == OC_OK) {
        size_t n = 0;
        st = oc_admin_watch(client, seq, WAIT_MS, events, EVENTS, &n, &seq, err);
        for (size_t i = 0; st == OC_OK && i < n; i++) {
            const struct oc_device *device = &events[i].device;
            if (device->state == OC_STATE_PENDING && device->is_expected) {
                st = approve(client, device, err);
            } else {
                printf("event %" PRIu64 " %s\n", events[i].seq, events[i].action);
            }
        }
        if (st == OC_OUT_OF_RANGE) { /* older than what the gateway keeps */
            st = work_through(client, items, &seq, err);
        }
    }
    return st;
}

int main(int argc, char **argv)
{
    const struct oc_client_options options = {.data_dir = argc > 1 ? argv[1] : NULL};
    struct oc_client *client = NULL;
    struct oc_error err;
    struct oc_device *items = calloc(PAGE, sizeof *items);
    struct oc_event *events = calloc(EVENTS, sizeof *events);
    if (!items || !events) {
        abort();
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    enum oc_status st = oc_client_open(&options, &client, &err);
    if (st == OC_OK) {
        st = serve(client, items, events, &err);
    }
    (void)fprintf(stderr, "example_fleet: %s: %s\n", oc_status_name(st), err.text);
    oc_client_close(client);
    free(events);
    free(items);
    return st == OC_UNAVAILABLE ? 7 : 1;
}
