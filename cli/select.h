/*
 * Which record is meant: by what was typed, or by asking a person.
 */
#pragma once

#include <openclaw/admin.h>

#include "cli/failure.h"

/*
 * The one record that `selector` names: device id, request id, alias or unique prefix.
 * Fails: EXIT_NOT_FOUND with the closest match; EXIT_USAGE when it names several (they are listed
 *        on err); EXIT_CONFLICT with the request that stands now; and what a call fails with.
 */
enum exit_code select_by_name(struct cli *cli, const char *selector, bool prefix_is_enough,
                              struct oc_device *out, struct failure *failure);

struct choice {
    const char *title;   /* "Pending requests" */
    const char *nothing; /* said when there is none */
    uint32_t states;     /* bit per enum oc_state */
    bool needs_request;  /* only those with an open request; choose by request id */
};

/*
 * Lists what can be chosen on err and asks until one is. Needs an interactive terminal.
 * Fails: EXIT_NOT_FOUND (nothing to choose); EXIT_USAGE (quit, end of input).
 */
enum exit_code select_by_asking(struct cli *cli, const struct choice *choice, struct oc_device *out,
                                struct failure *failure);

/* Asks a question that only "y" or "yes" confirms. */
bool confirm(const struct terminal *terminal, const char *question);
