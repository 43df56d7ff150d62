/* openclaw doctor: finds out what this host is, looks at all of it, and says what mends what. */
#include <openclaw/client.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/agent_run.h"
#include "cli/doctor.h"
#include "cli/failure.h"
#include "cli/finding_view.h"

static bool is_there(const struct doctor *doctor, const char *name)
{
    char path[DOCTOR_PATH_BYTES + 64];
    struct stat facts;
    (void)snprintf(path, sizeof path, "%s/%.60s", doctor->data_dir, name);
    return lstat(path, &facts) == 0;
}

static enum exit_code find_data_dir(struct doctor *doctor)
{
    const struct cli *cli = doctor->cli;
    struct oc_error err;
    struct failure failure;
    char word[QUOTED_BYTES];
    if (cli->data_dir) {
        (void)snprintf(doctor->data_dir, sizeof doctor->data_dir, "%s", cli->data_dir);
        (void)snprintf(doctor->openclaw, sizeof doctor->openclaw, "openclaw --data-dir %s",
                       shell_word(cli->data_dir, word));
    } else {
        (void)snprintf(doctor->openclaw, sizeof doctor->openclaw, "openclaw");
        enum oc_status status =
            oc_default_data_dir(doctor->data_dir, sizeof doctor->data_dir, &err);
        if (status) {
            failure_set(&failure, exit_code_of(status), "%s", err.text);
            return failure_say(cli->terminal, &failure);
        }
    }
    struct stat facts;
    doctor->has_data_dir = stat(doctor->data_dir, &facts) == 0;
    return EXIT_DONE;
}

static void find_nothing(struct doctor *doctor)
{
    struct finding *finding =
        doctor_find(doctor, "data_directory", FINDING_FAIL,
                    "%s holds neither an agent nor a gateway", doctor->data_dir);
    finding_set_cause(finding, "another user's agent or gateway has another directory, or this is "
                               "not the machine");
    finding_set_advice(finding,
                       "run this as that user, or name the directory with --data-dir, or a "
                       "gateway with --gateway; one that you administer from here (`openclaw "
                       "context list`) is asked with `openclaw gateway status`");
}

static void look_at_agent(struct doctor *doctor)
{
    doctor->side = SIDE_AGENT;
    for (size_t i = 0; i < n_doctor_agent_checks; i++) {
        const struct doctor_check *check = &doctor_agent_checks[i];
        check->run(doctor, check->name);
    }
    doctor_look_at_gateways(doctor);
}

static void look(struct doctor *doctor)
{
    const struct arguments *args = &doctor->cli->args;
    bool is_agent = is_there(doctor, "identity") || is_there(doctor, "gateways") ||
                    arguments_has(args, OPT_GATEWAY);
    bool is_gateway = is_there(doctor, "gateway") || is_there(doctor, "gateway.yaml") ||
                      arguments_has(args, OPT_CONFIG);
    if (is_agent) {
        look_at_agent(doctor);
    }
    if (is_gateway) {
        doctor_look_at_gateway(doctor);
    }
    if (!is_agent && !is_gateway) {
        find_nothing(doctor);
    }
}

static enum exit_code run_doctor(struct cli *cli)
{
    struct doctor doctor = {.cli = cli, .owner = geteuid()};
    enum exit_code code = agent_read_pins(cli, &doctor.pins);
    code = code ? code : find_data_dir(&doctor);
    if (code) {
        return code;
    }
    look(&doctor);
    findings_print(&cli->output, &doctor.findings);
    bool has_failures = doctor.findings.counts[FINDING_FAIL] > 0;
    findings_deinit(&doctor.findings);
    return has_failures ? EXIT_FAILED : EXIT_DONE;
}

static const struct command commands[] = {
    {
        .verb = "",
        .words = "",
        .summary = "Looks for what is wrong with the agent or the gateway of this host, and says "
                   "what mends it",
        .examples = "  openclaw doctor\n"
                    "  openclaw doctor --gateway tls+tcp://gw.example:18789\n"
                    "  openclaw doctor -o json | jq '.items[] | select(.result == \"fail\")'\n",
        .notes =
            "It changes nothing, asks for no pairing, and disturbs neither a running agent nor a\n"
            "running gateway. Run it as the user that the agent or the gateway runs as.\n"
            "Ends with 0 when nothing failed (there may be warnings), with 1 when something did.\n",
        .options =
            OPT_BIT(OPT_GATEWAY) | OPT_BIT(OPT_PIN) | OPT_BIT(OPT_CA) | OPT_BIT(OPT_SERVER_NAME),
        .target = TARGET_HERE_TOLD,
        .run = run_doctor,
    },
};

const struct noun doctor_noun = {
    .name = "doctor",
    .summary = "what is wrong here, and what mends it",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
