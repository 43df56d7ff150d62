/* See raw_peer.h. */
#include "tests/support/raw_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int limited_socket(int family)
{
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = 20};
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    return fd;
}

static struct sockaddr *generic(void *address)
{
    return address;
}

int raw_connect_tcp(uint16_t port, const char *source)
{
    const int fd = limited_socket(AF_INET);
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (source) {
        assert_int_equal(inet_pton(AF_INET, source, &address.sin_addr), 1);
        assert_int_equal(bind(fd, generic(&address), sizeof address), 0);
    }
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, generic(&address), sizeof address), 0);
    return fd;
}

int raw_connect_unix(const char *path)
{
    const int fd = limited_socket(AF_UNIX);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address.sun_path);
    (void)strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, generic(&address), sizeof address), 0);
    return fd;
}

bool raw_is_hung_up_on(int fd)
{
    char dropped[4096];
    ssize_t n = 0;
    do {
        n = recv(fd, dropped, sizeof dropped, 0);
    } while (n > 0);
    return n == 0 || errno != EAGAIN;
}

void raw_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd);
}

size_t raw_client_hello(uint8_t *out, size_t cap)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *sent = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, sent);
    assert_int_equal(SSL_connect(ssl), -1);
    const int n = BIO_read(sent, out, (int)cap);
    assert_true(n > 0);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)n;
}

void raw_tls_init(struct raw_tls *peer, X509 *certificate, EVP_PKEY *key)
{
    *peer = (struct raw_tls){.fd = -1};
    peer->context = SSL_CTX_new(TLS_client_method());
    assert_non_null(peer->context);
    SSL_CTX_set_verify(peer->context, SSL_VERIFY_NONE, NULL);
    if (certificate) {
        assert_int_equal(SSL_CTX_use_certificate(peer->context, certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(peer->context, key), 1);
    }
}

bool raw_tls_connect(struct raw_tls *peer, uint16_t port)
{
    peer->fd = raw_connect_tcp(port, NULL);
    peer->ssl = SSL_new(peer->context);
    assert_non_null(peer->ssl);
    assert_int_equal(SSL_set_fd(peer->ssl, peer->fd), 1);
    return SSL_connect(peer->ssl) == 1;
}

bool raw_tls_write(struct raw_tls *peer, const void *bytes, size_t n)
{
    size_t n_written = 0;
    return SSL_write_ex(peer->ssl, bytes, n, &n_written) == 1 && n_written == n;
}

bool raw_tls_read(struct raw_tls *peer, void *bytes, size_t n)
{
    size_t at = 0;
    while (at < n) {
        size_t n_read = 0;
        if (SSL_read_ex(peer->ssl, (uint8_t *)bytes + at, n - at, &n_read) != 1) {
            return false;
        }
        at += n_read;
    }
    return true;
}

void raw_tls_deinit(struct raw_tls *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    if (peer->fd >= 0) {
        (void)close(peer->fd);
    }
}
