/* Between the audit's checkpoints and the rest of the gateway: where the service's go, and what the
 * last of them says of the database at the start. */
#pragma once

#include "server/checkpoint_keeper.h"
#include "server/service/service.h"
#include "server/state.h"

/* The keeper as the service knows it; borrowed. */
struct checkpoint_sink app_checkpoint_sink(struct checkpoint_keeper *keeper, int64_t every_ms);

/*
 * Compares the newest checkpoint of our key in the file with the opened database: one that it does
 * not have locks the start, as a marker does, unless the database is of a newer epoch. *out gets
 * which rows are missing. A file that cannot be read is told in the log, and nothing else.
 */
void app_check_checkpoint(struct state *state, const char *path, struct audit_missing *out);
