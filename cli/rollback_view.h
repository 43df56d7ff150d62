/* What a locked gateway's records lack, in words and as JSON: for `gateway status` and `unlock`. */
#pragma once

#include <openclaw/rollback.h>

#include "cli/command.h"

struct rollback_view {
    struct oc_rollback facts; /* lock_reason "": not locked, and there is nothing to show */
    uint64_t last_seq;        /* of the audit record that the database ends with; 0: not known */
    int64_t last_at_ms;
};

/* Asks the gateway that `cli` is connected to. What it does not tell is left out. */
void rollback_load(struct cli *cli, struct rollback_view *out);
/* A line for each thing that tells of something; none if nothing does. */
void rollback_print(FILE *out, const struct rollback_view *view);
/* The value of a key: null unless it is locked. */
void rollback_write(struct writer *writer, const struct rollback_view *view);
