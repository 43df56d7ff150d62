/* See digest.h. */
#include "proto/crypto/digest.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "proto/crypto/provider.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

struct oc_digest oc_sha256(const struct oc_bytes *pieces, size_t n_pieces)
{
    struct oc_digest digest;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    require(context && EVP_DigestInit_ex2(context, oc_provider_sha256(), NULL) == 1);
    for (size_t i = 0; i < n_pieces; i++) {
        require(EVP_DigestUpdate(context, pieces[i].data, pieces[i].n) == 1);
    }
    unsigned n = 0;
    require(EVP_DigestFinal_ex(context, digest.bytes, &n) == 1 && n == sizeof digest.bytes);
    EVP_MD_CTX_free(context);
    return digest;
}

struct oc_hmac {
    EVP_MAC_CTX *context;
};

static EVP_MAC_CTX *make_context(const struct oc_key *key)
{
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(oc_provider_hmac());
    require(context && EVP_MAC_init(context, key->bytes, sizeof key->bytes, parameters) == 1);
    return context;
}

static struct oc_digest run(EVP_MAC_CTX *context, const struct oc_bytes *pieces, size_t n_pieces)
{
    struct oc_digest digest;
    for (size_t i = 0; i < n_pieces; i++) {
        require(EVP_MAC_update(context, pieces[i].data, pieces[i].n) == 1);
    }
    size_t n = 0;
    require(EVP_MAC_final(context, digest.bytes, &n, sizeof digest.bytes) == 1 &&
            n == sizeof digest.bytes);
    return digest;
}

struct oc_digest oc_hmac_sha256(const struct oc_key *key, const struct oc_bytes *pieces,
                                size_t n_pieces)
{
    EVP_MAC_CTX *context = make_context(key);
    const struct oc_digest digest = run(context, pieces, n_pieces);
    EVP_MAC_CTX_free(context);
    return digest;
}

struct oc_hmac *oc_hmac_new(const struct oc_key *key)
{
    struct oc_hmac *hmac = calloc(1, sizeof *hmac);
    if (hmac) {
        hmac->context = make_context(key);
    }
    return hmac;
}

void oc_hmac_free(struct oc_hmac *hmac)
{
    if (hmac) {
        EVP_MAC_CTX_free(hmac->context);
        free(hmac);
    }
}

/* Without a key it starts anew under the one it has. */
struct oc_digest oc_hmac_digest(struct oc_hmac *hmac, const struct oc_bytes *pieces,
                                size_t n_pieces)
{
    require(EVP_MAC_init(hmac->context, NULL, 0, NULL) == 1);
    return run(hmac->context, pieces, n_pieces);
}
