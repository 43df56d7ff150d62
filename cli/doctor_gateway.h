/* The doctor's parts on the gateway's side; see doctor.h. */
#pragma once

#include "cli/doctor.h"

struct doctor_gateway {
    struct doctor *doctor;
    /* As openclaw-gateway tells them. */
    char state_dir[DOCTOR_PATH_BYTES];
    char local_url[DOCTOR_PATH_BYTES];
    char config_path[DOCTOR_PATH_BYTES]; /* "": there is no file */
    char pid[24];                        /* ""; no gateway runs; "unknown" */
    char pin[2 * OC_DIGEST_BYTES + 1];   /* of the key on disk; "": none */
    size_t n_not_understood;
};

/* doctor_live.c: what the gateway that runs says, and whether its listeners answer. */
void doctor_ask_gateway(struct doctor_gateway *gateway);
