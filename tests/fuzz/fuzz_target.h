/* The entry that libFuzzer, or replay_main.c, calls with each input. Returns 0. */
#pragma once

#include <stddef.h>
#include <stdint.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
