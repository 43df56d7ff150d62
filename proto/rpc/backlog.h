/*
 * How many connections the kernel keeps for us until we accept them. NNG asks for 128 and has no
 * knob: of the agents of a restarted gateway the others' SYNs would be dropped, and those come back
 * after 1, 3 and 7 s. Asking a listening socket again to listen changes only that number, and the
 * kernel lowers it to its own limit (net.core.somaxconn, 4096).
 */
#pragma once

#include <stdint.h>

/* Raises it on every listening TCP socket of this process that is bound to the port, and returns
 * how many there were. None, where /proc is not there: then it stays as it is, which is slower and
 * not wrong. */
unsigned oc_backlog_raise(uint16_t port, int backlog);
