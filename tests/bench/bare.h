/*
 * Connections as bare as they can be: one thread, epoll, OpenSSL on the socket. The floor is made
 * of them at both ends; bench_knock is a device made of one, for the gateway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <openssl/ssl.h>

enum { BARE_MAX_EVENTS = 256 };

/* Prints what went wrong, with errno and OpenSSL's reasons, and ends the process. */
_Noreturn void bare_die(const char *what);

struct bare_end {
    SSL *ssl;
    int fd;
    bool is_ready;    /* the handshake is done */
    size_t n_partial; /* bytes of an incomplete message */
    uint64_t sent_ns; /* of the oldest message, for latency at depth 1 */
};

/* Takes the socket into epoll, by its edges. */
void bare_add(int epoll, SSL_CTX *context, int fd, bool is_server, struct bare_end *end);
/* To a port of this machine. */
void bare_dial(int epoll, SSL_CTX *context, uint16_t port, struct bare_end *end);
void bare_drop(struct bare_end *end);

/* Steps the handshake; false when the connection broke. */
bool bare_step(struct bare_end *end);
/* Reads all there is, up to n_cap; returns the count, or -1 at the end. */
ssize_t bare_read(struct bare_end *end, uint8_t *out, size_t n_cap);
void bare_write(struct bare_end *end, const uint8_t *bytes, size_t n);

/* Processors' time of a server and of this process, from bare_begin on. */
struct bare_cost {
    long server_pid;
    double server_cpu_s;
    double own_cpu_s;
    uint64_t start_ns;
};
struct bare_cost bare_begin(long server_pid);
/* Prints "{"METRIC": n a second" and both costs per 100,000; without the last brace. */
void bare_print(const struct bare_cost *cost, const char *metric, uint64_t n);
