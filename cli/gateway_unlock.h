/* openclaw gateway unlock: out of a locked start, once it was told what that gives up. */
#pragma once

#include "cli/command.h"

enum exit_code gateway_run_unlock(struct cli *cli);
