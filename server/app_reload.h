/*
 * The configuration, read again by a gateway that runs: what may change at once does, the rest is
 * named. A file that is not sound changes nothing.
 */
#pragma once

#include "server/app.h"
#include "server/live.h"
#include "server/rpc/doors.h"
#include "server/service/reload.h"

/* What a reload touches. */
struct app_reload {
    struct app_options options; /* where the configuration is */
    struct config *config;      /* in force; the writer thread's once the service runs */
    struct live *live;
    struct service *service;
    struct doors *doors;
};

/* What of the configuration the modules take, at the start and later. */
struct service_settings app_service_settings(const struct config *config);
struct doors_settings app_doors_settings(const struct config *config);
struct voting app_voting(const struct config *config);

/* For service_options.reload; tells the log. Writer thread. */
void app_reload_now(const struct app_reload *parts, const struct audit_actor *actor,
                    struct reload_report *out);
