/*
 * Fleet automation in a hundred lines, on the public headers alone: approves every device that asks
 * and is in a list, and tells of what happens, a line of JSON each. It goes on over restarts of the
 * gateway, and ends at SIGINT or SIGTERM. A bundle that is renewed meanwhile needs no restart.
 *
 *     example_fleet LIST_FILE [DATA_DIR]          on the machine of the gateway; a device id a line
 *     example_fleet LIST_FILE --bundle FILE       from another machine: see example_bundle
 */
#include <inttypes.h>
#include <openclaw/admin.h>
#include <openclaw/watch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_DEVICES = 10000,
};

struct fleet {
    struct oc_client *client;
    struct oc_device_id *ids;
    size_t n_ids;
};

/* A signal handler can reach nothing else; set before signals are heeded. */
static struct oc_watch *watch;

static void stop(int number)
{
    (void)number;
    oc_watch_stop(watch);
}

/* What was claimed by a device (names, labels) is not printed: it would have to be escaped. */
static void tell(const char *what, uint64_t seq, const struct oc_device *device)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&device->id, id);
    printf("{\"event\":\"%s\",\"seq\":%" PRIu64 ",\"device_id\":\"%s\",\"state\":\"%s\"}\n", what,
           seq, id, oc_state_name(device->state));
}

static bool read_list(struct fleet *fleet, const char *path)
{
    char line[OC_DEVICE_ID_DIGITS + 2];
    FILE *file = fopen(path, "re");
    while (file && fleet->n_ids < MOST_DEVICES && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        fleet->n_ids += oc_device_id_parse(line, &fleet->ids[fleet->n_ids]);
    }
    return file && fclose(file) == 0;
}

/* On a thread of the library. Other outcomes need nothing: whoever asks for something else now, or
 * asks again, is in another change. */
static void decided(void *user, enum oc_status status, const struct oc_decision_result *result,
                    const struct oc_error *err)
{
    (void)user;
    if (status == OC_OK) {
        tell("approved", result->seq, &result->device);
    } else {
        (void)fprintf(stderr, "example_fleet: %s: %s\n", oc_status_name(status), err->text);
    }
}

/* What is approved is what was read: the request id and the digest of the ask go together. */
static void approve_if_listed(const struct fleet *fleet, const struct oc_device *device)
{
    const struct oc_decision decision = {.kind = OC_APPROVE,
                                         .request_id = device->request_id,
                                         .ask_digest = device->ask_digest,
                                         .reason = "in the list"};
    struct oc_error err;
    for (size_t i = 0; i < fleet->n_ids && device->state == OC_STATE_PENDING; i++) {
        if (oc_device_id_equal(&fleet->ids[i], &device->id)) {
            if (oc_admin_decide_async(fleet->client, &decision, decided, NULL, &err)) {
                (void)fprintf(stderr, "example_fleet: %s\n", err.text);
            }
            return;
        }
    }
}

static enum oc_status serve(const struct fleet *fleet, struct oc_watch_item *item,
                            struct oc_error *err)
{
    enum oc_status st = OC_OK;
    while ((st = oc_watch_next(watch, UINT32_MAX, item, err)) == OC_OK) {
        const struct oc_device *device = &item->event.device;
        switch (item->kind) {
        case OC_WATCH_DEVICE: /* as it is at the start, or after a gap */
            approve_if_listed(fleet, device);
            break;
        case OC_WATCH_CHANGE:
            tell(item->event.action, item->event.seq, device);
            approve_if_listed(fleet, device);
            break;
        case OC_WATCH_LOST:
            (void)fprintf(stderr, "example_fleet: %s\n", item->error.text);
            break;
        default:
            break;
        }
    }
    return st;
}

int main(int argc, char **argv)
{
    const bool is_remote = argc == 4 && strcmp(argv[2], "--bundle") == 0;
    const struct oc_client_options options = {.data_dir = argc == 3 ? argv[2] : NULL,
                                              .bundle_file = is_remote ? argv[3] : NULL};
    const struct oc_watch_options from = {.start = OC_WATCH_FROM_SNAPSHOT};
    struct fleet fleet = {.ids = calloc(MOST_DEVICES, sizeof *fleet.ids)};
    struct oc_watch_item *item = calloc(1, sizeof *item);
    struct oc_error err = {.text = ""};
    const bool is_understood = argc == 2 || argc == 3 || is_remote;
    if (!is_understood || !fleet.ids || !item || !read_list(&fleet, argv[1])) {
        (void)fprintf(stderr, "usage: example_fleet LIST_FILE [DATA_DIR | --bundle FILE]\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    enum oc_status st = oc_client_open(&options, &fleet.client, &err);
    st = st ? st : oc_watch_open(fleet.client, &from, &watch, &err);
    if (st == OC_OK) {
        (void)signal(SIGINT, stop);
        (void)signal(SIGTERM, stop);
        st = serve(&fleet, item, &err);
        (void)signal(SIGINT, SIG_IGN);
        (void)signal(SIGTERM, SIG_IGN);
    }
    if (st != OC_CANCELLED) {
        (void)fprintf(stderr, "example_fleet: %s: %s\n", oc_status_name(st), err.text);
    }
    oc_watch_free(watch);
    oc_client_close(fleet.client);
    free(item);
    free(fleet.ids);
    return st == OC_CANCELLED ? 0 : 1;
}
