/*
 * The minimal self-signed certificate of a key: TLS wants one, we look at its key only. The
 * names are "oc", and it is valid from 1970 to 9999, so that no clock decides anything.
 */
#pragma once

#include <openclaw/error.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Owns: X509_free. Fails: INTERNAL. Thread: any. */
OC_MUST_CHECK enum oc_status oc_certificate_make(EVP_PKEY *key, X509 **out, struct oc_error *err);
