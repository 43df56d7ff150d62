/* What `--help` shows. Written to `out`. */
#pragma once

#include "cli/command.h"

void help_overview(FILE *out);
void help_noun(FILE *out, const struct noun *noun);
void help_command(FILE *out, const struct noun *noun, const struct command *command);
