/* See provider.h. The three statics below are written once, under pthread_once, then constant. */
#include "proto/crypto/provider.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static EVP_MAC *hmac;

static void start(void)
{
    const uint64_t how = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT;
    if (OPENSSL_init_crypto(how, NULL) != 1) {
        abort();
    }
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!sha256 || !hmac) {
        abort();
    }
}

void oc_provider_start(void)
{
    if (pthread_once(&once, start) != 0) {
        abort();
    }
}

const EVP_MD *oc_provider_sha256(void)
{
    oc_provider_start();
    return sha256;
}

EVP_MAC *oc_provider_hmac(void)
{
    oc_provider_start();
    return hmac;
}

void oc_provider_take_error(char *out, size_t cap)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    if (reason) {
        (void)snprintf(out, cap, "%s", reason);
    } else {
        (void)snprintf(out, cap, "error %lx", code);
    }
    ERR_clear_error();
}
