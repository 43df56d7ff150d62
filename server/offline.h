/* openclaw-gateway restore and verify: commands on files, while no gateway serves them. */
#pragma once

/* `arguments`: what follows the command's name. Returns the exit code. */
int offline_restore(int n, char **arguments);
int offline_verify(int n, char **arguments);
