/*
 * Certificates that come to their end: what `gateway status` shows of them, and one line in the log
 * for each, once a day. (The gateway's own certificate has no end: it carries the key that is
 * pinned.)
 *
 * Judged by the gateway's own time. Told from 30 days before the end, or for the last third of a
 * shorter life. Who was given a later one in time is not told of the older.
 */
#pragma once

#include "server/service/administrators.h"

enum {
    CERTIFICATES_TOLD = 20, /* administrators a day, the soonest first; the others are counted */
};
#define CERTIFICATES_WARN_MS  (30 * OC_ADMIN_DAY_MS)
#define CERTIFICATES_AGAIN_MS OC_ADMIN_DAY_MS

struct certificate_end {
    char name[ADMINISTRATOR_NAME_BYTES + 1];
    int64_t not_after_ms; /* of the last of its certificates that are in force */
};

struct certificate_ends {
    int64_t ca_not_after_ms; /* 0: there is no CA */
    bool is_ca_ending;       /* or at its end */
    bool is_ca_external;     /* that of admin.ca: then its administrators are not ours to tell of */
    uint64_t n;              /* administrators */
    struct certificate_end soonest[CERTIFICATES_TOLD];
};
/* Any thread. */
void certificates_look(struct service *service, struct certificate_ends *out);

/* Tells the log if a day has gone by, or nothing was told yet. Writer's thread. */
void certificates_tick(struct service *service);
