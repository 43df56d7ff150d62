/*
 * What both ends do with an open file: all of it or an error, whatever a signal interrupts. Who may
 * own a file, what mode it must have and how a failure is told differs, and stands where it is
 * decided: client/private_dir.h, server/host/state_dir.h, server/config.
 *
 * Thread: any; may block on disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Closes *fd unless it is negative. The scope-cleanup form of a descriptor. */
void oc_file_close(const int *fd);

/* Reads up to cap bytes, fewer only at the end of the file; -1 with errno. */
ssize_t oc_file_read(int fd, void *out, size_t cap);

/* Writes all n bytes; false with errno. */
bool oc_file_write(int fd, const void *bytes, size_t n);
