/* See thread_class.h. */
#include "proto/rpc/thread_class.h"

#include <sched.h>

/* Of the calling thread alone, as Linux does it; elsewhere it would be the whole process. */
void oc_thread_batches(bool batches)
{
#ifdef __linux__
    static _Thread_local bool is_batch;
    if (batches != is_batch) {
        const struct sched_param none = {.sched_priority = 0};
        (void)sched_setscheduler(0, batches ? SCHED_BATCH : SCHED_OTHER, &none);
        is_batch = batches; /* if it was refused, asking for each call would only cost */
    }
#else
    (void)batches;
#endif
}
