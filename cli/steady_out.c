/* See steady_out.h. */
#include "cli/steady_out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool steady_begin(struct steady_out *steady, const struct terminal *terminal)
{
    sigset_t signals;
    (void)fflush(terminal->out);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    *steady = (struct steady_out){.terminal = terminal, .out_fd = fileno(terminal->out)};
    steady->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return steady->signal_fd >= 0;
}

void steady_end(struct steady_out *steady)
{
    (void)close(steady->signal_fd);
}

static enum steady_state read_signal(const struct steady_out *steady)
{
    struct signalfd_siginfo info;
    if (read(steady->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return STEADY_ON;
    }
    return info.ssi_signo == SIGINT ? STEADY_INTERRUPTED : STEADY_TERMINATED;
}

/* Waits for a signal, for the end of the reader, and for `other`. */
static enum steady_state wait_for(const struct steady_out *steady, struct pollfd other)
{
    struct pollfd fds[3] = {
        other, {.fd = steady->signal_fd, .events = POLLIN}, {.fd = steady->out_fd, .events = 0}};
    if (poll(fds, 3, -1) < 0) {
        return errno == EINTR ? STEADY_ON : STEADY_FAILED;
    }
    if (fds[1].revents & POLLIN) {
        return read_signal(steady);
    }
    return fds[2].revents & (POLLERR | POLLHUP) ? STEADY_READER_GONE : STEADY_ON;
}

enum steady_state steady_wait(struct steady_out *steady, int fd)
{
    return wait_for(steady, (struct pollfd){.fd = fd, .events = POLLIN});
}

/* A pipe that has room has room for PIPE_BUF bytes, so that no write of them blocks. */
enum steady_state steady_write(struct steady_out *steady, const char *bytes, size_t n)
{
    if (steady->out_fd < 0) {
        bool is_done = fwrite(bytes, 1, n, steady->terminal->out) == n;
        return is_done ? STEADY_ON : STEADY_FAILED;
    }
    while (n > 0) {
        enum steady_state state =
            wait_for(steady, (struct pollfd){.fd = steady->out_fd, .events = POLLOUT});
        if (state) {
            return state;
        }
        ssize_t written = write(steady->out_fd, bytes, n < PIPE_BUF ? n : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            return errno == EPIPE ? STEADY_READER_GONE : STEADY_FAILED;
        }
        bytes += written > 0 ? written : 0;
        n -= written > 0 ? (size_t)written : 0;
    }
    return STEADY_ON;
}
