/*
 * Contexts on disk: gateways elsewhere, and who one is there.
 *
 *     DATA_DIR/contexts/            0700, ours
 *     DATA_DIR/contexts/NAME.bundle 0600: address, pin, key and certificate
 *     DATA_DIR/contexts/current     the name of the one in use; absent: this machine's gateway
 *
 * Invariant: everything goes through a descriptor of a directory whose owner and mode were looked
 * at; a file is seen by others as it was or as it will be, never in between.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/exit_code.h"

struct failure;

enum {
    CONTEXT_NAME_BYTES = 64,
    CONTEXT_PATH_BYTES = 4096,
};

/* What stands for no context: the gateway of this machine. */
#define CONTEXT_LOCAL "local"

/* A letter or digit, then letters, digits and . _ - but no two dots together; not CONTEXT_LOCAL. */
bool context_name_is_sound(const char *name);

struct context_store {
    int fd; /* of the directory; -1: there is none */
    char path[CONTEXT_PATH_BYTES];
};

/*
 * Opens the contexts of a data directory (NULL: the library's). Without one, or where it cannot
 * even be looked into, there are none: fd is -1, and that is no failure. `may_create` makes both.
 * Owns:  context_store_close.
 * Fails: EXIT_FAILED with the command that mends it (owner, mode, kind); what the system refuses.
 */
enum exit_code context_store_open(const char *data_dir, bool may_create, struct context_store *out,
                                  struct failure *failure);
void context_store_close(struct context_store *store);

/* The name in `current`; "" without one.
 * Fails: EXIT_FAILED (cannot be read, not ours, holds no name). */
enum exit_code context_store_current(const struct context_store *store,
                                     char out[CONTEXT_NAME_BYTES + 1], struct failure *failure);
/* "" removes `current`. Fails: what the system refuses. */
enum exit_code context_store_set_current(const struct context_store *store, const char *name,
                                         struct failure *failure);

bool context_store_has(const struct context_store *store, const char *name);
/* Where the bundle is or would be; false: the path is too long. */
bool context_store_path(const struct context_store *store, const char *name,
                        char out[CONTEXT_PATH_BYTES]);

/* Calls `take` with each name, in their order; they are gone when it returns. */
enum exit_code context_store_list(const struct context_store *store,
                                  void (*take)(void *user, const char *name), void *user,
                                  struct failure *failure);

/* Fails: EXIT_NOT_FOUND; what the system refuses. */
enum exit_code context_store_remove(const struct context_store *store, const char *name,
                                    struct failure *failure);
