/*
 * A context as lists and sheets show it.
 */
#pragma once

#include <openclaw/bundle.h>

#include "cli/command.h"

struct context_view {
    char name[CONTEXT_NAME_BYTES + 1];
    bool is_in_use; /* `context use` named it */
    bool is_in_force;
    bool is_readable;
    struct oc_bundle_facts facts;
    char problem[OC_ERROR_TEXT_BYTES];
    char path[CONTEXT_PATH_BYTES];
};

/* Reads the bundle at `path`; is_readable and problem say whether it could be. */
void context_view_load(struct context_view *view);

/* Tells on err of a certificate that ends soon or has ended, with what helps then. */
void context_view_warn(const struct cli *cli, const struct context_view *view);

extern const struct item_kind context_kind;

void context_view_print(const struct cli *cli, const struct context_view *view);
