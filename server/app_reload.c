/* See app_reload.h. The order: what denies first. */
#include "server/app_reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/app_external_ca.h"
#include "server/config/config_change.h"
#include "server/service/votes.h"

enum {
    NAMES_BYTES = 400,
};

/* ---- what the modules take ------------------------------------------------------------------- */

struct service_settings app_service_settings(const struct config *config)
{
    return (struct service_settings){
        .policy = {.pending_ttl_ms = config->pairing.pending_ttl_ms},
        .default_grant = config->default_grant,
        .max_pending = config->pairing.max_pending,
        .max_pending_per_source = config->pairing.max_pending_per_source,
        .pairing_required = config->pairing_required,
    };
}

struct doors_settings app_doors_settings(const struct config *config)
{
    struct doors_settings settings = {
        .pairing_required = config->pairing_required,
        .max_unapproved = config->limits.max_unapproved,
        .max_unapproved_per_source = config->limits.max_unapproved_per_source,
        .n_local_uids = config->admin.local_uids.n,
    };
    _Static_assert((int)CONFIG_MAX_UIDS <= (int)DOORS_MAX_UIDS, "uids");
    memcpy(settings.local_uids, config->admin.local_uids.items,
           config->admin.local_uids.n * sizeof settings.local_uids[0]);
    return settings;
}

struct voting app_voting(const struct config *config)
{
    struct voting voting = {.rules = config->approvals, .n_local_uids = config->admin.local_uids.n};
    _Static_assert((int)CONFIG_MAX_UIDS <= (int)VOTING_MAX_UIDS, "uids");
    memcpy(voting.local_uids, config->admin.local_uids.items,
           config->admin.local_uids.n * sizeof voting.local_uids[0]);
    return voting;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(const struct audit_actor *actor, const struct reload_report *report)
{
    char changed[NAMES_BYTES];
    char waiting[NAMES_BYTES];
    reload_join(report->changed, report->n_changed, changed, sizeof changed);
    reload_join(report->waiting, report->n_waiting, waiting, sizeof waiting);
    log_info("config.reloaded", "by=%s source=%s file=%s changed=%s", actor->name, actor->source,
             report->path[0] != '\0' ? report->path : "none",
             changed[0] != '\0' ? changed : "none");
    if (report->n_waiting > 0) {
        log_warn("config.needs_restart", "keys=%s reason=%s fix=%s", waiting,
                 "these keys differ in the file, and the old values stay in force",
                 "restart the gateway");
    }
}

static void tell_refused(const struct audit_actor *actor, const struct reload_report *report)
{
    log_error("config.refused", "by=%s source=%s reason=%s fix=%s", actor->name, actor->source,
              report->problem,
              "mend the file (openclaw gateway check-config tells what is wrong), then openclaw "
              "gateway reload; until then the old configuration stays in force");
}

/* ---- reloading ------------------------------------------------------------------------------- */

static void fill_report(const struct config_changes *changes, struct reload_report *out)
{
    _Static_assert((int)CONFIG_MAX_CHANGES <= (int)RELOAD_MAX_KEYS, "keys");
    out->n_changed = changes->n_applied;
    out->n_waiting = changes->n_waiting;
    memcpy(out->changed, changes->applied, sizeof changes->applied);
    memcpy(out->waiting, changes->waiting, sizeof changes->waiting);
}

static void put_in_force(const struct app_reload *parts, const char *ca_before)
{
    const struct config *config = parts->config;
    struct config_networks trusted = config->trusted_networks;
    const struct service_settings service = app_service_settings(config);
    const struct doors_settings doors = app_doors_settings(config);
    const struct voting voting = app_voting(config);
    votes_change_rules(parts->service, &voting);
    live_change(parts->live, config);
    app_external_ca_apply(parts->service, config, ca_before);
    service_change_bounds(parts->service, &config->admin.bounds);
    service_change_settings(parts->service, &service, networks_trust_source, &trusted);
    doors_change_settings(parts->doors, &doors);
}

/* Its own line is written at the more talkative of the two levels. */
static void take_over(const struct app_reload *parts, const struct config *wanted,
                      const struct audit_actor *actor, struct reload_report *out)
{
    const enum log_level level_before = parts->config->log.level;
    struct config_changes changes;
    char ca_before[CONFIG_MAX_PATH_BYTES + 1];
    memcpy(ca_before, parts->config->admin.ca, sizeof ca_before);
    config_take_over(parts->config, wanted, &changes);
    const enum log_level level = parts->config->log.level;
    fill_report(&changes, out);
    put_in_force(parts, ca_before);
    log_set(level > level_before ? level : level_before, parts->config->log.format);
    tell(actor, out);
    log_set(level, parts->config->log.format);
}

static void refuse(const struct oc_error *err, const struct audit_actor *actor,
                   struct reload_report *out)
{
    out->is_refused = true;
    (void)snprintf(out->problem, sizeof out->problem, "%s", err->text);
    tell_refused(actor, out);
}

void app_reload_now(const struct app_reload *parts, const struct audit_actor *actor,
                    struct reload_report *out)
{
    struct oc_error err;
    struct config *wanted = malloc(sizeof *wanted);
    if (!wanted) {
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "gateway: out of memory");
        refuse(&err, actor, out);
        return;
    }
    if (app_load_config_at(&parts->options, wanted, out->path, &err)) {
        refuse(&err, actor, out);
    } else {
        take_over(parts, wanted, actor, out);
    }
    free(wanted);
}
