/* What the measuring tools read of time, processors and memory. */
#pragma once

#include <stdint.h>

/* How many times faster than at the pace that is measured each idle session is used once before,
 * so that its memory is that of a session in use. */
enum { MEASURE_IDLE_HURRY = 10 };

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t measure_now_ns(void);
void measure_sleep_until(uint64_t ns);

/* Processor seconds this process has used. */
double measure_own_cpu_s(void);

/* Processor seconds another process has used; -1 if it is gone. */
double measure_cpu_s(long pid);

/* Resident memory of another process in KiB; -1 if it is gone. */
double measure_resident_kib(long pid);
