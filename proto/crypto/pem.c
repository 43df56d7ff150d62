/* See pem.h. */
#include "proto/crypto/pem.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/provider.h"

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

/* What the library gives for one block. */
struct block {
    char *label;
    char *headers;
    unsigned char *data;
    long n;
};

static void block_deinit(const struct block *block)
{
    OPENSSL_free(block->label);
    OPENSSL_free(block->headers);
    OPENSSL_free(block->data);
}

bool oc_pem_read(const char *pem, size_t n, const char *label, uint8_t *out, size_t cap,
                 size_t *n_out)
{
    oc_provider_start();
    OC_CLEANUP(block_deinit) struct block block = {.n = 0};
    OC_CLEANUP(bio_freep) BIO *text = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    const bool is_read =
        text && PEM_read_bio(text, &block.label, &block.headers, &block.data, &block.n) == 1 &&
        strcmp(block.label, label) == 0 && block.headers[0] == '\0' && block.n > 0 &&
        (size_t)block.n <= cap;
    ERR_clear_error();
    if (is_read) {
        memcpy(out, block.data, (size_t)block.n);
        *n_out = (size_t)block.n;
    }
    return is_read;
}

bool oc_der_is_certificate(const uint8_t *der, size_t n)
{
    oc_provider_start();
    const uint8_t *at = der;
    X509 *certificate = n > 0 && n <= INT_MAX ? d2i_X509(NULL, &at, (long)n) : NULL;
    const bool is_one = certificate && at == der + n;
    X509_free(certificate);
    ERR_clear_error();
    return is_one;
}

size_t oc_pem_write(const char *label, const uint8_t *der, size_t n, char *out, size_t cap)
{
    oc_provider_start();
    OC_CLEANUP(bio_freep) BIO *text = BIO_new(BIO_s_mem());
    char *data = NULL;
    const bool is_written =
        text && n <= INT_MAX && PEM_write_bio(text, label, "", der, (long)n) > 0;
    const long length = is_written ? BIO_get_mem_data(text, &data) : 0;
    ERR_clear_error();
    if (length <= 0 || (size_t)length > cap) {
        return 0;
    }
    memcpy(out, data, (size_t)length);
    return (size_t)length;
}
