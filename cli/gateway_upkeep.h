/* openclaw gateway backup. */
#pragma once

#include "cli/command.h"

enum exit_code gateway_run_backup(struct cli *cli);
