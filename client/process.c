/*
 * See process.h. The statics are facts of the process and of nothing smaller. Told by a handler and
 * not by comparing process ids: in a new PID namespace parent and child may have the same one.
 */
#include "client/process.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int no_handler;
static atomic_bool is_forked;

static void on_child(void)
{
    atomic_store(&is_forked, true);
}

/* The handler goes with the library if that is ever unloaded. */
static void start(void)
{
    no_handler = pthread_atfork(NULL, NULL, on_child);
}

bool oc_process_is_forked(void)
{
    return atomic_load(&is_forked);
}

enum oc_status oc_process_fail_forked(struct oc_error *err)
{
    return oc_fail(err, OC_FAILED_PRECONDITION,
                   "this process was made by fork() after libopenclaw had been used: its threads "
                   "stayed in the parent; exec a program, or fork before the first call");
}

enum oc_status oc_process_enter(struct oc_error *err)
{
    if (oc_process_is_forked()) {
        return oc_process_fail_forked(err);
    }
    if (pthread_once(&once, start) != 0 || no_handler != 0) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory for the library's start");
    }
    return OC_OK;
}
