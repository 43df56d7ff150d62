/* openclaw-gateway restore and verify: commands on files, while no gateway serves them. */
#pragma once

#include <stdbool.h>

/* `arguments`: what follows the command's name. Returns the exit code. */
int offline_restore(int n, char **arguments);
int offline_verify(int n, char **arguments);

/* "--name VALUE" or "--name=VALUE" at *at; advances *at to the last word it took. */
bool offline_take_value(int n, char **arguments, int *at, const char *name, const char **out);
