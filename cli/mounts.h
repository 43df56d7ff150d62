/*
 * Where a directory really lies: on a disk, on a volume, in memory, or in the layer of a container
 * that is thrown away with it. Linux tells it in /proc/self/mountinfo.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    MOUNT_TEXT_BYTES = 512,
};

enum mount_kind {
    MOUNT_KEPT,      /* a disk, or a volume */
    MOUNT_IN_MEMORY, /* gone with the next start of the machine or container */
    MOUNT_LAYER,     /* gone with the container */
    MOUNT_UNKNOWN,   /* the system does not tell */
};

struct mount_facts {
    char point[MOUNT_TEXT_BYTES]; /* "/data" */
    char type[64];                /* "ext4" */
    char root[MOUNT_TEXT_BYTES];  /* of the file system that is mounted there; "/": all of it */
};

/* The mount that holds an absolute path without links, from lines of the form of mountinfo. The
 * last one that fits best wins, as it covers those before it. False if none does. */
bool mount_find(FILE *lines, const char *path, struct mount_facts *out);

/* Pure. */
enum mount_kind mount_judge(const struct mount_facts *facts, bool is_container);

/* Whether this process runs in a container, as far as that shows: "docker", "podman", "a
 * container"; NULL: it does not show. */
const char *mount_container(void);

/* All of it for a path that need not exist: the nearest directory above it that does counts. */
enum mount_kind mount_of(const char *path, struct mount_facts *out);
