/* See doctor.h: what an agent's host holds. */
#include <openclaw/pairing.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/moment.h"
#include "cli/reach.h"

enum {
    SKEW_MS = 60 * 1000,
};

static void join(const struct doctor *doctor, const char *name, char out[DOCTOR_PATH_BYTES + 64])
{
    (void)snprintf(out, DOCTOR_PATH_BYTES + 64, "%s/%.60s", doctor->data_dir, name);
}

static bool exists(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0;
}

/* ---- directories ----------------------------------------------------------------------------- */

static void check_data_dir(struct doctor *doctor, const char *name)
{
    if (!doctor->has_data_dir) {
        (void)doctor_find(doctor, name, FINDING_OK, "%s is not there yet: the first start makes it",
                          doctor->data_dir);
        return;
    }
    if (doctor_check_path(doctor, name, doctor->data_dir, &demand_data_dir)) {
        (void)doctor_find(doctor, name, FINDING_OK, "%s", doctor->data_dir);
    }
}

static void check_permissions(struct doctor *doctor, const char *name)
{
    static const char *const subdirs[] = {"identity", "gateways"};
    bool is_good = true;
    bool is_any = false;
    for (size_t i = 0; i < sizeof subdirs / sizeof subdirs[0]; i++) {
        char path[DOCTOR_PATH_BYTES + 64];
        join(doctor, subdirs[i], path);
        if (exists(path)) {
            is_any = true;
            is_good = doctor_check_path(doctor, name, path, &demand_private_dir) &&
                      doctor_check_files(doctor, name, path) && is_good;
        }
    }
    if (is_any && is_good) {
        (void)doctor_find(doctor, name, FINDING_OK, "identity and gateways are this user's alone");
    }
}

static void check_place(struct doctor *doctor, const char *name)
{
    doctor_check_place(doctor, name, doctor->data_dir, "this device's identity");
}

/* ---- the key --------------------------------------------------------------------------------- */

/* Whether some gateway gave this host a session once. */
static bool was_paired(const struct doctor *doctor)
{
    struct oc_known_gateway gateways[OC_MAX_KNOWN_GATEWAYS];
    struct oc_error err;
    size_t n = 0;
    if (oc_list_gateways(doctor->data_dir, gateways, &n, &err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (gateways[i].n_sessions > 0) {
            return true;
        }
    }
    return false;
}

static void find_no_key(struct doctor *doctor, const char *name)
{
    if (!was_paired(doctor)) {
        (void)doctor_find(doctor, name, FINDING_OK,
                          "none yet: the first `openclaw agent run` makes one");
        return;
    }
    struct finding *finding = doctor_find(
        doctor, name, FINDING_WARN, "none, although this host was connected to a gateway before");
    finding_set_cause(finding,
                      "identity/device.key was removed or not kept: the next start is a new "
                      "device that must be approved again");
    finding_set_advice(finding, "restore %s/identity from a backup before the agent starts",
                       doctor->data_dir);
}

static void find_damaged_key(struct doctor *doctor, const char *name, const char *text)
{
    char path[DOCTOR_PATH_BYTES + 64];
    char from[QUOTED_BYTES];
    char to[QUOTED_BYTES];
    struct finding *finding = doctor_find(doctor, name, FINDING_FAIL, "%s", text);
    finding_set_cause(finding, "the file is damaged, so nobody can prove to be this device");
    finding_set_advice(finding, "restore it from a backup; or, to become a new device that must be "
                                "approved again, move it away");
    join(doctor, "identity/device.key", path);
    (void)shell_word(path, from);
    join(doctor, "identity/device.key.damaged", path);
    finding_set_fix(finding, "mv %s %s", from, shell_word(path, to));
}

static void check_device_key(struct doctor *doctor, const char *name)
{
    struct oc_identity_info info;
    struct oc_error err;
    char id[OC_DEVICE_ID_DIGITS + 1];
    enum oc_status status = oc_identity_info(doctor->data_dir, false, &info, &err);
    if (status == OC_OK) {
        doctor->has_identity = true;
        doctor->device_id = info.device_id;
        oc_device_id_format(&info.device_id, id);
        (void)doctor_find(doctor, name, FINDING_OK, "device %s", id);
    } else if (status == OC_NOT_FOUND) {
        find_no_key(doctor, name);
    } else if (status == OC_DATA_LOSS) {
        find_damaged_key(doctor, name, err.text);
    } else {
        struct finding *finding =
            doctor_find(doctor, name, doctor->is_others ? FINDING_SKIPPED : FINDING_FAIL,
                        "the device key cannot be used by this user");
        finding_set_cause(finding, "%s", err.text);
        finding_set_advice(finding, "see permissions above");
    }
}

/* ---- a gateway within reach ------------------------------------------------------------------ */

static void check_reach(struct doctor *doctor, const char *name)
{
    char found[4608];
    if (doctor->is_others) {
        struct finding *finding =
            doctor_find(doctor, name, FINDING_SKIPPED, "whether a gateway is within its reach");
        finding_set_cause(finding, "root reaches everything; see permissions above");
        return;
    }
    if (!reach_find_gateway(doctor->data_dir, found, sizeof found)) {
        (void)doctor_find(doctor, name, FINDING_OK, "no gateway is within reach of user %u",
                          (unsigned)geteuid());
        return;
    }
    struct finding *finding = doctor_find(doctor, name, FINDING_WARN, "%.900s", found);
    finding_set_cause(finding, "an agent that runs as this user could approve itself");
    finding_set_advice(finding, "give the agent a user of its own, and run it as that one");
    finding_set_fix(finding, "useradd --system --create-home openclaw-agent");
}

/* ---- records --------------------------------------------------------------------------------- */

static void find_damage(struct doctor *doctor, const char *name,
                        const struct oc_known_gateway *gateway)
{
    char path[DOCTOR_PATH_BYTES + 256];
    char word[QUOTED_BYTES];
    (void)snprintf(path, sizeof path, "%s/gateways/%s", doctor->data_dir, gateway->file);
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "%s: %s", path, gateway->damage);
    finding_set_cause(finding,
                      "which key that gateway has can no longer be read; an agent does not "
                      "guess, and ends");
    finding_set_advice(finding, "remove it, then record the pin that `openclaw gateway info` shows "
                                "on the gateway machine with `openclaw agent trust`");
    finding_set_fix(finding, "rm %s", shell_word(path, word));
}

static void check_records(struct doctor *doctor, const char *name)
{
    struct oc_known_gateway gateways[OC_MAX_KNOWN_GATEWAYS];
    struct oc_error err;
    size_t n = 0;
    enum oc_status status = oc_list_gateways(doctor->data_dir, gateways, &n, &err);
    if (status == OC_NOT_FOUND) {
        return; /* nothing was remembered yet */
    }
    if (status) {
        struct finding *finding =
            doctor_find(doctor, name, FINDING_SKIPPED, "the records of gateways were not read");
        finding_set_cause(finding, "%s", err.text);
        return;
    }
    size_t n_damaged = 0;
    for (size_t i = 0; i < n; i++) {
        if (gateways[i].damage[0] != '\0') {
            find_damage(doctor, name, &gateways[i]);
            n_damaged++;
        }
        if (gateways[i].receipt_at_ms > doctor->known_ms) {
            doctor->known_ms = gateways[i].receipt_at_ms;
        }
    }
    if (n_damaged == 0) {
        (void)doctor_find(doctor, name, FINDING_OK, "%zu gateway%s remembered", n,
                          n == 1 ? "" : "s");
    }
}

/* ---- the clock ------------------------------------------------------------------------------- */

static void advise_clock(struct finding *finding)
{
    finding_set_cause(finding, "times in lists and logs are wrong, and certificates of a CA "
                               "(--ca) count as expired or not yet valid");
    finding_set_advice(finding, "set the clock, as with");
    finding_set_fix(finding, "timedatectl set-ntp true");
}

/* A receipt was signed by the gateway's clock, so no later moment can come before it. */
static void check_clock(struct doctor *doctor, const char *name)
{
    static const int64_t first_ms = INT64_C(1735689600000); /* 2025 */
    static const int64_t last_ms = INT64_C(4102444800000);  /* 2100 */
    int64_t now_ms = doctor->cli->terminal->now_ms;
    char now[MOMENT_BYTES];
    char known[MOMENT_BYTES];
    moment_format(now_ms, now);
    if (now_ms < first_ms || now_ms > last_ms) {
        advise_clock(doctor_find(doctor, name, FINDING_FAIL, "it says %s, which cannot be", now));
    } else if (doctor->known_ms > now_ms + SKEW_MS) {
        moment_format(doctor->known_ms, known);
        advise_clock(doctor_find(doctor, name, FINDING_WARN,
                                 "it says %s, but a gateway signed a receipt at %s already", now,
                                 known));
    } else {
        (void)doctor_find(doctor, name, FINDING_OK, "%s", now);
    }
}

const struct doctor_check doctor_agent_checks[] = {
    {"data_directory", check_data_dir},
    {"permissions", check_permissions},
    {"device_key", check_device_key},
    {"persistence", check_place},
    {"separation", check_reach},
    {"records", check_records},
    {"clock", check_clock},
};
const size_t n_doctor_agent_checks = sizeof doctor_agent_checks / sizeof doctor_agent_checks[0];
