/* Whole reads and writes over pipes, which give and take little by little. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/files/file.h"

enum {
    N_BYTES = 256 * 1024, /* more than a pipe holds */
};

static char sent[N_BYTES];
static char received[N_BYTES + 1];

static void do_nothing(int number)
{
    (void)number;
}

struct writer {
    int fd;
    pthread_t interrupts;
};

/* In pieces, with a signal for the reader before each. */
static void *write_pieces(void *user)
{
    const struct writer *writer = user;
    for (size_t at = 0; at < N_BYTES; at += N_BYTES / 8) {
        (void)pthread_kill(writer->interrupts, SIGUSR1);
        if (!oc_file_write(writer->fd, sent + at, N_BYTES / 8)) {
            break;
        }
    }
    (void)close(writer->fd);
    return NULL;
}

static void all_is_read_in_spite_of_pieces_and_signals(void **state)
{
    (void)state;
    int fds[2];
    pthread_t thread;
    const struct sigaction action = {.sa_handler = do_nothing};
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0); /* without SA_RESTART */
    assert_int_equal(pipe(fds), 0);
    for (size_t i = 0; i < N_BYTES; i++) {
        sent[i] = (char)(i * 7);
    }
    struct writer writer = {.fd = fds[1], .interrupts = pthread_self()};
    assert_int_equal(pthread_create(&thread, NULL, write_pieces, &writer), 0);
    assert_int_equal(oc_file_read(fds[0], received, sizeof received), N_BYTES);
    assert_memory_equal(received, sent, N_BYTES);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(fds[0]);
}

/* In one go. */
static void *write_whole(void *user)
{
    const struct writer *writer = user;
    bool is_written = oc_file_write(writer->fd, sent, N_BYTES);
    (void)close(writer->fd);
    return is_written ? user : NULL;
}

static void all_is_written_in_spite_of_signals(void **state)
{
    (void)state;
    int fds[2];
    pthread_t thread;
    void *end = NULL;
    const struct sigaction action = {.sa_handler = do_nothing};
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pipe(fds), 0);
    struct writer writer = {.fd = fds[1]};
    assert_int_equal(pthread_create(&thread, NULL, write_whole, &writer), 0);
    /* The pipe is full most of the time: a signal ends its write in the middle, another the next
     * one before it began. */
    for (size_t at = 0; at < N_BYTES; at += N_BYTES / 64) {
        for (int i = 0; i < 20; i++) {
            assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
            (void)sched_yield();
        }
        assert_int_equal(oc_file_read(fds[0], received, N_BYTES / 64), N_BYTES / 64);
        assert_memory_equal(received, sent + at, N_BYTES / 64);
    }
    assert_int_equal(pthread_join(thread, &end), 0);
    assert_non_null(end);
    (void)close(fds[0]);
}

static void no_more_is_read_than_asked_for(void **state)
{
    (void)state;
    int fds[2];
    char two[2];
    assert_int_equal(pipe(fds), 0);
    assert_true(oc_file_write(fds[1], "abc", 3));
    assert_int_equal(oc_file_read(fds[0], two, sizeof two), 2);
    (void)close(fds[1]);
    assert_int_equal(oc_file_read(fds[0], two, sizeof two), 1);
    assert_int_equal(two[0], 'c');
    assert_int_equal(oc_file_read(fds[0], two, sizeof two), 0);
    (void)close(fds[0]);
}

static void failures_are_told_with_errno(void **state)
{
    (void)state;
    char byte = 0;
    errno = 0;
    assert_int_equal(oc_file_read(-1, &byte, 1), -1);
    assert_int_equal(errno, EBADF);
    errno = 0;
    assert_false(oc_file_write(-1, &byte, 1));
    assert_int_equal(errno, EBADF);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_false(oc_file_write(full, &byte, 1));
    assert_int_equal(errno, ENOSPC);
    oc_file_close(&full);
    assert_int_equal(fcntl(full, F_GETFD), -1);
    const int none = -1;
    oc_file_close(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_read_in_spite_of_pieces_and_signals),
        cmocka_unit_test(all_is_written_in_spite_of_signals),
        cmocka_unit_test(no_more_is_read_than_asked_for),
        cmocka_unit_test(failures_are_told_with_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
