/* See thread_class.h. */
#include "proto/rpc/thread_class.h"

#include <sched.h>

/* Of the calling thread alone, as Linux does it; elsewhere it would be the whole process. */
void oc_thread_batches(bool batches)
{
#ifdef __linux__
    static _Thread_local enum { NEW, ORDINARY, BATCH, CHOSEN } is;
    if (is == NEW) {
        is = sched_getscheduler(0) == SCHED_OTHER ? ORDINARY : CHOSEN;
    }
    if (is != CHOSEN && is != (batches ? BATCH : ORDINARY)) {
        const struct sched_param none = {.sched_priority = 0};
        (void)sched_setscheduler(0, batches ? SCHED_BATCH : SCHED_OTHER, &none);
        is = batches ? BATCH
                     : ORDINARY; /* if it was refused, asking for each call would only cost */
    }
#else
    (void)batches;
#endif
}
