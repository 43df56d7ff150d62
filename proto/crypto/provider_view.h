/*
 * A library context of OpenSSL that knows what a handshake between a device and a gateway needs,
 * and nothing else: TLS 1.3's three cipher suites, X25519 and P-256, signatures by Ed25519 and
 * ECDSA, and public keys of these two kinds in certificates.
 *
 * OpenSSL 3 looks through every decoder and every kind of key that its context knows to read the
 * key of one certificate, at each handshake: with all of them that is a quarter of the handshake.
 * The algorithms themselves are those of the default provider; only the lists are shorter.
 *
 * In a host process that uses OpenSSL itself: its default context is read, and not changed. If it
 * has chosen there (another provider than default, base and legacy is active, or FIPS is asked
 * for), that choice holds for us too: there is no view, and everything runs in its context. The
 * view is made once, and does not follow what a host loads later. Engines are global and so hold
 * in both; the view's random generators are its own, seeded as those of any context.
 */
#pragma once

#include <openssl/types.h>

/*
 * The context. NULL is the default one, which does the same and takes longer: the host has chosen,
 * or this OpenSSL is not built as we know it, or memory is out.
 *
 * Owns:   the process, to its end; borrowed.
 * Thread: any.
 */
OSSL_LIB_CTX *oc_provider_view(void);
