/*
 * Follows changes on the terminal or in a pipe, until a signal, the end of the reader, or a
 * limit: for `events watch` and `list --watch`.
 *
 * Every record is written whole before the next one is fetched; who does not read holds up this
 * program and nothing else.
 */
#pragma once

#include <openclaw/watch.h>

#include "cli/command.h"

struct follow {
    struct oc_watch_options options;
    /* A list of devices, for people in these rows; NULL: all that happens, a line each. */
    const struct item_kind *rows;
    const char *nothing; /* said when the list is empty; NULL: nothing is */
    bool has_device;     /* only what concerns this one */
    struct oc_device_id device;
    const char *action;  /* only these changes; NULL: all */
    size_t most_changes; /* ends after so many that were shown; SIZE_MAX: never */
};

/* EXIT_INTERRUPTED, EXIT_TERMINATED: a signal; EXIT_DONE: the limit, or nobody reads any more. */
enum exit_code follow_run(struct cli *cli, const struct follow *follow);

/* Makes lines the format where none was asked for and no person reads. False, with a usage error
 * said: a format that needs an end. */
bool follow_choose_format(struct cli *cli);
