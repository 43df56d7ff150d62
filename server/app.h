/*
 * The gateway as a whole: builds every module in order, unwinds in reverse. The one file that sees
 * all layers; server/README.md tells the order.
 */
#pragma once

#include "server/config/config.h"

struct app;

/* The texts must stay as long as the gateway runs: a reload looks there again. */
struct app_options {
    const char *data_dir;    /* NULL: OPENCLAW_HOME or ~/.openclaw */
    const char *config_path; /* NULL: gateway.yaml in the data directory, if it is there */
};

enum {
    APP_PATH_BYTES = 1280,
};

/*
 * Reads and checks the configuration alone, paths made absolute; creates nothing. What a start, a
 * reload and check-config read is read here.
 * Fails: as config_load and config_check.
 */
OC_MUST_CHECK enum oc_status app_load_config(const struct app_options *options, struct config *out,
                                             struct oc_error *err);
/* The same; `path` gets the file's name, "" if there is none. */
OC_MUST_CHECK enum oc_status app_load_config_at(const struct app_options *options,
                                                struct config *out, char path[APP_PATH_BYTES],
                                                struct oc_error *err);

/*
 * Starts the gateway; when this returns it serves (or is locked, and says so).
 * Owns:  app_stop.
 * Fails: with what kept it from starting; nothing is left running. Told in the log already if
 *        that is in JSON.
 */
OC_MUST_CHECK enum oc_status app_start(const struct app_options *options, struct app **out,
                                       struct oc_error *err);

struct audit_actor;

/* Reads the configuration again, soon, on the writer's thread; what came of it stands in the log.
 */
void app_reload(struct app *app, const struct audit_actor *actor);

/* Says in the log that the gateway stops, and why: "SIGTERM". */
void app_tell_stop(const struct app *app, const char *why);

/* Tells agents that the gateway drains, closes every door, finishes what is queued. Blocks for a
 * few seconds at most, but for the disk. Accepts NULL. */
void app_stop(struct app *app);
OC_DEFINE_CLEANUP(app_stop, struct app);

/* The address of the first device listener, with the port the kernel picked; of the local door. */
const char *app_device_url(const struct app *app);
const char *app_local_url(const struct app *app);
/* The pin to give to agents. */
struct oc_digest app_pin(const struct app *app);
