/* Steps of a queue that tests bring by themselves, as handshakes would. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "proto/rpc/step_queue.h"

/* A step that brings another, unless that is NULL, while it runs; and sees whether it was itself
 * run at once by who made it. */
struct step_probe {
    struct oc_step step; /* first: a step is its probe */
    struct oc_step_queue *queue;
    struct step_probe *brings;
    pthread_t bringer;
    struct oc_lane lane;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool was_at_once;
    bool has_run;
};

void step_probe_init(struct step_probe *probe, struct oc_step_queue *queue,
                     struct step_probe *brings);
/* Brings it. */
void step_probe_run(struct step_probe *probe);
/* Until it has run. */
void step_probe_wait(struct step_probe *probe);
