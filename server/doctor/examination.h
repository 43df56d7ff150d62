/* One examination's facts, and the checks; see doctor.h. Each check prints what it finds. */
#pragma once

#include "proto/base/secret.h"
#include "server/app.h"
#include "server/base/clock.h"
#include "server/doctor/report.h"
#include "server/state.h"

struct examination {
    FILE *out;
    const struct app_options *options;
    char data_dir[STATE_DIR_MAX_PATH_BYTES + 1];
    char config_path[STATE_PATH_BYTES]; /* that was read or would be */
    bool has_config_file;
    struct config config; /* the defaults where the file is not valid */
    bool is_config_valid;
    char openclaw[STATE_PATH_BYTES]; /* how to call the command line on this data directory */
    int64_t now_ms;
    long pid; /* of the gateway that holds the lock; 0: none, -1: one that is not known */
    bool has_row_key;
    struct oc_key row_key;
};

typedef void (*examine_fn)(struct examination *examination);

/* doctor_config.c */
void examine_config(struct examination *examination);
void examine_pairing(struct examination *examination);
void examine_exposure(struct examination *examination);
void examine_socket(struct examination *examination);
/* doctor_state.c */
void examine_lock(struct examination *examination);
void examine_keys(struct examination *examination);
/* doctor_records.c: marker, database, records, audit, clock. */
void examine_records(struct examination *examination);
/* doctor_administrators.c: certificates, of a store that is being looked at. */
void examine_administrators(const struct examination *examination, struct store *store);
/* doctor_machine.c */
void examine_disk(struct examination *examination);
void examine_descriptors(struct examination *examination);

/* Whether the gateway runs now; the lock is let go at once. Sets pid. */
bool examination_is_running(struct examination *examination);
/* A path in the state directory. */
void examination_path(const struct examination *examination, const char *name,
                      char out[STATE_PATH_BYTES]);
/* Whether there is something of that name in it. */
bool examination_has(const struct examination *examination, const char *name);
