/* See doctor.h. */
#include "server/doctor/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/secret.h"
#include "server/doctor/examination.h"
#include "server/host/sandbox.h"

static const examine_fn checks[] = {
    examine_lock, examine_config,  examine_pairing, examine_exposure,    examine_socket,
    examine_keys, examine_records, examine_disk,    examine_descriptors,
};

void examination_path(const struct examination *examination, const char *name,
                      char out[STATE_PATH_BYTES])
{
    (void)snprintf(out, STATE_PATH_BYTES, "%.1023s/%.60s", examination->config.state_dir, name);
}

bool examination_has(const struct examination *examination, const char *name)
{
    char path[STATE_PATH_BYTES];
    struct stat facts;
    examination_path(examination, name, path);
    return lstat(path, &facts) == 0;
}

static void load_config(struct examination *examination)
{
    struct oc_error err;
    struct stat facts;
    const char *given = examination->options->config_path;
    if (given) {
        (void)snprintf(examination->config_path, sizeof examination->config_path, "%s", given);
    } else {
        (void)snprintf(examination->config_path, sizeof examination->config_path, "%s/gateway.yaml",
                       examination->data_dir);
    }
    examination->has_config_file = lstat(examination->config_path, &facts) == 0;
    examination->is_config_valid =
        app_load_config(examination->options, &examination->config, &err) == OC_OK;
    if (!examination->is_config_valid) {
        config_defaults(&examination->config);
        /* Too long a path for the socket is told by the check of the configuration. */
        if (config_resolve(&examination->config, examination->data_dir, &err)) {
            (void)snprintf(examination->config.state_dir, sizeof examination->config.state_dir,
                           "%.1000s/gateway", examination->data_dir);
        }
    }
}

static void print_facts(const struct examination *examination)
{
    char pid[24];
    report_print_fact(examination->out, "state_dir", examination->config.state_dir);
    report_print_fact(examination->out, "local_url", examination->config.listen.local);
    if (examination->has_config_file) {
        report_print_fact(examination->out, "config_path", examination->config_path);
    }
    if (examination->pid != 0) {
        (void)snprintf(pid, sizeof pid, "%ld", examination->pid);
        report_print_fact(examination->out, "pid", examination->pid > 0 ? pid : "unknown");
    }
}

static enum oc_status begin(struct examination *examination, const struct app_options *options,
                            struct oc_error *err)
{
    struct system_clock *clock = system_clock_new(NULL);
    if (!clock) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    const struct clock now = system_clock_clock(clock);
    examination->now_ms = clock_now_ms(&now);
    system_clock_free(clock);
    examination->out = stdout;
    examination->options = options;
    enum oc_status status = data_dir_choose(options->data_dir, examination->data_dir, err);
    if (status) {
        return status;
    }
    if (options->data_dir) {
        (void)snprintf(examination->openclaw, sizeof examination->openclaw,
                       "openclaw --data-dir '%.1000s'", options->data_dir);
    } else {
        (void)snprintf(examination->openclaw, sizeof examination->openclaw, "openclaw");
    }
    load_config(examination);
    (void)examination_is_running(examination);
    return OC_OK;
}

int doctor_run(const struct app_options *options)
{
    struct oc_error err;
    struct examination *examination = calloc(1, sizeof *examination);
    enum oc_status status = sandbox_enter(&err); /* secrets are read below */
    if (!status) {
        status = examination ? begin(examination, options, &err)
                             : oc_fail(&err, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (status) {
        (void)fprintf(stderr, "openclaw-gateway: %s\n", err.text);
        free(examination);
        return 1;
    }
    print_facts(examination);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(checks); i++) {
        checks[i](examination);
        (void)fflush(examination->out);
    }
    oc_wipe(&examination->row_key, sizeof examination->row_key);
    free(examination);
    return 0;
}
