/* Findings as people and programs read them. */
#pragma once

#include "cli/finding.h"
#include "cli/output.h"

/* Prints all: for people each with its cause and what mends it below it, and a summary; else the
 * items of a list. */
void findings_print(const struct output *output, const struct findings *findings);
