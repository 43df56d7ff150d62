/*
 * Whether this is a child, by fork(), of a process that used the library.
 *
 * fork() copies the calling thread alone: the threads that would end a call are not there, locks
 * may be held for ever, and NNG ends a process that calls it after a fork. So in such a child
 * every handle is dead and no new one is made; fork() and then exec() is the way.
 *
 * Thread: any.
 */
#pragma once

#include <openclaw/error.h>
#include <stdbool.h>

/* Before anything of NNG is used. Fails: FAILED_PRECONDITION (such a child), RESOURCE_EXHAUSTED. */
OC_MUST_CHECK enum oc_status oc_process_enter(struct oc_error *err);

bool oc_process_is_forked(void);

/* What a call on a handle answers there; gives FAILED_PRECONDITION. */
enum oc_status oc_process_fail_forked(struct oc_error *err);
