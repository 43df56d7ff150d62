/*
 * `openclaw-gateway doctor`: what the gateway's own files say of its health. Nothing is changed, no
 * lock is kept, and a gateway that runs is left alone: what only it can open is then skipped, and
 * `openclaw doctor` asks it instead.
 */
#pragma once

#include "server/app.h"

/* Prints the report; see report.h. Returns the exit code: 0, whatever was found. */
int doctor_run(const struct app_options *options);
