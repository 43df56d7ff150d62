/* openclaw devices wait: until devices, or requests, are what is wanted. */
#pragma once

#include "cli/command.h"

enum exit_code device_wait_run(struct cli *cli);
