/*
 * One block of PEM, of something that is no secret, and the DER inside. Keys are read and written
 * by identity.h alone, which wipes.
 *
 * Thread: any. OpenSSL's error queue is empty after every call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OC_PEM_CERTIFICATE "CERTIFICATE"
#define OC_PEM_REQUEST     "CERTIFICATE REQUEST"

/* Reads the first block, which must be called `label` and have no headers. False otherwise, or when
 * it is longer than cap. */
bool oc_pem_read(const char *pem, size_t n, const char *label, uint8_t *out, size_t cap,
                 size_t *n_out);

/* Whether n bytes are one X.509 certificate, whatever it says. */
bool oc_der_is_certificate(const uint8_t *der, size_t n);

/* Writes a block and gives its length without NUL; 0: it does not fit, or no memory. */
size_t oc_pem_write(const char *label, const uint8_t *der, size_t n, char *out, size_t cap);
