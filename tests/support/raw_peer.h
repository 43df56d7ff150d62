/*
 * A peer by bare sockets and OpenSSL, for doing what our own code never does. Every receive ends
 * after 20 s at the latest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/* A connected socket; asserts. `source` is an address of 127.0.0.0/8 or NULL. */
int raw_connect_tcp(uint16_t port, const char *source);
int raw_connect_unix(const char *path);

/* Whether the peer hung up (FIN or RST), reading and dropping what came before. */
bool raw_is_hung_up_on(int fd);
/* Closes with RST instead of FIN. */
void raw_reset(int fd);

/* The bytes a TLS client says first, and how many. */
size_t raw_client_hello(uint8_t *out, size_t cap);

struct raw_tls {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

/* A TLS client that believes everything; certificate and key may be NULL. Set up context as you
 * like between the two. */
void raw_tls_init(struct raw_tls *peer, X509 *certificate, EVP_PKEY *key);
/* True when the handshake finished on our side. */
bool raw_tls_connect(struct raw_tls *peer, uint16_t port);
bool raw_tls_write(struct raw_tls *peer, const void *bytes, size_t n);
/* Reads exactly n bytes. */
bool raw_tls_read(struct raw_tls *peer, void *bytes, size_t n);
/* Frees all; closes the socket without close_notify. */
void raw_tls_deinit(struct raw_tls *peer);
