/*
 * The doctor's parts. cmd_doctor.c: the command and the order; doctor_agent.c: what an agent's host
 * holds; doctor_reach.c: its way to a gateway, and the answer; doctor_paths.c: permissions, and
 * where a directory lies; doctor_gateway.c, doctor_live.c: the gateway of this machine.
 *
 * Nothing here changes anything. A check adds a finding for each thing that it looked at and
 * knows; it adds none where there is nothing to look at.
 */
#pragma once

#include <openclaw/diagnose.h>

#include "cli/command.h"
#include "cli/finding.h"

enum {
    DOCTOR_PATH_BYTES = 4096,
};

struct doctor {
    struct cli *cli;
    enum finding_side side; /* of the checks that run now */
    struct findings findings;
    char data_dir[DOCTOR_PATH_BYTES];
    char openclaw[DOCTOR_PATH_BYTES]; /* how this program is called on this data directory */
    bool has_data_dir;                /* it exists */
    unsigned owner;                   /* the user that what is looked at should belong to */
    bool is_others;                   /* root looks at what another user's agent uses */
    struct oc_trust pins;             /* of --pin */
    bool has_identity;
    struct oc_device_id device_id; /* with has_identity */
    int64_t known_ms;              /* the latest moment that a gateway vouched for; 0: none */
};

/* A row of a side's table; they run in order. */
struct doctor_check {
    const char *name;
    void (*run)(struct doctor *doctor, const char *name);
};

/* findings_add on the side that is being looked at. */
#define doctor_find(doctor, name, result, ...)                                                     \
    findings_add(&(doctor)->findings, (doctor)->side, (name), (result), __VA_ARGS__)

/* doctor_agent.c */
extern const struct doctor_check doctor_agent_checks[];
extern const size_t n_doctor_agent_checks;

/* doctor_gateway.c: everything of the gateway's side. */
void doctor_look_at_gateway(struct doctor *doctor);

/* doctor_reach.c: reachability, trust and answer of every gateway known or named. */
void doctor_look_at_gateways(struct doctor *doctor);

/* doctor_paths.c */
struct path_demand {
    bool is_dir;
    bool must_be_ours; /* else root's will do too */
    unsigned forbidden;
    unsigned wanted; /* as the chmod command says it */
};
extern const struct path_demand demand_data_dir;
extern const struct path_demand demand_private_dir;
extern const struct path_demand demand_private_file;
extern const struct path_demand demand_config_file;
/* Adds a finding if the path is there and not as demanded. True if it is there and good. */
bool doctor_check_path(struct doctor *doctor, const char *name, const char *path,
                       const struct path_demand *demand);
/* Checks every file in a directory, but for sockets. False if one is not good. */
bool doctor_check_files(struct doctor *doctor, const char *name, const char *dir);
/* Adds whether `path` outlives a container and a restart; `what` would be lost: "the identity". */
void doctor_check_place(struct doctor *doctor, const char *name, const char *path,
                        const char *what);
