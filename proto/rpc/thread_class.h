/*
 * How the kernel treats a thread of NNG's pool when work is handed to it.
 *
 * All work of the pool comes from one thread, the poller, which hands it over while it holds two
 * locks that whoever takes the work needs next. A thread that has slept goes before one that runs:
 * it takes the poller's core, meets the first lock and sleeps, meets the second and sleeps again.
 * A batch thread (SCHED_BATCH, sched(7)) differs in one thing: woken, it waits until the one that
 * runs there sleeps, as the poller is about to. That spares a heartbeat of an idle fleet a quarter
 * of its futex calls and every preemption of the poller, and answers under load come more evenly.
 *
 * It waits for whoever else runs there, too, for some milliseconds. So a thread is a batch thread
 * only while nothing is known to contend for the cores, and nobody is waiting at a terminal.
 */
#pragma once

#include <stdbool.h>

/* Makes the calling thread a batch thread, or one as any other. Costs nothing when it is that
 * already, and does nothing where there is no such class, or to a thread that was of another than
 * the ordinary one when it was first called: whoever started the process chose that. */
void oc_thread_batches(bool batches);
