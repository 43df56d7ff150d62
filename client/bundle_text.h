/*
 * The text of a bundle's file: lines, then PEM blocks. Pure; what is inside the blocks is read by
 * bundle.c.
 *
 *     openclaw-bundle: 1               openclaw-bundle: 1
 *     name: alice                      name: alice
 *     role: approver                   draft: yes
 *     gateway: tls+tcp://gw:18790      -----BEGIN PRIVATE KEY----- ...
 *     pin: sha256:HEX
 *     -----BEGIN PRIVATE KEY----- ...
 *     -----BEGIN CERTIFICATE----- ...  the administrator's
 *     -----BEGIN CERTIFICATE----- ...  the admin CA's
 *
 * Nothing else may stand in it, in no other order: a bundle is written by programs.
 */
#pragma once

#include <openclaw/bundle.h>

#include "proto/crypto/digest.h"

enum {
    OC_BUNDLE_FILE_BYTES = 16 * 1024,
};

struct oc_bundle_text {
    bool is_draft;
    char name[OC_MAX_ADMINISTRATOR_NAME_BYTES + 1];
    enum oc_administrator_role role;
    char gateway_url[OC_MAX_URL_BYTES + 1]; /* canonical */
    struct oc_digest pin;
    struct oc_bytes key, certificate, ca; /* PEM blocks, borrowed from the text */
};

/* Fails: FAILED_PRECONDITION (a newer version); DATA_LOSS, with the line's number and what it
 * should be. No error shows what the text holds. */
OC_MUST_CHECK enum oc_status oc_bundle_text_parse(const char *text, size_t n,
                                                  struct oc_bundle_text *out, struct oc_error *err);

/* Gives the length without NUL; 0: it does not fit. The caller wipes. */
size_t oc_bundle_text_format(const struct oc_bundle_text *bundle, char *out, size_t cap);

/* The address of an admin door, in its canonical form. Fails: INVALID_ARGUMENT (not tls+tcp://, or
 * one that means all addresses of a machine). */
OC_MUST_CHECK enum oc_status oc_bundle_take_url(const char *url, char out[OC_MAX_URL_BYTES + 1],
                                                struct oc_error *err);
