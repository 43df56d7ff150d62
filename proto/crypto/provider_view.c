/*
 * See provider_view.h. A built-in provider that answers with the default provider's algorithms,
 * and as its provider context: what these are handed is what they were made for. So the state of
 * this one cannot hang there, and is in statics: written once, under pthread_once, then constant.
 */
#include "proto/crypto/provider_view.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/provider.h"

#define PUBLIC_KEY_INPUT     "input=der"
#define PUBLIC_KEY_STRUCTURE "structure=SubjectPublicKeyInfo"

/* All that is shown, but for random generators. By name, of a certificate's key for decoders. */
static const struct shown {
    int operation;
    const char *name;
} shown[] = {
    {OSSL_OP_DIGEST, "SHA2-256"},
    {OSSL_OP_DIGEST, "SHA2-384"},
    {OSSL_OP_CIPHER, "AES-128-GCM"},
    {OSSL_OP_CIPHER, "AES-256-GCM"},
    {OSSL_OP_CIPHER, "ChaCha20-Poly1305"},
    {OSSL_OP_MAC, "HMAC"},
    {OSSL_OP_KDF, "TLS13-KDF"},
    {OSSL_OP_KDF, "HKDF"},
    {OSSL_OP_KEYMGMT, "EC"},
    {OSSL_OP_KEYMGMT, "X25519"},
    {OSSL_OP_KEYMGMT, "ED25519"},
    {OSSL_OP_KEYEXCH, "ECDH"},
    {OSSL_OP_KEYEXCH, "X25519"},
    {OSSL_OP_SIGNATURE, "ECDSA"},
    {OSSL_OP_SIGNATURE, "ED25519"},
    {OSSL_OP_DECODER, "EC"},
    {OSSL_OP_DECODER, "ED25519"},
};

enum {
    N_OPERATIONS = OSSL_OP__HIGHEST + 1,
    MAX_OF_OPERATION = 4, /* with the empty one that ends the list */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *view;
static OSSL_PROVIDER *base;
static OSSL_ALGORITHM lists[N_OPERATIONS][MAX_OF_OPERATION];

/* ---- the lists --------------------------------------------------------------------------- */

/* Whether a name is one of several, "SHA2-256:SHA-256:SHA256". */
static bool has_name(const char *names, const char *name)
{
    const size_t n = strlen(name);
    while (names) {
        if (strncmp(names, name, n) == 0 && (names[n] == ':' || names[n] == '\0')) {
            return true;
        }
        const char *colon = strchr(names, ':');
        names = colon ? colon + 1 : NULL;
    }
    return false;
}

static bool is_shown(const OSSL_ALGORITHM *algorithm, const struct shown *row)
{
    const char *properties = algorithm->property_definition;
    return has_name(algorithm->algorithm_names, row->name) &&
           (row->operation != OSSL_OP_DECODER ||
            (strstr(properties, PUBLIC_KEY_INPUT) && strstr(properties, PUBLIC_KEY_STRUCTURE)));
}

static bool list(const struct shown *row)
{
    int is_volatile = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(base, row->operation, &is_volatile);
    OSSL_ALGORITHM *to = lists[row->operation];
    const OSSL_ALGORITHM *last = &lists[row->operation][MAX_OF_OPERATION - 1];
    while (to->algorithm_names) {
        to++;
    }
    while (all && all->algorithm_names && !is_shown(all, row)) {
        all++;
    }
    if (!all || !all->algorithm_names || is_volatile || to == last) {
        return false;
    }
    *to = *all;
    return true;
}

static bool make_lists(void)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(shown); i++) {
        if (!list(&shown[i])) {
            return false;
        }
    }
    return true;
}

/* ---- the provider ------------------------------------------------------------------------ */

static const OSSL_ALGORITHM *query(void *context, int operation, int *is_volatile)
{
    (void)context;
    if (operation == OSSL_OP_RAND) {
        return OSSL_PROVIDER_query_operation(base, operation, is_volatile);
    }
    *is_volatile = 0;
    const size_t at = (size_t)operation; /* there is none of number 0, and its list is empty */
    return at < N_OPERATIONS ? lists[at] : NULL;
}

/* TLS learns its groups here. */
static int tell_capabilities(void *context, const char *capability, OSSL_CALLBACK *tell, void *user)
{
    (void)context;
    return OSSL_PROVIDER_get_capabilities(base, capability, tell, user);
}

/* The context that this one was given belongs to the default provider. */
static void leave_context(void *context)
{
    (void)context;
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
                const OSSL_DISPATCH **own, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))tell_capabilities},
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))leave_context},
        {0, NULL},
    };
    (void)handle;
    (void)core;
    *own = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(base);
    return 1;
}

/* ---- making it --------------------------------------------------------------------------- */

static int note_choice(OSSL_PROVIDER *provider, void *user)
{
    bool *has_chosen = user;
    const char *name = OSSL_PROVIDER_get0_name(provider);
    *has_chosen = *has_chosen || (strcmp(name, "default") != 0 && strcmp(name, "base") != 0 &&
                                  strcmp(name, "legacy") != 0);
    return 1;
}

static bool has_host_chosen(void)
{
    bool has_chosen = false;
    return OSSL_PROVIDER_do_all(NULL, note_choice, &has_chosen) != 1 || has_chosen ||
           OSSL_PROVIDER_available(NULL, "default") != 1 ||
           EVP_default_properties_is_fips_enabled(NULL) == 1;
}

static void make(void)
{
    oc_provider_start();
    /* It is active, so this adds a reference and changes nothing for the host. */
    base = has_host_chosen() ? NULL : OSSL_PROVIDER_try_load(NULL, "default", 1);
    OSSL_LIB_CTX *made = base && make_lists() ? OSSL_LIB_CTX_new() : NULL;
    if (made && OSSL_PROVIDER_add_builtin(made, "openclaw", init) == 1 &&
        OSSL_PROVIDER_load(made, "openclaw")) {
        view = made;
    } else {
        OSSL_LIB_CTX_free(made);
        if (base) {
            (void)OSSL_PROVIDER_unload(base);
        }
        base = NULL;
    }
    ERR_clear_error();
}

OSSL_LIB_CTX *oc_provider_view(void)
{
    return pthread_once(&once, make) == 0 ? view : NULL;
}
