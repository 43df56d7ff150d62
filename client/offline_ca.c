/* An admin CA in a directory, and certificates in files: openclaw/offline_ca.h. */
#include <fcntl.h>
#include <openclaw/offline_ca.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/private_dir.h"
#include "proto/base/cleanup.h"
#include "proto/base/secret.h"
#include "proto/crypto/admin_ca.h"
#include "proto/crypto/pem.h"
#include "proto/files/file.h"

enum {
    FILE_BYTES = 16 * 1024,
};

static const char ca_name[] = "admin-ca.pem";

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the directory ----------------------------------------------------------------------- */

/* The directory itself is private; what it lies in may be anybody's. */
static enum oc_status open_dir(const char *path, bool may_create, struct oc_private_dir *out,
                               struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir parent = {.fd = -1};
    char trimmed[OC_PATH_BYTES];
    const char *name = NULL;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    if (n >= sizeof trimmed) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "directory of the CA: its path is too long");
    }
    memcpy(trimmed, path, n);
    trimmed[n] = '\0';
    enum oc_status st = oc_private_dir_of_file(trimmed, &parent, &name, err);
    return st ? st : oc_private_dir_open(&parent, name, may_create, out, err);
}

static enum oc_status read_ca(const char *path, struct oc_admin_ca **out, struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    enum oc_status st = open_dir(path, false, &dir, err);
    st = st ? st : oc_private_file_read(&dir, ca_name, pem, sizeof pem, &n, err);
    if (st) {
        return st;
    }
    struct oc_error cause = {.status = OC_OK};
    st = oc_admin_ca_parse(pem, n, out, &cause);
    oc_wipe(pem, sizeof pem);
    if (st) {
        return oc_fail(err, st == OC_INVALID_ARGUMENT ? OC_DATA_LOSS : st, "%s/%s: %.200s",
                       dir.path, ca_name, cause.text);
    }
    return OC_OK;
}

static void copy_certificate(const struct oc_admin_ca *ca, struct oc_der *out)
{
    const struct oc_bytes der = oc_admin_ca_certificate(ca);
    out->n = der.n;
    memcpy(out->bytes, der.data, der.n);
}

/* ---- the calls --------------------------------------------------------------------------- */

static enum oc_status write_ca(const char *path, const struct oc_admin_ca *ca, struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    enum oc_status st = open_dir(path, true, &dir, err);
    st = st ? st : oc_admin_ca_format(ca, pem, sizeof pem, &n, err);
    st = st ? st : oc_private_file_create(&dir, ca_name, pem, n, err);
    oc_wipe(pem, sizeof pem);
    return st;
}

enum oc_status oc_offline_ca_create(const char *dir, const char *label, struct oc_der *certificate,
                                    struct oc_error *err)
{
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    enum oc_status st = oc_admin_ca_make(label, now_ms(), &ca, err);
    st = st ? st : write_ca(dir, ca, err);
    if (st == OC_OK) {
        copy_certificate(ca, certificate);
    }
    return st;
}

enum oc_status oc_offline_ca_certificate(const char *dir, struct oc_der *out, struct oc_error *err)
{
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    enum oc_status st = read_ca(dir, &ca, err);
    if (st == OC_OK) {
        copy_certificate(ca, out);
    }
    return st;
}

enum oc_status oc_offline_ca_issue(const char *dir, const char *name, const struct oc_der *csr,
                                   int64_t ttl_ms, struct oc_der *out, struct oc_error *err)
{
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    struct oc_admin_der der;
    enum oc_status st = read_ca(dir, &ca, err);
    if (st) {
        return st;
    }
    const struct oc_admin_order order = {.name = name,
                                         .csr = {csr->bytes, csr->n},
                                         .now_ms = now_ms(),
                                         .ttl_ms = ttl_ms ? ttl_ms : OC_ADMIN_TTL_MS};
    st = oc_admin_ca_sign(ca, &order, &der, err);
    if (st == OC_OK) {
        out->n = der.n;
        memcpy(out->bytes, der.bytes, der.n);
    }
    return st;
}

/* ---- files that may be seen -------------------------------------------------------------- */

static enum oc_status read_file(const char *path, char out[FILE_BYTES], size_t *n,
                                struct oc_error *err)
{
    OC_CLEANUP(oc_file_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return oc_fail(err, access(path, F_OK) == 0 ? OC_INTERNAL : OC_NOT_FOUND,
                       "%.300s: cannot be opened", path);
    }
    const ssize_t got = oc_file_read(fd, out, FILE_BYTES);
    if (got <= 0 || got == FILE_BYTES) {
        return oc_fail(err, OC_DATA_LOSS, "%.300s: empty, too long or not to be read", path);
    }
    *n = (size_t)got;
    return OC_OK;
}

/* Whether it is one of the two, and which. */
static const char *label_of(const uint8_t *der, size_t n)
{
    struct oc_digest key;
    const struct oc_bytes bytes = {der, n};
    if (n <= OC_ADMIN_CSR_BYTES && oc_admin_csr_key(bytes, &key, NULL) == OC_OK) {
        return OC_PEM_REQUEST;
    }
    return oc_der_is_certificate(der, n) ? OC_PEM_CERTIFICATE : NULL;
}

enum oc_status oc_der_read(const char *path, struct oc_der *out, struct oc_error *err)
{
    char text[FILE_BYTES];
    struct oc_der der = {.n = 0};
    size_t n = 0;
    enum oc_status st = read_file(path, text, &n, err);
    if (st) {
        return st;
    }
    if (!oc_pem_read(text, n, OC_PEM_CERTIFICATE, der.bytes, sizeof der.bytes, &der.n) &&
        !oc_pem_read(text, n, OC_PEM_REQUEST, der.bytes, sizeof der.bytes, &der.n) &&
        n <= sizeof der.bytes) {
        memcpy(der.bytes, text, n);
        der.n = n;
    }
    if (!label_of(der.bytes, der.n)) {
        return oc_fail(err, OC_DATA_LOSS,
                       "%.300s: neither a certificate nor a request for one, in PEM or DER", path);
    }
    *out = der;
    return OC_OK;
}

enum oc_status oc_der_write(const struct oc_der *der, const char *path, struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    char text[FILE_BYTES];
    const char *name = NULL;
    const char *label = der->n <= sizeof der->bytes ? label_of(der->bytes, der->n) : NULL;
    const size_t n = label ? oc_pem_write(label, der->bytes, der->n, text, sizeof text) : 0;
    if (n == 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "neither a certificate nor a request for one");
    }
    enum oc_status st = oc_private_dir_of_file(path, &dir, &name, err);
    st = st ? st : oc_private_file_create(&dir, name, text, n, err);
    if (st == OC_OK && fchmodat(dir.fd, name, 0644, 0) != 0) {
        st = oc_fail(err, OC_INTERNAL, "%.300s: cannot set its mode", path);
    }
    return st;
}
