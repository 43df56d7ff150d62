/* See doctor_gateway.h: the gateway that runs, asked at its local door and at its listeners'. */
#include <inttypes.h>
#include <openclaw/admin.h>
#include <openclaw/version.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor_gateway.h"
#include "cli/memory.h"
#include "cli/moment.h"

enum {
    PAGE = 200,
    LONG_WAIT_MS = 10 * 60 * 1000,
    URL_BYTES = 192,
};

static const int64_t stale_ms = INT64_C(90) * 24 * 3600 * 1000;
static const int64_t certificate_warn_ms = INT64_C(30) * 24 * 3600 * 1000;

/* ---- its own words --------------------------------------------------------------------------- */

static void check_serving(struct doctor *doctor, const struct oc_gateway_status *status)
{
    static const char name[] = "serving";
    if (status->lock_reason[0] == '\0') {
        (void)doctor_find(doctor, name, FINDING_OK, "%" PRIu64 " approved, %" PRIu64 " online",
                          status->n_approved, status->n_online);
        return;
    }
    bool is_empty = strstr(status->lock_reason, "--init") != NULL;
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "locked: no device gets a session");
    finding_set_cause(finding, "%s", status->lock_reason);
    finding_set_advice(finding, is_empty
                                    ? "restore a backup with `openclaw gateway restore FILE`; "
                                      "only if there is none, begin anew with"
                                    : "put the newer records back if there are any; else go on "
                                      "from these with");
    finding_set_fix(finding, "%s gateway unlock %s", doctor->openclaw,
                    is_empty ? "--init" : "--accept-rollback");
}

static void check_store(struct doctor *doctor, const struct oc_gateway_status *status)
{
    static const char name[] = "store";
    char since[MOMENT_BYTES];
    if (status->store_error[0] == '\0') {
        (void)doctor_find(doctor, name, FINDING_OK, "%s, epoch %" PRIu64 ", seq %" PRIu64,
                          status->store, status->epoch, status->seq);
        return;
    }
    moment_format_age(status->store_failing_since_ms, doctor->cli->terminal->now_ms, since);
    struct finding *finding = doctor_find(doctor, name, FINDING_FAIL,
                                          "it cannot be written since %s; %" PRIu64
                                          " withdrawals are in force and not on disk",
                                          since, status->n_unsaved);
    finding_set_cause(finding, "%s", status->store_error);
    finding_set_advice(finding,
                       strcmp(status->store_cause, "disk_full") == 0
                           ? "make room on the disk; it goes on by itself"
                           : "look at the disk and at the system's log; it goes on by itself "
                             "when it can be written again");
}

static void check_checkpoints(struct doctor *doctor, const struct oc_gateway_status *status)
{
    if (status->checkpoint_error[0] == '\0') {
        return;
    }
    struct finding *finding =
        doctor_find(doctor, "checkpoints", FINDING_WARN,
                    "the audit's signed checkpoints are not kept, the last one is of record "
                    "%" PRIu64,
                    status->checkpoint_seq);
    finding_set_cause(finding, "%s", status->checkpoint_error);
    finding_set_advice(finding, "make it a regular file that the gateway's user may write, or name "
                                "another one as audit.checkpointFile; it is tried every 5 s");
}

static void check_quarantine(struct doctor *doctor, const struct oc_gateway_status *status)
{
    if (status->n_quarantined == 0) {
        return;
    }
    struct finding *finding =
        doctor_find(doctor, "records", FINDING_FAIL, "%" PRIu64 " records have a wrong seal",
                    status->n_quarantined);
    finding_set_cause(finding,
                      "they were changed by something that is not the gateway: those devices "
                      "get no session");
    finding_set_advice(finding,
                       "find out who wrote into the database; then decide on each anew, they "
                       "are told by");
    finding_set_fix(finding, "%s devices list", doctor->openclaw);
}

static void check_admin_door(struct doctor *doctor, const struct oc_gateway_status *status)
{
    if (!status->is_admin_door_shut) {
        return;
    }
    struct finding *finding = doctor_find(doctor, "admin_door", FINDING_WARN,
                                          "the admin door is shut although listen.admin is set");
    finding_set_cause(finding, "there is no admin CA yet: no remote administrator gets in");
    finding_set_advice(finding, "of a CA in admin.ca: put its certificate there and reload; else "
                                "make one with");
    finding_set_fix(finding, "%s pki init", doctor->openclaw);
}

static void check_certificates(struct doctor *doctor, const struct oc_gateway_status *status)
{
    static const char name[] = "certificates";
    const int64_t now_ms = doctor->cli->terminal->now_ms;
    const int64_t left_ms = status->admin_ca_ends_ms - now_ms;
    char age[MOMENT_BYTES];
    if (status->admin_ca_ends_ms == 0) {
        return; /* no remote administration */
    }
    if (left_ms < certificate_warn_ms) {
        moment_format_age(status->admin_ca_ends_ms, now_ms, age);
        struct finding *finding = doctor_find(
            doctor, name, left_ms > 0 ? FINDING_WARN : FINDING_FAIL, "the admin CA's: it %s %s%s",
            left_ms > 0 ? "ends" : "ended", age, left_ms > 0 ? "" : " ago");
        finding_set_cause(finding, "with it ends every certificate of a remote administrator");
        finding_set_advice(finding,
                           "put a newer one into the file of admin.ca, if it is one of those, and "
                           "reload; else make one, then issue every administrator anew");
        finding_set_fix(finding, "%s pki init --replace", doctor->openclaw);
    }
    if (status->n_certificates_ending == 0) {
        (void)doctor_find(doctor, name, FINDING_OK, "no administrator's ends soon");
        return;
    }
    moment_format_age(status->certificate_ends_ms, now_ms, age);
    struct finding *finding = doctor_find(
        doctor, name, FINDING_WARN, "%" PRIu64 " administrators' end soon, that of %s first, %s",
        status->n_certificates_ending, status->certificate_ending_name, age);
    finding_set_cause(finding, "who has none in force gets in no more, and cannot renew it");
    finding_set_advice(finding, "see the others in `openclaw pki list`; renew this one with");
    finding_set_fix(finding, "%s pki renew %s", doctor->openclaw, status->certificate_ending_name);
}

static void check_version(struct doctor *doctor, const struct oc_gateway_status *status)
{
    if (strcmp(status->version, oc_version()) == 0) {
        return;
    }
    struct finding *finding =
        doctor_find(doctor, "version", FINDING_WARN, "the gateway that runs is %s, this program %s",
                    status->version, oc_version());
    finding_set_cause(finding, "it was not restarted after an update");
    finding_set_advice(finding, "restart it; agents come back by themselves");
}

static void check_key(const struct doctor_gateway *gateway, const struct oc_gateway_status *status)
{
    char running[2 * OC_DIGEST_BYTES + 1];
    for (size_t i = 0; i < sizeof status->spki_sha256.bytes; i++) {
        (void)snprintf(running + 2 * i, 3, "%02x", status->spki_sha256.bytes[i]);
    }
    if (gateway->pin[0] == '\0' || strcmp(gateway->pin, running) == 0) {
        return;
    }
    struct finding *finding = doctor_find(gateway->doctor, "keys", FINDING_FAIL,
                                          "the gateway that runs has sha256:%s", running);
    finding_set_cause(finding,
                      "gateway.key was replaced after its start: agents that trust the one "
                      "in use will refuse the next start");
    finding_set_advice(finding, "put the key that is in use back from a backup");
}

/* ---- its listeners --------------------------------------------------------------------------- */

/* An address that means every one is tried at loopback. */
static void reachable_url(const char *address, char out[URL_BYTES])
{
    static const struct {
        const char *any, *loopback;
    } rows[] = {{"tls+tcp://0.0.0.0:", "tls+tcp://127.0.0.1:"},
                {"tls+tcp://[::]:", "tls+tcp://[::1]:"}};
    (void)snprintf(out, URL_BYTES, "%s", address);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].any);
        if (strncmp(address, rows[i].any, n) == 0) {
            (void)snprintf(out, URL_BYTES, "%s%s", rows[i].loopback, address + n);
        }
    }
}

static void check_listener(struct doctor *doctor, const struct oc_gateway_status *status,
                           const char *address)
{
    static const char name[] = "listener";
    char url[URL_BYTES];
    struct oc_probe probe;
    struct oc_error err;
    reachable_url(address, url);
    const struct oc_probe_options options = {.gateway_url = url,
                                             .data_dir = doctor->data_dir,
                                             .n_pins = 1,
                                             .pins = &status->spki_sha256,
                                             .timeout_ms = doctor->cli->timeout_ms};
    if (oc_probe_gateway(&options, &probe, &err)) {
        struct finding *finding =
            doctor_find(doctor, name, FINDING_SKIPPED, "%s was not tried", address);
        finding_set_cause(finding, "%s", err.text);
        return;
    }
    if (probe.stopped_at == OC_PROBE_DONE) {
        (void)doctor_find(doctor, name, FINDING_OK, "%s answers with the gateway's key in %u ms",
                          address, probe.took_ms);
        return;
    }
    if (!status->pairing_required && probe.stopped_at == OC_PROBE_TLS) {
        struct finding *finding =
            doctor_find(doctor, name, FINDING_SKIPPED, "%s does not talk to this machine", address);
        finding_set_cause(finding, "pairing is switched off, and this machine is not in "
                                   "trustedNetworks");
        return;
    }
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "%s: %s", address, probe.text);
    finding_set_cause(finding,
                      probe.stopped_at == OC_PROBE_TRUST
                          ? "another program answers there, or something between that ends "
                            "TLS itself"
                          : "nobody answers there although the gateway says that it listens: "
                            "a local firewall, or a gateway that is overloaded");
    finding_set_advice(finding, "see who has the port with");
    finding_set_fix(finding, "ss -ltnp");
}

static void check_listeners(struct doctor *doctor, const struct oc_gateway_status *status)
{
    size_t n = 0;
    for (size_t i = 0; i < status->n_listeners; i++) {
        if (strcmp(status->listeners[i].door, "devices") == 0) {
            check_listener(doctor, status, status->listeners[i].address);
            n++;
        }
    }
    if (n == 0) {
        struct finding *finding =
            doctor_find(doctor, "listener", FINDING_FAIL, "devices have none");
        finding_set_cause(finding, "the gateway opened no address for devices");
        finding_set_advice(finding, "set listen.devices in gateway.yaml and restart it");
    }
}

/* ---- its devices ----------------------------------------------------------------------------- */

struct devices {
    int64_t now_ms;
    size_t n_waiting, n_long, n_stale;
    struct oc_device oldest_waiting, oldest_stale;
};

static int64_t last_sign_of(const struct oc_device *device)
{
    return device->last_seen_at_ms > device->decided_at_ms ? device->last_seen_at_ms
                                                           : device->decided_at_ms;
}

static void count_device(struct devices *devices, const struct oc_device *device)
{
    if (device->request_id.text[0] != '\0') {
        devices->n_waiting++;
        devices->n_long += devices->now_ms - device->requested_at_ms > LONG_WAIT_MS;
        if (devices->oldest_waiting.requested_at_ms == 0 ||
            device->requested_at_ms < devices->oldest_waiting.requested_at_ms) {
            devices->oldest_waiting = *device;
        }
    }
    bool is_stale = device->standing == OC_STANDING_APPROVED && !device->is_online &&
                    last_sign_of(device) != 0 && devices->now_ms - last_sign_of(device) > stale_ms;
    if (is_stale) {
        devices->n_stale++;
        if (devices->n_stale == 1 || last_sign_of(device) < last_sign_of(&devices->oldest_stale)) {
            devices->oldest_stale = *device;
        }
    }
}

/* Reads every device that waits or is approved. */
static bool count_devices(struct oc_client *client, struct devices *devices, struct oc_error *err)
{
    struct oc_device_page page = {.items = memory_zeroed(PAGE, sizeof *page.items), .cap = PAGE};
    char cursor[OC_CURSOR_BYTES] = "";
    bool is_whole = true;
    do {
        is_whole = oc_admin_list(client, 1U << OC_STATE_PENDING | 1U << OC_STATE_APPROVED, cursor,
                                 &page, err) == OC_OK;
        for (size_t i = 0; is_whole && i < page.n; i++) {
            count_device(devices, &page.items[i]);
        }
        memcpy(cursor, page.next_cursor, sizeof cursor);
    } while (is_whole && cursor[0] != '\0');
    free(page.items);
    return is_whole;
}

static void find_waiting(struct doctor *doctor, const struct devices *devices)
{
    static const char name[] = "pending";
    char age[MOMENT_BYTES];
    if (devices->n_long == 0) {
        (void)doctor_find(doctor, name, FINDING_OK, "%zu await approval", devices->n_waiting);
        return;
    }
    moment_format_age(devices->oldest_waiting.requested_at_ms, devices->now_ms, age);
    struct finding *finding =
        doctor_find(doctor, name, FINDING_WARN, "%zu await approval, the oldest for %s",
                    devices->n_waiting, age);
    finding_set_cause(finding,
                      "nobody decided; agents wait, and come back by themselves once they are "
                      "approved");
    finding_set_advice(finding,
                       "look at all with `openclaw pairing list`; if the oldest is expected");
    finding_set_fix(finding, "%s devices approve %s", doctor->openclaw,
                    devices->oldest_waiting.request_id.text);
}

static void find_stale(struct doctor *doctor, const struct devices *devices)
{
    static const char name[] = "stale_pairings";
    char id[OC_DEVICE_ID_DIGITS + 1];
    char age[MOMENT_BYTES];
    if (devices->n_stale == 0) {
        (void)doctor_find(doctor, name, FINDING_OK,
                          "every approved device was seen within 90 days");
        return;
    }
    oc_device_id_format(&devices->oldest_stale.id, id);
    moment_format_age(last_sign_of(&devices->oldest_stale), devices->now_ms, age);
    struct finding *finding = doctor_find(doctor, name, FINDING_WARN,
                                          "%zu approved device%s not seen for 90 days, one for %s",
                                          devices->n_stale, devices->n_stale == 1 ? "" : "s", age);
    finding_set_cause(finding, "decommissioned devices that can still connect are a risk, and hide "
                               "what is wrong");
    finding_set_advice(finding, "see LAST SEEN in `openclaw devices list`; remove what is gone");
    finding_set_fix(finding, "%s devices remove %s --yes", doctor->openclaw, id);
}

static void check_devices(struct doctor *doctor, struct oc_client *client)
{
    struct devices *devices = memory_zeroed(1, sizeof *devices);
    struct oc_error err;
    devices->now_ms = doctor->cli->terminal->now_ms;
    if (count_devices(client, devices, &err)) {
        find_waiting(doctor, devices);
        find_stale(doctor, devices);
    } else {
        struct finding *finding =
            doctor_find(doctor, "pending", FINDING_SKIPPED, "the list of devices was not read");
        finding_set_cause(finding, "%s", err.text);
    }
    free(devices);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void look_at(struct doctor_gateway *gateway, struct oc_client *client,
                    const struct oc_gateway_status *status)
{
    struct doctor *doctor = gateway->doctor;
    check_serving(doctor, status);
    check_store(doctor, status);
    check_checkpoints(doctor, status);
    check_quarantine(doctor, status);
    check_admin_door(doctor, status);
    check_certificates(doctor, status);
    check_version(doctor, status);
    check_key(gateway, status);
    check_listeners(doctor, status);
    check_devices(doctor, client);
}

static void find_no_answer(struct doctor_gateway *gateway, enum oc_status result,
                           const struct oc_error *err)
{
    bool is_silent = result == OC_DEADLINE_EXCEEDED || result == OC_UNAVAILABLE;
    struct finding *finding =
        doctor_find(gateway->doctor, "serving", is_silent ? FINDING_FAIL : FINDING_SKIPPED,
                    "the gateway that runs does not say: %s", err->text);
    if (!is_silent) {
        finding_set_cause(finding, "it does not take this user for an administrator");
        finding_set_advice(finding, "run this as root, or as the user that the gateway runs as");
        return;
    }
    finding_set_cause(finding,
                      "it is stuck or stopped (as by a debugger or a frozen container), or "
                      "its disk does not answer");
    finding_set_advice(finding,
                       "see what it waits for; if it does not come back, end it and start it "
                       "again: what was acknowledged is on disk");
    if (gateway->pid[0] >= '0' && gateway->pid[0] <= '9') {
        finding_set_fix(finding, "ps -o pid,stat,wchan:20,cmd -p %s", gateway->pid);
    }
}

void doctor_ask_gateway(struct doctor_gateway *gateway)
{
    struct oc_gateway_status *status = memory_zeroed(1, sizeof *status);
    struct oc_client *client = NULL;
    struct oc_error err;
    const struct oc_client_options options = {.url = gateway->local_url,
                                              .timeout_ms = gateway->doctor->cli->timeout_ms};
    enum oc_status result = oc_client_open(&options, &client, &err);
    result = result ? result : oc_admin_status(client, status, &err);
    if (result == OC_OK) {
        look_at(gateway, client, status);
    } else {
        find_no_answer(gateway, result, &err);
    }
    oc_client_close(client);
    free(status);
}
