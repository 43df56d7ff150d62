/* See examination.h: the lock and the keys. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/base/hex.h"
#include "proto/crypto/identity.h"
#include "server/doctor/examination.h"

enum {
    MAX_KEY_FILE_BYTES = 4096,
};

/* ---- the lock -------------------------------------------------------------------------------- */

/* A shared lock that is let go at once: it can keep no gateway from starting for longer than the
 * two calls take, and it writes nothing. */
bool examination_is_running(struct examination *examination)
{
    char path[STATE_PATH_BYTES];
    char text[24] = "";
    examination->pid = 0;
    examination_path(examination, "lock", path);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
        (void)flock(fd, LOCK_UN);
    } else if (errno == EWOULDBLOCK) {
        const ssize_t n = read(fd, text, sizeof text - 1);
        const long pid = n > 0 ? strtol(text, NULL, 10) : 0;
        examination->pid = pid > 0 ? pid : -1;
    }
    (void)close(fd);
    return examination->pid != 0;
}

void examine_lock(struct examination *examination)
{
    if (examination->pid > 0) {
        const struct report report =
            report_make("running", REPORT_OK, "a gateway runs, pid %ld", examination->pid);
        report_print(examination->out, &report);
    } else if (examination->pid < 0) {
        const struct report report =
            report_make("running", REPORT_OK, "a gateway runs, in another container perhaps");
        report_print(examination->out, &report);
    } else {
        struct report report = report_make("running", REPORT_WARN, "no gateway runs on %s",
                                           examination->config.state_dir);
        report_set(report.cause, "it was stopped or did not start; its log says why");
        report_set(report.advice, "start it");
        report_set(report.fix, "%s gateway run", examination->openclaw);
        report_print(examination->out, &report);
    }
}

/* ---- the keys -------------------------------------------------------------------------------- */

/* Permissions are the caller's other checks' matter; here the bytes count. */
static enum oc_status read_file(const struct examination *examination, const char *name, char *out,
                                size_t cap, size_t *n, struct oc_error *err)
{
    char path[STATE_PATH_BYTES];
    examination_path(examination, name, path);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: %s", path,
                       strerror(errno));
    }
    const ssize_t got = read(fd, out, cap);
    const int error = errno;
    (void)close(fd);
    if (got < 0) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: %s", path, strerror(error));
    }
    *n = (size_t)got;
    return OC_OK;
}

static bool read_gateway_key(struct examination *examination, struct oc_error *err)
{
    char pem[MAX_KEY_FILE_BYTES];
    char digits[2 * OC_DIGEST_BYTES + 1];
    struct oc_identity *identity = NULL;
    struct oc_error cause;
    size_t n = 0;
    enum oc_status status = read_file(examination, "gateway.key", pem, sizeof pem, &n, err);
    if (!status && oc_identity_parse(OC_IDENTITY_GATEWAY, pem, n, &identity, &cause)) {
        status = oc_fail(err, OC_DATA_LOSS, "%.900s/gateway.key: not a gateway's key (%.100s)",
                         examination->config.state_dir, cause.text);
    }
    oc_wipe(pem, sizeof pem);
    if (status) {
        return false;
    }
    const struct oc_digest spki = oc_identity_spki_sha256(identity);
    oc_identity_free(identity);
    oc_hex_format(spki.bytes, sizeof spki.bytes, digits);
    report_print_fact(examination->out, "pin", digits);
    const struct report report = report_make("keys", REPORT_OK, "sha256:%s", digits);
    report_print(examination->out, &report);
    return true;
}

static bool read_secret(struct examination *examination, struct oc_error *err)
{
    char bytes[2 * OC_KEY_BYTES];
    struct oc_key root;
    size_t n = 0;
    enum oc_status status = read_file(examination, "secret.key", bytes, sizeof bytes, &n, err);
    if (!status && n != sizeof root.bytes) {
        status = oc_fail(err, OC_DATA_LOSS, "%.900s/secret.key: must hold %zu bytes, holds %zu",
                         examination->config.state_dir, sizeof root.bytes, n);
    }
    if (!status) {
        memcpy(root.bytes, bytes, sizeof root.bytes);
        state_derive_row_key(&root, &examination->row_key);
        examination->has_row_key = true;
        oc_wipe(&root, sizeof root);
    }
    oc_wipe(bytes, sizeof bytes);
    return !status;
}

void examine_keys(struct examination *examination)
{
    struct oc_error err = {.status = OC_OK};
    const bool has_records =
        examination_has(examination, "marker") || examination_has(examination, "gateway.db");
    const bool has_keys =
        examination_has(examination, "gateway.key") || examination_has(examination, "secret.key");
    if (!has_records && !has_keys) {
        const struct report report =
            report_make("keys", REPORT_OK, "none yet: the first start makes them");
        report_print(examination->out, &report);
        return;
    }
    if (read_gateway_key(examination, &err) && read_secret(examination, &err)) {
        return;
    }
    struct report report = report_make("keys", REPORT_FAIL, "%s", err.text);
    report_set(report.cause,
               err.status == OC_UNAVAILABLE
                   ? "this user may not read it"
                   : "no key is made in the place of a lost one, as agents trust that "
                     "one and every record is sealed with it; the gateway does not "
                     "start");
    report_set(report.advice, err.status == OC_UNAVAILABLE
                                  ? "run this as root or as the user that the gateway runs as"
                                  : "restore it from a backup; or move the directory away to begin "
                                    "anew: every device must pair again");
    report_print(examination->out, &report);
}
