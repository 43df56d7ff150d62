/* The verbs of `openclaw audit` that are not list. */
#pragma once

#include "cli/command.h"

enum exit_code audit_run_checkpoint(struct cli *cli);
enum exit_code audit_run_export(struct cli *cli);
enum exit_code audit_run_verify(struct cli *cli);
