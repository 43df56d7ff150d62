/*
 * What the process gives up before it reads its first secret.
 */
#pragma once

#include <openclaw/error.h>
#include <stddef.h>

/*
 * Files are ours alone (umask 077), nothing is dumped (no core file, no ptrace by our own user),
 * no privilege can be gained by an exec.
 *
 * Fails:  INTERNAL (the kernel refuses; named).
 * Thread: first thing in main, before others exist.
 */
OC_MUST_CHECK enum oc_status sandbox_enter(struct oc_error *err);

/* Raises the limit of open files to the hard limit, as far as it goes; returns what holds now. */
size_t sandbox_raise_open_files(void);
