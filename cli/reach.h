/*
 * Whether an agent that runs as this user could reach a gateway's directory: it could approve
 * itself then. A warning, not a guard.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes what was found, for people: "the gateway's directory /x/gateway can be read by this
 * user". False if nothing was. */
bool reach_find_gateway(const char *data_dir, char *out, size_t cap);
