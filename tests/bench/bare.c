/* See bare.h. */
#include "tests/bench/bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "tests/bench/measure.h"

_Noreturn void bare_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

void bare_add(int epoll, SSL_CTX *context, int fd, bool is_server, struct bare_end *end)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *end = (struct bare_end){.fd = fd, .ssl = SSL_new(context)};
    if (!end->ssl || SSL_set_fd(end->ssl, fd) != 1) {
        bare_die("ssl");
    }
    if (is_server) {
        SSL_set_accept_state(end->ssl);
    } else {
        SSL_set_connect_state(end->ssl);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = end};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        bare_die("epoll_ctl");
    }
}

void bare_dial(int epoll, SSL_CTX *context, uint16_t port, struct bare_end *end)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        bare_die("connect");
    }
    bare_add(epoll, context, fd, false, end);
}

void bare_drop(struct bare_end *end)
{
    SSL_free(end->ssl);
    close(end->fd);
    end->ssl = NULL;
}

bool bare_step(struct bare_end *end)
{
    int result = SSL_do_handshake(end->ssl);
    if (result == 1) {
        end->is_ready = true;
        return true;
    }
    int error = SSL_get_error(end->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

ssize_t bare_read(struct bare_end *end, uint8_t *out, size_t n_cap)
{
    size_t n = 0;
    while (n < n_cap) {
        int got = SSL_read(end->ssl, out + n, (int)(n_cap - n));
        if (got > 0) {
            n += (size_t)got;
            continue;
        }
        int error = SSL_get_error(end->ssl, got);
        ERR_clear_error();
        return error == SSL_ERROR_WANT_READ || n > 0 ? (ssize_t)n : -1;
    }
    return (ssize_t)n;
}

void bare_write(struct bare_end *end, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        int put = SSL_write(end->ssl, bytes, (int)n);
        if (put > 0) {
            bytes += put;
            n -= (size_t)put;
        } else if (SSL_get_error(end->ssl, put) != SSL_ERROR_WANT_WRITE) {
            return;
        }
    }
}

struct bare_cost bare_begin(long server_pid)
{
    return (struct bare_cost){.server_pid = server_pid,
                              .server_cpu_s = measure_cpu_s(server_pid),
                              .own_cpu_s = measure_own_cpu_s(),
                              .start_ns = measure_now_ns()};
}

void bare_print(const struct bare_cost *cost, const char *metric, uint64_t n)
{
    double took_s = (double)(measure_now_ns() - cost->start_ns) / 1e9;
    double per_100k = n > 0 ? 1e5 / (double)n : 0;
    printf("{\"%s\": %.1f, \"server_cpu_s_per_100k\": %.3f, \"client_cpu_s_per_100k\": %.3f",
           metric, (double)n / took_s,
           (measure_cpu_s(cost->server_pid) - cost->server_cpu_s) * per_100k,
           (measure_own_cpu_s() - cost->own_cpu_s) * per_100k);
}
