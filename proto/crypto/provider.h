/*
 * The algorithms of OpenSSL that this project uses, fetched once per process: a fetch by name at
 * each use costs more than the digest of a short value.
 *
 * The configuration file of OpenSSL is not loaded: a foreign OPENSSL_CONF must not change policy.
 * Nothing is cleaned up at exit: threads may still be using it then.
 * Thread: any. A library that cannot give SHA-256 is a broken process and aborts.
 */
#pragma once

#include <openssl/evp.h>

/* Starts the library. Every file that calls OpenSSL goes through this one first. */
void oc_provider_start(void);

const EVP_MD *oc_provider_sha256(void);
EVP_MAC *oc_provider_hmac(void);

/* Copies OpenSSL's newest reason into out and empties its queue: no error of one connection is
 * ever read as that of another. */
void oc_provider_take_error(char *out, size_t cap);
