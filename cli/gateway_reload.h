/* openclaw gateway reload. */
#pragma once

#include "cli/command.h"

enum exit_code gateway_run_reload(struct cli *cli);
