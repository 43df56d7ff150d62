/*
 * An admin CA that no gateway holds: its key lies in a directory of its own, 0700, on a machine
 * that need not be on a network. The gateway is given its certificate (oc_admin_pki_init), and each
 * certificate that it signs is registered with oc_admin_issue_administrator.
 *
 * Thread: any. Files are read and written at once, by the caller.
 */
#pragma once

#include <openclaw/bundle.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/*
 * Makes a CA in a directory (made 0700 if it is not there): admin-ca.pem, mode 0600, holds the key
 * and the certificate. Never over one that is there.
 *
 * Units:  label: 1 to 48 printable ASCII characters, for people to tell CAs apart.
 * Owns:   *certificate gets the CA's certificate, which is no secret.
 * Fails:  ALREADY_EXISTS; INVALID_ARGUMENT (label); FAILED_PRECONDITION (the directory is not ours
 *         or not 0700); NOT_FOUND (where it would lie); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_offline_ca_create(const char *dir, const char *label,
                                                  struct oc_der *certificate, struct oc_error *err);

/*
 * Reads the certificate of the CA in a directory.
 *
 * Fails:  NOT_FOUND; FAILED_PRECONDITION (owner or mode); DATA_LOSS; INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_offline_ca_certificate(const char *dir, struct oc_der *out,
                                                       struct oc_error *err);

/*
 * Signs a request: a certificate for the administrator `name`, as a gateway's own CA makes it.
 *
 * Units:  ttl_ms: milliseconds, 1 minute to 398 days; 0: 90 days. Cut to the end of the CA.
 * Fails:  INVALID_ARGUMENT (`field`: csr, name, ttl_ms); FAILED_PRECONDITION (owner or mode; the CA
 *         has ended); NOT_FOUND; DATA_LOSS; INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_offline_ca_issue(const char *dir, const char *name,
                                                 const struct oc_der *csr, int64_t ttl_ms,
                                                 struct oc_der *out, struct oc_error *err);

/*
 * Reads a certificate or a certificate request from a file, in PEM or DER: they are carried from
 * machine to machine. Written they are PEM, mode 0644, never over a file.
 *
 * Fails:  NOT_FOUND; DATA_LOSS (neither, or longer than 16 KiB); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_der_read(const char *path, struct oc_der *out,
                                         struct oc_error *err);
/*
 * Writes it; which of the two it is, the DER tells.
 *
 * Fails:  ALREADY_EXISTS; INVALID_ARGUMENT (neither); NOT_FOUND (no such directory); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_der_write(const struct oc_der *der, const char *path,
                                          struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
