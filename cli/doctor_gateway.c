/* See doctor.h: the gateway of this machine. What needs its files is asked of openclaw-gateway,
 * what only a gateway that runs can know of that one, at its local door. */
#include "cli/doctor_gateway.h"

#include <errno.h>
#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/daemon.h"
#include "cli/doctor.h"
#include "cli/failure.h"
#include "cli/flat_json.h"
#include "cli/memory.h"

/* ---- what the daemon says of its files ------------------------------------------------------- */

static void take_fact(struct doctor_gateway *gateway, const char *fact, const char *value)
{
    const struct {
        const char *name;
        char *out;
        size_t cap;
    } facts[] = {
        {"state_dir", gateway->state_dir, sizeof gateway->state_dir},
        {"local_url", gateway->local_url, sizeof gateway->local_url},
        {"config_path", gateway->config_path, sizeof gateway->config_path},
        {"pid", gateway->pid, sizeof gateway->pid},
        {"pin", gateway->pin, sizeof gateway->pin},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (strcmp(fact, facts[i].name) == 0) {
            (void)snprintf(facts[i].out, facts[i].cap, "%s", value);
        }
    }
}

static void take_line(void *user, char *line)
{
    struct doctor_gateway *gateway = user;
    struct flat_object object;
    enum finding_result result = FINDING_OK;
    if (!flat_json_read(line, &object)) {
        gateway->n_not_understood++;
        return;
    }
    const char *fact = flat_json_value(&object, "fact");
    if (fact[0] != '\0') {
        take_fact(gateway, fact, flat_json_value(&object, "value"));
        return;
    }
    if (!finding_result_parse(flat_json_value(&object, "result"), &result)) {
        gateway->n_not_understood++;
        return;
    }
    struct finding *finding = doctor_find(gateway->doctor, flat_json_value(&object, "check"),
                                          result, "%s", flat_json_value(&object, "found"));
    finding_set_cause(finding, "%s", flat_json_value(&object, "cause"));
    finding_set_advice(finding, "%s", flat_json_value(&object, "advice"));
    finding_set_fix(finding, "%s", flat_json_value(&object, "fix"));
}

static bool ask_daemon(struct doctor_gateway *gateway)
{
    struct failure failure;
    struct doctor *doctor = gateway->doctor;
    if (daemon_read(doctor->cli, "doctor", take_line, gateway, &failure) == EXIT_DONE &&
        gateway->n_not_understood == 0) {
        return true;
    }
    struct finding *finding = doctor_find(doctor, "files", FINDING_SKIPPED,
                                          "the gateway's files were not all looked into");
    if (gateway->n_not_understood > 0) {
        finding_set_cause(finding, "openclaw-gateway beside this program is of another version");
        finding_set_advice(finding, "install both of one version");
    } else {
        finding_set_cause(finding, "%s", failure.text);
        finding_set_advice(finding, "%s", failure.hint);
    }
    return false;
}

/* ---- permissions, place ---------------------------------------------------------------------- */

static void check_permissions(struct doctor_gateway *gateway)
{
    struct doctor *doctor = gateway->doctor;
    static const char name[] = "permissions";
    struct stat facts;
    bool is_good = true;
    if (stat(doctor->data_dir, &facts) == 0) {
        is_good = doctor_check_path(doctor, name, doctor->data_dir, &demand_data_dir);
    }
    if (lstat(gateway->state_dir, &facts) == 0) {
        /* Root may look at the directory of the user that the gateway runs as. */
        doctor->owner = geteuid() == 0 ? facts.st_uid : geteuid();
        is_good = doctor_check_path(doctor, name, gateway->state_dir, &demand_private_dir) &&
                  doctor_check_files(doctor, name, gateway->state_dir) && is_good;
    }
    if (gateway->config_path[0] != '\0') {
        is_good =
            doctor_check_path(doctor, name, gateway->config_path, &demand_config_file) && is_good;
    }
    doctor->owner = geteuid();
    if (is_good) {
        (void)doctor_find(doctor, name, FINDING_OK, "%s is the gateway's alone",
                          gateway->state_dir);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Whether this user may look into it; says so if not. */
static bool may_look(struct doctor *doctor)
{
    char path[DOCTOR_PATH_BYTES + 64];
    struct stat facts;
    (void)snprintf(path, sizeof path, "%s/gateway", doctor->data_dir);
    if (stat(path, &facts) != 0 ? errno != EACCES : access(path, R_OK | X_OK) == 0) {
        return true;
    }
    struct finding *finding =
        doctor_find(doctor, "permissions", FINDING_SKIPPED, "user %u may not look into %s",
                    (unsigned)geteuid(), path);
    finding_set_cause(finding, "it is the gateway's alone, as it must be");
    finding_set_advice(finding, "run this as root, or as the user that the gateway runs as");
    finding_set_fix(finding, "sudo openclaw --data-dir %s doctor", doctor->data_dir);
    return false;
}

void doctor_look_at_gateway(struct doctor *doctor)
{
    struct doctor_gateway *gateway = memory_zeroed(1, sizeof *gateway);
    gateway->doctor = doctor;
    doctor->side = SIDE_GATEWAY;
    if (may_look(doctor) && ask_daemon(gateway)) {
        check_permissions(gateway);
        doctor_check_place(doctor, "persistence", gateway->state_dir, "every pairing");
        if (gateway->pid[0] != '\0') {
            doctor_ask_gateway(gateway);
        }
    }
    free(gateway);
}
