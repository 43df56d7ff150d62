/*
 * Directories and files that are ours alone: every check of owner, mode and kind, and every way
 * of writing that survives a crash, stands here.
 *
 * Invariant: a file is read through a descriptor whose owner and mode were checked, is never
 * reached through a symbolic link, and is seen by others either as it was or as it will be.
 * Thread: any; functions may block on disk.
 */
#pragma once

#include <openclaw/error.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    OC_PATH_BYTES = 512,
};

struct oc_private_dir {
    int fd; /* -1: none */
    char path[OC_PATH_BYTES];
};

/*
 * Opens the data directory: a directory that others cannot write, owned by us or by root. (A
 * process of root takes any owner: a bind mount in a container keeps its owner outside.)
 * `may_create` makes its last component, mode 0700.
 * Owns:  oc_private_dir_close.
 * Fails: NOT_FOUND; FAILED_PRECONDITION (kind, owner or mode; path, found and wanted are named);
 *        INVALID_ARGUMENT (path too long); INTERNAL (any other refusal of the system).
 */
OC_MUST_CHECK enum oc_status oc_data_dir_open(const char *path, bool may_create,
                                              struct oc_private_dir *out, struct oc_error *err);

/* Opens a directory inside, which must be ours and 0700. Otherwise as oc_data_dir_open. */
OC_MUST_CHECK enum oc_status oc_private_dir_open(const struct oc_private_dir *parent,
                                                 const char *name, bool may_create,
                                                 struct oc_private_dir *out, struct oc_error *err);

/*
 * Opens the directory that a file lies in, which may be anybody's: the checks of the file itself
 * hold. *name, the file's within, is borrowed from `path`.
 * Owns:  oc_private_dir_close.
 * Fails: NOT_FOUND; INVALID_ARGUMENT (no name of a file, or too long); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_private_dir_of_file(const char *path, struct oc_private_dir *out,
                                                    const char **name, struct oc_error *err);

/* Serves as the scope-cleanup form too. */
void oc_private_dir_close(struct oc_private_dir *dir);

/* Waits until no other process or thread that locks holds the directory; ends with close. */
OC_MUST_CHECK enum oc_status oc_private_dir_lock(const struct oc_private_dir *dir,
                                                 struct oc_error *err);

/*
 * Reads a whole file of at most cap bytes: a regular file, ours, of no mode bits for others.
 * Fails: NOT_FOUND; FAILED_PRECONDITION (as above); DATA_LOSS (longer than cap); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_private_file_read(const struct oc_private_dir *dir,
                                                  const char *name, char *out, size_t cap,
                                                  size_t *n, struct oc_error *err);

/* Makes the file with mode 0600, whole and durable, or not at all.
 * Fails: ALREADY_EXISTS (and leaves what stands there); INTERNAL. */
OC_MUST_CHECK enum oc_status oc_private_file_create(const struct oc_private_dir *dir,
                                                    const char *name, const char *bytes, size_t n,
                                                    struct oc_error *err);

/* The same, but takes the place of what stands there. */
OC_MUST_CHECK enum oc_status oc_private_file_replace(const struct oc_private_dir *dir,
                                                     const char *name, const char *bytes, size_t n,
                                                     struct oc_error *err);

/* The same without waiting for the disk: for a note that may be lost. After a crash there may be
 * an empty or an older one. */
OC_MUST_CHECK enum oc_status oc_private_file_jot(const struct oc_private_dir *dir, const char *name,
                                                 const char *bytes, size_t n, struct oc_error *err);
