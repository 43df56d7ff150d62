/* See step_probe.h. */
#include "tests/support/step_probe.h"

static void run(struct oc_step *step)
{
    struct step_probe *probe = (struct step_probe *)(void *)step;
    if (probe->brings) {
        step_probe_run(probe->brings);
    }
    (void)pthread_mutex_lock(&probe->lock);
    probe->was_at_once = pthread_equal(probe->bringer, pthread_self());
    probe->has_run = true;
    (void)pthread_cond_broadcast(&probe->changed);
    (void)pthread_mutex_unlock(&probe->lock);
}

void step_probe_init(struct step_probe *probe, struct oc_step_queue *queue,
                     struct step_probe *brings)
{
    *probe = (struct step_probe){.step = {.run = run},
                                 .queue = queue,
                                 .brings = brings,
                                 .bringer = pthread_self(),
                                 .lock = PTHREAD_MUTEX_INITIALIZER,
                                 .changed = PTHREAD_COND_INITIALIZER};
}

void step_probe_run(struct step_probe *probe)
{
    oc_step_queue_run(probe->queue, &probe->lane, &probe->step);
}

void step_probe_wait(struct step_probe *probe)
{
    (void)pthread_mutex_lock(&probe->lock);
    while (!probe->has_run) {
        (void)pthread_cond_wait(&probe->changed, &probe->lock);
    }
    (void)pthread_mutex_unlock(&probe->lock);
}
